package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"tabard/engine"
	"tabard/internal/ftw"
	"tabard/internal/testreport"
)

var testCommand = command{
	name:    "test",
	summary: "run rule tests and say which expectation was not met, and why",
	help: `usage: tabard test [flags] FILE|FOLDER ...
       tabard test [flags] --crs

Runs rule tests in the FTW format of the OWASP Core Rule Set, v2.3 and v3, in
this process: no server, no log file. Of a folder all files below it are read
whose names end in ` + ftw.Suffix + ` or are a rule's id, as in CRS.

The policy of a test is the suite.yaml in its folder, or else --policy, or else
the built-in default. Tests in a checkout of Tabard's own rules/ run with the
rules that are there.

  --crs              the tests of the CRS module, with the policy and the overrides
                     that they need here
  --policy FILE      the policy of tests without a suite.yaml, as for replay
  --include REGEX    only tests whose name, such as 942100-3, has a match
  --tags A,B         only tests that have one of these tags, or whose file has
  --overrides FILE   other expectations for some tests, in CRS's format; each
                     needs a reason, and fails when it is no longer needed
  --runner R         engine (default); wasm: the module that Envoy loads, under
                     wazero; or envoy: a real one, the program that ENVOY names or
                     the first in PATH
  --screen MODE      on, off (default) or shadow: the fast path
  --module FILE      the module for --runner wasm and envoy (default tabard.wasm
                     beside this program)
  --format F         text (default), json, junit, sarif or github (annotations)
  --watch            run again when a file changes: the tests of a test file, or
                     all after another change
  --print-v2         print the tests as go-ftw reads them, and run none

A test with the tag todo is expected to fail. Exit codes: 0 all as expected;
1 not run; 2 a test failed.`,
	run: runTest,
}

// testOptions are the flags.
type testOptions struct {
	policy, overrides, runner, screen, module, format string
	crs, watch, printV2                               bool
	filter                                            ftw.Filter
	paths                                             []string
}

func parseTest(args []string) (testOptions, error) {
	var o testOptions
	var names filterFlags
	f := newFlags("test")
	f.StringVar(&o.policy, "policy", "", "")
	f.StringVar(&o.overrides, "overrides", "", "")
	f.StringVar(&o.runner, "runner", "engine", "")
	f.StringVar(&o.screen, "screen", string(engine.ScreenOff), "")
	f.StringVar(&o.module, "module", "", "")
	f.StringVar(&o.format, "format", string(testreport.Text), "")
	f.BoolVar(&o.crs, "crs", false, "")
	f.BoolVar(&o.watch, "watch", false, "")
	f.BoolVar(&o.printV2, "print-v2", false, "")
	names.add(f)
	var err error
	if o.paths, err = parse(f, args); err != nil {
		return o, err
	}
	if o.filter, err = names.filter(); err != nil {
		return o, err
	}
	return o, o.check()
}

// filterFlags choose tests.
type filterFlags struct{ include, tags string }

func (n *filterFlags) add(f *flag.FlagSet) {
	f.StringVar(&n.include, "include", "", "")
	f.StringVar(&n.tags, "tags", "", "")
}

func (n filterFlags) filter() (f ftw.Filter, err error) {
	if n.include != "" {
		if f.Include, err = regexp.Compile(n.include); err != nil {
			return f, fmt.Errorf("--include: %w", err)
		}
	}
	if n.tags != "" {
		f.Tags = strings.Split(n.tags, ",")
	}
	return f, nil
}

// check finds flags that do not go together.
func (o testOptions) check() error {
	switch {
	case !slices.Contains([]string{"engine", "wasm", "envoy"}, o.runner):
		return fmt.Errorf("unknown runner %q: use engine, wasm or envoy", o.runner)
	case !slices.Contains(testreport.Formats(), testreport.Format(o.format)):
		return fmt.Errorf("unknown format %q: use text, json, junit, sarif or github", o.format)
	case !slices.Contains(engine.ScreenMode("").Choices(), o.screen):
		return fmt.Errorf("--screen cannot be %q: use on, off or shadow", o.screen)
	case o.crs && o.watch:
		return errors.New("--crs cannot be watched: its files are inside this program")
	}
	return o.checkPaths()
}

func (o testOptions) checkPaths() error {
	switch {
	case o.crs && len(o.paths) > 0:
		return errors.New("--crs runs the tests of the CRS module: leave the files out, or --crs")
	case !o.crs && len(o.paths) == 0:
		return errors.New("nothing to test: name files or folders, or use --crs")
	}
	return nil
}

// testGC lets the heap of a run that lasts seconds grow to five times what is
// live before the collector runs: it takes a fifth of the CPU otherwise.
const testGC = 400

func runTest(args []string, io stdio) (int, error) {
	o, err := parseTest(args)
	if err != nil {
		return exitFail, err
	}
	debug.SetGCPercent(testGC)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	bench := &testBench{options: o}
	defer bench.close()
	if o.watch {
		return watchTests(ctx, bench, io)
	}
	cases, err := bench.cases(ctx)
	switch {
	case err != nil:
		return exitFail, err
	case o.printV2:
		return exitOK, printV2(io.out, cases)
	}
	return bench.run(ctx, cases, io)
}

var errNoTest = errors.New("no test is left: look at --include and --tags")

// run runs the cases and writes the report.
func (b *testBench) run(ctx context.Context, cases []ftw.Case, io stdio) (int, error) {
	if len(cases) == 0 {
		return exitFail, errNoTest
	}
	report, err := testreport.New(testreport.Format(b.options.format), io.out)
	if err != nil {
		return exitFail, err
	}
	b.explained = 0
	start, failed := time.Now(), false
	atOnce := runtime.GOMAXPROCS(0)
	if b.envoy != nil {
		atOnce = envoyAtOnce
	}
	err = ftw.Run(ctx, cases, atOnce, func(r ftw.Result) {
		failed = failed || r.Outcome == ftw.Failed
		report.Add(r, b.near(r))
	})
	if err := errors.Join(err, report.Close()); err != nil {
		return exitFail, err
	}
	fmt.Fprintf(io.err, "%d tests in %s\n", len(cases), time.Since(start).Round(time.Millisecond))
	if failed {
		return exitHit, nil
	}
	return exitOK, nil
}
