package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"tabard/engine"
	"tabard/internal/replay"
)

var replayCommand = command{
	name:    "replay",
	summary: "give the verdicts that a policy would have given to recorded traffic",
	help: `usage: tabard replay [flags] FILE|FOLDER|- ...

Gives the verdicts that a policy would have given to recorded traffic, and a
summary by verdict, rule and route. Nothing is sent anywhere. "-" is standard
input; of a folder all files below it are read but hidden ones; a pattern such as
'logs/*.gz' is what it matches; gzip and zstd are undone.

  --policy FILE    the policy; files that it names are looked for beside it, then
                   below the folder that TABARD_RULES names, then among the
                   built-in rules. Without it: CRS at paranoia level 1 with the
                   profile api, blocking
  --profile P      api or crs: replaces the policy's profile; crs is plain CRS
  --json           one object a request, in the order of the input, instead of the
                   summary: id, verdict, status, phase, score, rules, screen
  --by source      also count by the keys source and label of ndjson entries, for
                   collections of harmless and hostile requests
  --fail-on V      exit with 2 when a request got the verdict V: block, or detect
                   for both detect and block
  --format F       one of the formats below; without it each file's content tells
  --host NAME      the Host header of requests whose source cannot know it, such
                   as a log's (default ` + replay.DefaultHost + `)
  --state FILE     keep in FILE how far the run has come; the same command goes on
                   from there, also after Ctrl-C or a crash, and reads what a log
                   has grown by since
  --beam           judge on the machines of an Apache Beam runner, in shards; the
                   summary is the same. Paths may be gs:// patterns
  --beam-args ARGS flags for Beam, such as '--runner=flink --endpoint=host:8099';
                   without them Prism, a runner on this machine. Workers elsewhere
                   need --out gs://..., a place that they and this program reach
  --shard-mb N     about how long a shard is (default 64)
  --engine E       native (default), or wasm: the module that Envoy loads, under
                   wazero
  --screen MODE    on, off or shadow: replaces the policy's setting of the fast path;
                   shadow judges everything with Coraza and compares the two
  --module FILE    the module for --engine wasm (default tabard.wasm beside this
                   program)

Formats:
` + replay.FormatHelp() + `
An ndjson entry has id, method, path, headers [["name","value"],...], body_b64 or
body (text), and when known client_ip, scheme, time (RFC 3339), source, label,
response {status, headers, body_b64}. A header's code points up to U+00FF are bytes
(Latin-1). What a log does not keep is put in where every client sends it: a Host,
and for a POST, PUT or PATCH a Content-Length of 0; the summary says what was not
known.

An entry that is broken is reported with its place and counted, and the rest is
read. Ctrl-C prints what is done so far. Exit codes: 0 done; 1 not done, or not to
the end; 2 --fail-on; 130 interrupted.`,
	run: runReplay,
}

// replayOptions are the flags.
type replayOptions struct {
	policyOptions
	trafficOptions
	engine, module, failOn, screen, state, by string
	json                                      bool
	beam                                      bool
	beamArgs                                  string
	shardMB                                   int64
	paths                                     []string
}

func parseReplay(args []string) (replayOptions, error) {
	var o replayOptions
	f := newFlags("replay")
	o.policyOptions.register(f)
	f.StringVar(&o.engine, "engine", "native", "")
	f.StringVar(&o.module, "module", "", "")
	f.StringVar(&o.screen, "screen", "", "")
	f.StringVar(&o.by, "by", "", "")
	f.StringVar(&o.failOn, "fail-on", "", "")
	f.StringVar(&o.state, "state", "", "")
	f.BoolVar(&o.beam, "beam", false, "")
	f.StringVar(&o.beamArgs, "beam-args", "", "")
	f.Int64Var(&o.shardMB, "shard-mb", 64, "")
	f.BoolVar(&o.json, "json", false, "")
	o.trafficOptions.register(f)
	var err error
	if o.paths, err = parse(f, args); err != nil {
		return o, err
	}
	switch {
	case o.engine != "native" && o.engine != "wasm":
		return o, fmt.Errorf("unknown engine %q: use native or wasm", o.engine)
	case o.failOn != "" && o.failOn != "block" && o.failOn != "detect":
		return o, fmt.Errorf("--fail-on cannot be %q: use block or detect", o.failOn)
	case o.screen != "" && !slices.Contains(engine.ScreenMode("").Choices(), o.screen):
		return o, fmt.Errorf("--screen cannot be %q: use on, off or shadow", o.screen)
	case o.by != "" && o.by != "source":
		return o, fmt.Errorf("--by cannot be %q: use source", o.by)
	case o.by != "" && o.json:
		return o, errors.New("--by is a part of the summary, which --json leaves out: use one of them")
	case o.by != "" && o.state != "":
		return o, errors.New("--by counts what this run reads, and --state what earlier ones have read: use one of them")
	case len(o.paths) == 0:
		return o, errors.New("nothing to read: name files or folders, or - for standard input")
	}
	return o, o.checkBeam()
}

func runReplay(args []string, io stdio) (int, error) {
	o, err := parseReplay(args)
	if err != nil {
		return exitFail, err
	}
	o.sources.Stdin = io.in
	policy, err := o.load()
	if err == nil {
		err = policy.setScreen(engine.ScreenMode(o.screen))
	}
	if err != nil {
		return exitFail, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if o.beam {
		return o.beamReplay(ctx, policy, io)
	}
	traffic, err := replay.Open(o.paths, o.sources)
	if err != nil {
		return exitFail, err
	}
	state, err := o.begin(policy, traffic)
	if err != nil {
		return exitFail, err
	}
	judges, closeJudges, err := o.judges(ctx, policy)
	if err != nil {
		return exitFail, err
	}
	r := replayRun{options: o, io: io, out: bufio.NewWriter(io.out), start: time.Now(), saved: time.Now(), state: state, before: state.Summary.Requests}
	if !o.json || !isTerminal(io.out) {
		r.bar = newProgress(io.err, traffic)
	}
	err = replay.Run(ctx, traffic.Next, judges, r.add, func() { r.fail(r.out.Flush()) })
	r.bar.finish()
	r.save()
	err = errors.Join(err, traffic.Close(), closeJudges())
	return r.finish(policy.title(), err)
}

// beamReplay is the run with --beam.
func (o replayOptions) beamReplay(ctx context.Context, p loadedPolicy, io stdio) (int, error) {
	r := replayRun{options: o, io: io, out: bufio.NewWriter(io.out), start: time.Now()}
	var err error
	r.state.Summary, err = o.runOnBeam(ctx, p, io.err)
	return r.finish(p.title(), err)
}

// begin returns the state that the run begins with: that of an earlier one with
// --state.
func (o replayOptions) begin(p loadedPolicy, t *replay.Traffic) (replay.State, error) {
	if o.state == "" {
		return replay.State{}, nil
	}
	version, _ := debug.ReadBuildInfo()
	run := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%v\n%v\n%s", p.text, o.engine, o.screen, o.sources.Format, o.sources.Host, version))
	s, err := replay.NewState(hex.EncodeToString(run[:]), t)
	if err == nil {
		err = s.Resume(o.state, t)
	}
	return s, err
}

// judges returns one judge a core and what ends them.
func (o replayOptions) judges(ctx context.Context, p loadedPolicy) ([]replay.Judge, func() error, error) {
	if o.engine == "wasm" {
		return wasmJudges(ctx, o.module, p)
	}
	e, err := p.engine()
	if err != nil {
		return nil, nil, err
	}
	judges := make([]replay.Judge, runtime.GOMAXPROCS(0))
	for i := range judges {
		judges[i] = replay.Native{Engine: e}
	}
	return judges, func() error { return nil }, nil
}

// maxReports bounds the broken entries that are printed: after as many it is
// clear that the file is at fault, and a log of gigabytes may be all wrong.
const maxReports = 20

// replayRun is what one run writes.
type replayRun struct {
	options replayOptions
	io      stdio
	out     *bufio.Writer
	bar     *progress
	start   time.Time
	saved   time.Time
	before  int // requests that an earlier run has done
	state   replay.State
	reports int
	err     error // of writing
}

// saveEvery is how often the state is written: a crash costs as much work.
const saveEvery = 5 * time.Second

// saveLook is after how many results the clock is looked at.
const saveLook = 256

// save writes the state, behind the output that it counts.
func (r *replayRun) save() {
	if r.options.state == "" || r.err != nil {
		return
	}
	r.saved = time.Now()
	r.fail(r.out.Flush())
	r.fail(r.state.Save(r.options.state))
}

// verdictLine is one line of --json. Its keys are a contract.
type verdictLine struct {
	ID      string          `json:"id"`
	Verdict engine.Action   `json:"verdict"`
	Status  int             `json:"status"`
	Phase   int             `json:"phase"`
	Score   int             `json:"score"`
	Rules   []int           `json:"rules"`
	Screen  engine.Screened `json:"screen"`
}

// add takes in one result.
func (r *replayRun) add(result replay.Result) error {
	r.state.Add(result)
	r.bar.update()
	if s := &r.state.Summary; r.options.state != "" && (s.Requests+s.Broken)%saveLook == 0 && time.Since(r.saved) > saveEvery {
		defer r.save()
	}
	if result.Err != nil {
		r.report(result.Err)
		return r.err
	}
	o := result.Outcome
	if o.Err != nil {
		r.report(fmt.Errorf("%s: internal error: %w", result.Entry.Position, o.Err))
	}
	if r.options.json {
		line, err := json.Marshal(verdictLine{
			ID: result.Entry.ID, Verdict: o.Action, Status: o.Status, Phase: o.Phase,
			Score: o.Score, Rules: append([]int{}, o.Rules...), Screen: o.Screen,
		})
		r.fail(err)
		_, err = r.out.Write(append(line, '\n'))
		r.fail(err)
	}
	return r.err
}

// report prints an error of one entry or source.
func (r *replayRun) report(err error) {
	if r.reports++; r.reports > maxReports {
		return
	}
	r.bar.clear()
	fmt.Fprintf(r.io.err, "tabard replay: %s\n", err)
	if r.reports == maxReports {
		fmt.Fprintln(r.io.err, "tabard replay: further entries of that kind are only counted")
	}
}

// fail keeps the first error of writing.
func (r *replayRun) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// finish prints what is done, also after an error, and gives the exit code.
func (r *replayRun) finish(policy string, err error) (int, error) {
	s := &r.state.Summary
	if errors.Is(err, context.Canceled) {
		err = interrupted{s.Requests}
	}
	if !r.options.json {
		fmt.Fprintf(r.out, "policy: %s\nengine: %s\n\n", policy, r.options.engine)
		r.fail(s.Write(r.out))
		if r.options.by != "" {
			r.fail(s.WriteSources(r.out))
		}
	}
	r.fail(r.out.Flush())
	seconds := time.Since(r.start).Seconds()
	done := s.Requests - r.before
	if r.before > 0 {
		fmt.Fprintf(r.io.err, "requests that an earlier run has done: %d\n", r.before)
	}
	fmt.Fprintf(r.io.err, "requests: %d in %.1f s, %.0f a second; broken entries: %d\n", done, seconds, float64(done)/seconds, s.Broken)
	hits := s.Count(engine.Block)
	if r.options.failOn == "detect" {
		hits += s.Count(engine.Detect)
	}
	switch {
	case err != nil || r.err != nil:
		return exitFail, errors.Join(err, r.err)
	case s.Failed > 0:
		return exitFail, fmt.Errorf("sources that could not be read to their end: %d", s.Failed)
	case s.Errors > 0:
		return exitFail, fmt.Errorf("verdicts made by an internal error: %d", s.Errors)
	case r.options.failOn != "" && hits > 0:
		return exitHit, nil
	}
	return exitOK, nil
}
