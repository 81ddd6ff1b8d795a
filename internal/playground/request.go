package playground

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"tabard/engine"
	"tabard/engine/seclang"
)

// request is a request as the engine takes it.
type request struct {
	head  engine.Request
	body  []byte
	notes []string
}

// play gives it to an engine.
func (r request) play(e *engine.Engine) *engine.Exchange {
	x := e.Begin(engine.Conn{})
	v := x.RequestHeaders(r.head, len(r.body) == 0)
	if len(r.body) > 0 && v.Action != engine.Block {
		x.RequestBody(r.body, true)
	}
	return x
}

// parseRequest reads a request as people write it into a text field, which is
// not as it goes over a connection (package replay reads that): a field knows
// only line feeds, and nobody counts bytes while typing. So the body is all
// that stands below the first empty line, whatever Content-Length says, and
// one that no header announces gets a Content-Length, as every client sends.
func parseRequest(text string) (request, error) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	var r request
	var err error
	if r.head, err = requestLine(lines[0]); err != nil {
		return r, err
	}
	for _, line := range lines[1:] {
		r.head.Headers = addHeader(r.head.Headers, line)
	}
	if r.head.Authority = r.head.Headers.Get("host"); r.head.Authority == "" {
		r.notes = append(r.notes, "the request has no Host header")
	}
	r.body = []byte(strings.TrimRight(body, "\n"))
	r.frame()
	return r, nil
}

// requestLine reads the first line: the target is what stands between the
// first and the last blank, so that it may have blanks as attacks do.
func requestLine(line string) (engine.Request, error) {
	first, last := strings.IndexByte(line, ' '), strings.LastIndex(line, " HTTP/")
	if first < 1 || last <= first+1 {
		return engine.Request{}, &seclang.Error{
			Pos: seclang.Position{File: RequestFile, Line: 1, Col: 1}, Kind: seclang.Refused,
			Msg: "this is no request line", Hint: "write it as GET /path?name=value HTTP/1.1",
		}
	}
	return engine.Request{Method: line[:first], Target: line[first+1 : last], Protocol: line[last+1:], Scheme: "http"}, nil
}

// addHeader reads a line of the head. A line that begins with a blank goes on
// with the one before (RFC 9112, section 5.2); one without a colon is a header
// without a value.
func addHeader(h engine.Headers, line string) engine.Headers {
	if n := len(h); n > 0 && (line[0] == ' ' || line[0] == '\t') {
		h[n-1][1] = strings.Trim(h[n-1][1]+" "+strings.Trim(line, " \t"), " ")
		return h
	}
	name, value, _ := strings.Cut(line, ":")
	return append(h, [2]string{name, strings.Trim(value, " \t")})
}

// frame makes the head and the body agree as far as the text leaves that open,
// and notes where they do not.
func (r *request) frame() {
	if len(r.body) == 0 {
		return
	}
	if strings.HasPrefix(strings.ToLower(r.head.Headers.Get("content-type")), "multipart/") {
		// RFC 2046, section 5.1.1: the delimiter is a line that CRLF begins and ends.
		r.body = []byte(strings.ReplaceAll(string(r.body), "\n", "\r\n") + "\r\n")
		r.notes = append(r.notes, "the lines of the multipart body end in CRLF")
	}
	says, has := r.head.Headers.Get("content-length"), strconv.Itoa(len(r.body))
	switch {
	case r.head.Headers.Get("transfer-encoding") != "":
		r.notes = append(r.notes, "the body goes in as it stands: it is taken as what the chunks hold")
	case says == "":
		r.head.Headers = append(r.head.Headers, [2]string{"Content-Length", has})
		r.notes = append(r.notes, "Content-Length: "+has+" was added")
	case says != has:
		r.notes = append(r.notes, "Content-Length says "+says+", and the body has "+has+" bytes")
	}
}

// FormatRequest writes a request for the text field. The error is a request
// that no text field gives back.
func FormatRequest(head engine.Request, body []byte) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\n", head.Method, head.Target, head.Protocol)
	if head.Headers.Get("host") == "" && head.Authority != "" {
		fmt.Fprintf(&b, "Host: %s\n", head.Authority)
	}
	for _, h := range head.Headers {
		fmt.Fprintf(&b, "%s: %s\n", h[0], h[1])
	}
	if len(body) > 0 {
		b.WriteString("\n" + strings.ReplaceAll(string(body), "\r\n", "\n"))
	}
	text := b.String()
	again, err := parseRequest(text)
	if err != nil {
		return "", err
	}
	if !utf8.ValidString(text) || string(again.body) != string(body) || again.head.Target != head.Target {
		return "", fmt.Errorf("the request to %s holds bytes that a text field does not keep: use tabard explain", head.Target)
	}
	return text, nil
}
