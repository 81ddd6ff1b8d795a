// Package explain says why one HTTP exchange got its verdict: which rules
// matched, on what value, after which transformations, for how many points,
// and why another rule did not.
//
// An [Explainer] judges the request twice over: once with Coraza alone and a
// recorder beside it, which sees each step, and twice with the policy's fast
// path, to say what part that has. The values shown are those that rules saw,
// secrets included: it is for the author of rules, not for logs.
package explain

import (
	"io/fs"
	"sync"

	"tabard/engine"
	"tabard/engine/operators"
	"tabard/engine/seclang"
	"tabard/engine/trace"
)

// Explainer explains requests under one policy. It is safe for concurrent use
// as long as each request has an id of its own.
type Explainer struct {
	traced   *engine.Engine
	recorder *trace.Recorder
	sets     map[string]ruleSet
	// judged has the policy's fast path. It is compiled when it is first asked,
	// which takes several times as long as the rest.
	judged func() (*engine.Engine, error)
}

// ruleSet is one route's rules.
type ruleSet struct {
	table *seclang.Table
	files fs.FS
	place func(seclang.Position) seclang.Position
}

// New compiles a policy. Options are for its engines, and the error is that of
// engine.New.
func New(policy engine.Policy, rules fs.FS, options ...engine.Option) (*Explainer, error) {
	e := &Explainer{recorder: trace.NewRecorder(), sets: map[string]ruleSet{}}
	asWritten := policy
	e.judged = sync.OnceValues(func() (*engine.Engine, error) { return engine.New(asWritten, rules, options...) })
	var err error
	policy.Screen = engine.ScreenOff
	if e.traced, err = engine.New(policy, rules, append(options[:len(options):len(options)], engine.WithWatcher(e.recorder))...); err != nil {
		return nil, err
	}
	sets, err := engine.RuleSets(policy, rules)
	if err != nil {
		return nil, err
	}
	for _, s := range sets {
		table, errs := seclang.Parse(s.Directives, s.Known)
		if len(errs) > 0 {
			return nil, errs[0]
		}
		e.sets[s.Route] = ruleSet{table, s.Known.Files, s.Place}
	}
	return e, nil
}

// Explanation is why an exchange got its verdict.
type Explanation struct {
	Verdict engine.Verdict
	// FastPath says what part the fast path has in requests like this one.
	FastPath FastPath
	// Steps are the rules that Coraza ran, in order.
	Steps []trace.Step

	trace *trace.Trace
	set   ruleSet
}

// Play gives an exchange to an engine and does not end it. It may be called
// several times.
type Play func(*engine.Engine) *engine.Exchange

// Explain judges one exchange and says what part the fast path has.
func (e *Explainer) Explain(play Play) Explanation {
	x := e.Trace(play)
	x.FastPath = e.FastPath(play)
	return x
}

// Trace judges one exchange with Coraza alone and leaves FastPath empty.
func (e *Explainer) Trace(play Play) Explanation {
	v := play(e.traced).End()
	x := Explanation{Verdict: v, trace: e.recorder.Take(v.TransactionID), set: e.sets[v.Route]}
	x.Steps = x.trace.Steps(x.set.table, x.set.files)
	return x
}

// FastPath says what part the fast path has in an exchange.
func (e *Explainer) FastPath(play Play) FastPath {
	judged, err := e.judged()
	if err != nil {
		return FastPath{false, "error", "there is none: " + err.Error()}
	}
	first := play(judged).End()
	return fastPath(first, play(judged).End())
}

// Hits are the steps that made the verdict: rules that fired and log, or that
// changed a score.
func (x Explanation) Hits() []trace.Step {
	var out []trace.Step
	for _, s := range x.Steps {
		if s.Fired && (s.Rule.Log || s.Score() != 0 || s.Rule.ID == x.Verdict.Rule) {
			out = append(out, s)
		}
	}
	return out
}

// message is the msg of a rule: expanded, where it is among the matches.
func (x Explanation) message(r *seclang.Rule) string {
	for _, m := range x.Verdict.Matches {
		if m.ID == r.ID {
			return m.Message
		}
	}
	return operators.JWT.Shown(r.Msg)
}

// place is where a rule begins.
func (x Explanation) place(r *seclang.Link) seclang.Position { return x.set.place(r.Directive.Pos) }

// find gives the rule with an id, or nil.
func (x Explanation) find(id int) *seclang.Rule {
	for _, r := range x.set.table.Rules {
		if r.ID == id && r.Marker == "" {
			return r
		}
	}
	return nil
}
