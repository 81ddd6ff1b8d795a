package trace

import (
	"maps"
	"slices"
	"strings"

	"github.com/corazawaf/coraza/v3/collection"
)

// Trace is what Coraza did with one transaction, in order, by rule id. Steps
// says it in terms of the rule table.
type Trace struct {
	runs  []run
	skips []skip

	variables map[string]collection.Collection
	phase     int
	key       string // of the match whose event comes next
	captured  string // what the operator whose event comes next has captured
	fired     int    // the rule that matched last
	tx        map[string]string
	changed   bool // a match may have changed TX since tx was read
}

// run is one evaluation of one link.
type run struct {
	phase, rule, link int
	looks             []look
	matched           bool
	// fired and changes are of the whole rule and stand at its first link.
	fired   bool
	changes []Change
}

// look is one target of a link: what the variable held, and what was tried.
type look struct {
	variable string
	values   []value
	tries    []try
}

// value is one value of a variable.
type value struct{ key, text string }

// try is one use of the operator, on a transformed value. key is known of a
// match only.
type try struct {
	arg      string
	matched  bool
	key      string
	captured string
}

// skip is a rule that did not run.
type skip struct {
	phase, rule int
	// after is the marker that was jumped to, or "" when the rule was removed.
	after string
	// by is the rule that had matched last, which is the one that jumped.
	by int
}

// Change is what a rule did to a variable of TX. Before is "" for a new one.
type Change struct{ Key, Before, After string }

// add takes in one of Coraza's debug events.
func (t *Trace) add(e *event, msg string) {
	switch msg {
	case "Evaluating phase":
		t.phase = e.phase
	case "Evaluating rule":
		t.begin(e)
	case "Expanding arguments for rule":
		t.look(e)
	case "Capturing field":
		if e.field == 0 {
			t.captured = e.value
		}
	case "Matching rule":
		t.key = e.key
	case "Evaluating operator: MATCH":
		t.try(e, true)
	case "Evaluating operator: NO MATCH":
		t.try(e, false)
	case "Forcing rule to match":
		t.force(e)
	case "Rule matched":
		t.fire(e)
	case "Finished rule evaluation":
		t.finish(e)
	case "Skipping rule":
		t.skips = append(t.skips, skip{phase: t.phase, rule: e.rule})
	case "Skipping rule because of SkipAfter":
		t.skips = append(t.skips, skip{t.phase, e.rule, e.skipAfter, t.fired})
	}
}

// begin opens a run. Markers, which have no id, are not kept.
func (t *Trace) begin(e *event) {
	if e.rule == 0 {
		return
	}
	r := run{phase: t.phase, rule: e.rule}
	if e.chained {
		r.link = t.runs[len(t.runs)-1].link + 1
	} else if t.tx == nil || t.changed {
		t.tx, t.changed = t.readTX(), false
	}
	t.runs = append(t.runs, r)
}

// last is the run that an event belongs to, or nil for a marker's.
func (t *Trace) last(e *event) *run {
	if e.rule == 0 || len(t.runs) == 0 {
		return nil
	}
	return &t.runs[len(t.runs)-1]
}

// look opens a target. Coraza has just read the variable, and no action has run
// since.
func (t *Trace) look(e *event) {
	r := t.last(e)
	if r == nil {
		return
	}
	l := look{variable: e.variable}
	if c := t.variables[e.variable]; c != nil {
		for _, data := range c.FindAll() {
			l.values = append(l.values, value{data.Key(), data.Value()})
		}
	}
	r.looks = append(r.looks, l)
}

func (t *Trace) try(e *event, matched bool) {
	r := t.last(e)
	if r == nil || len(r.looks) == 0 {
		return
	}
	one := try{arg: e.arg, matched: matched, captured: t.captured}
	t.captured = ""
	if matched {
		one.key, r.matched, t.changed = t.key, true, true
	}
	l := &r.looks[len(r.looks)-1]
	l.tries = append(l.tries, one)
}

func (t *Trace) force(e *event) {
	if r := t.last(e); r != nil {
		r.matched, t.changed = true, true
	}
}

// first is the run of the first link of the rule that is being evaluated.
func (t *Trace) first(rule int) *run {
	for i := len(t.runs) - 1; i >= 0; i-- {
		if r := &t.runs[i]; r.link == 0 {
			if r.rule == rule {
				return r
			}
			return nil
		}
	}
	return nil
}

func (t *Trace) fire(e *event) {
	if r := t.first(e.rule); r != nil {
		r.fired, t.fired = true, e.rule
	}
}

// finish notes what the rule has changed.
func (t *Trace) finish(e *event) {
	if e.chained || !t.changed {
		return
	}
	r := t.first(e.rule)
	if r == nil {
		return
	}
	after := t.readTX()
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if before := t.tx[key]; before != after[key] && !isCapture(key) {
			r.changes = append(r.changes, Change{key, before, after[key]})
		}
	}
	t.tx, t.changed = after, false
}

// isCapture says whether a key of TX is one of the groups that a match leaves.
func isCapture(key string) bool { return len(key) == 1 && strings.Trim(key, "0123456789") == "" }

func (t *Trace) readTX() map[string]string {
	out := map[string]string{}
	if c := t.variables["TX"]; c != nil {
		for _, data := range c.FindAll() {
			out[strings.ToLower(data.Key())] = data.Value()
		}
	}
	return out
}
