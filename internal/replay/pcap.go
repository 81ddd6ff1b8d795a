package replay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"strings"
	"time"

	"tabard/engine"
	"tabard/internal/capture"
)

// pcapReader reads the HTTP/1 and the cleartext HTTP/2 exchanges of a packet
// capture. A request comes with its response, when that is complete, or alone
// at the end of its connection. What is encrypted or no HTTP is counted and
// told once, at the end.
type pcapReader struct {
	packets  *capture.Reader
	file     string
	exchange int
	ready    []result
	// encrypted and foreign count connections without readable HTTP.
	encrypted, foreign int
	ended              bool
}

// result is what Next returns.
type result struct {
	record Record
	err    error
}

func openPcap(s source) (Reader, error) {
	r := &pcapReader{file: s.name}
	var err error
	r.packets, err = capture.NewReader(s.r, func(client, server netip.AddrPort) capture.Connection {
		return &conversation{reader: r, client: client, server: server}
	})
	return r, err
}

// Next implements Reader.
func (r *pcapReader) Next() (Record, error) {
	for len(r.ready) == 0 {
		if r.ended {
			return Record{}, io.EOF
		}
		err := r.packets.Step()
		if err == nil {
			continue
		}
		r.ended = true
		if !errors.Is(err, io.EOF) {
			r.fault(err.Error() + "; nothing behind it is read")
		}
		r.conclude()
	}
	next := r.ready[0]
	r.ready[0] = result{}
	r.ready = r.ready[1:]
	return next.record, next.err
}

// conclude tells what the capture has and cannot be read.
func (r *pcapReader) conclude() {
	var parts []string
	if r.encrypted > 0 {
		parts = append(parts, fmt.Sprintf("%d connections are encrypted (TLS)", r.encrypted))
	}
	if r.foreign > 0 {
		parts = append(parts, fmt.Sprintf("%d connections speak no HTTP or have lost their beginning", r.foreign))
	}
	if len(parts) > 0 {
		r.fault(strings.Join(parts, " and ") + ": what they carried is not read")
	}
}

func (r *pcapReader) position() Position {
	return Position{File: r.file, Entry: r.exchange, Packet: r.packets.Count()}
}

// fault reports what has no verdict.
func (r *pcapReader) fault(reason string) {
	r.exchange++
	r.ready = append(r.ready, result{err: &EntryError{r.position(), reason}})
}

// add hands out an exchange, which is parsed later.
func (r *pcapReader) add(bytes int, parse func() (Entry, error)) {
	r.exchange++
	at := r.position()
	r.ready = append(r.ready, result{record: Record{Position: at, bytes: bytes, parse: func([]byte, Position) (Entry, error) { return parse() }}})
}

// conversation is one connection.
type conversation struct {
	reader         *pcapReader
	client, server netip.AddrPort
	protocol       protocolState
	requests       wire
	responses      wire
	pending        []pendingRequest // that wait for their responses
	early          [2][]byte        // of both directions, before the protocol is known
	lastSeen       time.Time
	http2          *http2Conversation
	swapped        bool // the capture's client is the server
	broken         bool // the rest cannot be followed
	lost           bool // some bytes are not in the capture
}

// protocolState is what a connection speaks.
type protocolState int

const (
	protocolUnknown protocolState = iota
	protocolHTTP1
	protocolHTTP2
	protocolNone
)

// pendingRequest is a whole request.
type pendingRequest struct {
	message []byte
	method  string
	upgrade string
	at      time.Time
}

// http2Preface is what a client sends first (RFC 9113, section 3.4).
const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Data implements capture.Connection.
func (c *conversation) Data(fromClient bool, data []byte, at time.Time, lost bool) {
	if c.broken || c.protocol == protocolNone {
		return
	}
	c.lastSeen, fromClient = at, fromClient != c.swapped
	if lost {
		c.lose(fromClient)
	}
	if c.protocol == protocolUnknown {
		if data = c.detect(&fromClient, data); data == nil {
			return
		}
	}
	if c.protocol == protocolHTTP2 {
		c.http2.feed(fromClient, data, at)
		return
	}
	if fromClient {
		c.requests.feed(data)
	} else {
		c.responses.feed(data)
	}
	c.advance(at, false)
}

// detect tells the protocol by the first bytes of a direction and returns those
// to go on with, or nil while it cannot. In a capture that begins within a
// connection the first bytes may be the server's: then the sides change places.
func (c *conversation) detect(fromClient *bool, data []byte) []byte {
	early := &c.early[map[bool]int{true: 1}[*fromClient]]
	*early = append(*early, data...)
	data = *early
	first, _, whole := strings.Cut(string(data[:min(len(data), detectBytes)]), "\n")
	preface := strings.HasPrefix(http2Preface, string(data[:min(len(data), len(http2Preface))]))
	switch {
	case preface && len(data) >= len(http2Preface):
		c.protocol, c.http2 = protocolHTTP2, newHTTP2Conversation(c)
	case isRequestLine(strings.TrimRight(first, "\r")):
		c.protocol = protocolHTTP1
	case len(data) > 2 && data[0] == 0x16 && data[1] == 3: // a TLS handshake, RFC 8446, section 5.1
		c.protocol = protocolNone
		c.reader.encrypted++
		return nil
	case strings.HasPrefix(first, "HTTP/1."): // the response to a request before the capture
		if *early = nil; *fromClient {
			c.swap()
		}
		return nil
	case preface, !whole && len(data) < detectBytes && startsRequestLine(first):
		return nil // until more has come
	default:
		c.protocol = protocolNone
		c.reader.foreign++
		return nil
	}
	if !*fromClient {
		c.swap()
		*fromClient = true
	}
	c.early = [2][]byte{}
	return data
}

func (c *conversation) swap() {
	c.client, c.server, c.swapped = c.server, c.client, !c.swapped
}

// startsRequestLine says whether a text may become a request line.
func startsRequestLine(text string) bool {
	method, _, _ := strings.Cut(text, " ")
	return isMethod(method) && method == strings.ToUpper(method)
}

// lose goes on behind bytes that are not in the capture: HTTP/1 at the next
// message that a packet begins with; HTTP/2 cannot, for its header compression
// depends on all that was sent.
func (c *conversation) lose(fromClient bool) {
	c.lost = true
	switch {
	case c.protocol == protocolHTTP2:
		c.http2.close()
		c.fail("bytes of the connection are not in the capture")
	case fromClient && len(c.requests.buf) > 0:
		c.requests = wire{}
		c.reader.fault(c.name() + ": bytes of a request are not in the capture")
	case !fromClient && len(c.responses.buf) > 0:
		c.responses = wire{}
		c.flush()
	}
}

func (c *conversation) name() string { return c.client.String() + " to " + c.server.String() }

// fail gives the rest of the connection up.
func (c *conversation) fail(reason string) {
	c.broken = true
	c.reader.fault(c.name() + ": " + reason + "; the rest of the connection is not read")
	c.requests, c.responses = wire{}, wire{}
	c.flush()
}

// advance takes out the messages that are complete.
func (c *conversation) advance(at time.Time, closed bool) {
	for !c.broken && c.protocol == protocolHTTP1 {
		if !c.request(at) && !c.response(closed) {
			return
		}
	}
}

// request takes out one request.
func (c *conversation) request(at time.Time) bool {
	if len(c.requests.buf) == 0 {
		return false
	}
	if c.lost && c.requests.head == 0 && !startsMessage(c.requests.buf, isRequestLine) {
		c.requests = wire{buf: nextRequest(c.requests.buf)} // behind the rest of what was lost
		return len(c.requests.buf) > 0
	}
	message, err := c.requests.next(false, requestFraming)
	if err != nil {
		c.fail("a request: " + err.Error())
		return false
	}
	if message == nil {
		return false
	}
	method, _, _ := strings.Cut(string(message[:min(len(message), maxMethodBytes+1)]), " ")
	c.pending = append(c.pending, pendingRequest{message, method, strings.ToLower(field(headOf(message), "upgrade")), at})
	if len(c.pending) > maxPending {
		c.flush() // the server's side is not captured
	}
	return true
}

// maxPending is how many requests may wait for responses: far above what
// clients send ahead.
const maxPending = 64

// headOf is a message up to its body, or all of it.
func headOf(message []byte) []byte {
	for _, end := range []string{"\r\n\r\n", "\n\n"} {
		if i := bytes.Index(message, []byte(end)); i >= 0 {
			return message[:i+1]
		}
	}
	return message
}

// nextRequest is the rest of buf from the next request line on, nil for none.
// What was lost may end anywhere, so the line may begin within another one: the
// method is the capitals before the target.
func nextRequest(buf []byte) []byte {
	for start := 0; start < len(buf); {
		line, _, _ := bytes.Cut(buf[start:], []byte("\n"))
		if end := bytes.LastIndex(line, []byte(" HTTP/1.")); end > 0 {
			method := line[:max(bytes.LastIndexByte(line[:end], ' '), 0)]
			name := len(method) - len(bytes.TrimRight(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
			if at := start + len(method) - name; name > 0 && isRequestLine(strings.TrimRight(string(line[len(method)-name:]), "\r")) {
				return buf[at:]
			}
		}
		start += len(line) + 1
	}
	return nil
}

// startsMessage says whether the first line is one of a message, or may become.
func startsMessage(buf []byte, is func(string) bool) bool {
	line, _, whole := bytes.Cut(buf, []byte("\n"))
	return !whole && len(buf) < detectBytes || is(strings.TrimRight(string(line), "\r"))
}

func isStatusLine(line string) bool { return statusOf([]byte(line)) > 0 }

// response takes out one response and hands out its exchange.
func (c *conversation) response(closed bool) bool {
	if len(c.responses.buf) == 0 {
		return false
	}
	if c.responses.head == 0 && !startsMessage(c.responses.buf, isStatusLine) {
		c.responses = wire{} // the rest of what was lost, or no HTTP
		return false
	}
	if len(c.pending) == 0 {
		if c.responses.head == 0 && len(c.requests.buf) == 0 {
			c.responses = wire{} // its request is not in the capture
		}
		return false
	}
	first := c.pending[0]
	message, err := c.responses.next(closed, responseFraming(first.method))
	if err != nil {
		c.fail("a response: " + err.Error())
		return false
	}
	if message == nil {
		return false
	}
	switch status := statusOf(message); {
	case status == 101 && first.upgrade == "h2c": // what follows has the response
		c.pending = c.pending[1:]
		c.hand(first, nil)
		c.upgrade(first)
	case status == 101:
		c.pending = c.pending[1:]
		c.hand(first, message)
		c.upgrade(first)
	case status < 200: // the final one follows
	default:
		c.pending = c.pending[1:]
		c.hand(first, message)
	}
	return true
}

// upgrade goes on with the protocol that both sides have agreed on. Of those,
// HTTP/2 is read, but for its stream 1, the response to the request just handed
// out; WebSocket's messages are no exchanges.
func (c *conversation) upgrade(request pendingRequest) {
	if request.upgrade != "h2c" {
		c.protocol = protocolNone
		c.flush()
		return
	}
	c.protocol, c.http2 = protocolHTTP2, newHTTP2Conversation(c)
	c.http2.feed(true, c.requests.buf, request.at)
	c.http2.feed(false, c.responses.buf, request.at)
	c.requests, c.responses = wire{}, wire{}
}

// flush hands out the requests that wait, without responses.
func (c *conversation) flush() {
	for _, p := range c.pending {
		c.hand(p, nil)
	}
	c.pending = nil
}

// Close implements capture.Connection.
func (c *conversation) Close() {
	if c.protocol == protocolHTTP2 {
		c.http2.close()
		return
	}
	c.advance(c.lastSeen, true)
	if len(c.requests.buf) > 0 && c.protocol == protocolHTTP1 {
		c.reader.fault(c.name() + ": the connection ends inside of a request")
	}
	c.requests, c.responses = wire{}, wire{}
	c.flush()
}

// hand adds an exchange of HTTP/1.
func (c *conversation) hand(p pendingRequest, response []byte) {
	conn := engine.Conn{Peer: c.client, Server: c.server}
	c.reader.add(len(p.message)+len(response), func() (Entry, error) {
		e, err := parseMessage(p.message)
		if err != nil {
			return Entry{}, err
		}
		e.ID, e.Position = "", Position{}
		e.Unknown &^= UnknownClient
		e.Conn, e.Time = conn, p.at.UTC()
		if response != nil {
			err = parseResponse(&e, response)
		}
		return e, err
	})
}

// parseMessage reads one whole request.
func parseMessage(message []byte) (Entry, error) {
	r := httpReader{lines: &lineReader{r: bufio.NewReader(bytes.NewReader(message))}, framed: true}
	e, err := r.entry()
	var broken *EntryError
	if errors.As(err, &broken) {
		return Entry{}, errors.New(broken.Reason)
	}
	return e, err
}

// parseResponse adds a whole response.
func parseResponse(e *Entry, message []byte) error {
	r := httpReader{lines: &lineReader{r: bufio.NewReaderSize(bytes.NewReader(message), min(len(message)+1, detectBytes))}, framed: true}
	line, err := r.next()
	if err != nil {
		return err
	}
	e.Status = statusOf(line)
	e.Response = &Response{Status: e.Status}
	if e.Response.Headers, err = r.headers(); err != nil {
		return err
	}
	kind, _ := responseFraming(e.Request.Method)(headOf(message))
	if kind == framedByChunks {
		e.Response.Body, err = r.chunks()
		return err
	}
	body, err := io.ReadAll(r.lines.r)
	if len(body) > 0 {
		e.Response.Body = body
	}
	return err
}
