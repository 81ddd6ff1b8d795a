package replay

import (
	"cmp"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"tabard/engine"
)

// logged is what a log has kept of an exchange. Empty fields are not known.
type logged struct {
	id, client, host                 string
	method, target, protocol, scheme string
	// headers are the ones that the log has, besides Host.
	headers engine.Headers
	body    []byte
	time    time.Time
	status  int
	// unknown is what this kind of log cannot know; entry adds what this one
	// does not.
	unknown Unknown
}

// entry makes the Entry. The log keeps little of a request, and rules look for
// what is missing, so each request gets what every client sends: a Host header
// (host where the log has none), and for methods that carry a body a
// Content-Length of 0 where no body can be replayed. The logged status is not
// a response: its headers are not known. What came to the server and was no
// HTTP, such as a TLS hello on a plain port, has no verdict.
func (l logged) entry(host string) (Entry, error) {
	if !isMethod(l.method) || l.target == "" {
		return Entry{}, errors.New("the logged request is no HTTP request: " + quoteShort(strings.TrimSpace(l.method+" "+l.target)))
	}
	e := Entry{ID: l.id, Body: l.body, Time: l.time, Status: l.status, Unknown: l.unknown}
	if l.host == "" {
		l.host = host
		e.Unknown |= UnknownHost
	}
	switch {
	case l.protocol == "":
		l.protocol = defaultProtocol
		e.Unknown |= UnknownProtocol
	case !strings.HasPrefix(l.protocol, "HTTP/"):
		l.protocol = protocol(l.protocol, false)
	}
	e.Request = engine.Request{
		Method: l.method, Target: l.target, Protocol: l.protocol,
		Scheme: cmp.Or(l.scheme, "http"), Authority: l.host,
	}
	e.Request.Headers = l.allHeaders()
	e.Conn.TLS = e.Request.Scheme == "https"
	if e.Conn.Peer = l.peer(); !e.Conn.Peer.IsValid() {
		e.Unknown |= UnknownClient // a name, where the server looks names up
	}
	return e, nil
}

// defaultProtocol is what most clients of plain servers speak.
const defaultProtocol = "HTTP/1.1"

func (l logged) allHeaders() engine.Headers {
	h := make(engine.Headers, 0, len(l.headers)+2)
	if l.headers.Get("host") == "" {
		h = append(h, [2]string{"Host", l.host})
	}
	h = append(h, l.headers...)
	takesBody := l.method == "POST" || l.method == "PUT" || l.method == "PATCH"
	if takesBody && len(l.body) == 0 && h.Get("content-length") == "" && h.Get("transfer-encoding") == "" {
		h = append(h, [2]string{"Content-Length", "0"})
	}
	return h
}

// peer reads the client's address, with or without port.
func (l logged) peer() netip.AddrPort {
	if ap, err := netip.ParseAddrPort(l.client); err == nil {
		return ap
	}
	a, err := netip.ParseAddr(strings.Trim(l.client, "[]"))
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, 0)
}

// header adds a header when the log has a value for it; "-" is how logs write
// that there was none.
func (l *logged) header(name, value string) {
	if value != "" && value != "-" {
		l.headers = append(l.headers, [2]string{name, value})
	}
}

// requestLine takes a logged request line apart; false is a text that is none.
func (l *logged) requestLine(line string) bool {
	var ok bool
	if l.method, l.target, l.protocol, ok = cutRequestLine(line); !ok {
		// HTTP/0.9 has no protocol (RFC 1945, section 4.1).
		l.method, l.target, ok = strings.Cut(line, " ")
		l.protocol = "HTTP/0.9"
	}
	return ok && isMethod(l.method) && l.target != ""
}

// url takes an absolute target apart, as load balancers log it. A port that
// belongs to the scheme is not in the Host header that clients send.
func (l *logged) url(url string) error {
	scheme, host, target, err := cutURL(url)
	if err != nil {
		return err
	}
	for _, port := range []string{"http:80", "https:443"} {
		if s, p, _ := strings.Cut(port, ":"); s == scheme {
			host = strings.TrimSuffix(host, ":"+p)
		}
	}
	l.scheme, l.host, l.target = scheme, host, target
	return nil
}

// setStatus reads the status that the client got; anything else is not known.
func (l *logged) setStatus(text string) {
	if isStatus(text) {
		l.status, _ = strconv.Atoi(text)
	}
}

func isStatus(s string) bool {
	return len(s) == 3 && strings.Trim(s, "0123456789") == ""
}

// noRequest is the error for a logged request that is none.
func noRequest(line string) error {
	return errors.New("the logged request is no HTTP request: " + quoteShort(line))
}

// clfTime is how common logs write the time.
const clfTime = "02/Jan/2006:15:04:05 -0700"

// parseTime reads a time in the layouts that logs use; what is none of them is
// the zero time, because a verdict does not depend on it.
func parseTime(text string, layouts ...string) time.Time {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
