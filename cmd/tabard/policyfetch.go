package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"tabard/engine"
	"tabard/internal/feeds"
)

// runPolicyFetch fetches the sets of a policy that are at URLs, with the checks
// that they have in Envoy and in tabard serve, and keeps them in a folder.
func runPolicyFetch(args []string, io stdio) (int, error) {
	f := newFlags("policy")
	folder := f.String("out", os.Getenv(feedsVariable), "")
	files, err := parse(f, args)
	switch {
	case err != nil:
		return exitFail, err
	case len(files) != 1:
		return exitFail, errors.New("name one policy")
	case *folder == "":
		return exitFail, errors.New("--out is missing: name a folder for the texts, or set " + feedsVariable)
	}
	policy, err := readPolicy(files[0])
	if err != nil {
		return exitFail, err
	}
	options, _, err := policy.databases()
	if err != nil {
		return exitFail, err
	}
	e, err := engine.New(policy.policy, policy.rules, append(options, engine.WithLateScreener())...)
	if err != nil {
		return exitFail, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	client := feeds.NewClient()
	var failed error
	for _, wanted := range e.Feeds() {
		source := feeds.Source{Feed: wanted, Client: client, Folder: *folder}
		if err := source.Refresh(ctx, e); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", wanted.Name, err))
		}
	}
	for _, wanted := range e.Feeds() {
		for _, s := range e.FeedStates() {
			if s.Name == wanted.Name && !s.Updated.IsZero() {
				fmt.Fprintf(io.out, "%s: entries %d, bad lines %d\n", s.Name, s.Entries, s.BadLines)
			}
		}
	}
	return exitOK, failed
}
