package replay

import (
	"errors"
	"net/netip"
	"strings"
)

// parseAccessLog reads a line of the access logs of nginx and Apache in the
// common and the combined format, with or without a virtual host in front
// (Apache's vhost_combined) and with further fields behind, and API Gateway's
// common format, which has no blank before the request:
//
//	192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 203 "referer" "user agent"
//
// What stands in quotes is unescaped.
func parseAccessLog(line, host string) (Entry, error) {
	front, rest, ok := strings.Cut(line, " [")
	if !ok {
		return Entry{}, errNoLogLine
	}
	when, rest, _ := strings.Cut(rest, `]`)
	if rest, ok = strings.CutPrefix(strings.TrimPrefix(rest, " "), `"`); !ok {
		return Entry{}, errNoLogLine
	}
	l := logged{unknown: UnknownHeaders | UnknownBody, time: parseTime(when, clfTime)}
	switch words := strings.Fields(front); {
	case len(words) < 3:
		return Entry{}, errNoLogLine
	case len(words) > 3 && isVirtualHost(words[0], words[1]):
		l.host, l.client = words[0], words[1]
	default: // a user's name may have blanks in it
		l.client = words[0]
	}
	request, rest, ok := cutQuoted(rest)
	if !ok {
		return Entry{}, errNoLogLine
	}
	status, rest, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	if !isStatus(status) {
		return Entry{}, errNoLogLine
	}
	l.setStatus(status)
	_, rest, _ = strings.Cut(rest, " ") // the size
	referer, rest := nextQuoted(rest)
	agent, _ := nextQuoted(rest)
	l.header("User-Agent", agent)
	l.header("Referer", referer)
	if !l.requestLine(request) {
		return Entry{}, noRequest(request)
	}
	return l.entry(host)
}

var errNoLogLine = errors.New(`not a line of a common or combined log: it should look like ADDRESS - - [TIME] "GET / HTTP/1.1" 200 123`)

// isVirtualHost tells "example.com:443 192.0.2.7 - - [" from a user's name of
// two words: only a host is followed by an address.
func isVirtualHost(first, second string) bool {
	_, errFirst := netip.ParseAddr(first)
	_, errSecond := netip.ParseAddr(second)
	return errFirst != nil && errSecond == nil
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
	if i := strings.IndexAny(s, `"\`); i >= 0 && s[i] == '"' {
		return s[:i], s[i+1:], true // most fields have no escape
	}
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
