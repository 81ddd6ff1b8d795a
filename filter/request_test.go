package filter_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/filter"
)

func TestTheEngineGetsWhatTheHostKnows(t *testing.T) {
	plain := engine.Conn{Peer: netip.MustParseAddrPort("192.0.2.1:4711")}
	for name, test := range map[string]struct {
		properties map[string]string
		want       engine.Conn
	}{
		"without TLS, route or id": {nil, plain},
		"all there is": {
			map[string]string{
				"request.id": "r-1", "source.address": "[2001:db8::1]:5", "destination.address": "198.51.100.1:443",
				"connection.tls_version": "TLSv1.3", "xds.route_name": "orders",
			},
			engine.Conn{
				ID: "r-1", Peer: netip.MustParseAddrPort("[2001:db8::1]:5"), Server: netip.MustParseAddrPort("198.51.100.1:443"),
				TLS: true, ProxyRoute: "orders",
			},
		},
		"an IPv4 address in IPv6 clothes is IPv4": {
			map[string]string{"source.address": "[::ffff:192.0.2.9]:7"},
			engine.Conn{Peer: netip.MustParseAddrPort("192.0.2.9:7")},
		},
		"a client on a Unix socket has no address": {
			map[string]string{"source.address": "/run/client.sock"}, engine.Conn{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, &script{})
			s := b.stream(1)
			for k, v := range test.properties {
				b.host.Stream(1).Properties[k] = v
			}
			require.Equal(t, filter.Continue, s.OnRequestHeaders(true))
			x := b.engine.only(t)
			require.WithinDuration(t, time.Now(), x.conn.Started, time.Minute)
			x.conn.Started = time.Time{}
			require.Equal(t, test.want, x.conn)
			require.Equal(t, engine.Request{
				Method: "POST", Target: "/a?b=c", Protocol: "HTTP/1.1", Scheme: "https", Authority: "shop.example",
				Headers: engine.Headers{{"user-agent", "test"}, {"accept", "text/html"}, {"accept", "*/*"}},
			}, x.request)
		})
	}
}

func TestTheTargetOfATunnelIsTheAuthority(t *testing.T) {
	b := newBench(t, &script{})
	s := b.stream(1)
	b.host.Stream(1).Blocks[filter.RequestHeaders] = engine.Headers{{":authority", "shop.example:443"}, {":method", "CONNECT"}}
	require.Equal(t, filter.Continue, s.OnRequestHeaders(false))
	require.Equal(t, "shop.example:443", b.engine.only(t).request.Target)
}

func TestAnEmptyHostIsNotAMissingOne(t *testing.T) {
	for name, test := range map[string]struct {
		lines engine.Headers
		want  engine.Headers
	}{
		"an empty one": {engine.Headers{{":authority", ""}, {":method", "GET"}}, engine.Headers{{"host", ""}}},
		"none":         {engine.Headers{{":method", "GET"}}, engine.Headers{}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, &script{})
			s := b.stream(1)
			b.host.Stream(1).Blocks[filter.RequestHeaders] = test.lines
			require.Equal(t, filter.Continue, s.OnRequestHeaders(true))
			x := b.engine.only(t)
			require.Equal(t, test.want, x.request.Headers)
			require.Empty(t, x.request.Authority)
		})
	}
}

func TestARequestWithoutABodyIsJudgedWholeBeforeItGoesOn(t *testing.T) {
	b := newBench(t, &script{holdRequest: true})
	s := b.stream(1)
	require.Equal(t, filter.Continue, s.OnRequestHeaders(true))
	require.True(t, b.engine.only(t).ends[0])
	require.Equal(t, strings.TrimSpace(`
property(request.protocol)
headers(request headers)
property(connection_id)
property(destination.address)
property(connection.tls_version)
property(request.id)
property(source.address)
property(xds.route_name)
state(tabard.verdict, pass)
state(tabard.transaction_id, tx)`), b.host.Trace())
}

// Each property and each state is a call of the host, which costs as much as
// judging the request.
func TestALaterRequestOfAConnectionNeedsFewerCalls(t *testing.T) {
	b := newBench(t, &script{})
	for id := range uint32(2) {
		s := b.stream(1 + id)
		stream := b.host.Stream(1 + id)
		stream.Properties["connection_id"] = "\x07\x00\x00\x00\x00\x00\x00\x00"
		stream.Properties["destination.address"] = "198.51.100.1:443"
		stream.Properties["connection.tls_version"] = "TLSv1.3"
		stream.Blocks[filter.RequestHeaders] = append(stream.Blocks[filter.RequestHeaders], [2]string{"x-request-id", "tx"})
		b.host.Trace()
		require.NoError(t, b.host.Use(1+id))
		require.Equal(t, filter.Continue, s.OnRequestHeaders(true))
		conn := b.engine.begun[id].conn
		require.Equal(t, "tx", conn.ID, "Envoy's request.id is this header")
		require.Equal(t, netip.MustParseAddrPort("198.51.100.1:443"), conn.Server)
		require.True(t, conn.TLS)
	}
	require.Equal(t, strings.TrimSpace(`
property(request.protocol)
headers(request headers)
property(connection_id)
property(source.address)
property(xds.route_name)
state(tabard.verdict, pass)`), strings.TrimPrefix(strings.TrimSpace(b.host.Trace()), "use(2)\n"))
}

func TestTheEngineSeesTheFramingThatEnvoyTakesAway(t *testing.T) {
	chunked := [2]string{"transfer-encoding", "chunked"}
	for name, test := range map[string]struct {
		protocol string
		header   [2]string
		end      bool
		replayed bool
		want     bool
	}{
		"an HTTP/1.1 body without a length was chunked": {protocol: "HTTP/1.1", want: true},
		"one with a length was not":                     {protocol: "HTTP/1.1", header: [2]string{"content-length", "5"}},
		"one that still says so is left":                {protocol: "HTTP/1.1", header: [2]string{"transfer-encoding", "gzip, chunked"}},
		"an upgrade has no body":                        {protocol: "HTTP/1.1", header: [2]string{"upgrade", "websocket"}},
		"HTTP/2 has frames":                             {protocol: "HTTP/2"},
		"no body, no framing":                           {protocol: "HTTP/1.1", end: true},
		"a replayed request is left as it is":           {protocol: "HTTP/1.1", replayed: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, &script{})
			s := b.stream(1)
			b.host.Stream(1).Properties["request.protocol"] = test.protocol
			if !test.replayed {
				b.host.Stream(1).Properties["connection_id"] = "\x07\x00\x00\x00\x00\x00\x00\x00"
			}
			if test.header[0] != "" {
				lines := b.host.Stream(1).Blocks[filter.RequestHeaders]
				b.host.Stream(1).Blocks[filter.RequestHeaders] = append(lines, test.header)
			}
			s.OnRequestHeaders(test.end)
			if test.want {
				require.Contains(t, b.engine.only(t).request.Headers, chunked)
			} else {
				require.NotContains(t, b.engine.only(t).request.Headers, chunked)
			}
		})
	}
}

func TestAHeldBodyIsFedOnceThoughTheHostGathersIt(t *testing.T) {
	b := newBench(t, &script{holdRequest: true})
	s := b.stream(1)
	require.Equal(t, filter.Pause, s.OnRequestHeaders(false))
	b.host.Trace()
	require.Equal(t, filter.Pause, s.OnRequestBody(2, false))
	require.Equal(t, filter.Pause, s.OnRequestBody(2, false), "a piece may be empty")
	require.Equal(t, filter.Pause, s.OnRequestBody(4, false))
	require.Equal(t, "he"+"ll", b.engine.only(t).bodies[0])
	require.False(t, b.engine.only(t).ends[0])
	require.Equal(t, filter.Continue, s.OnRequestBody(5, true))
	require.Equal(t, "hello", b.engine.only(t).bodies[0])
	require.True(t, b.engine.only(t).ends[0])
	require.Equal(t, strings.TrimSpace(`
body(request, 0, 2)
body(request, 2, 2)
body(request, 4, 1)
state(tabard.verdict, pass)
state(tabard.transaction_id, tx)`), b.host.Trace())
}

func TestABodyMayEndWithAnEmptyPiece(t *testing.T) {
	b := newBench(t, &script{holdRequest: true})
	s := b.stream(1)
	s.OnRequestHeaders(false)
	require.Equal(t, filter.Pause, s.OnRequestBody(5, false))
	require.Equal(t, filter.Continue, s.OnRequestBody(5, true))
	require.Equal(t, "hello", b.engine.only(t).bodies[0])
	require.True(t, b.engine.only(t).ends[0])
}

func TestALargePieceIsReadInParts(t *testing.T) {
	b := newBench(t, &script{holdRequest: true})
	s := b.stream(1)
	body := strings.Repeat("x", 2*filter.ChunkBytes+3)
	b.host.Stream(1).Bodies[filter.Request] = body
	s.OnRequestHeaders(false)
	b.host.Trace()
	require.Equal(t, filter.Continue, s.OnRequestBody(len(body), true))
	require.Equal(t, body, b.engine.only(t).bodies[0])
	require.Equal(t, 3, strings.Count(b.host.Trace(), "body("))
}

func TestTrailersEndAHeldRequest(t *testing.T) {
	b := newBench(t, &script{holdRequest: true})
	s := b.stream(1)
	s.OnRequestHeaders(false)
	require.Equal(t, filter.Pause, s.OnRequestBody(5, false))
	require.Equal(t, filter.Continue, s.OnRequestTrailers())
	require.Equal(t, engine.Headers{{"x-sum", "1"}}, b.engine.only(t).trailers)
}

// refused is what a blocked request leaves behind: state first, so that the
// access log and later filters see it, then the reply.
const refused = `
state(tabard.verdict, block)
state(tabard.transaction_id, tx)
state(tabard.score, 5)
state(tabard.phase, %)
state(tabard.rules, 942100,949110)
reply(403, tabard_rule)`

func TestABlockedRequestIsAnsweredAndGoesNoFurther(t *testing.T) {
	for name, test := range map[string]struct {
		call, phase string
		play        func(*filter.Stream) filter.Action
	}{
		"by its headers": {"RequestHeaders", "1", func(s *filter.Stream) filter.Action {
			return s.OnRequestHeaders(true)
		}},
		"by its headers while a body follows": {"RequestHeaders", "1", func(s *filter.Stream) filter.Action {
			return s.OnRequestHeaders(false)
		}},
		"by its body": {"RequestBody", "2", func(s *filter.Stream) filter.Action {
			s.OnRequestHeaders(false)
			return s.OnRequestBody(5, true)
		}},
		"by the start of its body": {"RequestBody", "2", func(s *filter.Stream) filter.Action {
			s.OnRequestHeaders(false)
			return s.OnRequestBody(3, false)
		}},
		"by its trailers": {"RequestTrailers", "2", func(s *filter.Stream) filter.Action {
			s.OnRequestHeaders(false)
			s.OnRequestBody(5, false)
			return s.OnRequestTrailers()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			phase := int(test.phase[0] - '0')
			b := newBench(t, &script{holdRequest: true, verdicts: map[string]engine.Verdict{test.call: block(phase)}})
			s := b.stream(1)
			require.Equal(t, filter.Pause, test.play(s))
			trace := b.host.Trace()
			require.Equal(t, strings.ReplaceAll(refused, "%", test.phase), trace[strings.Index(trace, "\nstate("):])
			require.Equal(t, []filter.Reply{{
				Status: 403, Headers: engine.Headers{{"content-type", "text/plain"}}, Body: []byte("refused"), Details: "tabard_rule",
			}}, b.host.Stream(1).Replies)

			require.Equal(t, filter.Pause, s.OnRequestBody(9, true), "the rest of the request stays here")
			require.Equal(t, filter.Continue, s.OnResponseHeaders(false), "our own answer is not judged")
			require.Equal(t, filter.Continue, s.OnResponseBody(7, true))
			require.Zero(t, b.engine.only(t).status)
			s.OnDone()
			require.Equal(t, "requests.outcome.block 1", b.counts("requests"))
			require.Equal(t, "blocked.phase."+test.phase+" 1", b.counts("blocked"))
			require.Equal(t, "rule_hits.rule.942100 1\nrule_hits.rule.949110 1", b.counts("rule"))
		})
	}
}

func TestABodyOverTheLimit(t *testing.T) {
	t.Run("is refused where the policy rejects it", func(t *testing.T) {
		tooLong := engine.Verdict{Action: engine.Block, Reason: engine.ReasonBodyLimit, Status: 413, Phase: 1}
		b := newBench(t, &script{holdRequest: true, limit: 3, verdicts: map[string]engine.Verdict{"RequestBody": tooLong}})
		s := b.stream(1)
		s.OnRequestHeaders(false)
		require.Equal(t, filter.Pause, s.OnRequestBody(5, false))
		require.Equal(t, 413, b.host.Stream(1).Replies[0].Status)
		require.Equal(t, "tabard_body_limit", b.host.Stream(1).Replies[0].Details)
		require.Equal(t, "body_over_limit.side.request 1", b.counts("body_over_limit"))
	})
	t.Run("goes on after its first part where the policy inspects that", func(t *testing.T) {
		b := newBench(t, &script{holdRequest: true, limit: 3})
		s := b.stream(1)
		s.OnRequestHeaders(false)
		require.Equal(t, filter.Pause, s.OnRequestBody(2, false))
		require.Equal(t, filter.Continue, s.OnRequestBody(5, false))
		require.Equal(t, "hello", b.engine.only(t).bodies[0])
		require.Equal(t, filter.Continue, s.OnRequestBody(100, false), "this time the size is the piece's own")
		require.Equal(t, filter.Continue, s.OnRequestTrailers())
		require.Equal(t, "body_over_limit.side.request 1", b.counts("body_over_limit"))
		require.Equal(t, "uninspected_bytes.reason.limit 102", b.counts("uninspected"))
	})
}

func TestABodyThatIsNotHeldPassesCounted(t *testing.T) {
	for name, test := range map[string]struct {
		skip engine.SkipReason
		want string
	}{
		"gRPC in both directions":                            {engine.SkipGRPC, "uninspected_bytes.reason.grpc 12"},
		"frames after an upgrade in both directions":         {engine.SkipUpgrade, "uninspected_bytes.reason.upgrade 12"},
		"what the policy does not inspect, the request only": {engine.SkipPolicy, "uninspected_bytes.reason.policy 9"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, &script{skip: test.skip})
			s := b.stream(1)
			require.Equal(t, filter.Continue, s.OnRequestHeaders(false))
			require.Equal(t, filter.Continue, s.OnRequestBody(4, false))
			require.Equal(t, filter.Continue, s.OnResponseHeaders(false))
			require.Equal(t, filter.Continue, s.OnResponseBody(3, false))
			require.Equal(t, filter.Continue, s.OnRequestBody(5, true))
			require.Equal(t, filter.Continue, s.OnResponseTrailers())
			require.Equal(t, test.want, b.counts("uninspected"))
			if test.skip == engine.SkipGRPC {
				require.Len(t, b.engine.only(t).bodies[0], 9, "the engine follows the messages")
				return
			}
			require.Empty(t, b.engine.only(t).bodies[0])
			require.NotContains(t, b.host.Trace(), "body(")
		})
	}
}

func TestABodyThatOnlyCallsItselfGRPCIsRefused(t *testing.T) {
	b := newBench(t, &script{skip: engine.SkipGRPC, verdicts: map[string]engine.Verdict{"RequestBody": block(1)}})
	s := b.stream(1)
	require.Equal(t, filter.Continue, s.OnRequestHeaders(false))
	require.Equal(t, filter.Pause, s.OnRequestBody(4, false))
	require.Contains(t, b.host.Trace(), "reply(")
	require.Equal(t, filter.Pause, s.OnRequestBody(5, true), "nothing more goes on")
}

func TestStreamsThatTakeTurnsDoNotMix(t *testing.T) {
	b := newBench(t, &script{holdRequest: true})
	first, second := b.stream(1), b.stream(2)
	b.host.Stream(2).Bodies[filter.Request] = "HELLO"
	b.host.Stream(1)
	first.OnRequestHeaders(false)
	b.host.Stream(2)
	second.OnRequestHeaders(false)
	b.host.Stream(1)
	first.OnRequestBody(3, false)
	b.host.Stream(2)
	second.OnRequestBody(1, false)
	b.engine.begun[0].verdicts = map[string]engine.Verdict{"RequestBody": block(2)}
	b.host.Stream(1)
	require.Equal(t, filter.Pause, first.OnRequestBody(5, true))
	b.engine.begun[0].verdicts = nil
	b.host.Stream(2)
	require.Equal(t, filter.Continue, second.OnRequestBody(5, true))
	require.Equal(t, "hello", b.engine.begun[0].bodies[0])
	require.Equal(t, "HELLO", b.engine.begun[1].bodies[0])
	require.Len(t, b.host.Stream(1).Replies, 1)
	require.Empty(t, b.host.Stream(2).Replies)
}
