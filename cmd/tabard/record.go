package main

import (
	"fmt"
	"io"
	"slices"

	"tabard/engine"
	"tabard/internal/ftw"
	"tabard/internal/ftw/native"
	"tabard/internal/replay"
)

var recordCommand = command{
	name:    "record",
	summary: "make a rule test of a recorded request, with today's verdict filled in",
	help: `usage: tabard record [flags] FILE|-
       tabard record [flags] -- curl [arguments]

Prints a test in the FTW format (v2.3) of one request: of a HAR entry, a raw
request, NDJSON, an access log, an audit log of ModSecurity or Coraza, or a curl
command. What matches today is what the test expects: read it, write the two
descriptions, and run it with tabard test.

  --policy FILE    the policy, as for replay. Without it: CRS at paranoia level 1
                   with the profile api, blocking
  --profile P      api or crs: replaces the policy's profile; crs is plain CRS
  --entry N        of a file with several requests the N-th (default 1)
  --rule ID        the rule that the test is about; without it the first that matches.
                   When it does not match, the test says that it stays quiet
  --id N           the number of the test (default 1)
  --format F       the format of FILE, as for replay; without it the content tells

Exit codes: 0 done; 1 not done.`,
	run: runRecord,
}

func runRecord(args []string, io stdio) (int, error) {
	var rule, id int
	o := explainOptions{}
	f := newFlags("record")
	o.policyOptions.register(f)
	f.IntVar(&o.entry, "entry", 1, "")
	f.IntVar(&rule, "rule", 0, "")
	f.IntVar(&id, "id", 1, "")
	f.StringVar(&o.format, "format", "", "")
	rest, err := parse(f, args)
	if err == nil {
		err = o.takes(rest)
	}
	if err == nil && id < 1 {
		err = fmt.Errorf("--id cannot be %d: tests count from 1", id)
	}
	if err != nil {
		return exitFail, err
	}
	text, err := recorded(o, io.in, rule, id)
	if err != nil {
		return exitFail, err
	}
	_, err = io.out.Write(text)
	return exitOK, err
}

// recorded makes the text of a test.
func recorded(o explainOptions, in io.Reader, rule, id int) ([]byte, error) {
	entry, err := o.read(in)
	if err != nil {
		return nil, err
	}
	policy, err := o.load()
	if err != nil {
		return nil, err
	}
	policy.policy.Screen = engine.ScreenOff
	e, err := policy.engine()
	if err != nil {
		return nil, err
	}
	v := replay.Play(e, entry).End()
	if v.Err != nil {
		return nil, v.Err
	}
	x := native.Exchange{Request: entry.Request, Body: entry.Body, Response: speaking(entry, v)}
	suite, err := native.Record(x, v, rule, id)
	if err != nil {
		return nil, err
	}
	return ftw.FormatV2(suite)
}

// speaking gives the response when rules have matched it: other tests are
// shorter without.
func speaking(e replay.Entry, v engine.Verdict) *ftw.Response {
	late := slices.ContainsFunc(v.Matches, func(m engine.Match) bool { return m.Phase == 3 || m.Phase == 4 })
	if !late || !e.HasResponse() {
		return nil
	}
	out := &ftw.Response{Status: e.Response.Status, Body: e.Response.Body}
	for _, line := range e.Response.Headers {
		out.Headers = append(out.Headers, ftw.Header{Name: line[0], Value: line[1]})
	}
	return out
}
