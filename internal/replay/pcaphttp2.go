package replay

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"tabard/engine"
)

// http2Conversation reads HTTP/2 without TLS: both directions are frames, and
// an exchange is the frames of one stream (RFC 9113).
type http2Conversation struct {
	c              *conversation
	client, server *http2Direction
	streams        map[uint32]*http2Stream
	bytes          int // that the streams hold
}

// http2Direction is one direction: frames, and the header compression, which
// depends on all header blocks before.
type http2Direction struct {
	buf     bytes.Buffer
	preface bool // the preface is still to come
	whole   bytes.Buffer
	framer  *http2.Framer
	decoder *hpack.Decoder
	// block is a header block whose end has not come, of stream and with end of
	// the stream behind it.
	block  []byte
	stream uint32
	end    bool
	// fields are those of a block that is being decoded, of listBytes.
	fields    []hpack.HeaderField
	listBytes int
}

// http2Stream is one exchange.
type http2Stream struct {
	at                time.Time
	request, response http2Message
}

// http2Message is one direction of an exchange.
type http2Message struct {
	fields, trailers []hpack.HeaderField
	body             []byte
	ended            bool
}

const (
	// maxTableBytes is the header table that a peer may ask for, far above what
	// servers and browsers do (4 KiB to 64 KiB).
	maxTableBytes = 1 << 20
	// maxFrameBytes is the longest frame that the protocol has.
	maxFrameBytes = 1<<24 - 1
	// maxListBytes bounds the fields of one header block: a block can repeat an
	// entry of the table a thousand times. It is what the most lenient servers
	// take (net/http), counted as RFC 9113, section 10.5.1, does.
	maxListBytes = 1 << 20
	// frameHeadBytes is the length of a frame's head.
	frameHeadBytes = 9
)

func newHTTP2Conversation(c *conversation) *http2Conversation {
	h := &http2Conversation{c: c, streams: map[uint32]*http2Stream{}, client: newHTTP2Direction(), server: newHTTP2Direction()}
	h.client.preface = true
	return h
}

func newHTTP2Direction() *http2Direction {
	d := &http2Direction{}
	d.decoder = hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		if d.listBytes += int(f.Size()); d.listBytes <= maxListBytes {
			d.fields = append(d.fields, f)
		}
	})
	d.decoder.SetAllowedMaxDynamicTableSize(maxTableBytes)
	d.decoder.SetMaxStringLength(maxEntryBytes)
	d.framer = http2.NewFramer(nil, &d.whole)
	d.framer.SetMaxReadFrameSize(maxFrameBytes)
	return d
}

// feed adds bytes of one direction.
func (h *http2Conversation) feed(fromClient bool, data []byte, at time.Time) {
	d := h.server
	if fromClient {
		d = h.client
	}
	d.buf.Write(data)
	for !h.c.broken {
		frame, err := d.next()
		if err == nil && frame == nil {
			return
		}
		if err == nil {
			err = h.take(d, frame, at)
		}
		if err != nil {
			h.close()
			h.c.fail("HTTP/2: " + err.Error())
		}
	}
}

// next returns the next frame when it is whole, or nil.
func (d *http2Direction) next() (http2.Frame, error) {
	if d.preface {
		if d.buf.Len() < len(http2Preface) {
			return nil, nil
		}
		if string(d.buf.Next(len(http2Preface))) != http2Preface {
			return nil, errors.New("the preface is wrong")
		}
		d.preface = false
	}
	head := d.buf.Bytes()
	if len(head) < frameHeadBytes {
		return nil, nil
	}
	length := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
	if len(head) < frameHeadBytes+length {
		return nil, nil
	}
	d.whole.Reset()
	d.whole.Write(d.buf.Next(frameHeadBytes + length))
	return d.framer.ReadFrame()
}

// take takes a frame in.
func (h *http2Conversation) take(d *http2Direction, frame http2.Frame, at time.Time) error {
	id := frame.Header().StreamID
	switch f := frame.(type) {
	case *http2.HeadersFrame:
		d.block, d.stream, d.end = append([]byte(nil), f.HeaderBlockFragment()...), id, f.StreamEnded()
		return h.endBlock(d, f.HeadersEnded(), at)
	case *http2.PushPromiseFrame:
		// The block changes the table and belongs to a stream that nobody asked for.
		d.block, d.stream, d.end = append([]byte(nil), f.HeaderBlockFragment()...), 0, false
		return h.endBlock(d, f.HeadersEnded(), at)
	case *http2.ContinuationFrame:
		if d.block = append(d.block, f.HeaderBlockFragment()...); len(d.block) > maxEntryBytes {
			return errMessageTooLong
		}
		return h.endBlock(d, f.HeadersEnded(), at)
	case *http2.DataFrame:
		return h.data(d, id, f.Data(), f.StreamEnded())
	case *http2.RSTStreamFrame:
		h.hand(id)
	}
	return nil
}

// endBlock decodes a header block that is whole.
func (h *http2Conversation) endBlock(d *http2Direction, whole bool, at time.Time) error {
	if !whole {
		return nil
	}
	fields, err := d.decode()
	if err != nil {
		return err
	}
	id, ended := d.stream, d.end
	s := h.streams[id]
	d.block = nil
	if s == nil && (d != h.client || id == 0) {
		return nil // the answer to what is not in the capture, or a push
	}
	if s == nil {
		s = &http2Stream{at: at}
		h.streams[id] = s
	}
	m := s.side(d == h.client)
	switch {
	case m.fields == nil, isInformational(m.fields):
		m.fields = fields
	default:
		m.trailers = fields
	}
	for _, f := range fields {
		h.bytes += len(f.Name) + len(f.Value)
	}
	h.ended(id, s, m, ended)
	return nil
}

// decode decodes the block.
func (d *http2Direction) decode() ([]hpack.HeaderField, error) {
	d.fields, d.listBytes = nil, 0
	_, err := d.decoder.Write(d.block)
	if err = errors.Join(err, d.decoder.Close()); err != nil {
		return nil, err
	}
	if d.listBytes > maxListBytes {
		return nil, errors.New("the header fields of one message are longer than 1 MiB")
	}
	return d.fields, nil
}

// isInformational says that the final response's head is still to come.
func isInformational(fields []hpack.HeaderField) bool {
	status := fieldOf(fields, ":status")
	return len(status) == 3 && status[0] == '1'
}

func fieldOf(fields []hpack.HeaderField, name string) string {
	for _, f := range fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

func (s *http2Stream) side(fromClient bool) *http2Message {
	if fromClient {
		return &s.request
	}
	return &s.response
}

// data adds a piece of a body.
func (h *http2Conversation) data(d *http2Direction, id uint32, data []byte, ended bool) error {
	s := h.streams[id]
	if s == nil {
		return nil
	}
	m := s.side(d == h.client)
	m.body = append(m.body, data...)
	if h.bytes += len(data); h.bytes > maxEntryBytes {
		return errMessageTooLong
	}
	h.ended(id, s, m, ended)
	return nil
}

// ended hands an exchange out when both sides are done.
func (h *http2Conversation) ended(id uint32, s *http2Stream, m *http2Message, ended bool) {
	if m.ended = m.ended || ended; s.request.ended && s.response.ended {
		h.hand(id)
	}
}

// close hands out what has not ended, in the order of its requests.
func (h *http2Conversation) close() {
	for _, id := range slices.Sorted(maps.Keys(h.streams)) {
		h.hand(id)
	}
}

// hand adds an exchange.
func (h *http2Conversation) hand(id uint32) {
	s := h.streams[id]
	if s == nil {
		return
	}
	delete(h.streams, id)
	size := s.request.size() + s.response.size()
	h.bytes -= size
	conn := engine.Conn{Peer: h.c.client, Server: h.c.server}
	h.c.reader.add(size, func() (Entry, error) {
		e, err := s.entry()
		e.Conn, e.Time = conn, s.at.UTC()
		return e, err
	})
}

func (m *http2Message) size() int {
	n := len(m.body)
	for _, fields := range [][]hpack.HeaderField{m.fields, m.trailers} {
		for _, f := range fields {
			n += len(f.Name) + len(f.Value)
		}
	}
	return n
}

// entry makes the Entry of a stream.
func (s *http2Stream) entry() (Entry, error) {
	r := s.request.fields
	e := Entry{Body: s.request.body, Trailers: http2Headers(s.request.trailers)}
	e.Request = engine.Request{
		Method: fieldOf(r, ":method"), Target: fieldOf(r, ":path"), Protocol: "HTTP/2", Scheme: fieldOf(r, ":scheme"),
		Authority: fieldOf(r, ":authority"), Headers: http2Headers(r),
	}
	if e.Request.Method == "CONNECT" && e.Request.Target == "" {
		e.Request.Target = e.Request.Authority
	}
	if !isMethod(e.Request.Method) || e.Request.Target == "" {
		return Entry{}, errors.New("the stream has no request: " + quoteShort(e.Request.Method+" "+e.Request.Target))
	}
	if e.Request.Scheme == "" {
		e.Request.Scheme = "http"
	}
	if e.Request.Authority == "" {
		e.Request.Authority = e.Request.Headers.Get("host")
	}
	status := fieldOf(s.response.fields, ":status")
	if !isStatus(status) || isInformational(s.response.fields) {
		return e, nil
	}
	e.Status, _ = strconv.Atoi(status)
	e.Response = &Response{Status: e.Status, Headers: http2Headers(s.response.fields), Body: s.response.body}
	return e, nil
}

// http2Headers are the fields without the pseudo ones. A Cookie that was split
// for compression is joined again, as RFC 9113, section 8.2.3, asks of whoever
// hands it on.
func http2Headers(fields []hpack.HeaderField) engine.Headers {
	var h engine.Headers
	var cookies []string
	cookie := -1
	for _, f := range fields {
		switch {
		case strings.HasPrefix(f.Name, ":"):
		case f.Name == "cookie":
			if cookies = append(cookies, f.Value); cookie < 0 {
				cookie = len(h)
				h = append(h, [2]string{f.Name, ""})
			}
		default:
			h = append(h, [2]string{f.Name, f.Value})
		}
	}
	if cookie >= 0 {
		h[cookie][1] = strings.Join(cookies, "; ")
	}
	return h
}
