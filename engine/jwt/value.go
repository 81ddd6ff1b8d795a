package jwt

import (
	"strconv"
	"strings"
)

// textOf gives what a JSON string says; ok is false for any other value. The
// value must have been read before.
func textOf(value []byte) (text string, ok bool) {
	if len(value) == 0 || value[0] != '"' {
		return "", false
	}
	s := scanner{in: value}
	out, ok := s.text()
	return string(out), ok
}

// numberOf gives a JSON number; ok is false for any other value.
func numberOf(value []byte) (n float64, ok bool) {
	if len(value) == 0 || value[0] != '-' && !isDigit(value[0]) {
		return 0, false
	}
	n, err := strconv.ParseFloat(string(value), 64)
	return n, err == nil
}

func hexByte(s string) (byte, bool) {
	n, err := strconv.ParseUint(s, 16, 8)
	return byte(n), err == nil
}

// elements cuts a JSON list, which has been read before, into its values.
func elements(list []byte) (out [][]byte) {
	s := scanner{in: list}
	if !s.take('[') {
		return nil
	}
	for s.blanks(); s.pos < len(s.in) && !s.take(']'); s.blanks() {
		start := s.pos
		if !s.value() {
			return nil
		}
		out = append(out, s.in[start:s.pos])
		s.blanks()
		s.take(',')
	}
	return out
}

// finder is a memberSink that keeps the value of one member.
type finder struct {
	name  string
	value []byte
}

func (f *finder) member(name, value []byte) {
	if string(name) == f.name {
		f.value = value
	}
}

// find gives the value at a path of members; nil when there is none.
func find(object []byte, path []string) []byte {
	for _, name := range path {
		f := finder{name: name}
		if scanObject(object, &f) != faultNone {
			return nil
		}
		object = f.value
	}
	return object
}

// valuesOf gives a JSON value as texts: a string without quotes and escapes, the
// values of a list one by one, everything else as written. Null is no value.
func valuesOf(value []byte) []string {
	switch {
	case len(value) == 0 || string(value) == "null":
		return nil
	case value[0] == '[':
		var out []string
		for _, e := range elements(value) {
			if text, ok := textOf(e); ok {
				out = append(out, text)
			} else {
				out = append(out, string(e))
			}
		}
		return out
	}
	if text, ok := textOf(value); ok {
		return []string{text}
	}
	return []string{string(value)}
}

// Member gives the values of a member of a JSON object by its path, whose names
// are separated by dots: of a list each one, of anything but a string the JSON
// as written. It gives none when text is no strict JSON object, when there is no
// such member, or when it is null.
func Member(text, path string) []string {
	return valuesOf(find([]byte(text), strings.Split(path, ".")))
}

// Values gives what the variable JWT:name holds of the token: header.NAME and
// claims.NAME, where NAME is a path of members with dots between. In a name,
// %2E stands for a dot and any other byte may be written so. A list gives each of
// its values. The claims of an encrypted token are not to be seen.
func (t *Token) Values(name string) []string {
	part, path, _ := strings.Cut(name, ".")
	text := t.headerText
	if part != "header" {
		text = t.claimsText
	}
	names := strings.Split(path, ".")
	for i, n := range names {
		names[i] = unescape(n)
	}
	return valuesOf(find(text, names))
}
