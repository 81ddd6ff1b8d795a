package engine_test

import (
	"bytes"
	"compress/gzip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

// play sends a request with its body, "" for none, and returns the last verdict.
func play(e *engine.Engine, r engine.Request, body string) engine.Verdict {
	x := e.Begin(engine.Conn{})
	x.RequestHeaders(r, body == "")
	if x.HoldRequest() {
		x.RequestBody([]byte(body), true)
	}
	return x.End()
}

const multipartB = "multipart/form-data; boundary=B"

func uploadBody(name, filename, content string) string {
	return "--B\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"" + filename + "\"\r\n\r\n" + content + "\r\n--B--\r\n"
}

func fieldBody(name, content string) string {
	return "--B\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + content + "\r\n--B--\r\n"
}

// attack is one that its escapes, which any parser takes off, hide from most rules.
const attack = `{"user":{"name":"1\u0027 OR \u00271\u0027=\u00271"}}`

func TestValuesInsideOfValuesAreInspected(t *testing.T) {
	on := newEngine(t, "")
	off := newEngine(t, "request_body: {nested: false}\n")
	for _, tc := range []struct {
		name    string
		request engine.Request
		body    string
		target  string // of the match
	}{
		{"in the query", get("/?state=" + url.QueryEscape(attack)), "", "ARGS:state.json.user.name"},
		{"in a cookie", get("/", [2]string{"Cookie", "a=b; state=" + url.QueryEscape(attack)}), "", "ARGS:state.json.user.name"},
		{"in a form", post("/", form), "a=b&state=" + url.QueryEscape(attack), "ARGS:state.json.user.name"},
		{"in a field of a multipart body", post("/", multipartB), fieldBody("state", attack), "ARGS:state.json.user.name"},
		{"in a string of a JSON body", post("/", "application/json"), `{"state":"{\"user\":{\"name\":\"1\\u0027 OR \\u00271\\u0027=\\u00271\"}}"}`, "ARGS:json.state.json.user.name"},
		{"in front of what is no JSON any more", get("/?state=" + url.QueryEscape(`["1\u0027 OR \u00271\u0027=\u00271", nope`)), "", "ARGS:state.json.0"},
		{"in an attribute of XML", post("/", "text/xml"), `<a b="1' OR '1'='1"/>`, "ARGS:xml.@b"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := play(on, tc.request, tc.body)
			require.Equal(t, engine.Block, v.Action)
			require.Contains(t, targets(v), tc.target)
			require.NotContains(t, targets(play(off, tc.request, tc.body)), tc.target)
		})
	}
}

func targets(v engine.Verdict) (out []string) {
	for _, m := range v.Matches {
		out = append(out, m.Target)
	}
	return out
}

func TestHarmlessValuesInsideOfValuesPass(t *testing.T) {
	waf := newEngine(t, "")
	for name, r := range map[string]engine.Request{
		"JSON in the query":       get("/?filter=" + url.QueryEscape(`{"price":{"max":20},"tags":["a","b"]}`)),
		"JSON in a cookie":        get("/", [2]string{"Cookie", "consent=" + url.QueryEscape(`{"ads":false,"stats":true}`)}),
		"brackets in a name":      get("/?a%5B%5D=1&a[]=2"),
		"what only looks like it": get("/?q=" + url.QueryEscape("[draft] my text")),
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, engine.Pass, play(waf, r, "").Action) })
	}
}

func TestMoreValuesInsideOfValuesThanAreInspectedAreRefused(t *testing.T) {
	waf := newEngine(t, "")
	many := "[" + strings.Repeat("0,", 1000) + "0]"
	long := strings.Repeat(`{"`+strings.Repeat("k", 3000)+`":`, 20) + "[" + strings.Repeat("0,", 100) + "0]" + strings.Repeat("}", 20)
	for name, value := range map[string]string{"more than a thousand": many, "very long names": long} {
		t.Run(name, func(t *testing.T) {
			v := play(waf, post("/", form), "a="+url.QueryEscape(value))
			require.Equal(t, 413, v.Status)
			require.Equal(t, 100030, v.Rule)
		})
	}
	require.Equal(t, engine.Pass, play(waf, post("/", form), "a="+url.QueryEscape("["+strings.Repeat("0,", 900)+"0]")).Action)
}

func TestContentCodings(t *testing.T) {
	waf := newEngine(t, `
request_body: {encodings: [gzip], limit_bytes: 1000}
routes:
  - {name: partial, path: /partial, request_body: {encodings: [gzip], limit_bytes: 1000, over_limit: partial}}
  - {name: plain, path: /plain, request_body: {}}
  - {name: watch, path: /watch, mode: detect}
`)
	coded := [2]string{"Content-Encoding", "gzip"}
	for _, tc := range []struct {
		name    string
		request engine.Request
		body    string
		action  engine.Action
		status  int
		skipped engine.Skip
	}{
		{"a harmless one passes", post("/", form, coded), gzipped(t, "user=ann"), engine.Pass, 0, engine.Skip{}},
		{"an attack in it is seen", post("/", form, coded), gzipped(t, "user=1'+OR+'1'='1"), engine.Block, 403, engine.Skip{}},
		{"a bomb is over the limit", post("/", form, coded), gzipped(t, strings.Repeat("a", 100000)), engine.Block, 413, engine.Skip{Reason: engine.SkipLimit, Bytes: 1}},
		{"in detection mode it is noted", post("/watch", form, coded), gzipped(t, strings.Repeat("a", 100000)), engine.Detect, 0, engine.Skip{Reason: engine.SkipLimit, Bytes: 1}},
		{"the first part of a long one is inspected", post("/partial", form, coded), gzipped(t, "user=1'+OR+'1'='1&x="+strings.Repeat("a", 100000)), engine.Block, 403, engine.Skip{Reason: engine.SkipLimit, Bytes: 1}},
		{"another coding is refused", post("/", form, [2]string{"Content-Encoding", "zstd"}), "xyz", engine.Block, 415, engine.Skip{Reason: engine.SkipEncoding, Bytes: 3}},
		{"two fields are two codings", post("/", form, coded, coded), gzipped(t, "a"), engine.Block, 415, engine.Skip{Reason: engine.SkipEncoding, Bytes: 25}},
		{"CRS refuses any where none is listed", post("/plain", form, coded), gzipped(t, "a"), engine.Block, 415, engine.Skip{Reason: engine.SkipEncoding, Bytes: 25}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := waf.Begin(engine.Conn{})
			x.RequestHeaders(tc.request, false)
			v := x.RequestBody([]byte(tc.body), true)
			require.Equal(t, tc.action, v.Action, v.IDs())
			require.Equal(t, tc.status, v.Status, v.IDs())
			skipped, _ := x.Uninspected()
			require.Equal(t, tc.skipped, skipped)
			x.End()
		})
	}
}

func TestTypesThatCorazaDoesNotReadAreInspected(t *testing.T) {
	waf := newEngine(t, `content_types: ["*/*"]`+"\n")
	for contentType, body := range map[string]string{
		"text/plain": `{"q":"<script>alert(1)</script>"}`, "application/atom+xml; charset=utf-8": "<a>&lt;script>alert(1)&lt;/script></a>",
		"application/graphql": "{a(b:\"<script>alert(1)</script>\")}", "application/vnd.api+json": `{"q":"<script>alert(1)</script>"}`,
	} {
		t.Run(contentType, func(t *testing.T) {
			v := play(waf, post("/", contentType), body)
			require.Equal(t, engine.Block, v.Action)
			require.Contains(t, v.IDs(), 941100)
		})
	}
	require.Equal(t, engine.Pass, play(waf, post("/", "text/plain"), "hello & welcome").Action)
}

func TestOwnRulesMayScore(t *testing.T) {
	waf := newEngine(t, `
uploads: {check: true}
content_types: [application/json, multipart/form-data]
crs: {inbound_threshold: 6}
own_rules: score
routes: [{name: deny, path: /deny, own_rules: deny}]
`)
	for _, tc := range []struct {
		name    string
		request engine.Request
		body    string
		action  engine.Action
		rule    int
	}{
		{"one that scores does not block", post("/", multipartB), uploadBody("f", "a.exe", "x"), engine.Detect, 0},
		{"two that score do", post("/", multipartB), uploadBody("f", "a.exe", "MZ\x00\x00"), engine.Block, 949110},
		{"it denies where the route says so", post("/deny", multipartB), uploadBody("f", "a.exe", "x"), engine.Block, 100420},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := play(waf, tc.request, tc.body)
			require.Equal(t, tc.action, v.Action, v.IDs())
			require.Equal(t, tc.rule, v.Rule, v.IDs())
		})
	}
}

// TestTheFastPathKnowsWhatWasFound plays each request three times, so that the
// third is answered from memory where it can be, next to requests that differ in
// nothing but what the engine finds in their bodies.
func TestTheFastPathKnowsWhatWasFound(t *testing.T) {
	policy := `
uploads: {check: true, max_files: 1}
content_types: ["*/*"]
charsets: [utf-8]
accept: ["*/*"]
json: {strict: true}
graphql: {max_depth: 2}
request_body: {encodings: [gzip]}
`
	on, off := newEngine(t, policy), newEngine(t, policy+"screen: off\n")
	png := "\x89PNG\r\n\x1a\n"
	cases := []struct {
		request engine.Request
		body    string
	}{
		{post("/", multipartB), uploadBody("f", "a.png", png)},
		{post("/", multipartB), uploadBody("f", "a.png", png+"<?php")},
		{post("/", multipartB), uploadBody("f", "a.png", png) + "x"},
		{post("/", multipartB), fieldBody("f", `{"a":"b"}`)},
		{post("/", multipartB), fieldBody("f", attack)},
		{post("/", "application/json"), `{"a":1}`},
		{post("/", "application/json"), `{"a":1,"a":1}`},
		{post("/", "application/json"), `{"query":"{a}"}`},
		{post("/", "application/json"), `{"query":"{a{b{c}}}"}`},
		{post("/", "application/json"), `{"a":"{\"b\":\"c\"}"}`},
		{post("/", "application/json"), `{"a":"{\"b\":\"1' OR '1'='1\"}"}`},
		{post("/", form, [2]string{"Content-Encoding", "gzip"}), gzipped(t, "a=b")},
		{post("/", form, [2]string{"Content-Encoding", "gzip"}), gzipped(t, "a=<script>")},
		{post("/", form, [2]string{"Content-Encoding", "br"}), "a=b"},
		{post("/", "application/json; charset=utf-8"), `{"a":1}`},
		{post("/", "application/json; charset=utf-7"), `{"a":1}`},
		{get("/?a=" + url.QueryEscape(`{"b":"c"}`)), ""},
		{get("/?a=" + url.QueryEscape(`{"b":"1' OR '1'='1"}`)), ""},
		{get("/?" + strings.Repeat("a=b&", 999) + "c=[1]"), ""},
		{get("/?" + strings.Repeat("a=b&", 999) + "c=[1,2]"), ""},
	}
	hits := 0
	for range 3 {
		for i, c := range cases {
			want, got := play(off, c.request, c.body), play(on, c.request, c.body)
			require.Equal(t, want.Action, got.Action, "case %d: %v %v", i, want.IDs(), got.IDs())
			require.Equal(t, want.IDs(), got.IDs(), "case %d", i)
			require.Equal(t, want.Score, got.Score, "case %d", i)
			if got.Screen == engine.ScreenedHit {
				hits++
			}
		}
	}
	require.Zero(t, on.Disagreements())
	require.Greater(t, hits, 10)
}

// A part with two headers has a repeated name, which the fast path left to Coraza
// before it was kept apart.
func TestTheFastPathAnswersUploads(t *testing.T) {
	waf := newEngine(t, "")
	body := "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nholiday\r\n" +
		"--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n%PNG\r\n--B--\r\n"
	require.Equal(t, engine.ScreenedMiss, play(waf, post("/", multipartB), body).Screen)
	require.Equal(t, engine.ScreenedHit, play(waf, post("/", multipartB), strings.Replace(body, "holiday", "winter", 1)).Screen)
	require.Equal(t, engine.Block, play(waf, post("/", multipartB), strings.Replace(body, "holiday", "<script>alert(1)</script>", 1)).Action)
	require.Equal(t, engine.ScreenedMiss, play(waf, post("/", form), "a=1&a=2").Screen)
	require.Equal(t, engine.ScreenedHit, play(waf, post("/", form), "a=3&a=4").Screen)
	require.Equal(t, engine.Block, play(waf, post("/", form), "a=1&a=<script>alert(1)</script>").Action)
}
