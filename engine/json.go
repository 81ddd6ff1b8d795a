package engine

import (
	"strconv"
	"unicode/utf8"
)

// object writes one JSON object, member by member. encoding/json would cost the
// filter a quarter of a megabyte of code for one line of output.
type object struct {
	out   []byte
	first bool
}

func openObject(out []byte) *object { return &object{out: append(out, '{'), first: true} }

func (o *object) close() []byte { return append(o.out, '}') }

func (o *object) key(name string) {
	if !o.first {
		o.out = append(o.out, ',')
	}
	o.first = false
	o.out = append(appendJSON(o.out, name), ':')
}

func (o *object) text(name, value string) {
	o.key(name)
	o.out = appendJSON(o.out, value)
}

// optional leaves an empty text out.
func (o *object) optional(name, value string) {
	if value != "" {
		o.text(name, value)
	}
}

func (o *object) number(name string, value int) {
	o.key(name)
	o.out = strconv.AppendInt(o.out, int64(value), 10)
}

// appendJSON writes a string as RFC 8259 has it. Bytes that are no UTF-8 become
// U+FFFD, and the line separators of JavaScript are escaped, so that a record is
// one line for every reader.
func appendJSON(out []byte, s string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r == '\n':
			out = append(out, `\n`...)
		case r == '\r':
			out = append(out, `\r`...)
		case r == '\t':
			out = append(out, `\t`...)
		case r < 0x20 || r == 0x7f:
			out = append(out, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		case r == '\u2028' || r == '\u2029':
			out = append(out, `\u202`...)
			out = append(out, hex[r&15])
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return append(out, '"')
}
