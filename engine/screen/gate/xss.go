package gate

import "strings"

// MayBeXSS reports whether libinjection could call the value XSS.
//
// The library reads a value as HTML five times: as text, and as if it began
// inside a tag, in no, single, double or back quotes. It calls it XSS for a
// document type, certain tags and comments, and for certain attributes with a
// value. Why false is certain, however the value is read:
//
//   - A document type, a tag or a comment begins only at a < that is followed
//     by ! ? % / NUL or a letter. Before a letter, or / and a letter, stands
//     the name of a tag, which then must be one of those that count.
//   - An attribute's value follows its name after an = and blanks only. The name
//     ends before the =, or before blanks before that, and must be one of those
//     that count: so the letters before the = must end in such a name.
//
// It is pure, allocates nothing and takes time proportional to the value, as
// the names looked for are short.
func MayBeXSS(value string) bool {
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '<':
			if mayOpenTag(value[i+1:]) {
				return true
			}
		case '=':
			if mayEndAttribute(value[:i]) {
				return true
			}
		}
	}
	return false
}

// mayOpenTag reports whether what follows a < could count.
func mayOpenTag(rest string) bool {
	if rest == "" {
		return false
	}
	switch c := rest[0]; {
	case c == '/':
		// Not followed by a letter, it is a comment, or nothing.
		return len(rest) > 1 && (!isLetter(rest[1]) || mayBeTag(rest[1:]))
	case c == '!', c == '?', c == '%', c == 0:
		return true
	case isLetter(c):
		return mayBeTag(rest)
	}
	return false
}

// xssTags are the tags that count, besides those that begin with svg or xsl.
var xssTags = []string{
	"applet", "base", "comment", "embed", "frame", "frameset", "handler", "iframe", "import", "isindex", "link",
	"listener", "meta", "noscript", "object", "script", "style", "vmlframe", "xml", "xss",
}

// longestTag is the length of the longest of them.
const longestTag = len("noscript")

// mayBeTag reports whether the name at the start of s is a tag that counts. The
// library ignores NUL in names: a name with one is for it.
func mayBeTag(s string) bool {
	var name [longestTag]byte
	n := 0
	for ; n < len(s) && !endsTagName(s[n]); n++ {
		if s[n] == 0 {
			return true
		}
		if n < len(name) {
			name[n] = lower(s[n])
		}
	}
	if n >= 3 {
		switch string(name[:3]) {
		case "svg", "xsl":
			return true
		}
	}
	if n > len(name) {
		// No such tag, unless a NUL comes later, which the loop has ruled out.
		return false
	}
	for _, tag := range xssTags {
		if string(name[:n]) == tag {
			return true
		}
	}
	return false
}

func endsTagName(c byte) bool { return c == '/' || c == '>' || isBlank(c) }

// isBlank reports whether the library takes c for white space in a tag.
func isBlank(c byte) bool {
	return c == ' ' || '\t' <= c && c <= '\r'
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// xssAttributes are endings that every attribute that counts has, besides those
// that begin with "on": "src" stands for dynsrc and lowsrc, too.
var xssAttributes = []string{
	"action", "attributename", "background", "by", "dataformatas", "filter", "folder", "from", "handler", "href",
	"poster", "src", "style", "to", "values", "xlink", "xmlns",
}

// mayEndAttribute reports whether the text before an = ends in the name of an
// attribute that counts.
func mayEndAttribute(before string) bool {
	before = strings.TrimRight(before, "\x00 \t\n\v\f\r")
	start := len(before)
	for start > 0 && isLetter(before[start-1]) {
		start--
	}
	if start > 0 && before[start-1] == 0 {
		return true // the library ignores NUL in names
	}
	letters := before[start:]
	if mayBeEvent(letters) {
		return true
	}
	for _, name := range xssAttributes {
		if hasSuffixFold(letters, name) {
			return true
		}
	}
	return false
}

// shortestEvent is the length of the shortest attribute that begins with "on".
const shortestEvent = len("oncut")

// mayBeEvent reports whether letters end in "on" and the name of an event.
func mayBeEvent(letters string) bool {
	for i := 0; i+shortestEvent <= len(letters); i++ {
		if lower(letters[i]) == 'o' && lower(letters[i+1]) == 'n' {
			return true
		}
	}
	return false
}

// hasSuffixFold reports whether s ends in a lower-case suffix, in any case.
func hasSuffixFold(s, suffix string) bool {
	if len(s) < len(suffix) {
		return false
	}
	for i, c := range []byte(s[len(s)-len(suffix):]) {
		if lower(c) != suffix[i] {
			return false
		}
	}
	return true
}
