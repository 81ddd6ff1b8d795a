package transform

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// trimmed is what the trim family removes: isspace in the C locale.
const trimmed = " \t\n\r\f\v"

func trim(_ *Arena, s string) (string, bool) {
	out := strings.Trim(s, trimmed)
	return out, len(out) != len(s)
}

func trimLeft(_ *Arena, s string) (string, bool) {
	out := strings.TrimLeft(s, trimmed)
	return out, len(out) != len(s)
}

func trimRight(_ *Arena, s string) (string, bool) {
	out := strings.TrimRight(s, trimmed)
	return out, len(out) != len(s)
}

// removeWhitespace drops what unicode.IsSpace accepts. As soon as the value has other than ASCII bytes,
// broken UTF-8 is replaced by U+FFFD on the way, which Coraza does not call a change.
func removeWhitespace(a *Arena, s string) (string, bool) {
	first := -1
	for i := range len(s) {
		class := classes[s[i]]
		if class == High {
			return removeWideWhitespace(s)
		}
		if class&whitespace != 0 && first < 0 {
			first = i
		}
	}
	if first < 0 {
		return s, false
	}
	out := append(a.work(len(s)), s[:first]...)
	for i := first; i < len(s); i++ {
		if classes[s[i]]&whitespace == 0 {
			out = append(out, s[i])
		}
	}
	return a.String(out), true
}

func removeWideWhitespace(s string) (string, bool) {
	changed := false
	out := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			changed = true
			return -1
		}
		return r
	}, s)
	return out, changed
}

// compressWhitespace turns each run of whitespace into one space.
func compressWhitespace(a *Arena, s string) (string, bool) {
	first := compressibleFrom(s)
	if first < 0 {
		return s, false
	}
	out := append(a.work(len(s)), s[:first]...)
	// The byte before the first change tells whether that change is inside a run.
	inRun := first > 0 && s[first-1] == ' '
	for i := first; i < len(s); {
		size, space := spaceAt(s, i)
		switch {
		case !space:
			out = append(out, s[i:i+size]...)
		case !inRun:
			out = append(out, ' ')
		}
		inRun = space
		i += size
	}
	return a.String(out), true
}

// compressibleFrom returns where compressWhitespace makes its first change, or -1.
func compressibleFrom(s string) int {
	inRun := false
	for i := 0; i < len(s); {
		class := classes[s[i]]
		size, space := 1, class&whitespace != 0
		if class == High {
			size, space = spaceAt(s, i)
		}
		if space && (inRun || class != Blank) {
			return i
		}
		inRun = space
		i += size
	}
	return -1
}

// spaceAt reports whether compressWhitespace takes the rune at i for a space, and its size in bytes: ASCII
// whitespace, U+0085, U+00A0, and a byte 0xA0 that belongs to no UTF-8 sequence (Latin-1's hard space).
func spaceAt(s string, i int) (size int, space bool) {
	if s[i] < utf8.RuneSelf {
		return 1, classes[s[i]]&whitespace != 0
	}
	r, size := utf8.DecodeRuneInString(s[i:])
	return size, r == 0x85 || r == 0xA0 || s[i] == 0xA0
}

// cmdLine undoes what shells ignore: it drops quotes, backslashes and carets, turns commas, semicolons and
// whitespace into single spaces, drops the space before / and (, and lower-cases ASCII letters.
func cmdLine(a *Arena, s string) (string, bool) {
	first := commandLineFrom(s)
	if first < 0 {
		return s, false
	}
	out := append(a.work(len(s)), s[:first]...)
	inRun := first > 0 && s[first-1] == ' '
	for i := first; i < len(s); i++ {
		c := s[i]
		switch class := classes[c]; {
		case class&(Quote|Backslash) != 0:
			// A dropped byte does not end a run of spaces.
			continue
		case class&(Blank|Break|Comma) != 0:
			if !inRun {
				out = append(out, ' ')
			}
			inRun = true
			continue
		case class == Upper:
			c += 'a' - 'A'
		case class&(Slash|Open) != 0 && inRun:
			out = out[:len(out)-1]
		}
		out = append(out, c)
		inRun = false
	}
	return a.String(out), true
}

// commandLineFrom returns where cmdLine makes its first change, or -1; a change to a space is put down to
// the byte after it.
func commandLineFrom(s string) int {
	inRun := false
	for i := range len(s) {
		class := classes[s[i]]
		if class&(Upper|Quote|Backslash|Comma|Break) != 0 || inRun && class&(Blank|Slash|Open) != 0 {
			return i
		}
		inRun = class == Blank
	}
	return -1
}
