package jwt

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// maxDepth is how deep objects and arrays may nest. Real claims stay below
	// six (Keycloak's resource_access has three, rich authorization details
	// RFC 9396 five); recursive parsers behind us break at some thousand.
	maxDepth = 16
	// maxMembers is how many members one object may have. A token of 8 KiB has
	// room for a few hundred; the search for duplicates is quadratic.
	maxMembers = 256
)

// fault is what is wrong with a JSON text.
type fault uint8

const (
	faultNone fault = iota
	faultSyntax
	faultText
	faultDuplicate
	faultLimits
	faultNumber
)

// scanner reads one JSON text as RFC 8259 and I-JSON (RFC 7493) define it. It
// keeps no values: it only proves that every parser reads the same ones.
type scanner struct {
	in    []byte
	pos   int
	depth int
	// names are the members of the objects that are open, outermost first; an
	// object compares with its own tail only.
	names []memberName
	// outer, when not nil, gets the members of the outermost object.
	outer memberSink
	// fold: its members must differ in more than the case of ASCII letters.
	fold  bool
	fault fault
}

// memberSink takes the members of an object: a name without its escapes, and a
// JSON value as written.
type memberSink interface {
	member(name, value []byte)
}

// memberName is a name without its escapes. Hashes are compared first, or a
// token made of names alone would keep us busy for half a millisecond.
type memberName struct {
	hash uint32
	text []byte
}

// scanHeader reads a JOSE header. Its members must differ in more than the case
// of ASCII letters, because some libraries do not tell ALG from alg.
func scanHeader(in []byte, h *header) fault {
	s := scanner{in: in, outer: h, fold: true}
	return s.whole()
}

// scanObject reads in as one JSON object with nothing but blanks around it, and
// gives its members to outer unless that is nil.
func scanObject(in []byte, outer memberSink) fault {
	s := scanner{in: in, outer: outer}
	return s.whole()
}

func (s *scanner) whole() fault {
	if !utf8.Valid(s.in) {
		return faultText
	}
	s.blanks()
	if s.peek() != '{' {
		return faultSyntax
	}
	s.object()
	s.blanks()
	if s.fault == faultNone && s.pos != len(s.in) {
		return faultSyntax
	}
	return s.fault
}

func (s *scanner) fail(f fault) bool {
	if s.fault == faultNone {
		s.fault = f
	}
	return false
}

// peek gives the next byte, or 0 at the end; a 0 is no JSON outside strings,
// nor inside.
func (s *scanner) peek() byte {
	if s.pos < len(s.in) {
		return s.in[s.pos]
	}
	return 0
}

// take skips c and says whether it was there.
func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) blanks() {
	for s.pos < len(s.in) {
		switch s.in[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

func (s *scanner) value() bool {
	switch c := s.peek(); {
	case c == '{':
		return s.object()
	case c == '[':
		return s.array()
	case c == '"':
		_, ok := s.text()
		return ok
	case c == '-' || isDigit(c):
		return s.number()
	default:
		return s.word("true") || s.word("false") || s.word("null") || s.fail(faultSyntax)
	}
}

func (s *scanner) word(w string) bool {
	if !bytes.HasPrefix(s.in[s.pos:], []byte(w)) {
		return false
	}
	s.pos += len(w)
	return true
}

// enter skips an opening bracket and counts the level.
func (s *scanner) enter() bool {
	s.pos++
	if s.depth++; s.depth > maxDepth {
		return s.fail(faultLimits)
	}
	s.blanks()
	return true
}

func (s *scanner) leave() bool {
	s.depth--
	return true
}

func (s *scanner) array() bool {
	if !s.enter() {
		return false
	}
	if s.take(']') {
		return s.leave()
	}
	for {
		if !s.value() {
			return false
		}
		s.blanks()
		if s.take(']') {
			return s.leave()
		}
		if !s.take(',') {
			return s.fail(faultSyntax)
		}
		s.blanks()
	}
}

func (s *scanner) object() bool {
	if !s.enter() {
		return false
	}
	if s.take('}') {
		return s.leave()
	}
	base := len(s.names)
	for {
		if !s.pair(base) {
			return false
		}
		s.blanks()
		if s.take('}') {
			s.names = s.names[:base]
			return s.leave()
		}
		if !s.take(',') {
			return s.fail(faultSyntax)
		}
		s.blanks()
	}
}

// pair reads one member of the object whose names begin at base.
func (s *scanner) pair(base int) bool {
	if s.peek() != '"' {
		return s.fail(faultSyntax)
	}
	name, ok := s.text()
	if !ok || !s.unique(name, base) {
		return false
	}
	s.blanks()
	if !s.take(':') {
		return s.fail(faultSyntax)
	}
	s.blanks()
	start := s.pos
	if !s.value() {
		return false
	}
	if s.outer != nil && s.depth == 1 {
		s.outer.member(name, s.in[start:s.pos])
	}
	return true
}

// unique remembers the name and says whether its object has not had it before.
func (s *scanner) unique(name []byte, base int) bool {
	if len(s.names)-base == maxMembers {
		return s.fail(faultLimits)
	}
	n := memberName{hash: hashFold(name), text: name}
	for _, other := range s.names[base:] {
		if other.hash == n.hash && (bytes.Equal(other.text, name) || s.fold && s.depth == 1 && bytes.EqualFold(other.text, name)) {
			return s.fail(faultDuplicate)
		}
	}
	s.names = append(s.names, n)
	return true
}

// hashFold is FNV-1a over the name in small ASCII letters.
func hashFold(name []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		h = (h ^ uint32(c)) * 16777619
	}
	return h
}

// sureDigits is how many characters a number may have before it is asked whether
// a double can hold it.
const sureDigits = 300

// number reads -?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)? and refuses what no double
// holds: parsers make infinity, a wrong number or an error of it (RFC 7493,
// section 2.2).
func (s *scanner) number() bool {
	start, exponent := s.pos, false
	s.take('-')
	if !s.take('0') && !s.digits() {
		return s.fail(faultSyntax)
	}
	if s.take('.') && !s.digits() {
		return s.fail(faultSyntax)
	}
	if s.take('e') || s.take('E') {
		exponent = true
		if !s.take('+') {
			s.take('-')
		}
		if !s.digits() {
			return s.fail(faultSyntax)
		}
	}
	if exponent || s.pos-start > sureDigits {
		if _, err := strconv.ParseFloat(string(s.in[start:s.pos]), 64); err != nil {
			return s.fail(faultNumber)
		}
	}
	return true
}

func (s *scanner) digits() bool {
	start := s.pos
	for isDigit(s.peek()) {
		s.pos++
	}
	return s.pos > start
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// text reads a string and gives what it says; without an escape that is a
// piece of the input.
func (s *scanner) text() ([]byte, bool) {
	s.pos++
	start := s.pos
	var out []byte
	for s.pos < len(s.in) {
		switch c := s.in[s.pos]; {
		case c == '"':
			piece := s.in[start:s.pos]
			s.pos++
			if out == nil {
				return piece, true
			}
			return append(out, piece...), true
		case c == '\\':
			out = append(out, s.in[start:s.pos]...)
			var ok bool
			if out, ok = s.escape(out); !ok {
				return nil, false
			}
			start = s.pos
		case c < ' ':
			return nil, s.fail(faultSyntax)
		default:
			s.pos++
		}
	}
	return nil, s.fail(faultSyntax)
}

// escape reads one escape and appends what it stands for. The result is never
// nil, so that the caller can tell a string with escapes from one without.
func (s *scanner) escape(out []byte) ([]byte, bool) {
	s.pos++
	c := s.peek()
	s.pos++
	switch c {
	case '"', '\\', '/':
		return append(out, c), true
	case 'b':
		return append(out, '\b'), true
	case 'f':
		return append(out, '\f'), true
	case 'n':
		return append(out, '\n'), true
	case 'r':
		return append(out, '\r'), true
	case 't':
		return append(out, '\t'), true
	case 'u':
		return s.unicode(out)
	}
	return out, s.fail(faultSyntax)
}

// unicode reads the digits of \uXXXX, and a second escape when the first is
// half a surrogate pair. Half a pair is no text (RFC 7493, section 2.1), and
// parsers differ in what they make of it.
func (s *scanner) unicode(out []byte) ([]byte, bool) {
	r, ok := s.hex4()
	if !ok {
		return out, s.fail(faultSyntax)
	}
	if utf16.IsSurrogate(r) {
		if !s.take('\\') || !s.take('u') {
			return out, s.fail(faultText)
		}
		low, ok := s.hex4()
		if !ok {
			return out, s.fail(faultSyntax)
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return out, s.fail(faultText)
		}
	}
	return utf8.AppendRune(out, r), true
}

func (s *scanner) hex4() (rune, bool) {
	if len(s.in)-s.pos < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s.in[s.pos:s.pos+4]), 16, 16)
	s.pos += 4
	return rune(n), err == nil
}
