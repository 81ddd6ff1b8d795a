package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"tabard/internal/feeds"
	"tabard/internal/serve"
)

var serveCommand = command{
	name:    "serve",
	summary: "be a reverse proxy that applies a policy, for machines without Envoy",
	help: `usage: tabard serve [flags] --upstream URL

A reverse proxy in front of one upstream. A request that the policy blocks never
reaches the upstream, and a response that it blocks leaves nothing of the
upstream's. WebSocket, server-sent events, gRPC and trailers pass.

  --upstream URL    http://host:port, https://host, or h2c://host:port for HTTP/2
                    without TLS; a path goes before each request's
  --listen ADDR     where clients connect (default 127.0.0.1:8080)
  --policy FILE     the policy, as for replay. Without it: CRS at paranoia level 1
                    with the profile api, blocking
  --metrics ADDR    serve Prometheus metrics at /metrics, and /healthz
  --tls-cert FILE   certificate chain and key in PEM, for HTTPS; without them the
  --tls-key FILE    listener speaks HTTP/1.1 and, with prior knowledge, HTTP/2

Sets of addresses at URLs are fetched at the start and then as often as the policy
says; files of sets and databases are read anew when they change, whether they are
moved into place, written or linked anew. What fails is logged and counted
(tabard_feed_age_seconds, tabard_feed_fetches_total), and the last good content
stays: over a restart, too, if ` + feedsVariable + ` names a folder to keep it in.

Audit lines go to standard output, one JSON object for each exchange that was
blocked, that a rule which logs has matched, or that failed. SIGTERM or Ctrl-C
lets running exchanges finish for 25 s; a second signal ends at once.`,
	run: runServe,
}

// serveOptions are the flags.
type serveOptions struct {
	policy, listen, upstream, metrics, cert, key string
}

func parseServe(args []string) (serveOptions, error) {
	var o serveOptions
	f := newFlags("serve")
	f.StringVar(&o.policy, "policy", "", "")
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "")
	f.StringVar(&o.upstream, "upstream", "", "")
	f.StringVar(&o.metrics, "metrics", "", "")
	f.StringVar(&o.cert, "tls-cert", "", "")
	f.StringVar(&o.key, "tls-key", "", "")
	others, err := parse(f, args)
	switch {
	case err != nil:
		return o, err
	case len(others) > 0:
		return o, fmt.Errorf("unexpected argument %q; tabard help serve shows the flags", others[0])
	case o.upstream == "":
		return o, errors.New("--upstream is missing: name what to forward to, such as http://127.0.0.1:3000")
	case (o.cert == "") != (o.key == ""):
		return o, errors.New("--tls-cert and --tls-key go together")
	}
	return o, nil
}

func runServe(args []string, io stdio) (int, error) {
	o, err := parseServe(args)
	if err != nil {
		return exitFail, err
	}
	logger := log.New(io.err, "tabard serve: ", log.LstdFlags)
	proxy, refresher, err := o.proxy(io, logger)
	if err != nil {
		return exitFail, err
	}
	secure, err := o.tls()
	if err != nil {
		return exitFail, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return exitFail, err
	}
	failed := make(chan error, 2)
	if o.metrics != "" {
		l, err := net.Listen("tcp", o.metrics)
		if err != nil {
			return exitFail, errors.Join(err, listener.Close())
		}
		logger.Printf("metrics on http://%s/metrics", l.Addr())
		go func() { failed <- serve.Serve(ctx, l, proxy.Metrics(), nil, logger) }()
	}
	refresher.Start(ctx)
	logger.Printf("listening on %s, upstream %s", listener.Addr(), o.upstream)
	go func() { failed <- serve.Serve(ctx, listener, proxy, secure, logger) }()
	// Either ends with an error when it cannot go on, and with nil after ctx.
	err = <-failed
	if o.metrics != "" && err == nil {
		err = <-failed
	}
	return exitOK, err
}

// proxy compiles the policy and prepares the upstream and what keeps sets and
// databases up to date.
func (o serveOptions) proxy(io stdio, logger *log.Logger) (*serve.Proxy, *feeds.Refresher, error) {
	upstream, err := url.Parse(o.upstream)
	if err != nil {
		return nil, nil, err
	}
	policy, err := readPolicy(o.policy)
	if err != nil {
		return nil, nil, err
	}
	e, refresher, err := policy.refreshed(logger)
	if err != nil {
		return nil, nil, err
	}
	proxy, err := serve.New(serve.Options{
		Engine: e, Upstream: upstream, Audit: io.out, Log: logger, Sources: refresher,
	})
	return proxy, refresher, err
}

// tls is nil without a certificate.
func (o serveOptions) tls() (*tls.Config, error) {
	if o.cert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
