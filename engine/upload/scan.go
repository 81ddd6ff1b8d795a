package upload

import "strings"

// needle is something to find anywhere in a file.
type needle uint8

const (
	needlePHP         needle = iota // "<?php"
	needleScript                    // a script element, or a URL that is a script
	needleHTML                      // what begins a page
	needleVirus                     // the EICAR test file
	needleZIPEntry                  // a file in a ZIP archive
	needleZIPEnd                    // the end of a ZIP archive's directory
	needlePDF                       // the start of a PDF
	needleMacroZIP                  // the macros of an OOXML file
	needleMacroOLE                  // the macros of an OLE file
	needleEntity                    // an entity that a document type declares
	needleForeign                   // HTML inside of SVG
	needleContentList               // the list of contents that makes a ZIP an OOXML file
	needleArchive                   // the start of a RAR or 7z archive
	needleStylesheet                // a style sheet of XML, which may be a program
	needleCount
)

// needles are compared without the case of ASCII letters. EICAR's file is known
// by its middle, so that no scanner takes this program for it.
var needles = []struct {
	text string
	is   needle
}{
	{"<?php", needlePHP},
	{"<script", needleScript},
	{":script", needleScript}, // with a prefix of its name space
	{"javascript:", needleScript},
	{"<html", needleHTML},
	{"<body", needleHTML},
	{"<iframe", needleHTML},
	{"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$", needleVirus},
	{"PK\x03\x04", needleZIPEntry},
	{"PK\x05\x06", needleZIPEnd},
	{"%PDF-", needlePDF},
	{"vbaProject.bin", needleMacroZIP},
	{"_\x00V\x00B\x00A\x00_\x00P\x00R\x00O\x00J\x00E\x00C\x00T", needleMacroOLE},
	{"<!ENTITY", needleEntity},
	{"<foreignObject", needleForeign},
	{"[Content_Types].xml", needleContentList},
	{"Rar!\x1a\x07", needleArchive},
	{"7z\xbc\xaf\x27\x1c", needleArchive},
	{"<?xml-stylesheet", needleStylesheet},
}

// maxNeedleBytes is the longest needle, and so how much of a piece has to be
// looked at again with the next one.
var maxNeedleBytes = func() (n int) {
	for _, x := range needles {
		n = max(n, len(x.text))
	}
	return n
}()

// byFirst are the needles by their first byte in either case.
var byFirst = func() (t [256][]uint8) {
	for i, n := range needles {
		c := n.text[0]
		t[c] = append(t[c], uint8(i))
		if lower := fold(c); lower != c {
			t[lower] = append(t[lower], uint8(i))
		} else if 'a' <= c && c <= 'z' {
			t[c&^0x20] = append(t[c&^0x20], uint8(i))
		}
	}
	return t
}()

// scanner finds needles in a file that arrives in pieces.
type scanner struct {
	tail  []byte // the end of what was seen
	seen  int    // bytes before the tail
	found [needleCount]bool
	// at is where a needle was first found, in bytes; last where last.
	at, last [needleCount]int
	// handler: an attribute that runs script, such as onload=, or a URL that is a
	// script and is not written as one.
	handler bool
	// shortTag: what PHP, ASP and JSP begin with besides "<?php".
	shortTag bool
}

func (s *scanner) write(piece []byte) {
	text := append(s.tail, piece...)
	s.scan(text, max(0, len(s.tail)-maxNeedleBytes+1))
	keep := min(len(text), maxNeedleBytes-1)
	s.seen += len(text) - keep
	s.tail = append(s.tail[:0:0], text[len(text)-keep:]...)
}

// scan looks at all places of text, of which those that a needle fills wholly
// count; finding one a second time changes nothing but its last place.
func (s *scanner) scan(text []byte, from int) {
	for i := from; i < len(text); i++ {
		for _, n := range byFirst[text[i]] {
			if x := &needles[n]; hasPrefixFold(text[i:], x.text) {
				s.note(x.is, s.seen+i)
			}
		}
		if !s.handler && (text[i] == 'o' || text[i] == 'O') && i > 0 && isHandler(text[i-1:]) {
			s.handler = true
		}
		s.handler = s.handler || text[i] == '=' && hidesScript(text[i+1:])
		s.shortTag = s.shortTag || text[i] == '<' && isShortTag(text[i+1:])
	}
}

func (s *scanner) note(n needle, at int) {
	if !s.found[n] {
		s.found[n], s.at[n] = true, at
	}
	s.last[n] = at
}

// maxHandlerBytes is longer than the longest of HTML's event handlers.
const maxHandlerBytes = 24

// isHandler says whether an attribute such as onload= begins behind the first
// byte, which has to part it from what is in front.
func isHandler(s []byte) bool {
	switch s[0] {
	case ' ', '\t', '\n', '\r', '\f', '/', '"', '\'':
	default:
		return false
	}
	if len(s) < 4 || fold(s[2]) != 'n' {
		return false
	}
	i := 3
	for i < len(s) && i < maxHandlerBytes && fold(s[i]) >= 'a' && fold(s[i]) <= 'z' {
		i++
	}
	letters := i - 3
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r') {
		i++
	}
	return letters >= 2 && i < len(s) && s[i] == '='
}

// isShortTag says whether "?=", "? " or "%" begins a piece of a program behind the
// "<". In an image such bytes are there by chance, eight or twelve printable ones
// behind them in one of a hundred thousand images of 128 KiB.
func isShortTag(s []byte) bool {
	switch {
	case len(s) > 1 && s[0] == '?' && (s[1] == '=' || isBlank(s[1])):
		return arePrintable(s[2:], 8)
	case len(s) > 0 && s[0] == '%':
		return arePrintable(s[1:], 12)
	}
	return false
}

func arePrintable(s []byte, n int) bool {
	if len(s) < n {
		return false
	}
	for _, c := range s[:n] {
		if (c < ' ' || c > '~') && !isBlank(c) {
			return false
		}
	}
	return true
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

const (
	scriptScheme = "javascript:"
	// minSchemeBytes of it have to be there where references make it longer than
	// what is kept of a piece.
	minSchemeBytes = 3
	// maxReferenceBytes is more than a reference to a letter needs; who writes more
	// zeros hides something.
	maxReferenceBytes = 10
)

// hidesScript says whether the value of an attribute begins like "javascript:"
// with a letter as a character reference, or with a line's end between letters,
// which browsers drop.
func hidesScript(s []byte) bool {
	window := maxNeedleBytes - 1
	whole := len(s) >= window
	s = s[:min(len(s), window)]
	for len(s) > 0 && (isBlank(s[0]) || s[0] == '"' || s[0] == '\'') {
		s = s[1:]
	}
	hidden, found := false, 0
	for found < len(scriptScheme) {
		if cut := len(s) < maxReferenceBytes && strings.HasPrefix(string(s), "&"); len(s) == 0 || cut && whole {
			return whole && (hidden || cut) && found >= minSchemeBytes
		}
		c, n := reference(s)
		dropped := found > 0 && c != ' ' && isBlank(c)
		switch {
		case n > maxReferenceBytes:
			return true
		case fold(c) == scriptScheme[found]:
			found++
		case !dropped:
			return false
		}
		hidden = hidden || n > 1 || dropped
		s = s[n:]
	}
	return hidden
}

// reference reads a character, or a reference to one by its number, and how many
// bytes it takes.
func reference(s []byte) (c byte, n int) {
	if len(s) < 3 || s[0] != '&' || s[1] != '#' {
		return s[0], 1
	}
	base, n := 10, 2
	if fold(s[n]) == 'x' {
		base, n = 16, 3
	}
	value := 0
	for ; n < len(s) && n <= maxReferenceBytes; n++ {
		digit := strings.IndexByte("0123456789abcdef"[:base], fold(s[n]))
		if digit < 0 {
			break
		}
		value = value*base + digit
	}
	if n < len(s) && s[n] == ';' {
		n++
	}
	if value > 0x7f {
		return 0x7f, n
	}
	return byte(value), n
}

// fold gives ASCII letters in their small form.
func fold(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// hasPrefixFold compares ASCII letters without their case.
func hasPrefixFold(s []byte, prefix string) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if fold(s[i]) != fold(prefix[i]) {
			return false
		}
	}
	return true
}
