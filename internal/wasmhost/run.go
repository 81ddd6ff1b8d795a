package wasmhost

import (
	"context"
	"fmt"

	"tabard/engine"
)

// Run plays an exchange and returns what became of it. An error means that
// the module broke proxy-wasm's rules or died; after the latter the Host is of
// no use any more.
func (h *Host) Run(ctx context.Context, x Exchange) (Result, error) {
	h.lastID++
	s := newStream(h.lastID, x)
	h.stream = s
	defer func() { h.stream = nil }()
	if err := h.setTime(ctx, !x.Conn.Started.IsZero()); err != nil {
		return Result{}, err
	}
	if _, err := h.invoke(ctx, "proxy_on_context_create", uint64(s.id), pluginID); err != nil {
		return Result{}, err
	}
	requestSent, responseSent, err := h.play(ctx, s)
	if err != nil {
		return Result{}, fmt.Errorf("%s %s: %w", x.Request.Method, x.Request.Target, err)
	}
	for _, name := range []string{"proxy_on_log", "proxy_on_done", "proxy_on_delete"} {
		if _, err := h.invoke(ctx, name, uint64(s.id)); err != nil {
			return Result{}, err
		}
	}
	r, err := s.result()
	r.RequestSent, r.ResponseSent = requestSent, responseSent
	return r, err
}

// setTime has the module look at the time of day, which it does at each tick, when
// that is the exchange's or was another's.
func (h *Host) setTime(ctx context.Context, recorded bool) (err error) {
	if recorded || h.recorded {
		_, err = h.invoke(ctx, "proxy_on_tick", pluginID)
	}
	h.recorded = recorded
	return err
}

// play sends the request through the module and, if it comes through, the
// response.
func (h *Host) play(ctx context.Context, s *stream) (requestSent, responseSent bool, err error) {
	x := s.exchange
	requestSent, err = h.send(ctx, s, requestSide, x.Body, x.Trailers)
	if err != nil {
		return requestSent, false, err
	}
	if s.reply != nil {
		return requestSent, false, h.sendReply(ctx, s)
	}
	if x.Response == nil {
		return requestSent, false, nil
	}
	s.properties["response.code_details"] = "via_upstream"
	s.blocks[mapResponseTrailers] = x.Response.Trailers
	responseSent, err = h.send(ctx, s, responseSide, x.Response.Body, x.Response.Trailers)
	return requestSent, responseSent, err
}

// side names the functions and buffers of one direction.
type side struct {
	name                    string
	headers, body, trailers string
	block, ends             int32
	buffer                  int32
}

var (
	requestSide = side{
		"request", "proxy_on_request_headers", "proxy_on_request_body", "proxy_on_request_trailers",
		mapRequestHeaders, mapRequestTrailers, bufferRequestBody,
	}
	responseSide = side{
		"response", "proxy_on_response_headers", "proxy_on_response_body", "proxy_on_response_trailers",
		mapResponseHeaders, mapResponseTrailers, bufferResponseBody,
	}
)

// send plays one side. It returns whether something of it went on, and fails
// when the module still holds the side though all of it has been given.
func (h *Host) send(ctx context.Context, s *stream, side side, body []byte, trailers engine.Headers) (bool, error) {
	flow := flow{host: h, stream: s, side: side}
	hasBody, hasTrailers := len(body) > 0, len(trailers) > 0
	flow.step(ctx, side.headers, len(s.blocks[side.block]), !hasBody && !hasTrailers)
	for len(body) > 0 && flow.open() {
		piece := body
		if n := s.exchange.ChunkBytes; n > 0 {
			n = min(n, len(body))
			piece = body[:n:n] // what is appended must not end up in the caller's memory
		}
		body = body[len(piece):]
		flow.feed(ctx, piece, len(body) == 0 && !hasTrailers)
	}
	if hasTrailers && flow.open() {
		flow.step(ctx, side.trailers, len(trailers), true)
	}
	if flow.err == nil && s.reply == nil && flow.paused {
		flow.err = fmt.Errorf("the module still holds the %s at its end", side.name)
	}
	return flow.sent, flow.err
}

// flow is the state of one side between callbacks.
type flow struct {
	host   *Host
	stream *stream
	side   side
	paused bool
	sent   bool
	err    error
}

// open says that callbacks are still to come.
func (f *flow) open() bool { return f.err == nil && f.stream.reply == nil }

// step calls for headers or trailers, whose second argument is their number.
func (f *flow) step(ctx context.Context, name string, lines int, end bool) {
	args := []uint64{uint64(f.stream.id), uint64(lines)}
	if name != f.side.trailers {
		args = append(args, flag(end))
	}
	f.after(f.host.invoke(ctx, name, args...))
}

// feed calls for a piece of the body; while the side is paused, for all of it
// that has come so far.
func (f *flow) feed(ctx context.Context, piece []byte, end bool) {
	buffers, key := f.stream.buffers, f.side.buffer
	if f.paused {
		piece = append(buffers[key], piece...)
	}
	buffers[key] = piece
	f.after(f.host.invoke(ctx, f.side.body, uint64(f.stream.id), uint64(len(piece)), flag(end)))
}

// after takes in what a callback returned. A reply stops the side like a
// pause does, whatever the callback returned.
func (f *flow) after(action uint64, err error) {
	f.err = err
	f.paused = err != nil || f.stream.reply != nil || (action != actionContinue && !f.stream.resumed)
	f.sent = f.sent || !f.paused
	f.stream.resumed = false
}

// sendReply has the module see its own answer, which passes the response
// callbacks as every answer of a proxy's own does.
func (h *Host) sendReply(ctx context.Context, s *stream) error {
	reply := s.reply
	s.properties["response.code_details"] = reply.Details
	s.blocks[mapResponseHeaders] = append(engine.Headers{{":status", fmt.Sprint(reply.Status)}}, reply.Headers...)
	s.buffers[bufferResponseBody] = reply.Body
	for _, call := range []struct {
		name string
		args []uint64
	}{
		{responseSide.headers, []uint64{uint64(s.id), uint64(len(s.blocks[mapResponseHeaders])), flag(len(reply.Body) == 0)}},
		{responseSide.body, []uint64{uint64(s.id), uint64(len(reply.Body)), 1}},
	} {
		action, err := h.invoke(ctx, call.name, call.args...)
		if err != nil {
			return err
		}
		if action != actionContinue {
			return fmt.Errorf("the module holds back its own reply in %s", call.name)
		}
		if len(reply.Body) == 0 {
			break
		}
	}
	return nil
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
