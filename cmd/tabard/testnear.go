package main

import (
	"fmt"
	"slices"

	"tabard/engine"
	"tabard/internal/explain"
	"tabard/internal/ftw"
	"tabard/internal/ftw/native"
)

// maxExplained is how many failures are explained: when more fail they have one
// cause, and each explanation is a page.
const maxExplained = 20

// near says of each rule that a failed test is about what it looked at, after
// each transformation, and how far it came. That takes a second run with Coraza
// watched; what cannot be explained is left out.
func (b *testBench) near(r ftw.Result) (lines []string) {
	if r.Outcome != ftw.Failed || len(r.Seen) == 0 {
		return nil
	}
	stage := r.Stages[len(r.Seen)-1]
	m, err := stage.Input.Message()
	if err != nil {
		return nil
	}
	var done []int
	for _, f := range r.Failures {
		if f.Rule == 0 || slices.Contains(done, f.Rule) || b.explained == maxExplained {
			continue
		}
		done, b.explained = append(done, f.Rule), b.explained+1
		x, err := b.explainer(r)
		if err != nil {
			return []string{fmt.Sprintf("the policy cannot be explained: %v", err)}
		}
		explanation := x.Explain(func(e *engine.Engine) *engine.Exchange {
			return native.Play(e, r.Name, m, stage.Input.Answer(m))
		})
		why, err := explanation.Why(f.Rule)
		if err != nil {
			why = []string{err.Error()}
		}
		lines = append(lines, why...)
	}
	return lines
}

// explainer is the one for a result's policy.
func (b *testBench) explainer(r ftw.Result) (*explain.Explainer, error) {
	key := b.keyOf(r.Suite)
	if x, ok := b.explainers[key]; ok {
		return x, nil
	}
	// The fast path has no part in why a rule matches, and takes long to compile.
	p := b.policies[key]
	p.policy.Screen = engine.ScreenOff
	options, err := p.options()
	if err != nil {
		return nil, err
	}
	x, err := explain.New(p.policy, p.rules, options...)
	if err == nil {
		if b.explainers == nil {
			b.explainers = map[string]*explain.Explainer{}
		}
		b.explainers[key] = x
	}
	return x, err
}

// keyOf is where the policy of a suite is kept.
func (b *testBench) keyOf(s *ftw.Suite) string {
	if b.options.crs && b.options.policy == "" {
		return crsKey
	}
	if b.options.crs {
		return b.options.policy
	}
	return b.policyOf(s.File)
}
