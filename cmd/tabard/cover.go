package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"tabard/internal/cover"
	"tabard/internal/ftw"
)

var coverCommand = command{
	name:    "cover",
	summary: "say which rules, links of chains and alternatives no test shows",
	help: `usage: tabard cover [flags] FILE|FOLDER ...
       tabard cover [flags] --crs

Runs rule tests, as tabard test does, and says what they do not show: rules that
no test expects, or expects to stay quiet; links of chains that never match or
never fail; alternatives of regular expressions that have no part in any match.
Only rules with a message count, and of CRS's only with --crs.

  --crs             the rules and the tests of the CRS module
  --policy FILE     the policy of tests without a suite.yaml
  --include REGEX   only tests whose name has a match
  --tags A,B        only tests that have one of these tags, or whose file has
  --overrides FILE  as for tabard test
  --format F        text (default), or html: one page with every alternative
  --threshold N     exit with 2 when fewer than N percent of the rules have both a
                    test that expects them and one that expects them to stay quiet

A test that fails shows nothing. Exit codes: 0 done; 1 not done; 2 --threshold.`,
	run: runCover,
}

// coverOptions are the flags: those of tabard test, and two of its own.
type coverOptions struct {
	testOptions
	threshold float64
}

func parseCover(args []string) (coverOptions, error) {
	var o coverOptions
	var names filterFlags
	f := newFlags("cover")
	f.StringVar(&o.policy, "policy", "", "")
	f.StringVar(&o.overrides, "overrides", "", "")
	f.StringVar(&o.format, "format", "text", "")
	f.BoolVar(&o.crs, "crs", false, "")
	f.Float64Var(&o.threshold, "threshold", 0, "")
	names.add(f)
	var err error
	if o.paths, err = parse(f, args); err != nil {
		return o, err
	}
	if o.filter, err = names.filter(); err != nil {
		return o, err
	}
	switch {
	case o.format != "text" && o.format != "html":
		return o, fmt.Errorf("unknown format %q: use text or html", o.format)
	case o.threshold < 0 || o.threshold > 100:
		return o, fmt.Errorf("--threshold cannot be %g: it is a percentage", o.threshold)
	}
	return o, o.checkPaths()
}

func runCover(args []string, io stdio) (int, error) {
	o, err := parseCover(args)
	if err != nil {
		return exitFail, err
	}
	debug.SetGCPercent(testGC)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	collector := cover.NewCollector(o.counts)
	bench := &testBench{options: o.testOptions, collector: collector}
	defer bench.close()
	cases, err := bench.cases(ctx)
	if err == nil && len(cases) == 0 {
		err = errNoTest
	}
	if err != nil {
		return exitFail, err
	}
	var failed []string
	err = ftw.Run(ctx, cases, runtime.GOMAXPROCS(0), func(r ftw.Result) {
		collector.Add(r)
		if r.Outcome == ftw.Failed {
			failed = append(failed, r.Name)
		}
	})
	if err != nil {
		return exitFail, err
	}
	if len(failed) > 0 {
		fmt.Fprintf(io.err, "%d tests fail and show nothing, see tabard test: %s\n", len(failed), strings.Join(failed, " "))
	}
	return o.finish(collector.Rules(), io.out)
}

// counts says whether the rules of a file are those that the tests are about.
func (o coverOptions) counts(file string) bool {
	if o.crs {
		return strings.HasPrefix(file, "@owasp_crs/")
	}
	builtIn := []string{"@owasp_crs/", "@coraza", "@crs-setup", "@tabard/base/", "tabard "}
	return !slices.ContainsFunc(builtIn, func(prefix string) bool { return strings.HasPrefix(file, prefix) }) &&
		(!strings.HasPrefix(file, "@tabard/") || o.names(strings.TrimPrefix(file, "@tabard/")))
}

// names says whether a rule file of ours is beside the tests: policies of
// other folders may use it, too.
func (o coverOptions) names(file string) bool {
	files, err := ftw.Find(o.paths)
	folder := string(filepath.Separator) + filepath.FromSlash(filepath.Dir(file))
	return err == nil && slices.ContainsFunc(files, func(test string) bool {
		dir, err := filepath.Abs(filepath.Dir(test))
		return err == nil && strings.HasSuffix(dir, folder)
	})
}

func (o coverOptions) finish(rules []*cover.Rule, out io.Writer) (int, error) {
	if len(rules) == 0 {
		return exitFail, errors.New("the policies of these tests have no rule with a message")
	}
	write := cover.WriteText
	if o.format == "html" {
		write = cover.WriteHTML
	}
	if err := write(out, rules); err != nil {
		return exitFail, err
	}
	if cover.Sum(rules).Percent() < o.threshold {
		return exitHit, nil
	}
	return exitOK, nil
}
