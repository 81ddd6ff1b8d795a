package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"tabard/engine"
	"tabard/internal/alert"
	"tabard/internal/endpoint"
	"tabard/internal/replay"
)

var alertsCommand = command{
	name:    "alerts",
	summary: "raise alerts over live audit lines or recorded traffic",
	help: `usage: tabard alerts [flags] --policy FILE --audit FILE ...
       tabard alerts [flags] --policy FILE FILE|FOLDER|- ...

Applies the alert rules of the policy (alerts.rules) to audit lines as they come,
or to recorded traffic, and writes one line for each alert: callers with many
answers of 401 or 403, scores that are much higher than they were, a principal in
a new country, requests that did not come through the gateway, throttled callers.
With such rules in its policy a running Tabard writes audit lines for these too.

    kubectl logs -f deploy/envoy | tabard alerts --policy policy.yaml --audit -

  --policy FILE    the policy with alerts.rules
  --audit FILE     audit lines, or - for standard input; may be given often
  --output O       text (default) or json
  --webhook URL    also post alerts there, as a JSON array, in the background: three
                   attempts, and at most 1,000 wait
  --fail-on-alert  exit with 2 when there was one
  --format F       the format of the traffic; without it each file's content tells
  --host NAME      as for replay

A caller that has raised an alert raises the next one after the rule's window.
Exit codes: 0 done; 1 not done, or not to the end; 2 --fail-on-alert;
130 interrupted.`,
	run: runAlerts,
}

// alertsOptions are the flags.
type alertsOptions struct {
	trafficOptions
	policy, output, webhook string
	failOnAlert             bool
	audit                   repeated
	paths                   []string
}

func parseAlerts(args []string) (alertsOptions, error) {
	var o alertsOptions
	f := newFlags("alerts")
	f.StringVar(&o.policy, "policy", "", "")
	f.StringVar(&o.output, "output", "text", "")
	f.StringVar(&o.webhook, "webhook", "", "")
	f.BoolVar(&o.failOnAlert, "fail-on-alert", false, "")
	f.Var(&o.audit, "audit", "")
	o.trafficOptions.register(f)
	var err error
	if o.paths, err = parse(f, args); err != nil {
		return o, err
	}
	hook, err := url.Parse(o.webhook)
	switch {
	case o.policy == "":
		return o, errors.New("name the policy that has alerts.rules with --policy")
	case !slices.Contains([]string{"text", "json"}, o.output):
		return o, fmt.Errorf("--output cannot be %q: use text or json", o.output)
	case o.webhook != "" && (err != nil || hook.Host == "" || hook.Scheme != "http" && hook.Scheme != "https"):
		return o, fmt.Errorf("--webhook cannot be %q: use a URL such as https://host/path", o.webhook)
	case len(o.paths) == 0 && len(o.audit) == 0:
		return o, errors.New("nothing to read: name audit lines with --audit, or traffic")
	case len(o.paths) > 0 && len(o.audit) > 0:
		return o, errors.New("traffic and --audit do not go together")
	}
	return o, nil
}

func runAlerts(args []string, io stdio) (int, error) {
	o, err := parseAlerts(args)
	if err != nil {
		return exitFail, err
	}
	policy, err := loadPolicy(o.policy)
	if err != nil {
		return exitFail, err
	}
	if len(policy.policy.Alerts.Rules) == 0 {
		return exitFail, fmt.Errorf("%s has no alerts.rules", o.policy)
	}
	if err := policy.compiles(); err != nil {
		return exitFail, err
	}
	w := alertWriter{options: o, watcher: alert.New(policy.policy.Alerts), out: bufio.NewWriter(io.out)}
	if o.webhook != "" {
		w.hook = alert.NewWebhook(o.webhook)
	}
	if len(o.audit) > 0 {
		err = w.follow(io)
	} else {
		err = w.judge(policy, io)
	}
	err = errors.Join(err, w.close())
	fmt.Fprintf(io.err, "alerts: %d of %d records\n", w.alerts, w.records)
	if w.watcher.Timeless > 0 {
		fmt.Fprintf(io.err, "records without a time, which count for no window: %d\n", w.watcher.Timeless)
	}
	switch {
	case err != nil:
		return exitFail, err
	case o.failOnAlert && w.alerts > 0:
		return exitHit, nil
	}
	return exitOK, nil
}

// judge plays the traffic through the policy.
func (w *alertWriter) judge(policy loadedPolicy, io stdio) error {
	e, err := policy.engine()
	if err != nil {
		return err
	}
	p := player{command: "alerts", io: io, sources: w.options.sources}
	return p.play(w.options.paths, perCore(replay.Native{Engine: e, Records: true}), func(r replay.Result) error { return w.add(*r.Outcome.Record) })
}

// alertWriter writes alerts as they are raised.
type alertWriter struct {
	options         alertsOptions
	watcher         *alert.Watcher
	hook            *alert.Webhook // nil: none
	out             *bufio.Writer
	records, alerts int
}

// follow reads audit lines until their end or a signal.
func (w *alertWriter) follow(io stdio) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	records, ended := make(chan engine.Record), make(chan error, 1)
	go func() {
		for _, name := range w.options.audit {
			_, err := readAuditFile(name, io.in, func(r engine.Record, _ string, _ int) {
				select {
				case records <- r:
				case <-ctx.Done():
				}
			})
			if err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	for {
		select {
		case r := <-records:
			if err := w.add(r); err != nil {
				return err
			}
		case err := <-ended:
			return err
		case <-ctx.Done():
			return interrupted{w.records}
		}
	}
}

// add gives a record to the rules and writes what they say at once, so that a
// pipe sees it.
func (w *alertWriter) add(r engine.Record) error {
	w.records++
	for _, a := range w.watcher.Add(r) {
		w.alerts++
		if w.hook != nil {
			w.hook.Send(a)
		}
		if err := w.write(a); err != nil {
			return err
		}
	}
	return nil
}

func (w *alertWriter) write(a alert.Alert) error {
	if w.options.output == "json" {
		line, err := json.Marshal(a)
		if err != nil {
			return err
		}
		_, _ = w.out.Write(append(line, '\n')) // Flush tells
		return w.out.Flush()
	}
	when := "-"
	if !a.Time.IsZero() {
		when = a.Time.UTC().Format(time.RFC3339)
	}
	fmt.Fprintf(w.out, "%s  %s  %s  (last: %s)\n", when, endpoint.Printable(a.Rule), a.Message, endpoint.Printable(a.Last.Method+" "+a.Last.Target))
	return w.out.Flush()
}

func (w *alertWriter) close() error {
	if w.hook == nil {
		return w.out.Flush()
	}
	return errors.Join(w.out.Flush(), w.hook.Close())
}
