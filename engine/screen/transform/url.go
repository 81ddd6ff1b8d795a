package transform

import "unicode/utf8"

// firstEncoded returns where s has its first % or +, or -1.
func firstEncoded(s string) int {
	for i := range len(s) {
		if s[i] == '%' || s[i] == '+' {
			return i
		}
	}
	return -1
}

// URLDecode resolves %XX and + as both t:urlDecode and Coraza's parser of query strings do: what is no
// valid escape stays as it is. The result shares the memory of s if the two are equal.
func URLDecode(a *Arena, s string) string {
	i := firstEncoded(s)
	if i < 0 {
		return s
	}
	out := append(a.work(len(s)), s[:i]...)
	for i < len(s) {
		c := s[i]
		i++
		switch c {
		case '+':
			c = ' '
		case '%':
			if code, ok := hexValue(s[i:], 2); ok {
				c = byte(code)
				i += 2
			}
		}
		out = append(out, c)
	}
	return a.settle(out, s)
}

func urlDecode(a *Arena, s string) (string, bool) {
	// Coraza calls the value changed as soon as there is something to look at.
	return URLDecode(a, s), firstEncoded(s) >= 0
}

// urlDecodeUni resolves + and %XX, and %uXXXX to the ASCII character that looks most like it.
func urlDecodeUni(a *Arena, s string) (string, bool) {
	i := firstEncoded(s)
	if i < 0 {
		return s, false
	}
	out := append(a.work(len(s)), s[:i]...)
	changed := false
	for i < len(s) {
		c := s[i]
		switch {
		case c == '+':
			c = ' '
			changed = true
		case c == '%':
			decoded, n := uniEscape(s[i:])
			if n == 0 {
				break
			}
			c = decoded
			changed = true
			i += n - 1
		}
		out = append(out, c)
		i++
	}
	if !changed {
		return s, false
	}
	// What was decoded first is shorter than before or, for a plus, another byte: the result is not s.
	return a.String(out), true
}

// uniEscape returns the byte that the escape at the start of s stands for and the length of the escape,
// 0 if it is not valid. s starts with a percent sign.
func uniEscape(s string) (c byte, n int) {
	if len(s) > 1 && (s[1] == 'u' || s[1] == 'U') {
		code, ok := hexValue(s[2:], 4)
		if !ok {
			return 0, 0
		}
		if c, ok := bestFit(code); ok {
			return c, 6
		}
		return foldFullWidth(code), 6
	}
	code, ok := hexValue(s[1:], 2)
	if !ok {
		return 0, 0
	}
	return byte(code), 3
}

// bestFit returns the ASCII character that Coraza takes for a code point outside of ASCII, if it has one.
func bestFit(code rune) (byte, bool) {
	low, high := 0, len(bestFitTable)/bestFitEntry
	for low < high {
		mid := (low + high) / 2
		at := mid * bestFitEntry
		entry := rune(bestFitTable[at])<<8 | rune(bestFitTable[at+1])
		switch {
		case entry == code:
			return bestFitTable[at+2], true
		case entry < code:
			low = mid + 1
		default:
			high = mid
		}
	}
	return 0, false
}

// bestFitEntry is the size of an entry of bestFitTable: a code point in two bytes, and its character.
const bestFitEntry = 3

const lowerHex = "0123456789abcdef"

// urlEncode escapes everything but ASCII letters, digits and the star.
func urlEncode(a *Arena, s string) (string, bool) {
	const kept = Upper | Lower | Digit | Star
	first := 0
	for first < len(s) && classes[s[first]]&kept != 0 {
		first++
	}
	if first == len(s) {
		return s, false
	}
	out := append(a.work(3*len(s)), s[:first]...)
	for i := first; i < len(s); i++ {
		switch c := s[i]; {
		case c == ' ':
			out = append(out, '+')
		case classes[c]&kept != 0:
			out = append(out, c)
		default:
			out = append(out, '%', lowerHex[c>>4], lowerHex[c&15])
		}
	}
	return a.String(out), true
}

// utf8ToUnicode writes each character outside of ASCII as %u and at least four hexadecimal digits. A byte
// of broken UTF-8 counts as U+FFFD.
func utf8ToUnicode(a *Arena, s string) (string, bool) {
	first := 0
	for first < len(s) && s[first] < utf8.RuneSelf {
		first++
	}
	if first == len(s) {
		return s, false
	}
	out := append(a.work(3*len(s)), s[:first]...)
	for _, r := range s[first:] {
		if r < utf8.RuneSelf {
			out = append(out, byte(r))
			continue
		}
		out = append(out, '%', 'u')
		shift := 12
		for r>>shift > 0xf {
			shift += 4
		}
		for ; shift >= 0; shift -= 4 {
			out = append(out, lowerHex[r>>shift&15])
		}
	}
	return a.String(out), true
}
