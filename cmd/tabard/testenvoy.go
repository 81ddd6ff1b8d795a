package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"sync"

	"tabard/e2e/envoyrun"
	"tabard/internal/ftw"
)

// envoyAtOnce is how many exchanges are under way in Envoy, which waits for its
// own timers now and then.
const envoyAtOnce = 16

// envoyBench is one Envoy for all policies of a run, each with a listener of its
// own. It starts with the first request, when all of them are known.
type envoyBench struct {
	module   string
	sites    []envoyrun.Site
	start    sync.Once
	envoy    *envoyrun.Envoy
	err      error
	listener net.Listener
}

// add makes a site of a policy and returns what plays tests through it.
func (b *envoyBench) add(policy string) ftw.Runner {
	name := "policy" + strconv.Itoa(len(b.sites))
	b.sites = append(b.sites, envoyrun.Site{Name: name, Policy: policy, Module: b.module, Adjust: envoyrun.AsSent})
	return envoySite{b, name}
}

// envoySite is one policy's listener.
type envoySite struct {
	bench *envoyBench
	name  string
}

// Play implements ftw.Runner.
func (s envoySite) Play(ctx context.Context, name string, in ftw.Input) (ftw.Seen, error) {
	if s.bench.start.Do(func() { s.bench.err = s.bench.launch(ctx) }); s.bench.err != nil {
		return ftw.Seen{}, s.bench.err
	}
	return envoyrun.Player{Envoy: s.bench.envoy, Site: s.name}.Play(ctx, name, in)
}

// launch starts the backend and Envoy in front of it.
func (b *envoyBench) launch(ctx context.Context) (err error) {
	if b.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return fmt.Errorf("start the backend: %w", err)
	}
	// It ends with its listener.
	go func() { _ = http.Serve(b.listener, http.HandlerFunc(envoyrun.Backend)) }()
	b.envoy, err = envoyrun.Start(ctx, envoyrun.Options{
		Upstream: b.listener.Addr().String(), Concurrency: runtime.GOMAXPROCS(0), Sites: b.sites,
	})
	return err
}

func (b *envoyBench) close() (err error) {
	if b.envoy != nil {
		err = b.envoy.Stop()
	}
	if b.listener != nil {
		err = errors.Join(err, b.listener.Close())
	}
	return err
}
