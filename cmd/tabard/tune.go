package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"tabard/engine"
	"tabard/internal/ftw"
	"tabard/internal/ftw/crs"
	"tabard/internal/replay"
	"tabard/internal/tune"
)

var tuneCommand = command{
	name:    "tune",
	summary: "propose the narrowest exclusions that let harmless traffic through",
	help: `usage: tabard tune [flags] FILE|FOLDER|- ...

Looks at harmless traffic that the policy blocks, and proposes for each request
the fewest exclusions: a rule, on one path, for one parameter. Each comes with the
number of requests that it frees, the attacks of the CRS tests that would get
through when they are sent to that parameter, a ready rule, and two tests. It also
compares paranoia levels and thresholds. Nothing is applied.

A request with a label other than benign, harmless, good, clean or ham (NDJSON,
"label") is an attack; one without a label is taken for harmless, and the output
says how many those were.

  --policy FILE    the policy to tune, as for replay
  --profile P      api or crs: replaces the policy's profile; crs is plain CRS
  --target P       the part of the harmless requests, in percent, that may stay
                   blocked (default 1)
  --output O       text (default) or json
  --write DIR      also write a new folder: exclusions.conf with the rules that are
                   enough for the target, and a file of tests for each
  --first-id N     the id of the first ready rule (default 90001)
  --format F       the format of the traffic; without it each file's content tells
  --host NAME      as for replay

Exit codes: 0 done; 1 not done, or not to the end; 130 interrupted.`,
	run: runTune,
}

// tuneOptions are the flags.
type tuneOptions struct {
	policyOptions
	trafficOptions
	output, write string
	target        float64
	firstID       int
	paths         []string
}

// maxOwnID: CRS reserves the ids from 100,000 on for itself and others.
const maxOwnID = 99_999

func parseTune(args []string) (tuneOptions, error) {
	var o tuneOptions
	f := newFlags("tune")
	o.policyOptions.register(f)
	f.StringVar(&o.output, "output", "text", "")
	f.StringVar(&o.write, "write", "", "")
	f.Float64Var(&o.target, "target", 1, "")
	f.IntVar(&o.firstID, "first-id", tune.DefaultFirstID, "")
	o.trafficOptions.register(f)
	var err error
	if o.paths, err = parse(f, args); err != nil {
		return o, err
	}
	switch {
	case !slices.Contains([]string{"text", "json"}, o.output):
		return o, fmt.Errorf("--output cannot be %q: use text or json", o.output)
	case o.target < 0 || o.target > 100:
		return o, fmt.Errorf("--target cannot be %g: it is a percentage", o.target)
	case o.firstID < 1 || o.firstID > maxOwnID:
		return o, fmt.Errorf("--first-id cannot be %d: use one from 1 to %d", o.firstID, maxOwnID)
	case len(o.paths) == 0:
		return o, errors.New("nothing to read: name files or folders, or - for standard input")
	}
	return o, nil
}

func runTune(args []string, io stdio) (int, error) {
	o, err := parseTune(args)
	if err != nil {
		return exitFail, err
	}
	policy, err := o.load()
	if err != nil {
		return exitFail, err
	}
	options, err := policy.options()
	if err != nil {
		return exitFail, err
	}
	suites, err := crs.Load()
	if err != nil {
		return exitFail, err
	}
	tuner, err := tune.New(tune.Options{
		Policy: policy.policy, Attacks: tune.Attacks(suites), FirstID: o.firstID, TargetShare: o.target / 100,
		Compile: func(p engine.Policy, more ...engine.Option) (*engine.Engine, error) {
			return engine.New(p, policy.rules, append(options[:len(options):len(options)], more...)...)
		},
	})
	if err != nil {
		return exitFail, err
	}
	p := player{command: "tune", io: io, sources: o.sources}
	if err := p.play(o.paths, perCore(tuner.Judge()), func(r replay.Result) error { tuner.Add(r); return nil }); err != nil {
		return exitFail, err
	}
	fmt.Fprintln(io.err, "tabard tune: judging the CRS tests with each proposal")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	result, err := tuner.Finish(ctx)
	if err != nil {
		return exitFail, err
	}
	write := result.WriteText
	if o.output == "json" {
		write = result.WriteJSON
	}
	if err := errors.Join(write(io.out), writeTuning(o.write, result)); err != nil {
		return exitFail, err
	}
	return exitOK, nil
}

// writeTuning makes a folder of the proposals that are enough; "" makes none. A
// folder that is there is left alone.
func writeTuning(dir string, result *tune.Result) error {
	if dir == "" {
		return nil
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "exclusions.conf"), []byte(result.Rules()), 0o644); err != nil {
		return err
	}
	for i, p := range result.Enoughs() {
		name := fmt.Sprintf("%02d-%d%s", i+1, p.Rule, ftw.Suffix)
		text, err := ftw.FormatV2(p.Suite(name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
