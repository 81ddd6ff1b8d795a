package mime

import "strings"

// httpBlanks are the standard's HTTP whitespace. Vertical tab and form feed are
// none of it.
const httpBlanks = "\n\r\t "

// parseParameter reads one parameter behind a semicolon and gives what follows
// the next one. The Parameter is zero when this one does not count.
func parseParameter(s string) (Parameter, string) {
	s = strings.TrimLeft(s, httpBlanks)
	end := strings.IndexAny(s, ";=")
	if end < 0 {
		return Parameter{}, ""
	}
	name := lower(s[:end])
	if s[end] == ';' {
		return Parameter{}, s[end+1:]
	}
	value, rest := parseValue(s[end+1:])
	if !isToken(name) || !isQuotable(value.text) || value.text == "" && !value.quoted {
		return Parameter{}, rest
	}
	return Parameter{Name: name, Value: value.text}, rest
}

// parameterValue is a value and whether it stood in quotes, where it may be
// empty.
type parameterValue struct {
	text   string
	quoted bool
}

// parseValue reads what follows the equals sign, up to and including the next
// semicolon.
func parseValue(s string) (parameterValue, string) {
	if strings.HasPrefix(s, `"`) {
		text, rest := parseQuoted(s[1:])
		// Whatever stands between the closing quote and the semicolon is
		// skipped.
		_, rest, _ = strings.Cut(rest, ";")
		return parameterValue{text: text, quoted: true}, rest
	}
	text, rest, _ := strings.Cut(s, ";")
	return parameterValue{text: strings.TrimRight(text, httpBlanks)}, rest
}

// parseQuoted reads a string behind its opening quote. A missing closing quote
// and a backslash at the end are forgiven, the latter as itself.
func parseQuoted(s string) (text, rest string) {
	end := strings.IndexAny(s, `"\`)
	if end < 0 {
		return s, ""
	}
	if s[end] == '"' {
		return s[:end], s[end+1:]
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), s[i+1:]
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}

// isToken says whether s is one or more HTTP token code points (RFC 9110,
// section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		if !tokenBytes[s[i]] {
			return false
		}
	}
	return s != ""
}

var tokenBytes = func() (t [256]bool) {
	for _, c := range "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" {
		t[c] = true
	}
	return t
}()

// isQuotable says whether s has only HTTP quoted-string token code points: tab,
// printable ASCII and 0x80 to 0xff.
func isQuotable(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '\t' && (c < ' ' || c == 0x7f) {
			return false
		}
	}
	return true
}

// lower gives s with small ASCII letters; without an allocation when it has
// them already.
func lower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return lowered(s)
		}
	}
	return s
}

// lowered changes ASCII letters only: strings.ToLower would also rewrite bytes
// that are no UTF-8.
func lowered(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}
