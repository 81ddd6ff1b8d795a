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

	"tabard/engine"
	"tabard/engine/operators"
	"tabard/engine/seclang"
	"tabard/engine/trace"
)

// Explainer explains requests under one policy. It is safe for concurrent use
// as long as each request has an id of its own.
type Explainer struct {
	judged, traced *engine.Engine
	recorder       *trace.Recorder
	sets           map[string]ruleSet
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
	var err error
	if e.judged, err = engine.New(policy, rules, options...); err != nil {
		return nil, err
	}
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

// Explain judges one exchange. play gives it to an engine and does not end it;
// it is called several times.
func (e *Explainer) Explain(play func(*engine.Engine) *engine.Exchange) Explanation {
	first := play(e.judged).End()
	again := play(e.judged).End()
	v := play(e.traced).End()
	x := Explanation{Verdict: v, FastPath: fastPath(first, again), trace: e.recorder.Take(v.TransactionID), set: e.sets[v.Route]}
	x.Steps = x.trace.Steps(x.set.table, x.set.files)
	return x
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
