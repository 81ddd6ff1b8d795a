package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"tabard/engine"
)

// exchange is one HTTP exchange on its way. Its methods run in the order of
// the phases, on one goroutine: that of ServeHTTP.
type exchange struct {
	proxy    *Proxy
	ex       *engine.Exchange
	protocol string
	verdict  engine.Verdict
	spent    time.Duration
	cancel   context.CancelCauseFunc
	// aborted: the client or the upstream ended the exchange before its verdict.
	aborted  bool
	finished bool
	// framed is the body of a gRPC call, else nil.
	framed *framedBody
}

// step runs one phase and notes its verdict and its time.
func (x *exchange) step(phase func() engine.Verdict) (blocked bool) {
	start := time.Now()
	x.verdict = phase()
	x.spent += time.Since(start)
	return x.verdict.Action == engine.Block
}

// judgeRequest says whether the request may go to the upstream; if not, the
// client has been answered. It leaves in r the body to forward.
func (x *exchange) judgeRequest(w http.ResponseWriter, r *http.Request) bool {
	head := requestHead(r, x.proxy.trusts(r))
	x.protocol = head.Protocol
	x.ex = x.proxy.engine.Begin(conn(r))
	hasBody := r.Body != nil && r.Body != http.NoBody
	if x.step(func() engine.Verdict { return x.ex.RequestHeaders(head, !hasBody) }) {
		x.answer(w)
		return false
	}
	if !hasBody {
		return true
	}
	if !x.ex.HoldRequest() {
		skip, _ := x.ex.Uninspected()
		r.Body = x.counted(r.Body, skip.Reason)
		if skip.Reason == engine.SkipGRPC {
			x.framed = &framedBody{ReadCloser: r.Body, stops: x.ex.Blocks()}
			r.Body = x.framed
		}
		return true
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(x.proxy.holdLimit)) // not all writers know it
	err := x.holdRequest(r)
	_ = control.SetReadDeadline(time.Time{})
	switch {
	case err != nil:
		x.refuseBody(w, err)
		return false
	case x.verdict.Action == engine.Block:
		x.answer(w)
		return false
	}
	return true
}

// holdRequest reads the body until phase 2 has spoken.
func (x *exchange) holdRequest(r *http.Request) error {
	var held bytes.Buffer
	all, err := x.feed(&held, r.Body, x.ex.HoldRequest, x.ex.RequestBody, func() engine.Verdict {
		if trailers := headerLines(r.Trailer); len(trailers) > 0 {
			return x.ex.RequestTrailers(trailers)
		}
		return x.ex.RequestBody(nil, true)
	})
	if err != nil {
		return err
	}
	if !all {
		skip, _ := x.ex.Uninspected()
		x.proxy.metrics.uninspected(skip.Reason, skip.Bytes)
		r.Body = joined{io.MultiReader(&held, x.counted(r.Body, skip.Reason)), r.Body}
		return nil
	}
	// A whole body can be sent again when a kept connection turns out closed.
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(held.Bytes())), nil }
	r.Body, _ = r.GetBody()
	if r.ContentLength = int64(held.Len()); len(r.Trailer) > 0 {
		r.ContentLength = -1 // trailers need chunks
	}
	return nil
}

// feed reads a body into held and gives it to the engine, until the engine
// wants no more of it; all says that this was its end.
func (x *exchange) feed(held *bytes.Buffer, body io.Reader, holds func() bool, give func([]byte, bool) engine.Verdict, end func() engine.Verdict) (all bool, err error) {
	chunk := make([]byte, chunkBytes)
	for holds() {
		n, err := body.Read(chunk)
		held.Write(chunk[:n])
		if n > 0 && x.step(func() engine.Verdict { return give(chunk[:n], false) }) {
			return false, nil
		}
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			if holds() {
				x.step(end)
			}
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// joined reads what was held and then the rest.
type joined struct {
	io.Reader
	io.Closer
}

// refuseBody answers a client whose body never came whole.
func (x *exchange) refuseBody(w http.ResponseWriter, err error) {
	x.aborted = true
	status := http.StatusBadRequest
	if errors.Is(err, os.ErrDeadlineExceeded) {
		status = http.StatusRequestTimeout
	}
	w.Header().Set("Connection", "close")
	http.Error(w, http.StatusText(status), status)
}

// errHeldTooLong ends a response that takes too long while it is held.
var errHeldTooLong = errors.New("the held response took too long")

// judgeResponse runs phases 3 and 4; with an error nothing of the response
// goes to the client.
func (x *exchange) judgeResponse(res *http.Response) error {
	bodiless := res.Body == http.NoBody || res.Request.Method == http.MethodHead ||
		res.StatusCode == http.StatusNoContent || res.StatusCode == http.StatusNotModified
	lines := headerLines(res.Header)
	if x.step(func() engine.Verdict { return x.ex.ResponseHeaders(res.StatusCode, x.protocol, lines, bodiless) }) {
		return errBlocked
	}
	if !bodiless && x.ex.HoldResponse() {
		if err := x.holdResponse(res); err != nil {
			return err
		}
	} else if _, skip := x.ex.Uninspected(); !bodiless && res.StatusCode != http.StatusSwitchingProtocols && skip.Reason != engine.SkipPolicy {
		res.Body = x.counted(res.Body, skip.Reason)
	}
	// The verdict is final: an event stream or a WebSocket may go on for days,
	// and its audit line is not to wait for its end.
	x.finish()
	return nil
}

// holdResponse reads the response until phase 4 has spoken.
func (x *exchange) holdResponse(res *http.Response) error {
	timer := time.AfterFunc(x.proxy.holdLimit, func() { x.cancel(errHeldTooLong) })
	defer timer.Stop()
	var held bytes.Buffer
	all, err := x.feed(&held, res.Body, x.ex.HoldResponse, x.ex.ResponseBody, func() engine.Verdict {
		return x.ex.ResponseBody(nil, true)
	})
	switch {
	case err != nil:
		x.aborted = true
		return err
	case x.verdict.Action == engine.Block:
		return errBlocked
	case all:
		res.Body = joined{&held, res.Body}
	default:
		_, skip := x.ex.Uninspected()
		x.proxy.metrics.uninspected(skip.Reason, skip.Bytes)
		res.Body = joined{io.MultiReader(&held, x.counted(res.Body, skip.Reason)), res.Body}
	}
	return nil
}

// counted counts the bytes that pass without inspection.
func (x *exchange) counted(body io.ReadCloser, why engine.SkipReason) io.ReadCloser {
	return &countedBody{body, x.proxy.metrics, why}
}

type countedBody struct {
	io.ReadCloser
	metrics *metrics
	why     engine.SkipReason
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.metrics.uninspected(b.why, int64(n))
	return n, err
}

// errFraming ends a request whose body only calls itself gRPC.
var errFraming = errors.New("the body is not made of gRPC messages")

// framedBody follows the messages of a gRPC body. It is read by the transport's
// goroutine and does not touch the exchange.
type framedBody struct {
	io.ReadCloser
	frames engine.GRPCFrames
	stops  bool // what is no gRPC goes no further
	broken atomic.Bool
}

func (b *framedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.broken.Load() {
		return n, err
	}
	if b.frames.Take(p[:n], errors.Is(err, io.EOF)) != nil {
		b.broken.Store(true)
		if b.stops {
			return 0, errFraming
		}
	}
	return n, err
}

// answer gives the client the engine's block response.
func (x *exchange) answer(w http.ResponseWriter) {
	status, lines, body := x.ex.BlockResponse()
	header := w.Header()
	clear(header)
	for _, line := range lines {
		header.Add(line[0], line[1])
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone needs no answer
}

// panicked ends an exchange that our own code could not carry through. What
// has begun is cut off, so that the client can tell it from a whole answer.
func (x *exchange) panicked(w *patientWriter, cause any) {
	if cause == http.ErrAbortHandler { // the ReverseProxy panics with this very value
		x.aborted = x.aborted || !x.finished
		panic(cause)
	}
	x.proxy.log.Printf("internal error: %v\n%s", cause, debug.Stack())
	if x.ex == nil || x.finished {
		x.proxy.metrics.add("tabard_internal_errors_total")
	} else {
		x.verdict = x.ex.Fail(fmt.Errorf("panic: %v", cause))
	}
	if w.begun {
		panic(http.ErrAbortHandler)
	}
	http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
}

// finish runs the logging phase and reports. Only the first call does.
func (x *exchange) finish() {
	if x.finished || x.ex == nil {
		return
	}
	x.finished = true
	if x.framed != nil && x.framed.broken.Load() {
		x.ex.RefuseBody() // in detection mode it has only been noted
	}
	x.verdict = x.ex.End()
	if line, ok := x.ex.AuditLine(); ok {
		x.proxy.writeAudit(line)
	}
	x.proxy.metrics.exchange(x.verdict, x.aborted, x.spent)
	if x.verdict.Err != nil {
		x.proxy.log.Printf("internal error: %v", x.verdict.Err)
	}
}

// conn is what is known of the connection.
func conn(r *http.Request) engine.Conn {
	c := engine.Conn{ID: r.Header.Get("X-Request-Id"), TLS: r.TLS != nil}
	c.Peer, _ = netip.ParseAddrPort(r.RemoteAddr) // not an address on a Unix socket
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		c.Server, _ = netip.ParseAddrPort(local.String())
	}
	return c
}

// requestHead is the head as the engine wants it and as it goes to the upstream.
// net/http takes the Host and the transfer coding out of the headers; rules ask
// for both. A peer that is a trusted proxy is the last of the forwarders, as in
// Envoy.
func requestHead(r *http.Request, trusted bool) engine.Request {
	header := forwarded(r.Header)
	head := engine.Request{
		Method: r.Method, Target: r.RequestURI, Protocol: r.Proto, Scheme: "http", Authority: r.Host,
		Headers: headerLines(header),
	}
	if r.TLS != nil {
		head.Scheme = "https"
	}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && trusted {
		head.Headers = append(head.Headers, [2]string{"X-Forwarded-For", peer.Addr().String()})
	}
	if len(r.TransferEncoding) > 0 {
		head.Headers = append(head.Headers, [2]string{"Transfer-Encoding", strings.Join(r.TransferEncoding, ", ")})
	}
	return head
}

// connectionFields may be named by Connection and are still judged: they say how
// the message is read, or rewrite puts them back.
var connectionFields = []string{
	"Connection", "Keep-Alive", "Te", "Trailer", "Upgrade", "Content-Length",
	"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
}

// forwarded leaves out what a client names in Connection, such as the
// Content-Type, because it does not go on (RFC 9110, section 7.6.1), and what
// HTTP/2 may have as Host beside the authority that net/http forwards.
func forwarded(h http.Header) http.Header {
	out := maps.Clone(h)
	delete(out, "Host")
	for _, line := range h["Connection"] {
		for option := range strings.SplitSeq(line, ",") {
			name := http.CanonicalHeaderKey(strings.TrimSpace(option))
			if !slices.Contains(connectionFields, name) {
				delete(out, name)
			}
		}
	}
	return out
}

// headerLines are sorted by name, because a map has no order and the same
// request must get the same verdict each time.
func headerLines(h http.Header) engine.Headers {
	lines := make(engine.Headers, 0, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			lines = append(lines, [2]string{name, value})
		}
	}
	return lines
}
