package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"tabard/engine"
)

// httpReader reads HTTP/1.x request messages, one behind the other, as a
// client or an attacker sent them: order, spelling and blanks of the header
// are kept, so net/http's parser, which repairs and refuses, is not used. It
// reads what a lenient server reads:
//
//   - a line may end in LF alone;
//   - a folded header line is joined by a blank (RFC 9112, section 5.2), and a
//     line without a colon is a header without a value;
//   - "Transfer-Encoding: chunked" beats Content-Length (section 6.3);
//   - without either, as in files written by hand, the body reaches to the next
//     line that looks like a request line or to the end of the source, without
//     the line ends before that.
type httpReader struct {
	lines *lineReader
	// framed says that a message without framing has no body, as on a
	// connection; the body of one that has is all there.
	framed bool
	// held is a line that was read ahead, at heldLine.
	held     []byte
	heldLine int
	bytes    int // of the current message
}

// Next implements Reader.
func (r *httpReader) Next() (Record, error) {
	e, err := r.entry()
	if err != nil {
		return Record{}, err
	}
	return whole(e, r.bytes), nil
}

// entry reads one message.
func (r *httpReader) entry() (Entry, error) {
	line, at, err := r.start()
	var message messageError
	if errors.As(err, &message) {
		return Entry{}, r.resync(at, err.Error())
	}
	if err != nil {
		return Entry{}, err
	}
	method, target, protocol, ok := cutRequestLine(line)
	if !ok || !isMethod(method) {
		return Entry{}, r.resync(at, "not a request line: "+quoteShort(line))
	}
	e := Entry{Position: at, Unknown: UnknownClient}
	e.Request = engine.Request{Method: method, Target: target, Protocol: protocol, Scheme: "http"}
	if e.Request.Headers, err = r.headers(); err == nil {
		e.Request.Authority = authority(e.Request)
		err = r.body(&e)
	}
	if err == nil {
		return e, nil
	}
	if errors.As(err, &message) {
		return Entry{}, r.resync(at, err.Error())
	}
	return Entry{}, err
}

// messageError is a message that is broken, in a source that can be read.
type messageError string

func (e messageError) Error() string { return string(e) }

// start returns the first line of a message; empty lines before it are the
// line ends that some clients send behind a body (RFC 9112, section 2.2).
func (r *httpReader) start() (string, Position, error) {
	for {
		r.bytes = 0
		line, err := r.next()
		if at := (Position{File: r.lines.file, Line: r.heldLine}); err != nil || len(line) > 0 {
			return string(line), at, err
		}
	}
}

// next returns a line without line end, the held one first.
func (r *httpReader) next() ([]byte, error) {
	if line := r.held; line != nil {
		r.held = nil
		return line, nil
	}
	line, err := r.lines.next()
	r.heldLine = r.lines.line
	if errors.Is(err, errTooLong) {
		return nil, messageError(err.Error())
	}
	if r.bytes += len(line); r.bytes > maxEntryBytes {
		return nil, messageError(errTooLong.Error())
	}
	return bytes.TrimSuffix(line, []byte("\r")), err
}

// hold gives a line back.
func (r *httpReader) hold(line []byte) {
	r.held = append([]byte{}, line...)
}

// resync skips to the next line that looks like a request line and returns the
// error for what was skipped.
func (r *httpReader) resync(at Position, reason string) error {
	for {
		r.bytes = 0
		line, err := r.next()
		var long messageError
		if errors.As(err, &long) {
			continue
		}
		if err != nil {
			// The next call meets the same end.
			return &EntryError{at, reason}
		}
		if isRequestLine(string(line)) {
			r.hold(line)
			return &EntryError{at, reason}
		}
	}
}

// headers reads field lines up to the empty one, or to the end of the source.
func (r *httpReader) headers() (engine.Headers, error) {
	var h engine.Headers
	for {
		line, err := r.next()
		if errors.Is(err, io.EOF) || err == nil && len(line) == 0 {
			return h, nil
		}
		if err != nil {
			return nil, err
		}
		if folded := line[0] == ' ' || line[0] == '\t'; folded && len(h) > 0 {
			last := &h[len(h)-1]
			last[1] = strings.Trim(last[1]+" "+strings.Trim(string(line), " \t"), " ")
			continue
		}
		name, value, _ := strings.Cut(string(line), ":")
		h = append(h, [2]string{name, strings.Trim(value, " \t")})
	}
}

// authority is the Host header, or else the host of an absolute target.
func authority(r engine.Request) string {
	if host := r.Headers.Get("host"); host != "" {
		return host
	}
	if _, rest, ok := strings.Cut(r.Target, "://"); ok && !strings.HasPrefix(r.Target, "/") {
		host, _, _ := strings.Cut(rest, "/")
		return host
	}
	return ""
}

// body reads the body by its framing.
func (r *httpReader) body(e *Entry) (err error) {
	h := e.Request.Headers
	if strings.Contains(strings.ToLower(h.Get("transfer-encoding")), "chunked") {
		e.Body, err = r.chunks()
		if err == nil {
			e.Trailers, err = r.headers()
		}
		return err
	}
	if length, err := strconv.ParseUint(h.Get("content-length"), 10, 63); err == nil {
		e.Body, err = r.exactly(length)
		return err
	}
	if !r.framed {
		e.Body, err = r.unframed()
	}
	return err
}

// exactly reads n bytes.
func (r *httpReader) exactly(n uint64) ([]byte, error) {
	if n > uint64(maxEntryBytes-r.bytes) {
		return nil, messageError(errTooLong.Error())
	}
	var b bytes.Buffer // grows as bytes come, not as a header claims
	got, err := io.CopyN(&b, r.lines.r, int64(n))
	r.lines.line += bytes.Count(b.Bytes(), []byte("\n"))
	r.bytes += int(got)
	if errors.Is(err, io.EOF) {
		return nil, messageError(fmt.Sprintf("the body should have %d bytes and %d follow", n, got))
	}
	return b.Bytes(), err
}

// chunks reads a chunked body up to its last chunk (RFC 9112, section 7.1).
func (r *httpReader) chunks() ([]byte, error) {
	var body []byte
	for {
		line, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil, messageError("the chunked body has no end")
		}
		if err != nil {
			return nil, err
		}
		size, _, _ := strings.Cut(string(line), ";")
		n, err := strconv.ParseUint(strings.Trim(size, " \t"), 16, 63)
		if err != nil {
			return nil, messageError("not the size of a chunk: " + quoteShort(string(line)))
		}
		if n == 0 {
			return body, nil
		}
		chunk, err := r.exactly(n)
		if err != nil {
			return nil, err
		}
		body = append(body, chunk...)
		if end, err := r.next(); err == nil && len(end) > 0 {
			return nil, messageError("a chunk is longer than its size says: " + quoteShort(string(end)))
		}
	}
}

// unframed reads a body that no header announces.
func (r *httpReader) unframed() ([]byte, error) {
	var body []byte
	for {
		line, err := r.lines.next()
		switch r.heldLine = r.lines.line; {
		case errors.Is(err, io.EOF):
			return bytes.TrimRight(body, "\r\n"), nil
		case errors.Is(err, errTooLong):
			return nil, messageError(err.Error())
		case err != nil:
			return nil, err
		case isRequestLine(string(bytes.TrimSuffix(line, []byte("\r")))):
			r.hold(bytes.TrimSuffix(line, []byte("\r")))
			return bytes.TrimRight(body, "\r\n"), nil
		}
		if r.bytes += len(line) + 1; r.bytes > maxEntryBytes {
			return nil, messageError(errTooLong.Error())
		}
		body = append(append(body, line...), '\n')
	}
}

// cutRequestLine splits at the first and the last blank, so that a target with
// blanks stays as it was sent.
func cutRequestLine(line string) (method, target, protocol string, ok bool) {
	first, last := strings.IndexByte(line, ' '), strings.LastIndex(line, " HTTP/")
	if first < 0 || last <= first+1 {
		return "", "", "", false
	}
	return line[:first], line[first+1 : last], line[last+1:], true
}

// maxMethodBytes: the longest registered method has 17 letters; a longer first
// word is text.
const maxMethodBytes = 32

// isMethod says whether s is a token (RFC 9110, section 5.6.2).
func isMethod(s string) bool {
	return s != "" && len(s) <= maxMethodBytes && strings.IndexFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	}) < 0
}

// isRequestLine says whether a line looks like the start of a message. It is
// stricter than what is read as one, because it decides where a message ends
// that does not say so: the method is in capitals, as in all that is sent in
// practice, and nothing stands behind the protocol.
func isRequestLine(line string) bool {
	method, _, protocol, ok := cutRequestLine(line)
	version := strings.TrimPrefix(protocol, "HTTP/")
	return ok && isMethod(method) && method[0] >= 'A' && method[0] <= 'Z' && method == strings.ToUpper(method) &&
		version != "" && strings.Trim(version, "0123456789.") == ""
}

// quoteShort quotes the start of a text for an error.
func quoteShort(s string) string {
	const enough = 60
	if len(s) > enough {
		return strconv.Quote(s[:enough]) + "..."
	}
	return strconv.Quote(s)
}
