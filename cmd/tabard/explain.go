package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"tabard/engine"
	"tabard/internal/curl"
	"tabard/internal/explain"
	"tabard/internal/replay"
)

var explainCommand = command{
	name:    "explain",
	summary: "say why a request gets its verdict: rules, values, transformations, scores",
	help: `usage: tabard explain [flags] FILE|-
       tabard explain [flags] -- curl [arguments]

Gives the verdict on one request and what made it: the score by rule and, for each
rule that matched, its place, the value as it came, what each transformation made
of it, and the part that matched underlined. Nothing is sent anywhere.

FILE holds a raw HTTP request, a curl command, an HTTP archive (HAR), an audit log
or whatever else tabard replay reads; "-" is standard input. A command behind "--" is read as it stands.

  --policy FILE    the policy, as for replay. Without it: CRS at paranoia level 1
                   with the profile api, blocking
  --profile P      api or crs: replaces the policy's profile; crs is plain CRS
  --entry N        of a file with several requests the N-th (default 1)
  --rule ID        show this rule instead: how it matched or, if not, on what values
                   it was tried, where its pattern stops to match, or what kept it
                   from running
  --near           also list rules that nearly matched: chains of which a later link
                   did not, and patterns the greater part of which did
  --json           one JSON object for programs
  --format F       one of tabard replay's formats; without it the content tells

Values are shown as rules saw them, secrets included.
Exit codes: 0 done; 1 not done.`,
	run: runExplain,
}

// explainOptions are the flags.
type explainOptions struct {
	policyOptions
	format      string
	entry, rule int
	near, json  bool
	rest        []string
	command     bool // rest is a curl command
}

func parseExplain(args []string) (explainOptions, error) {
	var o explainOptions
	f := newFlags("explain")
	o.policyOptions.register(f)
	f.IntVar(&o.entry, "entry", 1, "")
	f.IntVar(&o.rule, "rule", 0, "")
	f.BoolVar(&o.near, "near", false, "")
	f.BoolVar(&o.json, "json", false, "")
	f.StringVar(&o.format, "format", "", "")
	rest, err := parse(f, args)
	if err != nil {
		return o, err
	}
	if o.near && (o.json || o.rule != 0) {
		return o, errors.New("--near goes with neither --json nor --rule")
	}
	return o, o.takes(rest)
}

// takes notes which request is asked for: a file, or a curl command.
func (o *explainOptions) takes(rest []string) error {
	o.rest = rest
	o.command = len(rest) > 0 && curl.IsCommand(rest[0])
	switch {
	case o.entry < 1:
		return fmt.Errorf("--entry cannot be %d: entries count from 1", o.entry)
	case len(rest) == 0:
		return errors.New("no request: name a file, - for standard input, or -- and a curl command")
	case len(rest) > 1 && !o.command:
		return fmt.Errorf("one request at a time: %s and %s", rest[0], rest[1])
	}
	return nil
}

func runExplain(args []string, io stdio) (int, error) {
	o, err := parseExplain(args)
	if err != nil {
		return exitFail, err
	}
	entry, err := o.read(io.in)
	if err != nil {
		return exitFail, err
	}
	policy, err := o.load()
	if err != nil {
		return exitFail, err
	}
	options, err := policy.options()
	if err != nil {
		return exitFail, err
	}
	explainer, err := explain.New(policy.policy, policy.rules, options...)
	if err != nil {
		return exitFail, err
	}
	x := explainer.Explain(func(e *engine.Engine) *engine.Exchange { return replay.Play(e, entry) })
	text, err := o.text(x)
	if err != nil {
		return exitFail, err
	}
	_, err = fmt.Fprint(io.out, text)
	return exitOK, err
}

// text is what the flags ask for.
func (o explainOptions) text(x explain.Explanation) (string, error) {
	if o.rule != 0 {
		// An id that no rule has is an error in JSON, too.
		lines, err := x.Why(o.rule)
		if err != nil || !o.json {
			return strings.Join(append(lines, ""), "\n"), err
		}
	}
	if o.json {
		text, err := json.MarshalIndent(x.Document(o.rule), "", "  ")
		return string(text) + "\n", err
	}
	text := x.Text()
	if o.near {
		text += "\nnearly matched:\n\n" + strings.Join(x.Near(), "\n") + "\n"
	}
	return text, nil
}

// read gives the request to explain.
func (o explainOptions) read(in io.Reader) (replay.Entry, error) {
	if o.command {
		request, err := curl.FromArgs(o.rest)
		e := replay.FromCurl(request)
		e.ID = "curl"
		return e, err
	}
	return readEntry(o.rest[0], in, o.format, o.entry)
}

// readEntry gives the n-th request of a file.
func readEntry(path string, in io.Reader, format string, n int) (replay.Entry, error) {
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return replay.Entry{}, err
		}
		defer f.Close() // it is only read
		in = f
	}
	r, err := replay.NewReader(in, path, replay.Options{Format: replay.Format(format)})
	if err != nil {
		return replay.Entry{}, fmt.Errorf("%s: %w", path, err)
	}
	for i := 1; ; i++ {
		record, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return replay.Entry{}, fmt.Errorf("%s has no entry %d: it holds %d", path, n, i-1)
		case i == n && err == nil:
			return record.Entry()
		case i == n:
			return replay.Entry{}, err
		}
	}
}
