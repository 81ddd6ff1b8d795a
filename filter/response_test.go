package filter_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/filter"
)

// answer brings a stream to the upstream's response.
func (b *bench) request() *filter.Stream {
	s := b.stream(1)
	require.Equal(b.t, filter.Continue, s.OnRequestHeaders(true))
	b.host.Trace()
	return s
}

func TestAResponseThatThePolicyDoesNotInspectStreams(t *testing.T) {
	b := newBench(t, &script{})
	s := b.request()
	require.Equal(t, filter.Continue, s.OnResponseHeaders(false))
	require.Equal(t, 200, b.engine.only(t).status)
	require.Equal(t, filter.Continue, s.OnResponseBody(5, false))
	require.Equal(t, filter.Continue, s.OnResponseBody(5, true))
	require.Equal(t, "property(response.code_details)\nheaders(response headers)", b.host.Trace())
}

func TestAResponseWithoutABodyIsNotHeld(t *testing.T) {
	b := newBench(t, &script{holdResponse: true})
	s := b.request()
	require.Equal(t, filter.Continue, s.OnResponseHeaders(true))
	require.True(t, b.engine.only(t).ends[1])
}

func TestAHeldResponseGoesOnAfterPhase4(t *testing.T) {
	for name, end := range map[string]func(*filter.Stream) filter.Action{
		"at the last piece of its body": func(s *filter.Stream) filter.Action { return s.OnResponseBody(5, true) },
		"at an empty last piece": func(s *filter.Stream) filter.Action {
			s.OnResponseBody(5, false)
			return s.OnResponseBody(5, true)
		},
		"at its trailers": func(s *filter.Stream) filter.Action {
			s.OnResponseBody(5, false)
			return s.OnResponseTrailers()
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, &script{holdResponse: true})
			s := b.request()
			require.Equal(t, filter.Pause, s.OnResponseHeaders(false))
			require.Equal(t, filter.Pause, s.OnResponseBody(2, false))
			require.Equal(t, filter.Continue, end(s))
			require.Equal(t, "world", b.engine.only(t).bodies[1])
			require.True(t, b.engine.only(t).ends[1])
		})
	}
}

func TestABlockedResponseIsReplaced(t *testing.T) {
	for name, test := range map[string]struct {
		call, phase string
		play        func(*filter.Stream) filter.Action
	}{
		"by its headers": {"ResponseHeaders", "3", func(s *filter.Stream) filter.Action {
			return s.OnResponseHeaders(false)
		}},
		"by its body": {"ResponseBody", "4", func(s *filter.Stream) filter.Action {
			s.OnResponseHeaders(false)
			return s.OnResponseBody(5, true)
		}},
		"at its trailers": {"ResponseBody", "4", func(s *filter.Stream) filter.Action {
			s.OnResponseHeaders(false)
			return s.OnResponseTrailers()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, &script{holdResponse: true, verdicts: map[string]engine.Verdict{
				test.call: block(int(test.phase[0] - '0')),
			}})
			s := b.request()
			require.Equal(t, filter.Pause, test.play(s))
			require.Equal(t, []byte("refused"), b.host.Stream(1).Replies[0].Body)
			require.Equal(t, filter.Continue, s.OnResponseBody(7, true), "what comes now is our own answer")
			s.OnDone()
			require.Equal(t, "blocked.phase."+test.phase+" 1", b.counts("blocked"))
		})
	}
}

func TestAResponseOverTheLimitGoesOnAfterItsFirstPart(t *testing.T) {
	b := newBench(t, &script{holdResponse: true, limit: 3})
	s := b.request()
	require.Equal(t, filter.Pause, s.OnResponseHeaders(false))
	require.Equal(t, filter.Continue, s.OnResponseBody(5, false))
	require.Equal(t, filter.Continue, s.OnResponseBody(4, true))
	require.Equal(t, "body_over_limit.side.response 1", b.counts("body_over_limit"))
	require.Equal(t, "uninspected_bytes.reason.limit 6", b.counts("uninspected"))
}

func TestOnlyTheUpstreamsResponsesAreJudged(t *testing.T) {
	for name, test := range map[string]struct {
		details string
		judged  bool
	}{
		"the upstream's":                     {"via_upstream", true},
		"one out of a cache":                 {"cache.response_from_cache_filter", true},
		"a direct response of the route":     {"direct_response", false},
		"a reply of the proxy's own":         {"route_not_found", false},
		"a reply of another filter, no word": {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, &script{holdResponse: true})
			s := b.request()
			b.host.Stream(1).Properties["response.code_details"] = test.details
			require.Equal(t, filter.Action(test.judged), s.OnResponseHeaders(false))
			require.Equal(t, test.judged, b.engine.only(t).status != 0)
		})
	}
	t.Run("one of a host that does not say", func(t *testing.T) {
		b := newBench(t, &script{holdResponse: true})
		s := b.request()
		delete(b.host.Stream(1).Properties, "response.code_details")
		require.Equal(t, filter.Pause, s.OnResponseHeaders(false))
	})
}

func TestARequestThatTheProxyRefusesWhileItIsHeldIsAborted(t *testing.T) {
	b := newBench(t, &script{holdRequest: true})
	s := b.stream(1)
	s.OnRequestHeaders(false)
	s.OnRequestBody(5, false)
	b.host.Stream(1).Properties["response.code_details"] = "request_payload_too_large"
	require.Equal(t, filter.Continue, s.OnResponseHeaders(false))
	require.Equal(t, filter.Continue, s.OnResponseBody(17, true))
	require.Equal(t, filter.Pause, s.OnRequestBody(9, true), "and never goes on")
	s.OnDone()
	require.Equal(t, "requests.outcome.aborted 1", b.counts("requests"))
}

func TestTheEndOfAnExchange(t *testing.T) {
	t.Run("shows what the logging phase has added, audits and counts, once", func(t *testing.T) {
		scored := engine.Verdict{Action: engine.Detect, Phase: 2, Score: 3, Route: "orders", Matches: []engine.Match{{ID: 942100}}}
		b := newBench(t, &script{audit: `{"id":"tx"}`, verdicts: map[string]engine.Verdict{"RequestHeaders": scored}})
		s := b.request()
		s.OnResponseHeaders(true)
		logged := scored
		logged.Matches = append(logged.Matches, engine.Match{ID: 980170})
		b.engine.verdicts["End"] = logged
		b.host.Trace()
		s.OnDone()
		s.OnDone()
		require.Equal(t, strings.TrimSpace(`
state(tabard.rules, 942100,980170)
log(info)
counter(tabard.requests.outcome.detect, 1)
counter(tabard.rule_hits.rule.942100, 1)
counter(tabard.rule_hits.rule.980170, 1)
histogram(tabard.exchange_us, 0)`), b.host.Trace())
		require.Equal(t, []string{`info: tabard audit {"id":"tx"}`}, b.host.Entries)
		require.Equal(t, 1, b.engine.only(t).ended)
		require.Equal(t, map[string]string{
			"tabard.verdict": "detect", "tabard.rules": "942100,980170", "tabard.score": "3", "tabard.phase": "2",
			"tabard.route": "orders", "tabard.transaction_id": "tx",
		}, b.host.Stream(1).State)
	})
	t.Run("of one that never came to the filter counts nothing", func(t *testing.T) {
		b := newBench(t, &script{})
		b.stream(1).OnDone()
		require.Empty(t, b.counts("requests"))
	})
	t.Run("while the request is held, as when a client leaves, is an abort", func(t *testing.T) {
		b := newBench(t, &script{holdRequest: true})
		s := b.stream(1)
		s.OnRequestHeaders(false)
		s.OnDone()
		require.Equal(t, "requests.outcome.aborted 1", b.counts("requests"))
		require.Equal(t, 1, b.engine.only(t).ended)
	})
	t.Run("of a harmless one is a pass", func(t *testing.T) {
		b := newBench(t, &script{})
		s := b.request()
		s.OnResponseHeaders(true)
		s.OnDone()
		require.Equal(t, "requests.outcome.pass 1", b.counts("requests"))
		require.Empty(t, b.host.Entries)
	})
}

func TestOnlySoManyRulesHaveACounterOfTheirOwn(t *testing.T) {
	matches := make([]engine.Match, filter.MaxRuleMetrics+7)
	for i := range matches {
		matches[i].ID = 1000 + i
	}
	b := newBench(t, &script{verdicts: map[string]engine.Verdict{"RequestHeaders": {Action: engine.Detect, Matches: matches}}})
	for range 2 {
		s := b.request()
		s.OnDone()
	}
	require.Equal(t, filter.MaxRuleMetrics+1, strings.Count(b.counts("rule_hits"), "rule_hits"))
	require.Contains(t, b.counts("rule_hits"), "rule_hits.rule.other 14")
}
