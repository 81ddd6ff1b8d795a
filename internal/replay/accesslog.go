package replay

import (
	"errors"
	"net/netip"
	"strings"
	"time"

	"tabard/engine"
)

// logReader reads the access logs of nginx and Apache in the common and the
// combined format, with or without a virtual host in front (Apache's
// vhost_combined) and with further fields behind:
//
//	192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 203 "referer" "user agent"
//
// The log keeps little of a request, and rules look for what is missing, so
// each request gets what every client sends: a Host header, and for methods
// that carry a body a Content-Length of 0, since no body can be replayed. The
// logged status is not a response: its headers are not known.
type logReader struct {
	lines *lineReader
	host  string
}

// logLine is what a line says.
type logLine struct {
	host, client, request, referer, agent string
	time                                  time.Time
}

// logTime is how the common log format writes a time; another one is not read.
const logTime = "02/Jan/2006:15:04:05 -0700"

// Next implements Reader.
func (r *logReader) Next() (Entry, error) {
	line, at, err := r.lines.entry()
	if err != nil {
		return Entry{}, err
	}
	l, err := parseLogLine(string(line))
	if err != nil {
		return Entry{}, &EntryError{at, err.Error()}
	}
	request, err := l.head()
	if err != nil {
		return Entry{}, &EntryError{at, err.Error()}
	}
	e := Entry{ID: at.id(), Position: at, Time: l.time, Request: request, Unknown: UnknownHeaders | UnknownBody, bytes: len(line)}
	if e.Request.Authority = l.host; l.host == "" {
		e.Request.Authority = r.host
		e.Unknown |= UnknownHost
	}
	e.Request.Headers = l.headers(e.Request)
	if a, err := netip.ParseAddr(l.client); err == nil {
		e.Conn.Peer = netip.AddrPortFrom(a, 0)
	} else {
		e.Unknown |= UnknownClient // a name, where the server looks names up
	}
	return e, nil
}

var errNoLogLine = errors.New(`not a line of a common or combined log: it should look like ADDRESS - - [TIME] "GET / HTTP/1.1" 200 123`)

// parseLogLine takes a line apart. What stands in quotes is unescaped.
func parseLogLine(line string) (logLine, error) {
	front, rest, ok := strings.Cut(line, " [")
	if !ok {
		return logLine{}, errNoLogLine
	}
	at, rest, ok := strings.Cut(rest, `] "`)
	if !ok {
		return logLine{}, errNoLogLine
	}
	var l logLine
	l.time = clock(logTime, at)
	switch words := strings.Fields(front); {
	case len(words) < 3:
		return logLine{}, errNoLogLine
	case len(words) > 3 && isVirtualHost(words[0], words[1]):
		l.host, l.client = words[0], words[1]
	default: // a user's name may have blanks in it
		l.client = words[0]
	}
	if l.request, rest, ok = cutQuoted(rest); !ok {
		return logLine{}, errNoLogLine
	}
	status, rest, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	if !isStatus(status) {
		return logLine{}, errNoLogLine
	}
	_, rest, _ = strings.Cut(rest, " ") // the size
	l.referer, rest = nextQuoted(rest)
	l.agent, _ = nextQuoted(rest)
	return l, nil
}

// isVirtualHost tells "example.com:443 192.0.2.7 - - [" from a user's name of
// two words: only a host is followed by an address.
func isVirtualHost(first, second string) bool {
	_, errFirst := netip.ParseAddr(first)
	_, errSecond := netip.ParseAddr(second)
	return errFirst != nil && errSecond == nil
}

func isStatus(s string) bool {
	return len(s) == 3 && strings.Trim(s, "0123456789") == ""
}

// nextQuoted returns the quoted field that rest begins with; "-" and a field
// that is not there are empty.
func nextQuoted(rest string) (field, after string) {
	inner, ok := strings.CutPrefix(strings.TrimLeft(rest, " "), `"`)
	if !ok {
		return "", rest
	}
	field, after, _ = cutQuoted(inner)
	if field == "-" {
		field = ""
	}
	return field, after
}

// cutQuoted reads up to the closing quote and undoes the escapes of Apache
// (\" \\ \n \r \t \b \v \f \xhh) and nginx (\xHH).
func cutQuoted(s string) (field, after string, ok bool) {
	var out []byte
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return string(out), s[i+1:], true
		case s[i] != '\\' || i+1 == len(s):
			out = append(out, s[i])
		default:
			b, n := unescape(s[i+1:])
			out = append(out, b...)
			i += n
		}
	}
	return "", "", false
}

// unescape decodes what follows a backslash and says how long it is. Nothing
// is lost of an escape that no server writes.
func unescape(s string) (string, int) {
	const letters, bytes = `"\nrtbvf`, "\"\\\n\r\t\b\v\f"
	if i := strings.IndexByte(letters, s[0]); i >= 0 {
		return bytes[i : i+1], 1
	}
	if s[0] == 'x' && len(s) >= 3 {
		hi, lo := unhex(s[1]), unhex(s[2])
		if hi >= 0 && lo >= 0 {
			return string([]byte{byte(hi<<4 | lo)}), 3
		}
	}
	return `\`, 0
}

func unhex(c byte) int {
	digit := strings.IndexByte("0123456789abcdefABCDEF", c)
	if digit > 15 {
		return digit - 6
	}
	return digit
}

// head takes the request line apart. What came to the server and was no HTTP,
// such as a TLS hello on a plain port, has no verdict.
func (l logLine) head() (engine.Request, error) {
	method, target, protocol, ok := cutRequestLine(l.request)
	if !ok {
		// HTTP/0.9 has no protocol (RFC 1945, section 4.1).
		method, target, ok = strings.Cut(l.request, " ")
		protocol = "HTTP/0.9"
	}
	if !ok || !isMethod(method) || target == "" {
		return engine.Request{}, errors.New("the logged request is no HTTP request: " + quoteShort(l.request))
	}
	return engine.Request{Method: method, Target: target, Protocol: protocol, Scheme: "http"}, nil
}

func (l logLine) headers(r engine.Request) engine.Headers {
	h := engine.Headers{{"Host", r.Authority}}
	if l.agent != "" {
		h = append(h, [2]string{"User-Agent", l.agent})
	}
	if l.referer != "" {
		h = append(h, [2]string{"Referer", l.referer})
	}
	if r.Method == "POST" || r.Method == "PUT" || r.Method == "PATCH" {
		h = append(h, [2]string{"Content-Length", "0"})
	}
	return h
}
