package upload

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
	// handler: an attribute that runs script, such as onload=.
	handler bool
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
