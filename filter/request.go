package filter

import (
	"errors"
	"net/netip"

	"tabard/engine"
)

// judgeRequest has the engine look at the request's head, and at the whole
// request when it has no body: nothing has gone upstream yet.
func judgeRequest(s *Stream, ev event) Action {
	if s.plugin.engine == nil {
		return s.lastResort(errNoEngine)
	}
	request, err := s.request()
	if err != nil {
		return s.fail(failHostCall, err)
	}
	conn, number, err := s.conn(request.Headers)
	if err != nil {
		return s.fail(failHostCall, err)
	}
	conn.Started = s.plugin.vm.timeOf(ev.at)
	if !ev.end && number != "" {
		reframe(&request)
	}
	s.protocol = request.Protocol
	s.ex = s.plugin.engine.Begin(conn)
	if a, over := s.settle(s.ex.RequestHeaders(request, ev.end)); over {
		return a
	}
	if ev.end {
		return s.proceed(requestPassed)
	}
	if s.ex.HoldRequest() {
		return s.hold(requestHeld)
	}
	skip, _ := s.ex.Uninspected()
	s.skipped.request = skip.Reason
	return s.proceed(requestPassed)
}

// feedRequest gives the engine the bytes that have arrived since last time.
func feedRequest(s *Stream, ev event) Action {
	s.plugin.arrived()
	return s.feed(ev, Request, s.ex.RequestBody, s.ex.HoldRequest, requestPassed)
}

// follow hands on a piece of a request body that is not held. Of gRPC the engine
// sees each piece first: it refuses what only calls itself so.
func follow(s *Stream, ev event) Action {
	if s.skipped.request != engine.SkipGRPC {
		return pass(s, ev)
	}
	return timed(followGRPC)(s, ev)
}

func followGRPC(s *Stream, ev event) Action {
	for at := 0; at < ev.size || ev.end; {
		var piece []byte
		if n := min(ev.size-at, chunkBytes); n > 0 {
			var err error
			if piece, err = s.plugin.host.Body(Request, at, n); err != nil {
				return s.fail(failHostCall, stepError{"reading the request body", err})
			}
			at += n
		}
		last := ev.end && at == ev.size
		if a, over := s.settle(s.ex.RequestBody(piece, last)); over {
			return a
		}
		if last {
			break
		}
	}
	return pass(s, ev)
}

// endRequest ends a held request by its trailers.
func endRequest(s *Stream, _ event) Action {
	s.plugin.arrived()
	trailers, err := s.plugin.host.Headers(RequestTrailers)
	if err != nil {
		return s.fail(failHostCall, stepError{"reading the request trailers", err})
	}
	if a, over := s.settle(s.ex.RequestTrailers(trailers)); over {
		return a
	}
	return s.proceed(requestPassed)
}

// feed gives the engine the unseen part of a held body, and lets go of the
// side at its end or when the engine wants no more.
func (s *Stream) feed(ev event, side Side, give func([]byte, bool) engine.Verdict, holds func() bool, next state) Action {
	if ev.size < s.read {
		return s.fail(failHostCall, errors.New("the held "+string(side)+" body has become shorter"))
	}
	for s.read < ev.size || ev.end {
		chunk, err := s.chunk(side, min(ev.size-s.read, chunkBytes))
		if err != nil {
			return s.fail(failHostCall, err)
		}
		last := ev.end && s.read == ev.size
		if a, over := s.settle(give(chunk, last)); over {
			s.countLimit(side)
			return a
		}
		if last {
			return s.proceed(next)
		}
		if !holds() {
			return s.leave(side, ev.size-s.read, next)
		}
	}
	return Pause
}

// chunk reads the next bytes of a held body; none when length is 0, because
// a host may trap on such a call.
func (s *Stream) chunk(side Side, length int) ([]byte, error) {
	if length == 0 {
		return nil, nil
	}
	chunk, err := s.plugin.host.Body(side, s.read, length)
	if err == nil && len(chunk) != length {
		err = errors.New("the host gave another number of bytes than asked for")
	}
	if err != nil {
		return nil, stepError{"reading the " + string(side) + " body", err}
	}
	s.read += length
	return chunk, nil
}

// leave lets a body go on that the engine wants no more of, which has rest
// bytes that the engine was not given.
func (s *Stream) leave(side Side, rest int, next state) Action {
	request, response := s.ex.Uninspected()
	skip, kept := request, &s.skipped.request
	if side == Response {
		skip, kept = response, &s.skipped.response
	}
	*kept = skip.Reason
	if skip.Reason == engine.SkipLimit {
		s.plugin.metrics.add(s.plugin.metrics.overLimit[side], 1)
	}
	s.plugin.metrics.uninspected(skip.Reason, int(skip.Bytes)+rest)
	return s.proceed(next)
}

// countLimit counts a body that was refused for its length.
func (s *Stream) countLimit(side Side) {
	if s.verdict.Reason == engine.ReasonBodyLimit {
		s.plugin.metrics.add(s.plugin.metrics.overLimit[side], 1)
	}
}

// conn is what the host knows of the connection, and its number, which is ""
// where the host has no connections. What is the same for all requests of a
// connection is read once.
func (s *Stream) conn(h engine.Headers) (engine.Conn, string, error) {
	r := reader{plugin: s.plugin}
	number := r.property(connectionID)
	known, ok := s.plugin.connections.get(number)
	if !ok {
		known = connection{
			server: address(r.property(destinationAddress)),
			tls:    r.property(connectionTLS) != "",
		}
		if r.err == nil {
			s.plugin.connections.put(number, known)
		}
	}
	// Envoy's property is that header; each property is a call of the host.
	id := h.Get("x-request-id")
	if id == "" {
		id = r.property(requestID)
	}
	s.requestID = id
	return engine.Conn{
		ID:         id,
		Peer:       address(r.property(sourceAddress)),
		Server:     known.server,
		TLS:        known.tls,
		ProxyRoute: r.property(routeName),
	}, number, r.err
}

// request is the request's head.
func (s *Stream) request() (engine.Request, error) {
	r := reader{plugin: s.plugin}
	request := engine.Request{Protocol: r.property(requestProtocol)}
	lines, err := s.plugin.host.Headers(RequestHeaders)
	if err != nil {
		return request, stepError{"reading the request headers", err}
	}
	request.Headers = lines[:0] // the lines are ours, and none is added
	for _, line := range lines {
		switch line[0] {
		case ":method":
			request.Method = line[1]
		case ":path":
			request.Target = line[1]
		case ":scheme":
			request.Scheme = line[1]
		case ":authority":
			request.Authority = line[1]
			if line[1] == "" {
				// Rules tell an empty Host from none.
				request.Headers = append(request.Headers, [2]string{"host", ""})
			}
		default:
			request.Headers = append(request.Headers, line)
		}
	}
	if request.Method == "CONNECT" && request.Target == "" {
		// The target of a tunnel is the authority (RFC 9112, section 3.2.3).
		request.Target = request.Authority
	}
	if request.Method == "" && r.err == nil {
		r.err = errors.New("the request headers have no :method")
	}
	return request, r.err
}

// reframe puts back the "transfer-encoding: chunked" that Envoy takes out of
// every request: rules ask for it, and an HTTP/1.1 body without a length can
// have come in no other way (RFC 9112, section 6.3). A host without
// connections, such as one that replays traffic, took nothing out.
func reframe(r *engine.Request) {
	if r.Protocol != "HTTP/1.1" || r.Method == "CONNECT" {
		return
	}
	for _, name := range []string{"content-length", "transfer-encoding", "upgrade"} {
		if r.Headers.Get(name) != "" {
			return
		}
	}
	r.Headers = append(r.Headers, [2]string{"transfer-encoding", "chunked"})
}

// reader reads properties until one fails.
type reader struct {
	plugin *Plugin
	err    error
}

func (r *reader) property(a Attribute) string {
	if r.err != nil {
		return ""
	}
	value, err := r.plugin.optional(a)
	if err != nil {
		r.err = stepError{"reading the property " + a.String(), err}
	}
	return value
}

// address reads "192.0.2.1:5" and "[2001:db8::1]:5". A client on a Unix
// socket or an internal listener has another kind of address: that is the
// zero AddrPort, which is in no address set.
func address(text string) netip.AddrPort {
	parsed, err := netip.ParseAddrPort(text)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(parsed.Addr().Unmap().WithZone(""), parsed.Port())
}
