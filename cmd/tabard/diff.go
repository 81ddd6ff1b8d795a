package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"tabard/internal/compare"
	"tabard/internal/replay"
)

var diffCommand = command{
	name:    "diff",
	summary: "show the verdicts on recorded traffic that another policy changes",
	help: `usage: tabard diff [flags] POLICY_A POLICY_B --traffic FILE|FOLDER|- ...
       tabard diff [flags] --baseline RUN POLICY_B --traffic FILE|FOLDER|- ...

Gives recorded traffic to two policies and shows only the verdicts that differ,
grouped by the rule that came or went, by route (or the pattern of the path) and
by parameter, with examples. "` + builtIn + `" is the policy that replay has without one.

  --traffic PATH   a file, a folder, or - for standard input; may be given often.
                   Formats as for replay
  --baseline RUN   instead of POLICY_A: the verdicts that tabard replay --json, or
                   tabard report --output ndjson, wrote for the same traffic. Only
                   the latter know the parameter of a rule that went
  --output O       text (default), markdown for a pull request, or json
  --fail-on C      exit with 2 when there is a change C: block (newly blocked),
                   release (no longer blocked), or any
  --format F       the format of the traffic; without it each file's content tells
  --host NAME      as for replay

A request that several rules explain is counted with each of them. Exit codes: 0
done; 1 not done, or not to the end; 2 --fail-on; 130 interrupted.`,
	run: runDiff,
}

// repeated is a flag that may be given often.
type repeated []string

// String implements flag.Value.
func (r *repeated) String() string { return strings.Join(*r, " ") }

// Set implements flag.Value.
func (r *repeated) Set(value string) error {
	*r = append(*r, value)
	return nil
}

// diffOptions are the flags.
type diffOptions struct {
	trafficOptions
	policies                 []string
	traffic                  repeated
	baseline, output, failOn string
}

func parseDiff(args []string) (diffOptions, error) {
	var o diffOptions
	f := newFlags("diff")
	f.Var(&o.traffic, "traffic", "")
	f.StringVar(&o.baseline, "baseline", "", "")
	f.StringVar(&o.output, "output", "text", "")
	f.StringVar(&o.failOn, "fail-on", "", "")
	o.trafficOptions.register(f)
	var err error
	if o.policies, err = parse(f, args); err != nil {
		return o, err
	}
	want := 2
	if o.baseline != "" {
		want = 1
	}
	switch {
	case len(o.policies) != want && o.baseline != "":
		return o, errors.New("with --baseline name one policy")
	case len(o.policies) != want:
		return o, fmt.Errorf("name two policies (%s is one), or one and --baseline", builtIn)
	case len(o.traffic) == 0:
		return o, errors.New("nothing to read: name the traffic with --traffic")
	case !slices.Contains([]string{"text", "markdown", "json"}, o.output):
		return o, fmt.Errorf("--output cannot be %q: use text, markdown or json", o.output)
	case !slices.Contains([]string{"", "block", "release", "any"}, o.failOn):
		return o, fmt.Errorf("--fail-on cannot be %q: use block, release or any", o.failOn)
	}
	return o, nil
}

func runDiff(args []string, io stdio) (int, error) {
	o, err := parseDiff(args)
	if err != nil {
		return exitFail, err
	}
	var natives replay.Several
	names := compare.Names{Before: o.baseline}
	for _, name := range o.policies {
		policy, err := loadNamed(name)
		if err != nil {
			return exitFail, err
		}
		e, err := policy.engine()
		if err != nil {
			return exitFail, err
		}
		natives = append(natives, replay.Native{Engine: e, Records: true})
		if len(natives) == 1 && o.baseline == "" {
			names.Before = policy.name
		}
		names.After = policy.name
	}
	var diff compare.Diff
	add, end, err := o.adder(&diff)
	if err != nil {
		return exitFail, err
	}
	p := player{command: "diff", io: io, sources: o.sources}
	err = p.play(o.traffic, perCore(natives), add)
	if err == nil {
		err = end()
	}
	if err := errors.Join(err, o.write(&diff, io.out, names)); err != nil {
		return exitFail, err
	}
	return o.code(&diff), nil
}

// perCore returns a judge for each core; all are the same.
func perCore(j replay.Judge) []replay.Judge {
	return slices.Repeat([]replay.Judge{j}, runtime.GOMAXPROCS(0))
}

// adder returns what takes in a result, and what is to be called at the end of
// the traffic.
func (o diffOptions) adder(diff *compare.Diff) (add func(replay.Result) error, end func() error, err error) {
	if o.baseline == "" {
		return func(r replay.Result) error {
			diff.Add(*r.Outcome.Record, *r.Outcome.Others[0].Record)
			return nil
		}, func() error { return nil }, nil
	}
	file, err := os.Open(o.baseline)
	if err != nil {
		return nil, nil, err
	}
	baseline := compare.NewBaseline(file, o.baseline)
	return func(r replay.Result) error {
			before, err := baseline.Next(r.Entry.ID)
			if err == nil {
				diff.Add(before, *r.Outcome.Record)
			}
			return err
		}, func() error {
			return errors.Join(baseline.End(), file.Close())
		}, nil
}

func (o diffOptions) write(diff *compare.Diff, w io.Writer, names compare.Names) error {
	switch o.output {
	case "markdown":
		return diff.WriteMarkdown(w, names)
	case "json":
		return diff.WriteJSON(w, names)
	}
	return diff.WriteText(w, names)
}

// code is the exit code that --fail-on asks for.
func (o diffOptions) code(diff *compare.Diff) int {
	if n := map[string]int{"block": diff.Blocked, "release": diff.Released, "any": diff.Changed}[o.failOn]; n > 0 {
		return exitHit
	}
	return exitOK
}
