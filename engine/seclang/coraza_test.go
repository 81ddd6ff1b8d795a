package seclang

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/debuglog"
	"github.com/corazawaf/coraza/v3/experimental"
	"github.com/corazawaf/coraza/v3/types"
	"github.com/stretchr/testify/require"
)

// The build tags change what Coraza accepts, and so what is compared here.
func TestMain(m *testing.M) {
	if observe(nil, `SecAction "phase:1,pass"`).err == nil {
		fmt.Println("engine/seclang is tested with the build tags of the Makefile: run make test, or set GOFLAGS as it does")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// everything includes the recommended configuration and the whole of CRS.
const everything = "Include @coraza.conf-recommended\nInclude @crs-setup.conf.example\nInclude @owasp_crs/*.conf"

// crs gives the directives of everything.
func crs(tb testing.TB) []Directive {
	ds, err := Load(coreruleset.FS, []Source{{Name: "policy", Text: everything}})
	require.NoError(tb, err)
	return ds
}

// observed is what Coraza shows of a configuration.
type observed struct {
	waf   coraza.WAF
	log   *keptLog
	rules []types.RuleMetadata
	err   error
}

// observe gives a text to the real Coraza. A panic of Coraza becomes its error.
func observe(root fs.FS, text string) (o observed) {
	o.log = &keptLog{}
	defer func() {
		if p := recover(); p != nil {
			o.err = fmt.Errorf("coraza panics: %v", p)
		}
	}()
	cfg := coraza.NewWAFConfig().WithDirectives(text).WithDebugLogger(keepingLogger{kept: o.log})
	if root != nil {
		cfg = cfg.WithRootFS(root)
	}
	cfg = experimental.WAFConfigWithRuleObserver(cfg, func(r types.RuleMetadata) { o.rules = append(o.rules, r) })
	o.waf, o.err = coraza.NewWAF(cfg)
	return o
}

// evaluation is one use of an operator on a value.
type evaluation struct{ rule, variable, function, data string }

// keptLog is what the logger keeps of Coraza's debug events.
type keptLog struct {
	directives  []string
	evaluations []evaluation
}

// keepingLogger is a debug logger at the level that shows directives and
// evaluations. fields is the context that With has given it.
type keepingLogger struct {
	kept   *keptLog
	fields []debuglog.ContextField
}

func (l keepingLogger) WithLevel(debuglog.Level) debuglog.Logger { return l }
func (l keepingLogger) WithOutput(io.Writer) debuglog.Logger     { return l }
func (l keepingLogger) With(fields ...debuglog.ContextField) debuglog.Logger {
	return keepingLogger{l.kept, append(l.fields[:len(l.fields):len(l.fields)], fields...)}
}
func (l keepingLogger) Trace() debuglog.Event { return &event{} }
func (l keepingLogger) Info() debuglog.Event  { return &event{} }
func (l keepingLogger) Warn() debuglog.Event  { return &event{} }
func (l keepingLogger) Error() debuglog.Event { return &event{} }
func (l keepingLogger) Debug() debuglog.Event {
	return &event{kept: l.kept, context: l.fields}
}

// event is one line of the log; without kept it is dropped.
type event struct {
	kept    *keptLog
	context []debuglog.ContextField
	fields  map[string]string
}

func (e *event) Msg(msg string) {
	if e.kept == nil {
		return
	}
	if msg == "Parsing directive" {
		e.kept.directives = append(e.kept.directives, e.fields["line"])
	}
	if strings.HasPrefix(msg, "Evaluating operator: ") {
		for _, field := range e.context {
			field(e)
		}
		f := e.fields
		e.kept.evaluations = append(e.kept.evaluations, evaluation{f["rule_id"], f["variable"], f["operator_function"], f["operator_data"]})
	}
}

func (e *event) Str(key, val string) debuglog.Event {
	if e.kept != nil {
		if e.fields == nil {
			e.fields = map[string]string{}
		}
		e.fields[key] = val
	}
	return e
}

func (e *event) Int(key string, i int) debuglog.Event {
	if e.kept != nil {
		e.Str(key, strconv.Itoa(i))
	}
	return e
}

func (e *event) Err(error) debuglog.Event                     { return e }
func (e *event) Bool(string, bool) debuglog.Event             { return e }
func (e *event) Uint(string, uint) debuglog.Event             { return e }
func (e *event) Stringer(string, fmt.Stringer) debuglog.Event { return e }
func (e *event) IsEnabled() bool                              { return e.kept != nil }

// raws gives the text of each directive.
func raws(ds []Directive) []string {
	var out []string
	for _, d := range ds {
		out = append(out, d.Raw)
	}
	return out
}

// noFiles is an empty file system: what a fuzzer invents never reads the disk.
type noFiles struct{}

func (noFiles) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}
