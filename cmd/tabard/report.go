package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"tabard/engine"
	"tabard/internal/replay"
	"tabard/internal/report/verdicts"
)

var reportCommand = command{
	name:    "report",
	summary: "make a page, or a file for other tools, of the verdicts on traffic",
	help: `usage: tabard report [flags] FILE|FOLDER|- ...
       tabard report [flags] --audit FILE ...

Judges recorded traffic, or reads the audit lines that a running Tabard wrote, and
writes a report to standard output: by default one HTML page that needs nothing
else, with the verdicts over time, rules, routes, addresses, countries, scores,
candidates for false positives, and a table of requests that explains each one.
Values that the policy redacts are not in it.

  --policy FILE    the policy, as for replay
  --profile P      api or crs: replaces the policy's profile
  --audit FILE     audit lines instead of traffic, or - for standard input; may be
                   given often. What stands in front of a line's { is skipped
  --output O       html (default); json, the same data; and one object or row a
                   request: ndjson (audit lines), csv, ecs (Elastic Common Schema),
                   ocsf (HTTP Activity); sarif, what rules found, by place
  --format F       the format of the traffic; without it each file's content tells
  --host NAME      as for replay

Exit codes: 0 done; 1 not done, or not to the end; 130 interrupted.`,
	run: runReport,
}

// reportOutputs are in the order of the help text.
var reportOutputs = []string{"html", "json", "ndjson", "csv", "ecs", "ocsf", "sarif"}

// reportOptions are the flags.
type reportOptions struct {
	policyOptions
	trafficOptions
	output string
	audit  repeated
	paths  []string
}

func parseReport(args []string) (reportOptions, error) {
	var o reportOptions
	f := newFlags("report")
	o.policyOptions.register(f)
	f.StringVar(&o.output, "output", "html", "")
	f.Var(&o.audit, "audit", "")
	o.trafficOptions.register(f)
	var err error
	if o.paths, err = parse(f, args); err != nil {
		return o, err
	}
	switch {
	case !slices.Contains(reportOutputs, o.output):
		return o, fmt.Errorf("--output cannot be %q: use %s", o.output, strings.Join(reportOutputs, ", "))
	case len(o.paths) == 0 && len(o.audit) == 0:
		return o, errors.New("nothing to read: name files or folders, - for standard input, or --audit FILE")
	case len(o.paths) > 0 && len(o.audit) > 0:
		return o, errors.New("traffic and --audit do not go together: make a report of each")
	}
	return o, nil
}

func runReport(args []string, io stdio) (int, error) {
	o, err := parseReport(args)
	if err != nil {
		return exitFail, err
	}
	policy, err := o.load()
	if err != nil {
		return exitFail, err
	}
	w := o.writer(io.out, policy)
	if len(o.audit) > 0 {
		err = o.readAudit(io, w)
	} else {
		err = o.judge(io, policy, w)
	}
	if err := errors.Join(err, w.close()); err != nil {
		return exitFail, err
	}
	return exitOK, nil
}

// judge plays the traffic into the writer.
func (o reportOptions) judge(io stdio, policy loadedPolicy, w *reportWriter) error {
	e, err := policy.engine()
	if err != nil {
		return err
	}
	p := player{command: "report", io: io, sources: o.sources}
	err = p.play(o.paths, perCore(replay.Native{Engine: e, Records: true}), func(r replay.Result) error {
		w.add(*r.Outcome.Record, r.Entry.Position.File, r.Entry.Position.Line)
		return nil
	})
	w.report.Sources, w.report.Notes = o.paths, p.summary.Notes()
	return err
}

// readAudit reads audit lines into the writer.
func (o reportOptions) readAudit(io stdio, w *reportWriter) error {
	w.report.Sources = o.audit
	for _, name := range o.audit {
		skipped, err := readAuditFile(name, io.in, w.add)
		if skipped > 0 {
			w.report.Notes = append(w.report.Notes, fmt.Sprintf("lines of %s that are no audit lines: %d", name, skipped))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// maxAuditLineBytes: an audit line is cut to a few kilobytes by the engine; a
// longer line is something else and is skipped.
const maxAuditLineBytes = 1 << 20

// readAuditFile gives each record of a file with its line; skipped counts the
// lines that are none.
func readAuditFile(name string, stdin io.Reader, add func(r engine.Record, file string, line int)) (skipped int, err error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return 0, err
		}
		defer f.Close() // it was only read
		in = f
	}
	lines := bufio.NewReaderSize(in, maxAuditLineBytes)
	for n := 1; ; n++ {
		text, long, err := lines.ReadLine()
		if long {
			for long && err == nil {
				_, long, err = lines.ReadLine()
			}
			text = nil
		}
		if errors.Is(err, io.EOF) {
			return skipped, nil
		}
		if err != nil {
			return skipped, fmt.Errorf("%s: %w", name, err)
		}
		r, ok := auditRecord(text)
		if !ok {
			skipped++
			continue
		}
		add(r, name, n)
	}
}

// auditRecord reads a line such as "... wasm log: tabard audit {...}".
func auditRecord(line []byte) (r engine.Record, ok bool) {
	_, object, found := strings.Cut(string(line), "{")
	if !found || json.Unmarshal([]byte("{"+object), &r) != nil {
		return r, false
	}
	return r, r.Verdict != "" && r.TransactionID != ""
}

// reportWriter collects for a page, or writes line by line.
type reportWriter struct {
	output    string
	out       io.Writer
	collector verdicts.Collector
	findings  verdicts.Findings
	lines     verdicts.Lines  // nil for the outputs that are written at the end
	report    verdicts.Report // what only the caller knows
}

func (o reportOptions) writer(out io.Writer, policy loadedPolicy) *reportWriter {
	w := &reportWriter{output: o.output, out: out}
	w.report.Policy, w.report.Threshold = policy.title(), cmp.Or(policy.policy.CRS.InboundThreshold, engine.DefaultInboundThreshold)
	now := time.Now()
	switch o.output {
	case "ndjson":
		w.lines = verdicts.NewNDJSON(out)
	case "csv":
		w.lines = verdicts.NewCSV(out)
	case "ecs":
		w.lines = verdicts.NewECS(out, now)
	case "ocsf":
		w.lines = verdicts.NewOCSF(out, now)
	}
	return w
}

func (w *reportWriter) add(r engine.Record, file string, line int) {
	switch {
	case w.lines != nil:
		w.lines.Add(r)
	case w.output == "sarif":
		w.findings.Add(r, file, line)
	default:
		w.collector.Add(r)
	}
}

// close writes what has come.
func (w *reportWriter) close() error {
	if w.lines != nil {
		return w.lines.Flush()
	}
	if w.output == "sarif" {
		return w.findings.WriteSARIF(w.out)
	}
	r := w.collector.Report()
	r.Policy, r.Threshold, r.Sources, r.Notes = w.report.Policy, w.report.Threshold, w.report.Sources, w.report.Notes
	if w.output == "json" {
		return r.WriteJSON(w.out)
	}
	return r.WriteHTML(w.out)
}
