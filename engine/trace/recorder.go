package trace

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/corazawaf/coraza/v3/collection"
	"github.com/corazawaf/coraza/v3/debuglog"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types/variables"
)

// Recorder collects traces, one for each transaction id. It is an
// engine.Watcher and safe for concurrent use, as long as no two transactions
// with one id run at a time.
type Recorder struct {
	logger
	mu   sync.Mutex
	open map[string]*Trace
}

// NewRecorder returns a recorder without traces.
func NewRecorder() *Recorder { return &Recorder{open: map[string]*Trace{}} }

// Watch is told of each transaction before its first phase.
func (r *Recorder) Watch(tx plugintypes.TransactionState) { r.trace(tx.ID()).watch(tx) }

// With gives the logger of a transaction, whose id is the field tx_id.
func (r *Recorder) With(fields ...debuglog.ContextField) debuglog.Logger {
	e := apply(&event{}, fields)
	return logger{trace: r.trace(e.tx)}
}

// Take returns the trace of a transaction that has ended and forgets it. It is
// empty when Coraza has not run.
func (r *Recorder) Take(id string) *Trace {
	t := r.trace(id)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, id)
	t.variables = nil
	return t
}

func (r *Recorder) trace(id string) *Trace {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.open[id]
	if t == nil {
		t = &Trace{}
		r.open[id] = t
	}
	return t
}

// watch notes where the transaction keeps its variables.
func (t *Trace) watch(tx plugintypes.TransactionState) {
	*t = Trace{variables: map[string]collection.Collection{}}
	tx.Variables().All(func(v variables.RuleVariable, c collection.Collection) bool {
		t.variables[v.Name()] = c
		return true
	})
}

// logger is Coraza's logger for a transaction, or for one rule or variable of
// it. Only debug events say anything about rules.
type logger struct {
	trace *Trace
	at    event
}

func (l logger) WithLevel(debuglog.Level) debuglog.Logger { return l }
func (l logger) WithOutput(io.Writer) debuglog.Logger     { return l }
func (l logger) With(fields ...debuglog.ContextField) debuglog.Logger {
	at := l.at
	return logger{l.trace, *apply(&at, fields)}
}

func (l logger) Debug() debuglog.Event {
	e := l.at
	e.trace = l.trace
	return &e
}

func (l logger) Trace() debuglog.Event { return &event{} }
func (l logger) Info() debuglog.Event  { return &event{} }
func (l logger) Warn() debuglog.Event  { return &event{} }
func (l logger) Error() debuglog.Event { return &event{} }

func apply(e *event, fields []debuglog.ContextField) *event {
	for _, field := range fields {
		field(e)
	}
	return e
}

// event holds the fields of an event that matter; without a trace it is
// dropped.
type event struct {
	trace            *Trace
	tx               string
	rule, phase      int
	chained          bool
	key, arg         string
	skipAfter, value string
	field            int
	variable         string
}

// Msg hands the event over.
func (e *event) Msg(msg string) {
	if e.trace != nil {
		e.trace.add(e, msg)
	}
}

// Str keeps a field.
func (e *event) Str(key, value string) debuglog.Event {
	switch key {
	case "tx_id":
		// Coraza's pool hands a transaction's memory on.
		e.tx = strings.Clone(value)
	case "chain_rule_ref":
		e.chained = true
	case "variable":
		e.variable = value
	case "arg":
		e.arg = value
	case "key":
		e.key = value
	case "skip_after":
		e.skipAfter = value
	case "value":
		e.value = value
	}
	return e
}

// Int keeps a field.
func (e *event) Int(key string, n int) debuglog.Event {
	switch key {
	case "rule_id":
		e.rule = n
	case "chain_rule_id":
		e.chained = true
	case "phase":
		e.phase = n
	case "field":
		e.field = n
	}
	return e
}

// The other fields say nothing about rules.

// Err implements debuglog.Event.
func (e *event) Err(error) debuglog.Event { return e }

// Bool implements debuglog.Event.
func (e *event) Bool(string, bool) debuglog.Event { return e }

// Uint implements debuglog.Event.
func (e *event) Uint(string, uint) debuglog.Event { return e }

// Stringer implements debuglog.Event.
func (e *event) Stringer(string, fmt.Stringer) debuglog.Event { return e }

// IsEnabled implements debuglog.Event: without it Coraza leaves fields out.
func (e *event) IsEnabled() bool { return true }
