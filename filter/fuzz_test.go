package filter_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/filter"
)

// FuzzStream plays callbacks in any order while host calls and parts of the
// engine fail. Whatever happens, a stream of a closed policy that an error or
// a rule has stopped lets nothing of its request go on, answers at most once,
// and no callback panics.
func FuzzStream(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6}, uint8(0), uint8(0), false)
	f.Add([]byte{0, 2, 3, 5, 6}, uint8(9), uint8(1), false)
	f.Add([]byte{0, 1, 7, 7, 1, 6, 6}, uint8(3), uint8(2), true)
	f.Add([]byte{3, 0, 0, 1}, uint8(40), uint8(3), false)
	f.Fuzz(func(t *testing.T, steps []byte, broken, seed uint8, open bool) {
		b := newBench(t, holding(open))
		calls := []string{"headers(", "body(", "property(", "state(", "reply(", "use(", "resume(", "counter("}
		spoil(b, calls, broken, seed)
		s := b.stream(1)
		stopped := false
		for _, step := range steps[:min(len(steps), 40)] {
			name, request := play(b, s, step)
			stopped = stopped || filter.StateOf(s) == "answered" || filter.StateOf(s) == "unanswered"
			if stopped && request != nil {
				require.Equal(t, filter.Pause, *request, "%s after the end", name)
			}
		}
		require.LessOrEqual(t, len(b.host.Stream(1).Replies), 1)
		b.host.Mend()
		b.engine.panics, b.engine.verdicts = "", holding(open).verdicts
		requestSent, responseSent := whole(b, 2)
		require.True(t, requestSent && responseSent, "the next stream is as if nothing had been")
	})
}

// spoil makes one kind of host call and one part of the engine fail.
func spoil(b *bench, calls []string, broken, seed uint8) {
	parts := []string{"", "Begin", "RequestHeaders", "RequestBody", "RequestTrailers", "ResponseHeaders", "ResponseBody", "Fail", "End"}
	b.engine.panics = parts[int(seed)%len(parts)]
	switch call := calls[int(broken)%len(calls)]; {
	case broken >= 128:
		b.host.Break(call, errHost)
	case broken >= 64:
		b.host.BreakWithPanic(call, errHost)
	case broken >= 32:
		b.engine.verdicts["RequestBody"] = block(2)
	}
}

// play makes one callback; for one of the request's side it returns what the
// filter said.
func play(b *bench, s *filter.Stream, step byte) (string, *filter.Action) {
	end := step >= 128
	names := []string{"request headers", "request body", "request trailers", "response headers", "response body", "response trailers", "done", "tick"}
	name := names[int(step)%len(names)]
	requests := []string{"request headers", "request body", "request trailers"}
	var a filter.Action
	switch name {
	case "request headers":
		a = s.OnRequestHeaders(end)
	case "request body":
		a = s.OnRequestBody(int(step>>3)%6, end)
	case "request trailers":
		a = s.OnRequestTrailers()
	case "response headers":
		if end {
			b.host.Stream(1).Properties["response.code_details"] = "local"
		}
		s.OnResponseHeaders(end)
	case "response body":
		s.OnResponseBody(int(step>>3)%6, end)
	case "response trailers":
		s.OnResponseTrailers()
	case "done":
		s.OnDone()
	case "tick":
		b.now += time.Duration(step) * time.Second
		b.plugin.OnTick()
	}
	if slices.Contains(requests, name) {
		return name, &a
	}
	return name, nil
}

// BenchmarkExchange is what the filter itself costs on a small GET and its
// answer, without the engine and the proxy.
func BenchmarkExchange(b *testing.B) {
	bench := newBench(b, &script{})
	for b.Loop() {
		s := bench.stream(1)
		s.OnRequestHeaders(true)
		s.OnResponseHeaders(false)
		s.OnResponseBody(5, true)
		s.OnDone()
		bench.host.Trace()
		bench.engine.begun = bench.engine.begun[:0]
	}
}
