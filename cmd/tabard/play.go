package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"tabard/internal/replay"
)

// player judges traffic for the commands that look at verdicts together.
type player struct {
	command string
	io      stdio
	sources replay.Options
	summary replay.Summary
	reports int
	bar     *progress
}

// play judges all traffic and gives each result to add. What could not be read
// or judged is reported with its place and counted. The error says that it did
// not come to the end, as after Ctrl-C: what was added until then is whole.
func (p *player) play(paths []string, judges []replay.Judge, add func(replay.Result) error) error {
	p.sources.Stdin = p.io.in
	traffic, err := replay.Open(paths, p.sources)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	p.bar = newProgress(p.io.err, traffic)
	err = replay.Run(ctx, traffic.Next, judges, func(r replay.Result) error {
		p.bar.update()
		if !p.take(r) {
			return nil
		}
		return add(r)
	}, nil)
	p.bar.finish()
	err = errors.Join(err, traffic.Close())
	switch {
	case errors.Is(err, context.Canceled):
		return interrupted{p.summary.Requests}
	case err != nil:
		return err
	case p.summary.Failed > 0:
		return fmt.Errorf("sources that could not be read to their end: %d", p.summary.Failed)
	case p.summary.Errors > 0:
		return fmt.Errorf("verdicts made by an internal error: %d", p.summary.Errors)
	}
	return nil
}

// take counts a result and says whether it has a verdict.
func (p *player) take(r replay.Result) bool {
	p.summary.Add(r)
	if r.Err != nil {
		p.report(r.Err)
		return false
	}
	if r.Outcome.Err != nil {
		p.report(fmt.Errorf("%s: internal error: %w", r.Entry.Position, r.Outcome.Err))
	}
	return true
}

// report prints an error of one entry or source.
func (p *player) report(err error) {
	if p.reports++; p.reports > maxReports {
		return
	}
	p.bar.clear()
	fmt.Fprintf(p.io.err, "tabard %s: %s\n", p.command, err)
	if p.reports == maxReports {
		fmt.Fprintf(p.io.err, "tabard %s: further entries of that kind are only counted\n", p.command)
	}
}

// builtIn names the built-in policy where a command wants a file's name.
const builtIn = "built-in"

// loadNamed loads a policy from a file, or the built-in one by its name.
func loadNamed(name string) (loadedPolicy, error) {
	if name == builtIn {
		name = ""
	}
	return loadPolicy(name)
}
