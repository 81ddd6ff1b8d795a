package serve

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/rules"
)

// testPolicy has a rule for each phase and no CRS.
const testPolicy = `crs: {enabled: false}
response_body: {inspect: true, limit_bytes: 2048}
request_body: {limit_bytes: 2048}
redact: [pin]
directives:
- inline: |
    SecRule REQUEST_HEADERS:X-Deny "@streq 1" "id:1001,phase:1,deny,status:451,log,msg:'phase 1'"
    SecRule REQUEST_BODY|ARGS_POST "@contains attack" "id:1002,phase:2,deny,status:422,log,msg:'phase 2'"
    SecRule REQUEST_HEADERS:X-Sum "@streq bad" "id:1003,phase:2,deny,log,msg:'trailer'"
    SecRule RESPONSE_HEADERS:X-Leak "@rx ." "id:1004,phase:3,deny,status:502,log,msg:'phase 3'"
    SecRule RESPONSE_BODY "@contains SQL syntax" "id:1005,phase:4,deny,status:503,log,msg:'phase 4'"
    SecRule ARGS_GET:see "@rx ." "id:1006,phase:1,pass,log,msg:'seen',logdata:'%{MATCHED_VAR}'"
    SecRule REQUEST_URI "@contains /raw" "id:1007,phase:1,pass,log,msg:'%{REQUEST_URI_RAW}'"
    SecRule REMOTE_ADDR "@ipMatch 203.0.113.9" "id:1008,phase:1,deny,log,msg:'address'"
routes:
- name: partial
  path_prefix: /partial
  request_body: {limit_bytes: 2048, over_limit: partial}
- name: blind
  path_prefix: /blind
  request_body: {inspect: false}
`

// site is a proxy in front of an upstream.
type site struct {
	t        *testing.T
	proxy    *Proxy
	url      string
	client   *http.Client
	arrived  atomic.Int64
	audit    safeBuffer
	log      safeBuffer
	upstream *httptest.Server
}

// safeBuffer is a buffer for several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// setup is what a test changes.
type setup struct {
	policy  string
	handler http.HandlerFunc
	path    string // of the upstream
	options []engine.Option
	http2   bool // to the proxy over TLS, and from there without
}

// start runs a site until the test's end.
func start(t *testing.T, s setup) *site {
	t.Helper()
	out := &site{t: t}
	policy, err := engine.ParsePolicy("policy.yaml", []byte(cmp.Or(s.policy, testPolicy)))
	require.NoError(t, err)
	e, err := engine.New(policy, rules.FS(), s.options...)
	require.NoError(t, err)
	out.upstream = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out.arrived.Add(1)
		s.handler(w, r)
	}))
	scheme := "http"
	if s.http2 {
		out.upstream.Config.Protocols = new(http.Protocols)
		out.upstream.Config.Protocols.SetUnencryptedHTTP2(true)
		scheme = "h2c"
	}
	out.upstream.Start()
	t.Cleanup(out.upstream.Close)
	base, err := url.Parse(out.upstream.URL + s.path)
	require.NoError(t, err)
	base.Scheme = scheme
	out.proxy, err = New(Options{
		Engine: e, Upstream: base,
		Audit: &out.audit, Log: log.New(&out.log, "", 0),
	})
	require.NoError(t, err)
	front := httptest.NewUnstartedServer(out.proxy)
	front.Config.ErrorLog = log.New(io.Discard, "", 0)
	if front.EnableHTTP2 = s.http2; s.http2 {
		front.StartTLS()
	} else {
		front.Start()
	}
	t.Cleanup(front.Close)
	out.url, out.client = front.URL, front.Client()
	return out
}

// do sends a request and returns the answer with its body.
func (s *site) do(method, path string, body io.Reader, headers ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	require.NoError(s.t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return s.send(r)
}

func (s *site) send(r *http.Request) (*http.Response, string) {
	s.t.Helper()
	res, err := s.client.Do(r)
	require.NoError(s.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return res, string(text)
}

// raw sends bytes and returns the answer's text.
func (s *site) raw(text string) string {
	s.t.Helper()
	c := s.dial()
	_, err := io.WriteString(c, text)
	require.NoError(s.t, err)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(s.t, err)
	answer, err := httputil.DumpResponse(res, true)
	require.NoError(s.t, err)
	return string(answer)
}

func (s *site) dial() net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// metric returns the value of a series as text.
func (s *site) metric(series string) string {
	w := httptest.NewRecorder()
	s.proxy.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// lastAudit is the last audit line.
func (s *site) lastAudit() map[string]any {
	s.t.Helper()
	lines := strings.Split(strings.TrimSpace(s.audit.String()), "\n")
	var out map[string]any
	require.NoError(s.t, json.Unmarshal([]byte(lines[len(lines)-1]), &out))
	return out
}

// eachProtocol runs a test over HTTP/1.1 and over HTTP/2.
func eachProtocol(t *testing.T, s setup, test func(*testing.T, *site)) {
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			s.http2 = http2
			test(t, start(t, s))
		})
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/octet-stream")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"method": r.Method, "target": r.RequestURI, "host": r.Host, "body": string(body), "length": r.ContentLength,
		"for": r.Header["X-Forwarded-For"], "proto": r.Header["X-Forwarded-Proto"], "trailer": r.Trailer,
		"accept-encoding": r.Header["Accept-Encoding"], "keep": r.Header["X-Keep"],
	})
}

// echoed reads echo's answer.
func echoed(t *testing.T, text string) map[string]any {
	t.Helper()
	var out map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &out), text)
	return out
}

func TestAnExchangeThatPassesIsForwardedAsItCame(t *testing.T) {
	eachProtocol(t, setup{handler: echo}, func(t *testing.T, s *site) {
		res, text := s.do("POST", "/a?b=1", strings.NewReader("x=1"),
			"Content-Type", "application/x-www-form-urlencoded", "X-Keep", "1", "X-Keep", "2", "X-Forwarded-For", "203.0.113.9", "Accept-Encoding", "br")
		require.Equal(t, 200, res.StatusCode)
		got := echoed(t, text)
		require.Equal(t, "POST", got["method"])
		require.Equal(t, "x=1", got["body"])
		require.EqualValues(t, 3, got["length"])
		require.Equal(t, []any{"1", "2"}, got["keep"])
		require.Equal(t, []any{"127.0.0.1"}, got["for"], "nothing that a client says of itself is passed on")
		require.Equal(t, []any{"br"}, got["accept-encoding"])
		require.Equal(t, s.url[strings.Index(s.url, "//")+2:], got["host"])
		require.Equal(t, "1", s.metric(`tabard_requests_total{outcome="pass"}`))
		require.Equal(t, "1", s.metric("tabard_inspection_seconds_count"))
		require.Empty(t, s.audit.String())
	})
}

func TestTheTargetGoesUpstreamAsSent(t *testing.T) {
	for name, c := range map[string]struct{ base, sent, want string }{
		"escapes, dots and semicolons": {"", "/raw/%2e%2E/a%2fb/../c;d?x=%zz&y=a;b&&", "/raw/%2e%2E/a%2fb/../c;d?x=%zz&y=a;b&&"},
		"bytes that should be escaped": {"", `/raw/"<a>|^{}` + "\xe9?q='\"<x>", `/raw/"<a>|^{}` + "\xe9?q='\"<x>"},
		"two slashes":                  {"", "//raw//host/x?y", "//raw//host/x?y"},
		"an empty query":               {"", "/raw?", "/raw?"},
		"a fragment":                   {"", "/raw#x", "/raw#x"},
		"an absolute target":           {"", "http://evil.example/raw%2F?x", "/raw%2F?x"},
		"an absolute target of a host": {"", "http://evil.example?/raw", "/?/raw"},
		"a base with a path":           {"/base/", "/raw%2F/a?x", "/base/raw%2F/a?x"},
		"a base before two slashes":    {"/base", "//raw", "/base//raw"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, setup{handler: echo, path: c.base})
			answer := s.raw("GET " + c.sent + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
			_, body, _ := strings.Cut(answer, "\r\n\r\n")
			want, err := json.Marshal(c.want)
			require.NoError(t, err)
			require.Contains(t, body, `"target":`+string(want))
			require.Contains(t, s.audit.String(), `"id":1007`, "the rules see what was sent")
		})
	}
}

func TestABlockedRequestNeverReachesTheUpstream(t *testing.T) {
	long := strings.Repeat("a", 5000)
	for name, c := range map[string]struct {
		method, path string
		body         string
		headers      []string
		status       int
	}{
		"by its head":                    {"GET", "/", "", []string{"X-Deny", "1"}, 451},
		"by its head, with a body":       {"POST", "/", long, []string{"X-Deny", "1"}, 451},
		"by its body":                    {"POST", "/", "x=attack", []string{"Content-Type", "application/x-www-form-urlencoded"}, 422},
		"by the length of its body":      {"POST", "/", long, nil, 413},
		"by its body within a cut limit": {"POST", "/partial", "x=attack" + long, []string{"Content-Type", "application/x-www-form-urlencoded"}, 422},
	} {
		t.Run(name, func(t *testing.T) {
			eachProtocol(t, setup{handler: echo}, func(t *testing.T, s *site) {
				var body io.Reader
				if c.body != "" {
					body = io.MultiReader(strings.NewReader(c.body)) // of unknown length
				}
				res, text := s.do(c.method, c.path, body, c.headers...)
				require.Equal(t, c.status, res.StatusCode)
				require.Contains(t, text, "blocked")
				require.Zero(t, s.arrived.Load())
				require.Equal(t, "block", s.lastAudit()["verdict"])
				require.Equal(t, "1", s.metric(`tabard_requests_total{outcome="block"}`))
			})
		})
	}
}

func TestABodyOverACutLimitArrivesWhole(t *testing.T) {
	eachProtocol(t, setup{handler: echo}, func(t *testing.T, s *site) {
		long := strings.Repeat("a", 100_000)
		for _, path := range []string{"/partial", "/blind"} {
			res, text := s.do("POST", path, strings.NewReader(long), "Content-Type", "text/plain")
			require.Equal(t, 200, res.StatusCode)
			require.Equal(t, long, echoed(t, text)["body"])
		}
		require.Equal(t, "97952", s.metric(`tabard_uninspected_bytes_total{reason="limit"}`))
		require.Equal(t, "100000", s.metric(`tabard_uninspected_bytes_total{reason="policy"}`))
	})
}

func TestTrailersAreJudgedAndForwarded(t *testing.T) {
	eachProtocol(t, setup{handler: echo}, func(t *testing.T, s *site) {
		send := func(path, sum string) (*http.Response, string) {
			r, err := http.NewRequest("POST", s.url+path, io.MultiReader(strings.NewReader("x=1")))
			require.NoError(t, err)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Trailer = http.Header{"X-Sum": {sum}}
			return s.send(r)
		}
		for _, path := range []string{"/", "/blind"} {
			res, text := send(path, "good")
			require.Equal(t, 200, res.StatusCode)
			require.Equal(t, map[string]any{"X-Sum": []any{"good"}}, echoed(t, text)["trailer"])
		}
		res, _ := send("/", "bad")
		require.Equal(t, 403, res.StatusCode)
		require.EqualValues(t, 2, s.arrived.Load())
	})
}

func TestABlockedResponseLeavesNothingOfTheUpstream(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		status  int
	}{
		"by its head": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Leak", "secret")
			_, _ = io.WriteString(w, "secret")
		}, 502},
		"by its body": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("X-Powered-By", "secret")
			_, _ = io.WriteString(w, "secret")
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "error in your SQL syntax")
		}, 503},
		"by the part of its body within the limit": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "secret SQL syntax"+strings.Repeat("x", 5000))
		}, 503},
	} {
		t.Run(name, func(t *testing.T) {
			eachProtocol(t, setup{handler: c.handler}, func(t *testing.T, s *site) {
				res, text := s.do("GET", "/", nil)
				require.Equal(t, c.status, res.StatusCode)
				require.NotContains(t, text, "secret")
				require.NotContains(t, res.Header, "X-Powered-By")
				require.NotContains(t, res.Header, "X-Leak")
				require.Contains(t, text, "blocked")
			})
		})
	}
}

func TestAResponseThatPassesArrivesWhole(t *testing.T) {
	eachProtocol(t, setup{handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Trailer", "X-End")
		_, _ = io.WriteString(w, strings.Repeat("y", 1000))
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, strings.Repeat("x", 50_000))
		w.Header().Set("X-End", "here")
	}}, func(t *testing.T, s *site) {
		res, text := s.do("GET", "/", nil)
		require.Equal(t, 200, res.StatusCode)
		require.Len(t, text, 51_000)
		require.Equal(t, "here", res.Trailer.Get("X-End"))
		require.Equal(t, "48952", s.metric(`tabard_uninspected_bytes_total{reason="limit"}`))
		res, _ = s.do("HEAD", "/", nil)
		require.Equal(t, 200, res.StatusCode)
	})
}

func TestServerSentEventsComeAtOnce(t *testing.T) {
	next := make(chan string)
	eachProtocol(t, setup{handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for event := range next {
			_, _ = io.WriteString(w, "data: "+event+"\n\n")
			_ = http.NewResponseController(w).Flush()
			if event == "last" {
				return
			}
		}
	}}, func(t *testing.T, s *site) {
		r, err := http.NewRequest("GET", s.url+"/?see=1", nil)
		require.NoError(t, err)
		go func() { next <- "0" }()
		res, err := s.client.Do(r)
		require.NoError(t, err)
		defer res.Body.Close()
		lines := bufio.NewReader(res.Body)
		read := func() string {
			line, err := lines.ReadString('\n')
			require.NoError(t, err)
			_, err = lines.ReadString('\n')
			require.NoError(t, err)
			return strings.TrimSpace(line)
		}
		require.Equal(t, "data: 0", read())
		require.Contains(t, s.audit.String(), `"id":1006`, "the audit line does not wait for the stream's end")
		next <- "1" // the stream is still open: each event must come before the next is sent
		require.Equal(t, "data: 1", read())
		next <- "last"
		require.Equal(t, "data: last", read())
	})
}

func TestAGRPCStreamGoesBothWaysAtOnce(t *testing.T) {
	s := start(t, setup{http2: true, handler: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		in := bufio.NewReader(r.Body)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				break
			}
			_, _ = io.WriteString(w, "echo "+line[grpcHead:])
			_ = http.NewResponseController(w).Flush()
		}
		w.Header().Set("Grpc-Status", "0")
	}})
	body, feed := io.Pipe()
	r, err := http.NewRequest("POST", s.url+"/shop.Orders/Watch", body)
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/grpc")
	r.Header.Set("Te", "trailers")
	go func() { _, _ = io.WriteString(feed, "\x00\x00\x00\x00\x07attack\n") }()
	res, err := s.client.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	in := bufio.NewReader(res.Body)
	for _, word := range []string{"attack", "two"} {
		line, err := in.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "echo "+word+"\n", line)
		if word == "attack" {
			_, err = io.WriteString(feed, "\x00\x00\x00\x00\x04two\n")
			require.NoError(t, err)
		}
	}
	require.NoError(t, feed.Close())
	_, err = io.ReadAll(in)
	require.NoError(t, err)
	require.Equal(t, "0", res.Trailer.Get("Grpc-Status"))
	require.Equal(t, "21", s.metric(`tabard_uninspected_bytes_total{reason="grpc"}`))
}

// grpcHead is the flag and the length in front of a message.
const grpcHead = 5

func TestABodyThatOnlyCallsItselfGRPCIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		policy, body string
		status       int
		arrives      string
	}{
		"messages arrive":                {"", "\x00\x00\x00\x00\x02hi\x01\x00\x00\x00\x00", 200, "\x00\x00\x00\x00\x02hi\x01\x00\x00\x00\x00"},
		"JSON does not":                  {"", `{"a":"attack"}`, 400, ""},
		"a message that is cut does not": {"", "\x00\x00\x00\x00\x09hi", 400, ""},
		"in detection mode it does":      {"mode: detect\n", `{"a":"attack"}`, 200, `{"a":"attack"}`},
	} {
		t.Run(name, func(t *testing.T) {
			arrived := make(chan string, 1)
			s := start(t, setup{http2: true, policy: test.policy, handler: func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					body = nil
				}
				arrived <- string(body)
			}})
			r, err := http.NewRequest("POST", s.url+"/shop.Orders/Watch", strings.NewReader(test.body))
			require.NoError(t, err)
			r.Header.Set("Content-Type", "application/grpc")
			r.Header.Set("Te", "trailers")
			res, err := s.client.Do(r)
			require.NoError(t, err)
			defer res.Body.Close()
			require.Equal(t, test.status, res.StatusCode)
			if test.status == 200 {
				require.Equal(t, test.arrives, <-arrived)
			}
		})
	}
}

func TestTheServersOwnTargetHasNoPath(t *testing.T) {
	base, err := url.Parse("http://h/base/")
	require.NoError(t, err)
	require.Equal(t, "*", target(base, "*", &url.URL{Path: "*"}).RequestURI())
}

// upgrade switches to a protocol that answers each line by itself.
func upgrade(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Upgrade", r.Header.Get("Upgrade"))
	w.Header().Set("Connection", "Upgrade")
	if r.URL.Query().Has("leak") {
		w.Header().Set("X-Leak", "secret")
	}
	w.WriteHeader(http.StatusSwitchingProtocols)
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	for {
		line, err := rw.ReadString('\n')
		if err != nil {
			return
		}
		_, _ = rw.WriteString("echo " + line)
		_ = rw.Flush()
	}
}

func TestAnUpgradeKeepsWorking(t *testing.T) {
	s := start(t, setup{handler: upgrade})
	c := s.dial()
	head := "HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
	_, err := io.WriteString(c, "GET /ws "+head+"\r\n")
	require.NoError(t, err)
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.Equal(t, 101, res.StatusCode)
	for _, word := range []string{"one", "attack"} {
		_, err = io.WriteString(c, word+"\n")
		require.NoError(t, err)
		line, err := in.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "echo "+word+"\n", line)
	}
	require.Contains(t, s.raw("GET /ws "+head+"X-Deny: 1\r\n\r\n"), "HTTP/1.1 451 ")
	require.EqualValues(t, 1, s.arrived.Load())
	answer := s.raw("GET /ws?leak " + head + "\r\n")
	require.Contains(t, answer, "HTTP/1.1 502 ", "a refused switch of protocols is an ordinary answer")
	require.NotContains(t, answer, "secret")
}

func TestDetectionLetsThroughAndReports(t *testing.T) {
	s := start(t, setup{policy: "mode: detect\n" + testPolicy, handler: echo})
	res, _ := s.do("GET", "/?pin=s3cr3t", nil, "X-Deny", "1", "Authorization", "Bearer s3cr3t", "X-Request-Id", "abc-1")
	require.Equal(t, 200, res.StatusCode)
	require.EqualValues(t, 1, s.arrived.Load())
	line := s.lastAudit()
	require.Equal(t, "detect", line["verdict"])
	require.Equal(t, "abc-1", line["transaction_id"])
	require.Equal(t, "127.0.0.1", line["client"])
	require.NotContains(t, s.audit.String(), "s3cr3t")
	require.Equal(t, "1", s.metric(`tabard_rule_hits_total{rule="1001"}`))
	require.Equal(t, "1", s.metric(`tabard_requests_total{outcome="detect"}`))
}

func TestTrustedProxiesNameTheClient(t *testing.T) {
	s := start(t, setup{policy: testPolicy + "client_address: {trusted_hops: 1}\n", handler: echo})
	res, _ := s.do("GET", "/", nil, "X-Forwarded-For", "203.0.113.9")
	require.Equal(t, 403, res.StatusCode)
	_, text := s.do("GET", "/", nil, "X-Forwarded-For", "192.0.2.1, 192.0.2.7", "X-Forwarded-Proto", "https")
	require.Equal(t, []any{"192.0.2.1, 192.0.2.7, 127.0.0.1"}, echoed(t, text)["for"])
	require.Equal(t, []any{"https"}, echoed(t, text)["proto"])
}

func TestWhatAPeerThatIsNoProxySaysGoesNowhere(t *testing.T) {
	s := start(t, setup{policy: testPolicy + "client_address: {trusted_hops: 1, trusted_proxies: [10.0.0.0/8]}\n", handler: echo})
	res, text := s.do("GET", "/", nil, "X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https")
	require.Equal(t, 200, res.StatusCode, "a forged address changes nothing")
	require.Equal(t, []any{"127.0.0.1"}, echoed(t, text)["for"])
	require.Equal(t, []any{"http"}, echoed(t, text)["proto"])
}

func TestConnectIsRefused(t *testing.T) {
	s := start(t, setup{handler: echo})
	require.Contains(t, s.raw("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\nConnection: close\r\n\r\n"), "HTTP/1.1 405 ")
	require.Zero(t, s.arrived.Load())
}

func TestAnUpstreamMustBeAURLOfUse(t *testing.T) {
	for _, text := range []string{"ftp://h", "//h", "http://", "http://u:p@h", "http://h/?q=1", "http://h/#f", "localhost:8080"} {
		u, err := url.Parse(text)
		require.NoError(t, err)
		_, err = New(Options{Upstream: u})
		require.ErrorContains(t, err, "write it as http://host:port", text)
	}
}
