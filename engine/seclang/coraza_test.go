package seclang

import (
	"fmt"
	"io"
	"io/fs"
	"testing"

	"github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/debuglog"
	"github.com/corazawaf/coraza/v3/experimental"
	"github.com/corazawaf/coraza/v3/types"
	"github.com/stretchr/testify/require"
)

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
	waf        coraza.WAF
	directives []string
	rules      []types.RuleMetadata
	err        error
}

// observe gives a text to the real Coraza. A panic of Coraza becomes its error.
func observe(root fs.FS, text string) (o observed) {
	defer func() {
		if p := recover(); p != nil {
			o.err = fmt.Errorf("coraza panics: %v", p)
		}
	}()
	cfg := coraza.NewWAFConfig().WithDirectives(text).WithDebugLogger(&directiveLog{lines: &o.directives})
	if root != nil {
		cfg = cfg.WithRootFS(root)
	}
	cfg = experimental.WAFConfigWithRuleObserver(cfg, func(r types.RuleMetadata) { o.rules = append(o.rules, r) })
	o.waf, o.err = coraza.NewWAF(cfg)
	return o
}

// directiveLog is a debug logger that keeps the text of each directive parsed.
type directiveLog struct{ lines *[]string }

func (l *directiveLog) WithLevel(debuglog.Level) debuglog.Logger      { return l }
func (l *directiveLog) WithOutput(io.Writer) debuglog.Logger          { return l }
func (l *directiveLog) With(...debuglog.ContextField) debuglog.Logger { return l }
func (l *directiveLog) Trace() debuglog.Event                         { return &directiveEvent{} }
func (l *directiveLog) Debug() debuglog.Event                         { return &directiveEvent{lines: l.lines} }
func (l *directiveLog) Info() debuglog.Event                          { return &directiveEvent{} }
func (l *directiveLog) Warn() debuglog.Event                          { return &directiveEvent{} }
func (l *directiveLog) Error() debuglog.Event                         { return &directiveEvent{} }

type directiveEvent struct {
	lines *[]string
	line  string
}

func (e *directiveEvent) Msg(msg string) {
	if msg == "Parsing directive" && e.lines != nil {
		*e.lines = append(*e.lines, e.line)
	}
}

func (e *directiveEvent) Str(key, val string) debuglog.Event {
	if key == "line" {
		e.line = val
	}
	return e
}

func (e *directiveEvent) Err(error) debuglog.Event                     { return e }
func (e *directiveEvent) Bool(string, bool) debuglog.Event             { return e }
func (e *directiveEvent) Int(string, int) debuglog.Event               { return e }
func (e *directiveEvent) Uint(string, uint) debuglog.Event             { return e }
func (e *directiveEvent) Stringer(string, fmt.Stringer) debuglog.Event { return e }
func (e *directiveEvent) IsEnabled() bool                              { return e.lines != nil }

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
