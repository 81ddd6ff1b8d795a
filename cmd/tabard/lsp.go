package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"tabard/engine"
	"tabard/internal/ftw"
	"tabard/internal/lsp"
	"tabard/internal/report"
	"tabard/internal/testreport"
)

var lspCommand = command{
	name:    "lsp",
	summary: "help an editor with rules: findings, hover, definitions, tests",
	help: `usage: tabard lsp [flags]

A language server for rule files (.conf), which an editor starts: it speaks the
Language Server Protocol on standard input and output. While a rule is written the
editor shows what tabard check finds; it says what a variable, operator,
transformation, action or rule id stands for, goes to the rule, marker or file that
is named, lays a file out as tabard fmt does, and runs the tests beside a rule.

  --ids A-B    the ids for own rules (default ` + defaultIDs + `)

docs/editors.md has the configuration for VS Code, Neovim and Helix.
Exit codes: 0 done; 1 not done.`,
	run: runLSP,
}

func runLSP(args []string, io stdio) (int, error) {
	var idRange string
	f := newFlags("lsp")
	f.StringVar(&idRange, "ids", defaultIDs, "")
	rest, err := parse(f, args)
	if err == nil && len(rest) > 0 {
		err = errors.New("no arguments: the editor names the files")
	}
	if err != nil {
		return exitFail, err
	}
	o := lsp.Options{Test: testFile, Cache: cacheFolder()}
	if o.FirstID, o.LastID, err = parseIDs(idRange); err != nil {
		return exitFail, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return exitOK, lsp.Serve(ctx, pipes{io.in, io.out}, o)
}

// pipes is a connection over standard input and output.
type pipes struct {
	io.Reader
	io.Writer
}

// Close closes standard input, so that a waiting read ends.
func (p pipes) Close() error {
	if c, ok := p.Reader.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// cacheFolder is where copies of built-in rules are for the editor to open; ""
// when the system has no such place.
func cacheFolder() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "tabard", "rules")
}

// testFile runs the tests of one file as tabard test does.
func testFile(ctx context.Context, file string) (summary string, failures []report.Finding, err error) {
	bench := &testBench{options: testOptions{runner: "engine", screen: string(engine.ScreenOff)}}
	defer bench.close()
	cases, err := bench.fileCases(ctx, []string{file})
	if err != nil {
		return "", nil, err
	}
	counts := testreport.Counts{}
	err = ftw.Run(ctx, cases, runtime.GOMAXPROCS(0), func(r ftw.Result) {
		if counts[r.Outcome]++; r.Outcome != ftw.Failed {
			return
		}
		near := bench.near(r)
		for _, f := range testreport.Failures(r) {
			failures = append(failures, report.Finding{
				Check: "test", Level: report.Error, Pos: f.Pos, Message: r.Name + ": " + f.Expectation + ": " + f.Reason, Details: near,
			})
			near = nil
		}
	})
	return counts.String(), failures, err
}
