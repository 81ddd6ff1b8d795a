package engine_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/engine/jwt/jwttest"
	"tabard/rules"
)

// benchRequest is a request with its whole body.
type benchRequest struct {
	name    string
	request engine.Request
	body    string
}

// benchRequests are what the benchmark in Envoy sends, too: see tools/bench.
func benchRequests() []benchRequest {
	request := func(method, target string, more ...[2]string) engine.Request {
		return engine.Request{Method: method, Target: target, Scheme: "https", Authority: "api.example.com", Protocol: "HTTP/1.1",
			Headers: append(engine.Headers{
				{"user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
				{"accept", "text/html,application/json;q=0.9,*/*;q=0.8"},
				{"accept-language", "en-GB,en;q=0.7"},
			}, more...)}
	}
	post := func(target, mediaType, body string) engine.Request {
		return request("POST", target, [2]string{"content-type", mediaType}, [2]string{"content-length", fmt.Sprint(len(body))})
	}
	var lines []string
	for i := range 21 {
		lines = append(lines, fmt.Sprintf(`{"sku":"item-%d","name":"A pleasant thing, number %d","price":%d.5}`, i, i, i))
	}
	json := `{"items":[` + strings.Join(lines, ",") + `]}`
	form := "user=ann%40example.com&password=correct+horse+battery&remember=on"
	text := "text=" + strings.Repeat("The+quick+brown+fox+jumps+over+the+lazy+dog+and+reads+on+about+its+day.+", 900)[:64000]
	return []benchRequest{
		{"GET", request("GET", "/api/items?page=2&sort=price"), ""},
		{"GET with JWT and cookies", request("GET", "/api/account/orders?from=2026-01-01",
			[2]string{"authorization", "Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjIwMjYifQ." +
				"eyJzdWIiOiI0MiIsImlzcyI6Imh0dHBzOi8vaWQuZXhhbXBsZSIsImF1ZCI6InNob3AiLCJleHAiOjE3OTUwMDAwMDB9." + strings.Repeat("Q2h1bms4", 42)},
			[2]string{"cookie", "session=7f1c9a4b2e6d4f0a9c3b; theme=dark; lang=en; consent=1; cart=b3f1a2c4d5e6"}), ""},
		{"form", post("/api/login", "application/x-www-form-urlencoded", form), form},
		{"JSON 2 KB", post("/api/orders", "application/json", json), json},
		{"form text 64 KB", post("/api/comments", "application/x-www-form-urlencoded", text), text},
	}
}

// exchange runs one exchange to its end.
func exchange(e *engine.Engine, r *benchRequest) engine.Verdict {
	x := e.Begin(engine.Conn{ID: "6b2f7f5e-0c26-4b0e-9c3b-1f1f2b3c4d5e", TLS: true,
		Peer: netip.MustParseAddrPort("203.0.113.7:40000"), Server: netip.MustParseAddrPort("192.0.2.1:443")})
	x.RequestHeaders(r.request, r.body == "")
	if r.body != "" {
		x.RequestBody([]byte(r.body), true)
	}
	x.ResponseHeaders(200, "HTTP/1.1", engine.Headers{{"content-type", "application/json"}, {"content-length", "15"}}, true)
	return x.End()
}

// allFamilies is a policy with every family of rules at work: the profile for
// APIs, a set of 10,000 prefixes, types and uploads by route, tokens that have to
// be signed, and bodies that are looked into.
func allFamilies(keys string) string {
	var prefixes strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&prefixes, "  10.%d.%d.0/24\n", i/256, i%256)
	}
	return `
mode: block
profile: api
accept: [application/json, text/html]
charsets: [utf-8]
json: {strict: true}
uploads: {check: true, max_files: 3, max_file_bytes: 100000}
content_types: [application/json]
request_body: {encodings: [gzip]}
jwt: {mode: detect, algorithms: [ES256], issuers: ["https://id.example"], audiences: [shop], elsewhere: refuse}
ip: {sets: [{set: feed, action: block}]}
routes:
- name: account
  path_prefix: /api/account
  jwt:
    mode: required
    algorithms: [ES256]
    issuers: ["https://id.example"]
    audiences: [shop]
    keys: |
      ` + keys + `
- {name: forms, path: /api/login, content_types: [application/x-www-form-urlencoded]}
- {name: comments, path: /api/comments, content_types: [application/x-www-form-urlencoded, multipart/form-data]}
ip_sets:
- name: feed
  text: |
` + strings.ReplaceAll(prefixes.String(), "  10.", "    10.")
}

// BenchmarkExchange is one exchange with CRS at paranoia level 1, with the default
// policy and with all families at work, with the fast path and without. The median
// is printed beside the mean.
func BenchmarkExchange(b *testing.B) {
	signer := jwttest.NewSigner("2026")
	token := signer.Token(fmt.Sprintf(`{"sub":"42","iss":"https://id.example","aud":"shop","exp":%d}`, time.Now().Add(time.Hour).Unix()))
	for _, p := range []struct{ name, text string }{
		{"screen on", "mode: block\n"},
		{"screen off", "mode: block\nscreen: off\n"},
		{"all families", allFamilies(jwttest.KeySet(signer))},
	} {
		policy, err := engine.ParsePolicy("bench.yaml", []byte(p.text))
		require.NoError(b, err)
		e, err := engine.New(policy, rules.FS())
		require.NoError(b, err)
		for _, r := range benchRequests() {
			for i := range r.request.Headers {
				if r.request.Headers[i][0] == "authorization" {
					r.request.Headers[i][1] = "Bearer " + token
				}
			}
			b.Run(r.name+"/"+p.name, func(b *testing.B) {
				for range 3 {
					require.Equal(b, engine.Pass, exchange(e, &r).Action)
				}
				b.ReportAllocs()
				var times []time.Duration
				for b.Loop() {
					start := time.Now()
					exchange(e, &r)
					times = append(times, time.Since(start))
				}
				slices.Sort(times)
				b.ReportMetric(float64(times[len(times)/2].Nanoseconds()), "p50-ns/op")
			})
		}
	}
}

// BenchmarkExchangeParallel shares one engine among as many goroutines as -cpu
// says, each with all the requests in turn: with -cpu 1,2 the second number is
// half of the first where nothing holds them up.
func BenchmarkExchangeParallel(b *testing.B) {
	policy, err := engine.ParsePolicy("bench.yaml", []byte("mode: block\n"))
	require.NoError(b, err)
	e, err := engine.New(policy, rules.FS())
	require.NoError(b, err)
	requests := benchRequests()[:4] // the last would be nearly all of the work
	for range 100 {
		for i := range requests {
			require.Equal(b, engine.Pass, exchange(e, &requests[i]).Action)
		}
	}
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			exchange(e, &requests[i%len(requests)])
		}
	})
}
