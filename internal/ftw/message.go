package ftw

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Message is the request of a stage as it is sent, read as a lenient server
// does.
type Message struct {
	Method, Target, Protocol, Scheme string
	Headers                          []Header
	// Body is without transfer coding; Trailers follow a chunked one.
	Body     []byte
	Trailers []Header

	raw []byte // the whole message, of an encoded_request
}

// Message gives the request that go-ftw would send, so that a test means the
// same here: with autocomplete_headers a body is a form unless its
// Content-Type says otherwise, a form that is not encoded yet is encoded, and
// Connection and Content-Length are added; the lines of a multipart body end
// in CRLF in any case. The error says what a server would wait for in vain in
// an encoded_request.
func (in Input) Message() (Message, error) {
	if in.EncodedRequest != nil {
		return parseMessage(in.EncodedRequest)
	}
	m := Message{
		Method: in.Method, Target: in.URI, Protocol: in.Version, Scheme: in.Protocol,
		Headers: append([]Header(nil), in.Headers...), Body: in.Data,
	}
	if in.AutocompleteHeaders && len(m.Body) > 0 {
		m.add("Content-Type", formType)
		if m.Header("Content-Type") == formType {
			m.Body = encodeForm(m.Body)
		}
	}
	if strings.HasPrefix(m.Header("Content-Type"), "multipart/form-data;") {
		m.Body = bytes.ReplaceAll(m.Body, []byte("\n"), []byte("\r\n"))
	}
	if in.AutocompleteHeaders {
		m.add("Connection", "close")
		if len(m.Body) > 0 || hasBody(in.Method) {
			m.add("Content-Length", strconv.Itoa(len(m.Body)))
		}
	}
	return m, nil
}

// formType is the media type of a body without one.
const formType = "application/x-www-form-urlencoded"

// add adds a field line unless there is one of that name.
func (m *Message) add(name, value string) {
	if headerIndex(m.Headers, name) < 0 {
		m.Headers = append(m.Headers, Header{name, value})
	}
}

// Header returns the first value of a field, in any case of letters, or "".
func (m Message) Header(name string) string {
	if i := headerIndex(m.Headers, name); i >= 0 {
		return m.Headers[i].Value
	}
	return ""
}

// headerIndex finds a field, in any case of letters; -1 when it is not there.
func headerIndex(headers []Header, name string) int {
	return slices.IndexFunc(headers, func(h Header) bool { return strings.EqualFold(h.Name, name) })
}

// encodeForm encodes the names and values of a form in which nothing is
// encoded yet; "+" and "%41" say that something is.
func encodeForm(body []byte) []byte {
	text := string(body)
	if plain, err := url.QueryUnescape(text); err != nil || plain != text {
		return body
	}
	pairs := strings.Split(text, "&")
	for i, pair := range pairs {
		name, value, assigned := strings.Cut(pair, "=")
		pairs[i] = url.QueryEscape(name)
		if assigned {
			pairs[i] += "=" + url.QueryEscape(value)
		}
	}
	return []byte(strings.Join(pairs, "&"))
}

// hasBody says whether a client sends Content-Length even without a body (RFC
// 9110, section 8.6).
func hasBody(method string) bool {
	switch method {
	case "POST", "PUT", "PATCH", "DELETE":
		return true
	}
	return false
}

// parseMessage reads the bytes of an encoded_request.
func parseMessage(raw []byte) (Message, error) {
	m := Message{Scheme: "http", raw: raw}
	lines := bufio.NewReader(bytes.NewReader(raw))
	start, _ := lines.ReadString('\n')
	m.Method, start, _ = strings.Cut(strings.TrimRight(start, "\r\n"), " ")
	m.Target, m.Protocol = start, ""
	if at := strings.LastIndexByte(start, ' '); at >= 0 {
		m.Target, m.Protocol = start[:at], start[at+1:]
	}
	m.Headers = readLines(lines)
	return m, m.readBody(lines)
}

// readLines reads field lines up to the empty one.
func readLines(r *bufio.Reader) (headers []Header) {
	for {
		line, err := r.ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line == "" || err != nil {
			return headers
		}
		name, value, _ := strings.Cut(line, ":")
		headers = append(headers, Header{name, strings.Trim(value, " \t")})
	}
}

// readBody reads the body by its framing: chunked beats a length (RFC 9112,
// section 6.3).
func (m *Message) readBody(r *bufio.Reader) (err error) {
	if strings.Contains(strings.ToLower(m.Header("Transfer-Encoding")), "chunked") {
		if m.Body, err = io.ReadAll(httputil.NewChunkedReader(r)); err != nil {
			return errors.New("the chunked body has no end: " + err.Error())
		}
		m.Trailers = readLines(r)
		return nil
	}
	m.Body, err = io.ReadAll(r)
	if length, failed := strconv.Atoi(m.Header("Content-Length")); failed == nil && length >= 0 {
		if length > len(m.Body) {
			return fmt.Errorf("the body should have %d bytes and %d follow", length, len(m.Body))
		}
		m.Body = m.Body[:length]
	}
	return err
}

// Bytes gives the message as it goes over a connection, with extra field lines
// behind its own.
func (m Message) Bytes(extra ...Header) []byte {
	var b bytes.Buffer
	if m.raw != nil {
		head, rest, _ := bytes.Cut(m.raw, []byte("\r\n\r\n"))
		b.Write(head)
		b.WriteString("\r\n")
		writeLines(&b, extra)
		b.WriteString("\r\n")
		b.Write(rest)
		return b.Bytes()
	}
	fmt.Fprintf(&b, "%s %s %s\r\n", m.Method, m.Target, m.Protocol)
	writeLines(&b, append(m.Headers[:len(m.Headers):len(m.Headers)], extra...))
	b.WriteString("\r\n")
	b.Write(m.Body)
	return b.Bytes()
}

func writeLines(b *bytes.Buffer, lines []Header) {
	for _, h := range lines {
		fmt.Fprintf(b, "%s: %s\r\n", h.Name, h.Value)
	}
}
