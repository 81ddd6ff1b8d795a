package filter_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/filter"
)

var errHost = errors.New("the host fails")

// whole plays an exchange in which everything is held, a body and trailers
// each way, up to its end or to an answer that is not the upstream's. It
// returns whether the request and the response went on.
func whole(b *bench, id uint32) (requestSent, responseSent bool) {
	s := b.stream(id)
	defer s.OnDone()
	goesOn := func(steps ...func() filter.Action) bool {
		for _, step := range steps {
			sent := step() == filter.Continue
			if sent || len(b.host.Stream(id).Replies) > 0 {
				return sent
			}
		}
		return false
	}
	requestSent = goesOn(
		func() filter.Action { return s.OnRequestHeaders(false) },
		func() filter.Action { return s.OnRequestBody(5, false) },
		s.OnRequestTrailers,
	)
	return requestSent, requestSent && goesOn(
		func() filter.Action { return s.OnResponseHeaders(false) },
		func() filter.Action { return s.OnResponseBody(5, false) },
		s.OnResponseTrailers,
	)
}

func holding(open bool) *script {
	return &script{
		holdRequest: true, holdResponse: true, open: open,
		verdicts: map[string]engine.Verdict{"ResponseBody": {Action: engine.Detect, Score: 3, Phase: 4, Matches: []engine.Match{{ID: 7}}}},
		audit:    "{}",
	}
}

// decisiveCalls are the host calls of a whole exchange that a decision needs.
// Each is the start of a line of the trace.
func decisiveCalls(t *testing.T) []string {
	b := newBench(t, holding(false))
	requestSent, responseSent := whole(b, 1)
	require.True(t, requestSent && responseSent)
	var calls []string
	for line := range strings.Lines(b.host.Trace()) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "counter(") && !strings.HasPrefix(line, "histogram(") && !strings.HasPrefix(line, "log(") {
			calls = append(calls, line)
		}
	}
	require.Len(t, calls, 19, "7 properties, headers, body, trailers, 2 states; 1 property, headers, body, 4 states")
	return calls
}

func TestEachHostCallThatFailsEndsInThePolicysOutcome(t *testing.T) {
	for _, call := range decisiveCalls(t) {
		for _, open := range []bool{false, true} {
			for _, panics := range []bool{false, true} {
				name, kind := call+" fails, ", "host_call"
				if panics {
					name, kind = call+" panics, ", "panic"
				}
				t.Run(name+map[bool]string{false: "closed", true: "open"}[open], func(t *testing.T) {
					b := newBench(t, holding(open))
					if panics {
						b.host.BreakWithPanic(call, errHost)
					} else {
						b.host.Break(call, errHost)
					}
					requestSent, responseSent := whole(b, 1)
					require.Equal(t, open, requestSent && responseSent)
					replies := b.host.Stream(1).Replies
					if open {
						require.Empty(t, replies)
					} else {
						require.Len(t, replies, 1)
						require.Equal(t, 500, replies[0].Status)
						require.Equal(t, "tabard_internal_error", replies[0].Details)
					}
					require.Contains(t, b.counts("internal_errors"), "internal_errors.kind."+kind+" ")
					require.Equal(t, "requests.outcome.error 1", b.counts("requests"))
					require.Contains(t, strings.Join(b.host.Entries, "\n"), "error: tabard: internal error ("+kind+")")
					require.Contains(t, strings.Join(b.host.Entries, "\n"), errHost.Error())

					b.host.Mend()
					requestSent, responseSent = whole(b, 2)
					require.True(t, requestSent && responseSent, "the next stream is as if nothing had been")
					require.Empty(t, b.host.Stream(2).Replies)
				})
			}
		}
	}
}

func TestEachPartOfTheEngineThatPanicsEndsInThePolicysOutcome(t *testing.T) {
	for _, call := range []string{"RequestHeaders", "RequestBody", "RequestTrailers", "ResponseHeaders", "ResponseBody"} {
		for _, open := range []bool{false, true} {
			t.Run(call+map[bool]string{false: ", closed", true: ", open"}[open], func(t *testing.T) {
				b := newBench(t, holding(open))
				b.engine.panics = call
				requestSent, responseSent := whole(b, 1)
				require.Equal(t, open, requestSent && responseSent)
				require.Equal(t, "internal_errors.kind.panic 1", b.counts("internal_errors"))
				require.Contains(t, b.host.Entries[0], "panic: "+call+" broke\ngoroutine ", "the stack is in the log")

				b.engine.panics = ""
				requestSent, responseSent = whole(b, 2)
				require.True(t, requestSent && responseSent)
			})
		}
	}
}

func TestAnEngineThatCannotEvenNameTheOutcomeMeansClosed(t *testing.T) {
	for name, panics := range map[string]string{"Begin": "Begin", "Fail": "Fail"} {
		t.Run(name+" panics", func(t *testing.T) {
			b := newBench(t, holding(true))
			b.engine.panics = panics
			b.host.Break("headers(response", errHost)
			_, responseSent := whole(b, 1)
			require.False(t, responseSent)
			require.Equal(t, 500, b.host.Stream(1).Replies[0].Status)
			require.Equal(t, "requests.outcome.error 1", b.counts("requests"))
		})
	}
	t.Run("a plugin that never started", func(t *testing.T) {
		b := newBench(t, holding(true))
		b.plugin = b.vm.NewPlugin()
		requestSent, _ := whole(b, 1)
		require.False(t, requestSent)
		require.Equal(t, 500, b.host.Stream(1).Replies[0].Status)
	})
}

func TestAPanicAtTheEndOfAnExchangeIsLoggedAndCounted(t *testing.T) {
	b := newBench(t, holding(false))
	b.engine.panics = "End"
	requestSent, responseSent := whole(b, 1)
	require.True(t, requestSent && responseSent)
	require.Equal(t, "internal_errors.kind.panic 1", b.counts("internal_errors"))
	require.Contains(t, b.host.Entries[0], "closing the exchange: panic: End broke")
}

func TestAnErrorOfTheEngineAtTheEndIsLoggedAndCounted(t *testing.T) {
	b := newBench(t, holding(false))
	b.engine.verdicts["End"] = engine.Verdict{Action: engine.Pass, Err: errors.New("the log is full")}
	requestSent, responseSent := whole(b, 1)
	require.True(t, requestSent && responseSent)
	require.Equal(t, "internal_errors.kind.engine 1", b.counts("internal_errors"))
	require.Contains(t, b.host.Entries[0], "closing the exchange: the log is full")
}

func TestFilterStateThatCannotBeSetAtTheEndChangesNothing(t *testing.T) {
	b := newBench(t, &script{})
	s := b.request()
	s.OnResponseHeaders(true)
	b.engine.verdicts = map[string]engine.Verdict{"End": {Action: engine.Detect}}
	b.host.Break("state(", errHost)
	s.OnDone()
	require.Empty(t, b.host.Stream(1).Replies)
	require.Equal(t, "internal_errors.kind.host_call 1", b.counts("internal_errors"))
}

func TestTheEnginesOwnErrorsAreCountedAndLogged(t *testing.T) {
	failed := engine.Verdict{Reason: engine.ReasonInternalError, Err: errors.New("the disk is full")}
	t.Run("closed", func(t *testing.T) {
		failed.Action, failed.Status = engine.Block, 500
		b := newBench(t, &script{holdRequest: true, verdicts: map[string]engine.Verdict{"RequestBody": failed}})
		requestSent, _ := whole(b, 1)
		require.False(t, requestSent)
		require.Contains(t, b.host.Entries[0], "internal error (engine): the disk is full; the exchange is refused")
		require.Equal(t, "requests.outcome.error 1", b.counts("requests"))
	})
	t.Run("open: the rest passes and is counted as not inspected", func(t *testing.T) {
		failed.Action, failed.Status = engine.Pass, 0
		b := newBench(t, &script{holdRequest: true, verdicts: map[string]engine.Verdict{"RequestBody": failed}})
		s := b.stream(1)
		s.OnRequestHeaders(false)
		require.Equal(t, filter.Continue, s.OnRequestBody(5, false))
		require.Equal(t, filter.Continue, s.OnRequestBody(6, true))
		require.Equal(t, filter.Continue, s.OnResponseHeaders(false))
		require.Contains(t, b.host.Entries[0], "the exchange goes on (internal_errors: open)")
		require.Equal(t, "internal_errors.kind.engine 1", b.counts("internal_errors"))
		require.Equal(t, "uninspected_bytes.reason.internal_error 6", b.counts("uninspected"))
	})
}

func TestHostsThatDoNotKeepTheirWordAreMistrusted(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*bench)
		play  func(*filter.Stream) filter.Action
		want  string
	}{
		"a body shorter than said": {
			func(b *bench) { b.host.Stream(1).Bodies[filter.Request] = "hel" },
			func(s *filter.Stream) filter.Action { return s.OnRequestBody(5, true) },
			"reading the request body: the host gave another number of bytes",
		},
		"a body that shrinks": {
			func(*bench) {},
			func(s *filter.Stream) filter.Action { s.OnRequestBody(4, false); return s.OnRequestBody(3, true) },
			"the held request body has become shorter",
		},
		"a response without a status": {
			func(b *bench) { b.host.Stream(1).Blocks[filter.ResponseHeaders] = engine.Headers{{"a", "b"}} },
			func(s *filter.Stream) filter.Action { s.OnRequestBody(5, true); return s.OnResponseHeaders(false) },
			"no :status",
		},
		"a response whose status is no number": {
			func(b *bench) { b.host.Stream(1).Blocks[filter.ResponseHeaders] = engine.Headers{{":status", "ok"}} },
			func(s *filter.Stream) filter.Action { s.OnRequestBody(5, true); return s.OnResponseHeaders(false) },
			"reading the response status",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, &script{holdRequest: true})
			s := b.stream(1)
			test.spoil(b)
			s.OnRequestHeaders(false)
			require.Equal(t, filter.Pause, test.play(s))
			require.Equal(t, 500, b.host.Stream(1).Replies[0].Status)
			require.Contains(t, b.host.Entries[0], test.want)
		})
	}
	t.Run("a request without a method", func(t *testing.T) {
		b := newBench(t, &script{})
		s := b.stream(1)
		b.host.Stream(1).Blocks[filter.RequestHeaders] = engine.Headers{{":path", "/"}}
		require.Equal(t, filter.Pause, s.OnRequestHeaders(true))
		require.Contains(t, b.host.Entries[0], "no :method")
	})
}

func TestAReplyThatTheHostDoesNotTakeIsTriedAgain(t *testing.T) {
	for name, breakReply := range map[string]func(*bench){
		"it fails": func(b *bench) { b.host.Break("reply", errHost) },
		"it panics": func(b *bench) {
			b.host.BreakWithPanic("reply", errHost)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, &script{holdRequest: true, verdicts: map[string]engine.Verdict{"RequestHeaders": block(1)}})
			s := b.stream(1)
			breakReply(b)
			require.Equal(t, filter.Pause, s.OnRequestHeaders(false))
			require.Equal(t, filter.Pause, s.OnRequestBody(5, true), "nothing moves")
			b.plugin.OnTick()
			require.Empty(t, b.host.Stream(1).Replies)
			b.host.Mend()
			b.plugin.OnTick()
			require.Len(t, b.host.Stream(1).Replies, 1)
			b.plugin.OnTick()
			require.Len(t, b.host.Stream(1).Replies, 1, "and only once")
			require.Contains(t, b.host.Trace(), "use(1)")
		})
	}
}

func TestAStreamWhoseBodyNeverComesDoesNotHang(t *testing.T) {
	wait := func(b *bench, d time.Duration) {
		b.now += d
		b.plugin.OnTick()
	}
	t.Run("closed: it is refused, and the log names the setting", func(t *testing.T) {
		b := newBench(t, &script{holdRequest: true})
		s := b.stream(1)
		s.OnRequestHeaders(false)
		wait(b, filter.HoldLimit-time.Second)
		require.Empty(t, b.host.Stream(1).Replies)
		wait(b, time.Second)
		require.Equal(t, 500, b.host.Stream(1).Replies[0].Status)
		require.Contains(t, b.host.Entries[0], "allow_on_headers_stop_iteration: true")
		require.Equal(t, "internal_errors.kind.stuck 1", b.counts("internal_errors"))
		wait(b, time.Hour)
		require.Len(t, b.host.Stream(1).Replies, 1)
	})
	t.Run("open: it is resumed", func(t *testing.T) {
		b := newBench(t, &script{holdRequest: true, open: true})
		s := b.stream(1)
		s.OnRequestHeaders(false)
		wait(b, filter.HoldLimit)
		require.Equal(t, []filter.Side{filter.Request}, b.host.Stream(1).Resumed)
		require.Equal(t, filter.Continue, s.OnRequestBody(5, true))
	})
	t.Run("open: a held response is resumed, too", func(t *testing.T) {
		b := newBench(t, &script{holdResponse: true, open: true})
		s := b.request()
		s.OnResponseHeaders(false)
		wait(b, filter.HoldLimit)
		require.Equal(t, []filter.Side{filter.Response}, b.host.Stream(1).Resumed)
	})
	t.Run("a resume that fails is logged", func(t *testing.T) {
		b := newBench(t, &script{holdRequest: true, open: true})
		b.stream(1).OnRequestHeaders(false)
		b.host.Break("resume", errHost)
		wait(b, filter.HoldLimit)
		require.Contains(t, b.host.Entries[1], "resuming the request: the host fails")
	})
	t.Run("an engine that panics then means closed", func(t *testing.T) {
		b := newBench(t, &script{holdRequest: true, open: true})
		b.stream(1).OnRequestHeaders(false)
		b.engine.panics = "Fail"
		wait(b, filter.HoldLimit)
		require.Equal(t, 500, b.host.Stream(1).Replies[0].Status)
	})
	t.Run("a stream that the host has forgotten is let be", func(t *testing.T) {
		b := newBench(t, &script{holdRequest: true})
		b.stream(1).OnRequestHeaders(false)
		b.host.Drop(1)
		wait(b, filter.HoldLimit)
		require.Contains(t, b.host.Entries[0], "turning to a held stream: no stream 1")
		b.host.Trace()
		wait(b, time.Hour)
		require.Empty(t, b.host.Trace())
	})
	t.Run("one that is over is not looked at", func(t *testing.T) {
		b := newBench(t, &script{holdRequest: true})
		s := b.stream(1)
		s.OnRequestHeaders(false)
		s.OnDone()
		b.host.Trace()
		wait(b, time.Hour)
		require.Empty(t, b.host.Trace())
	})
	t.Run("once one body has come, slow clients may be as slow as the proxy allows", func(t *testing.T) {
		b := newBench(t, &script{holdRequest: true})
		slow, other := b.stream(1), b.stream(2)
		slow.OnRequestHeaders(false)
		other.OnRequestHeaders(false)
		other.OnRequestBody(1, false)
		later := b.stream(3)
		later.OnRequestHeaders(false)
		b.host.Trace()
		wait(b, time.Hour)
		require.Empty(t, b.host.Trace())
	})
}
