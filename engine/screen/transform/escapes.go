package transform

import (
	"strings"
	"unicode/utf8"
)

// nibbles maps a hexadecimal digit to its value, every other byte to -1.
var nibbles = nibbleTable()

func nibbleTable() (table [256]int8) {
	for i := range table {
		table[i] = -1
	}
	for i := range int8(10) {
		table['0'+i] = i
	}
	for i := range int8(6) {
		table['a'+i] = 10 + i
		table['A'+i] = 10 + i
	}
	return table
}

// hexValue returns the value of the first n bytes of s as hexadecimal digits; ok is false if s is shorter
// or has another byte there. n is at most 6.
func hexValue(s string, n int) (value rune, ok bool) {
	if len(s) < n {
		return 0, false
	}
	for i := range n {
		d := nibbles[s[i]]
		if d < 0 {
			return 0, false
		}
		value = value<<4 | rune(d)
	}
	return value, true
}

// hexRun returns how many hexadecimal digits s starts with, at most limit.
func hexRun(s string, limit int) int {
	n := 0
	for n < limit && n < len(s) && nibbles[s[n]] >= 0 {
		n++
	}
	return n
}

// octalRun returns how many octal digits s starts with, at most limit, and their value.
func octalRun(s string, limit int) (n int, value rune) {
	for n < limit && n < len(s) && s[n] >= '0' && s[n] <= '7' {
		value = value<<3 | rune(s[n]-'0')
		n++
	}
	return n, value
}

// foldFullWidth returns the byte that jsDecode and urlDecodeUni make of a code point: its low byte, moved
// to where ASCII is if the code point is one of the full-width forms U+FF01 to U+FF5E.
func foldFullWidth(code rune) byte {
	if code >= 0xff01 && code <= 0xff5e {
		return byte(code) + 0x20
	}
	return byte(code)
}

// jsDecode resolves the escapes of JavaScript strings, each to one byte.
func jsDecode(a *Arena, s string) (string, bool) {
	return resolveEscapes(a, s, jsEscape)
}

// resolveEscapes has escape resolve what follows each backslash to one byte; it also says how much of the
// text it takes. A backslash at the end stays.
func resolveEscapes(a *Arena, s string, escape func(string) (c byte, n int)) (string, bool) {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s, false
	}
	out := append(a.work(len(s)), s[:i]...)
	for i < len(s) {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			i++
			continue
		}
		c, n := escape(s[i+1:])
		out = append(out, c)
		i += 1 + n
	}
	result := a.settle(out, s)
	return result, len(result) != len(s)
}

// jsEscape resolves the escape whose text after the backslash s starts with: the byte, and how much of s
// it takes. s is not empty.
func jsEscape(s string) (c byte, n int) {
	if s[0] == 'u' {
		if code, n := jsBraced(s); n > 0 {
			return foldFullWidth(code), n
		}
		if code, ok := hexValue(s[1:], 4); ok {
			return foldFullWidth(code), 5
		}
	}
	if s[0] == 'x' {
		if code, ok := hexValue(s[1:], 2); ok {
			return byte(code), 3
		}
	}
	if n, value := octalRun(s, 3); n > 0 {
		if value > 0xff {
			// Three digits that do not fit into a byte are two digits and a character.
			return byte(value >> 3), 2
		}
		return byte(value), n
	}
	return controlEscape(s[0]), 1
}

// jsBraced resolves u{H} with one to six digits; n is 0 if s does not start with that.
func jsBraced(s string) (code rune, n int) {
	if len(s) < 2 || s[1] != '{' {
		return 0, 0
	}
	digits := hexRun(s[2:], 6)
	if digits == 0 || len(s) <= 2+digits || s[2+digits] != '}' {
		return 0, 0
	}
	code, _ = hexValue(s[2:], digits)
	return code, digits + 3
}

// controlEscape returns what the letter after a backslash stands for; all others stand for themselves.
func controlEscape(c byte) byte {
	switch c {
	case 'a':
		return '\a'
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'v':
		return '\v'
	}
	return c
}

// escapeSeqDecode resolves the escapes of C strings, each to one byte. A backslash at the end stays.
func escapeSeqDecode(a *Arena, s string) (string, bool) {
	return resolveEscapes(a, s, cEscape)
}

// cEscape resolves the escape whose text after the backslash s starts with. s is not empty.
func cEscape(s string) (c byte, n int) {
	if s[0] == 'x' || s[0] == 'X' {
		if code, ok := hexValue(s[1:], 2); ok {
			return byte(code), 3
		}
	}
	if n, value := octalRun(s, 3); n > 0 {
		return byte(value), n
	}
	return controlEscape(s[0]), 1
}

// maxCSSDigits is how many hexadecimal digits an escape in a style sheet can have.
const maxCSSDigits = 6

// cssDecode resolves the escapes of style sheets to UTF-8.
func cssDecode(a *Arena, s string) (string, bool) {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s, false
	}
	// "\0" becomes the three bytes of U+FFFD, so the result can outgrow the value by half.
	out := append(a.work(len(s)+len(s)/2+utf8.UTFMax), s[:i]...)
	for i < len(s) {
		if s[i] != '\\' {
			out = append(out, s[i])
			i++
			continue
		}
		i++
		digits := hexRun(s[i:], maxCSSDigits)
		switch {
		case i == len(s):
			// A backslash at the end is dropped.
		case digits > 0:
			code, _ := hexValue(s[i:], digits)
			out = utf8.AppendRune(out, cssRune(code))
			i += digits
			if i < len(s) && classes[s[i]]&whitespace != 0 {
				i++
			}
		case s[i] == '\n':
			i++
		default:
			out = append(out, s[i])
			i++
		}
	}
	return a.settle(out, s), true
}

// cssRune folds full-width ASCII and replaces the code points that no text can have.
func cssRune(code rune) rune {
	switch {
	case code == 0:
		return utf8.RuneError
	case code >= 0xff01 && code <= 0xff5e:
		return code - 0xfee0
	}
	return code
}
