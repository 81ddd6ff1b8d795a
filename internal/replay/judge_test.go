package replay

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/rules"
)

// phases has a rule for each phase and no CRS.
const phases = `crs: {enabled: false}
response_body: {inspect: true}
routes:
- {name: api, path_prefix: /api}
directives:
- inline: |
    SecRule REQUEST_HEADERS:X "@streq 1" "id:1001,phase:1,deny,status:451,log,msg:'head'"
    SecRule REQUEST_BODY "@contains attack" "id:1002,phase:2,deny,log,msg:'body'"
    SecRule REQUEST_HEADERS:X-Trailer "@streq bad" "id:1003,phase:2,deny,log,msg:'trailer'"
    SecRule RESPONSE_STATUS "@streq 500" "id:1004,phase:3,deny,status:502,log,msg:'status'"
    SecRule RESPONSE_BODY "@contains SQL" "id:1005,phase:4,deny,status:503,log,msg:'leak'"
    SecRule REQUEST_METHOD "@streq PUT" "id:1006,phase:1,pass,log,msg:'method'"
`

func TestTheNativeJudgePlaysEachPart(t *testing.T) {
	policy, err := engine.ParsePolicy("p", []byte(phases))
	require.NoError(t, err)
	e, err := engine.New(policy, rules.FS())
	require.NoError(t, err)
	judge := Native{Engine: e}
	get := engine.Request{Method: "GET", Target: "/", Protocol: "HTTP/1.1", Authority: "h"}
	with := func(h ...[2]string) engine.Request {
		r := get
		r.Headers = h
		return r
	}
	form := with([2]string{"Content-Type", "application/x-www-form-urlencoded"})
	form.Method = "POST"
	for name, c := range map[string]struct {
		entry Entry
		want  Outcome
	}{
		"nothing to say": {Entry{Request: get}, Outcome{Action: engine.Pass}},
		"a route": {
			Entry{Request: engine.Request{Method: "PUT", Target: "/api/x", Protocol: "HTTP/1.1"}},
			Outcome{Action: engine.Detect, Phase: 1, Route: "api", Rules: []int{1006}, Messages: map[int]string{1006: "method"}},
		},
		"a head": {
			Entry{Request: with([2]string{"X", "1"}), Body: []byte("attack"), Response: &Response{Status: 500}},
			Outcome{Action: engine.Block, Status: 451, Phase: 1, Rules: []int{1001}, Messages: map[int]string{1001: "head"}},
		},
		"a body": {
			Entry{Request: form, Body: []byte("attack")},
			Outcome{Action: engine.Block, Status: 403, Phase: 2, Rules: []int{1002}, Messages: map[int]string{1002: "body"}},
		},
		"trailers behind a body": {
			Entry{Request: form, Body: []byte("a"), Trailers: engine.Headers{{"X-Trailer", "bad"}}},
			Outcome{Action: engine.Block, Status: 403, Phase: 2, Rules: []int{1003}, Messages: map[int]string{1003: "trailer"}},
		},
		"trailers alone": {
			Entry{Request: form, Trailers: engine.Headers{{"X-Trailer", "bad"}}},
			Outcome{Action: engine.Block, Status: 403, Phase: 2, Rules: []int{1003}, Messages: map[int]string{1003: "trailer"}},
		},
		"a response's head": {
			Entry{Request: get, Response: &Response{Status: 500}},
			Outcome{Action: engine.Block, Status: 502, Phase: 3, Rules: []int{1004}, Messages: map[int]string{1004: "status"}},
		},
		"a response's body": {
			Entry{Request: get, Response: &Response{Status: 200, Headers: engine.Headers{{"Content-Type", "text/html"}}, Body: []byte("SQL error")}},
			Outcome{Action: engine.Block, Status: 503, Phase: 4, Rules: []int{1005}, Messages: map[int]string{1005: "leak"}},
		},
		"an informational response is none": {
			Entry{Request: get, Response: &Response{Status: 103}}, Outcome{Action: engine.Pass},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want.Rules == nil {
				c.want.Rules, c.want.Messages = []int{}, map[int]string{}
			}
			got := judge.Judge(context.Background(), c.entry)
			require.NotEmpty(t, got.Screen)
			c.want.Screen = got.Screen // the fast path's own tests say which
			require.Equal(t, c.want, got)
		})
	}
}

func TestTheSummaryCountsByVerdictRuleAndRoute(t *testing.T) {
	var s Summary
	block := Outcome{Action: engine.Block, Rules: []int{942100, 949110}, Route: "api",
		Messages: map[int]string{942100: "SQL", 949110: "Inbound Anomaly Score Exceeded (Total Score: 5)"}}
	for _, r := range []Result{
		{Outcome: block, Entry: Entry{Unknown: UnknownHost | UnknownBody}},
		{Outcome: block, Entry: Entry{Unknown: UnknownBody}},
		{Outcome: Outcome{Action: engine.Detect, Rules: []int{920300}}},
		{Outcome: Outcome{Action: engine.Pass, Err: context.Canceled}},
		{Err: &EntryError{}}, {Err: &SourceError{}},
	} {
		s.Add(r)
	}
	require.Equal(t, 2, s.Count(engine.Block))
	var b strings.Builder
	require.NoError(t, s.Write(&b))
	require.Equal(t, `verdict   requests
block            2  50.0 %
detect           1  25.0 %
pass             1  25.0 %
all              4

rule      requests   blocked  message
942100           2         2  SQL
949110           2         2  Inbound Anomaly Score Exceeded
920300           1         0

route                     requests     block    detect      pass
(none)                           2         0         1         1
api                              2         2         0         0

requests without a Host header (one was put in): 1
requests without their body: 2
broken entries, without a verdict: 1
sources that could not be read to their end: 1
verdicts made by an internal error: 1
`, b.String())
}

func TestTheSummaryCountsBySourceAndLabel(t *testing.T) {
	var parts [2]Summary
	for i, r := range []Result{
		{Outcome: Outcome{Action: engine.Pass}, Entry: Entry{Source: "shop", Label: "benign"}},
		{Outcome: Outcome{Action: engine.Block}, Entry: Entry{Source: "list", Label: "malicious"}},
		{Outcome: Outcome{Action: engine.Detect}, Entry: Entry{Source: "list", Label: "malicious"}},
		{Outcome: Outcome{Action: engine.Block}, Entry: Entry{Label: "benign"}},
		{Outcome: Outcome{Action: engine.Pass}},
	} {
		parts[i%2].Add(r)
	}
	parts[0].Merge(parts[1])
	var b strings.Builder
	require.NoError(t, parts[0].WriteSources(&b))
	require.Equal(t, `
source                   label         requests   blocked
(none)                   benign               1         1 100.0 %
list                     malicious            2         1  50.0 %
shop                     benign               1         0   0.0 %
all                      benign               2         1  50.0 %
all                      malicious            2         1  50.0 %
`, b.String())
}

func TestMadeUpSourcesAreCountedTogether(t *testing.T) {
	var s Summary
	for i := range maxSources + 10 {
		s.Add(Result{Outcome: Outcome{Action: engine.Pass}, Entry: Entry{Source: strconv.Itoa(i)}})
	}
	require.Len(t, s.Sources, maxSources+1)
	require.Equal(t, SourceCount{Requests: 10}, s.Sources["(others)"]["(others)"])
}

func TestTheSummaryOfNothingIsShort(t *testing.T) {
	var s Summary
	var b strings.Builder
	require.NoError(t, s.Write(&b))
	require.Equal(t, "verdict   requests\nblock            0       -\ndetect           0       -\npass             0       -\nall              0\n", b.String())
}
