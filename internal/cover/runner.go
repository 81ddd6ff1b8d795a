package cover

import (
	"context"
	"io/fs"

	"tabard/engine"
	"tabard/engine/seclang"
	"tabard/engine/trace"
	"tabard/internal/ftw"
	"tabard/internal/ftw/native"
)

// Runner plays tests on an engine that is watched. It implements ftw.Runner, for
// any number of goroutines, as long as each test has a name of its own.
type Runner struct {
	native.Runner
	collector *Collector
	recorder  *trace.Recorder
	tables    map[string]*seclang.Table // by route
}

// NewRunner compiles a policy and tells the collector its rules. The fast path is
// off: it would answer without Coraza. Options are for the engine.
func NewRunner(c *Collector, policy engine.Policy, rules fs.FS, options ...engine.Option) (*Runner, error) {
	policy.Screen = engine.ScreenOff
	r := &Runner{collector: c, recorder: trace.NewRecorder(), tables: map[string]*seclang.Table{}}
	e, err := engine.New(policy, rules, append(options[:len(options):len(options)], engine.WithWatcher(r.recorder))...)
	if err != nil {
		return nil, err
	}
	r.Runner.Engine = e
	sets, err := engine.RuleSets(policy, rules)
	if err != nil {
		return nil, err
	}
	for _, s := range sets {
		table, errs := seclang.Parse(s.Directives, s.Known)
		if len(errs) > 0 {
			return nil, errs[0]
		}
		c.add(table, s.Place)
		r.tables[s.Route] = table
	}
	return r, nil
}

// Play implements ftw.Runner.
func (r *Runner) Play(ctx context.Context, name string, in ftw.Input) (ftw.Seen, error) {
	seen, err := r.Runner.Play(ctx, name, in)
	r.collector.observe(r.recorder.Take(name).Outcomes(r.tables[seen.Route]))
	return seen, err
}
