// Package native plays the requests of rule tests on the engine in this
// process: one HTTP exchange of a test goes in, and what came out is what the
// test is judged by.
package native

import (
	"context"
	"net/netip"

	"tabard/engine"
	"tabard/internal/ftw"
)

// Client is the address that rules see as the client's, of the range for
// documentation.
var Client = netip.MustParseAddrPort("192.0.2.250:1234")

// Runner plays requests through an engine in this process, in front of
// Backend. It may be used by any number of goroutines.
type Runner struct{ Engine *engine.Engine }

// Play implements ftw.Runner. A message that a server would wait for in vain has no
// answer; an error is the engine's own.
func (r Runner) Play(_ context.Context, name string, in ftw.Input) (ftw.Seen, error) {
	m, err := in.Message()
	if err != nil {
		return ftw.Seen{NoAnswer: err}, nil
	}
	answer := in.Answer(m)
	x := Play(r.Engine, name, m, answer)
	status, _, body := x.BlockResponse()
	v := x.End()
	seen := ftw.Seen{Status: answer.Status, Body: answer.Body, Route: v.Route}
	if v.Action == engine.Block {
		seen.Status, seen.Body = status, body
	}
	for _, m := range v.Matches {
		seen.Matches = append(seen.Matches, ftw.Match(m))
	}
	return seen, v.Err
}

// Play gives a message, and its answer unless the message is blocked, to an
// engine, and does not end the exchange.
func Play(e *engine.Engine, name string, m ftw.Message, answer ftw.Response) *engine.Exchange {
	x := e.Begin(engine.Conn{ID: name, Peer: Client})
	hasBody, hasTrailers := len(m.Body) > 0, len(m.Trailers) > 0
	v := x.RequestHeaders(Request(m), !hasBody && !hasTrailers)
	if hasBody && v.Action != engine.Block {
		v = x.RequestBody(m.Body, !hasTrailers)
	}
	if hasTrailers && v.Action != engine.Block {
		v = x.RequestTrailers(Lines(m.Trailers))
	}
	if v.Action == engine.Block {
		return x
	}
	v = x.ResponseHeaders(answer.Status, m.Protocol, Lines(answer.Headers), len(answer.Body) == 0)
	if len(answer.Body) > 0 && v.Action != engine.Block {
		x.ResponseBody(answer.Body, true)
	}
	return x
}

// Request is the head of a message as the engine takes it.
func Request(m ftw.Message) engine.Request {
	return engine.Request{
		Method: m.Method, Target: m.Target, Protocol: m.Protocol, Scheme: m.Scheme,
		Authority: m.Header("Host"), Headers: Lines(m.Headers),
	}
}

// Lines are field lines as the engine takes them.
func Lines(headers []ftw.Header) engine.Headers {
	lines := make(engine.Headers, len(headers))
	for i, h := range headers {
		lines[i] = [2]string{h.Name, h.Value}
	}
	return lines
}
