package ftw

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"tabard/engine/seclang"
)

// Runner plays one request of a test somewhere and says what was seen. name is
// for its logs. An error means that the runner is broken, which no expectation
// can make good. It must be safe for as many goroutines as Run is told.
type Runner interface {
	Play(ctx context.Context, name string, in Input) (Seen, error)
}

// Case is a test with what it needs to run.
type Case struct {
	Test
	// Suite is the file that the test is in.
	Suite *Suite
	// Runner plays it.
	Runner Runner
	// Override is nil for a test that must do as it is written.
	Override *Override
}

// TodoTag marks a test that is known to fail.
const TodoTag = "todo"

// Outcome is what became of a test.
type Outcome string

// The outcomes.
const (
	// Passed: all is as the test expects.
	Passed Outcome = "pass"
	// Overridden: all is as the override expects, and not as the test does.
	Overridden Outcome = "override"
	// Todo: the test fails, as its tag says.
	Todo Outcome = "todo"
	// Failed: something is not as expected.
	Failed Outcome = "fail"
)

// Result is what became of a test.
type Result struct {
	Case
	Outcome  Outcome
	Failures []Failure
	// Seen is what was seen of each stage that was played.
	Seen []Seen
	// Err is the runner's.
	Err error
	// Elapsed is the time from the first stage to the last verdict.
	Elapsed time.Duration
}

// Run plays the cases, atOnce of them at a time, and gives each Result to done
// in the order of the cases. It returns early with the context's error.
func Run(ctx context.Context, cases []Case, atOnce int, done func(Result)) error {
	results := make([]chan Result, len(cases))
	for i := range results {
		results[i] = make(chan Result, 1)
	}
	next := make(chan int)
	var workers sync.WaitGroup
	for range max(1, min(atOnce, len(cases))) {
		workers.Go(func() {
			for i := range next {
				results[i] <- cases[i].run(ctx)
			}
		})
	}
	workers.Go(func() {
		defer close(next)
		for i := range cases {
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	})
	defer workers.Wait()
	for _, result := range results {
		select {
		case r := <-result:
			done(r)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// run plays the stages up to the first one that fails.
func (c Case) run(ctx context.Context) Result {
	r := Result{Case: c}
	start := time.Now()
	asWritten := true
	for i, stage := range c.Stages {
		expected := c.Override.Apply(i, stage)
		seen, err := c.play(ctx, i, expected)
		if err != nil {
			r.Err = fmt.Errorf("%s: %w", c.Name, err)
			break
		}
		r.Seen = append(r.Seen, seen)
		asWritten = asWritten && len(Judge(stage, seen)) == 0
		if r.Failures = Judge(expected, seen); len(r.Failures) > 0 {
			break
		}
	}
	r.Elapsed = time.Since(start)
	r.conclude(asWritten)
	return r
}

// play plays a stage, and once more if it fails and the test allows it.
func (c Case) play(ctx context.Context, stage int, s Stage) (Seen, error) {
	name := fmt.Sprintf("%s.%d", c.Name, stage+1)
	seen, err := c.Runner.Play(ctx, name, s.Input)
	if err == nil && s.Output.RetryOnce && len(Judge(s, seen)) > 0 {
		seen, err = c.Runner.Play(ctx, name+"-again", s.Input)
	}
	return seen, err
}

// conclude names the outcome. An override or a todo that is no longer needed
// is a failure: it would hide the next one.
func (r *Result) conclude(asWritten bool) {
	todo := slices.Contains(r.Tags, TodoTag)
	unneeded := func(pos seclang.Position, what, why string) {
		r.Outcome = Failed
		r.Failures = []Failure{{Pos: pos, Expectation: what, Reason: why}}
	}
	switch passed := r.Err == nil && len(r.Failures) == 0; {
	case !passed && todo && r.Err == nil:
		r.Outcome = Todo
	case !passed:
		r.Outcome = Failed
	case todo:
		unneeded(r.Pos, TodoTag, "the test passes: remove the tag")
	case r.Override == nil:
		r.Outcome = Passed
	case asWritten:
		unneeded(r.Override.Pos, "override", r.Name+" passes as it is written: remove it from the override")
	default:
		r.Outcome = Overridden
	}
}
