package ijson

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Problem is why a text is no I-JSON.
type Problem uint8

// The problems.
const (
	OK Problem = iota
	// Invalid: no JSON text, comments and single quotes included.
	Invalid
	// ByteOrderMark: it begins with one, which RFC 8259 forbids to send.
	ByteOrderMark
	// Trailing: more follows the value.
	Trailing
	// NotANumber: NaN or Infinity, which some parsers read as numbers.
	NotANumber
	// NumberRange: a number that no double holds.
	NumberRange
	// DuplicateKey: a member twice in one object. Parsers take the first, the last
	// or both.
	DuplicateKey
	// BadText: bytes that are no UTF-8, or half of a surrogate pair.
	BadText
	// TooDeep: nested deeper than the limit.
	TooDeep
	// TooMany: an object has more members than Object.MaxMembers.
	TooMany
	// ProblemCount is how many there are, OK included.
	ProblemCount
)

var problems = [...]string{
	"nothing", "not a JSON text", "a byte order mark", "text behind the value", "NaN or Infinity",
	"a number out of range", "a repeated key", "text that is no UTF-8", "nested too deeply",
	"too many members",
}

// String returns the problem in words.
func (p Problem) String() string { return problems[p] }

// Leaf gets the scalars in the order of the text. The path has the names of
// members and the numbers of elements with dots between, behind the prefix that
// Walk was given; it is only valid during the call. kind is the first byte of the
// value as written: '"' for a string, whose value is without escapes.
type Leaf func(path []byte, kind byte, value string)

// Check says whether text is one I-JSON text that nests at most maxDepth deep.
func Check(text string, maxDepth int) Problem {
	r := reader{in: text, maxDepth: maxDepth, strict: true}
	return r.whole()
}

// Walk gives the scalars of a JSON text to leaf until the first problem. Repeated
// keys are none to it, both values are given, nor are a byte order mark and text
// that is no UTF-8.
func Walk(text, prefix string, maxDepth int, leaf Leaf) Problem {
	r := reader{in: text, maxDepth: maxDepth, path: []byte(prefix), leaf: leaf}
	return r.whole()
}

// reader is a recursive descent, no deeper than maxDepth.
type reader struct {
	in       string
	pos      int
	depth    int
	maxDepth int
	path     []byte
	leaf     Leaf
	tree     *builder // nil unless the values are wanted
	outer    *Object  // nil unless its members are wanted
	// strict: no object may have a member twice.
	strict bool
	// names are the first members of the objects that are open, outermost first.
	names []string
	// more holds further members of all objects. A map with Go's random seed, so
	// that a client cannot make it slow.
	more    map[name]struct{}
	objects int
	problem Problem
}

// fewNames is how many members of an object are compared one by one. Most have
// fewer, and need no map.
const fewNames = 32

// name is a member of the object with a number.
type name struct {
	object int
	text   string
}

func (r *reader) whole() Problem {
	marked := strings.HasPrefix(r.in, "\xef\xbb\xbf")
	switch {
	case marked && r.lenient():
		r.pos = 3
	case marked:
		return ByteOrderMark
	case !r.lenient() && !utf8.ValidString(r.in):
		return BadText
	}
	r.blanks()
	if r.outer != nil && r.peek() != '{' {
		return Invalid
	}
	if !r.value() {
		return r.problem
	}
	if r.blanks(); r.pos < len(r.in) {
		return Trailing
	}
	return OK
}

func (r *reader) fail(p Problem) bool {
	if r.problem == OK {
		r.problem = p
	}
	return false
}

// lenient says that only the values are of interest: what servers read on over, a
// byte order mark and text that is no UTF-8, must not hide what is behind it.
func (r *reader) lenient() bool { return r.leaf != nil }

// peek gives the next byte, or 0 at the end, which is no JSON anywhere.
func (r *reader) peek() byte {
	if r.pos < len(r.in) {
		return r.in[r.pos]
	}
	return 0
}

func (r *reader) take(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.pos++
	return true
}

func (r *reader) blanks() {
	for r.pos < len(r.in) {
		switch r.in[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

func (r *reader) value() bool {
	start := r.pos
	switch c := r.peek(); {
	case c == '{':
		return r.nested(r.members)
	case c == '[':
		return r.nested(r.elements)
	case c == '"':
		text, ok := r.text()
		if ok {
			r.give('"', text)
		}
		return ok
	case c == '-' || isDigit(c):
		if !r.number() {
			return false
		}
	case !r.word("true") && !r.word("false") && !r.word("null"):
		if r.word("NaN") || r.word("Infinity") {
			return r.fail(NotANumber)
		}
		return r.fail(Invalid)
	}
	r.give(r.in[start], r.in[start:r.pos])
	return true
}

// give hands a scalar on to whoever asks for it.
func (r *reader) give(kind byte, text string) {
	if r.leaf != nil {
		r.leaf(r.path, kind, text)
	}
	if r.tree != nil {
		r.tree.scalar(kind, text)
	}
}

func (r *reader) word(w string) bool {
	if len(r.in)-r.pos < len(w) || r.in[r.pos:r.pos+len(w)] != w {
		return false
	}
	r.pos += len(w)
	return true
}

// nested reads an object or an array and restores the path.
func (r *reader) nested(inside func() bool) bool {
	r.pos++
	if r.depth++; r.depth > r.maxDepth {
		return r.fail(TooDeep)
	}
	at := len(r.path)
	if r.tree != nil {
		r.tree.begin(r.in[r.pos-1])
	}
	ok := inside()
	if ok && r.tree != nil {
		r.tree.end()
	}
	r.path, r.depth = r.path[:at], r.depth-1
	return ok
}

func (r *reader) elements() bool {
	at := len(r.path)
	if r.blanks(); r.take(']') {
		return true
	}
	for i := 0; ; i++ {
		if r.leaf != nil {
			r.path = strconv.AppendInt(append(r.path[:at], '.'), int64(i), 10)
		}
		r.blanks()
		if !r.value() {
			return false
		}
		if r.blanks(); r.take(']') {
			return true
		}
		if !r.take(',') {
			return r.fail(Invalid)
		}
	}
}

func (r *reader) members() bool {
	at, first := len(r.path), len(r.names)
	r.objects++
	object := r.objects
	if r.blanks(); r.take('}') {
		return true
	}
	for n := 0; ; n++ {
		if r.blanks(); r.peek() != '"' {
			return r.fail(Invalid)
		}
		key, ok := r.text()
		if !ok || !r.unique(object, first, n, key) {
			return false
		}
		if r.leaf != nil {
			r.path = append(append(r.path[:at], '.'), key...)
		}
		if r.tree != nil {
			r.tree.names = append(r.tree.names, key)
		}
		if r.blanks(); !r.take(':') {
			return r.fail(Invalid)
		}
		if r.blanks(); !r.member(key) {
			return false
		}
		if r.blanks(); r.take('}') {
			r.names = r.names[:first]
			return true
		}
		if !r.take(',') {
			return r.fail(Invalid)
		}
	}
}

// member reads the value of a member, and hands it on.
func (r *reader) member(key string) bool {
	start := r.pos
	if !r.value() {
		return false
	}
	if r.outer != nil && r.outer.Member != nil && r.depth == 1 {
		r.outer.Member(key, r.in[start:r.pos])
	}
	return true
}

// unique remembers the name of the n-th member of an object, whose names begin
// at first, and says whether the object has not had it before.
func (r *reader) unique(object, first, n int, key string) bool {
	if !r.strict {
		return true
	}
	if r.outer != nil {
		if n == r.outer.MaxMembers {
			return r.fail(TooMany)
		}
		if r.outer.Fold && r.depth == 1 {
			key = Fold(key)
		}
	}
	if slices.Contains(r.names[first:], key) {
		return r.fail(DuplicateKey)
	}
	if n < fewNames {
		r.names = append(r.names, key)
		return true
	}
	further := name{object, key}
	if _, twice := r.more[further]; twice {
		return r.fail(DuplicateKey)
	}
	if r.more == nil {
		r.more = map[name]struct{}{}
	}
	r.more[further] = struct{}{}
	return true
}

// number reads -?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?
func (r *reader) number() bool {
	start := r.pos
	if r.take('-') && r.word("Infinity") {
		return r.fail(NotANumber)
	}
	if !r.take('0') && !r.digits() {
		return r.fail(Invalid)
	}
	exact := true
	if r.take('.') {
		exact = false
		if !r.digits() {
			return r.fail(Invalid)
		}
	}
	if r.take('e') || r.take('E') {
		exact = false
		if !r.take('+') {
			r.take('-')
		}
		if !r.digits() {
			return r.fail(Invalid)
		}
	}
	if text := r.in[start:r.pos]; len(text) > maxPlainDigits || !exact {
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return r.fail(NumberRange)
		}
	}
	return true
}

// maxPlainDigits: a whole number this short is in range without a look.
const maxPlainDigits = 300

func (r *reader) digits() bool {
	start := r.pos
	for isDigit(r.peek()) {
		r.pos++
	}
	return r.pos > start
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// text reads a string; without an escape it is a piece of the input.
func (r *reader) text() (string, bool) {
	r.pos++
	start := r.pos
	var out []byte
	for r.pos < len(r.in) {
		switch c := r.in[r.pos]; {
		case c == '"':
			piece := r.in[start:r.pos]
			r.pos++
			if out == nil {
				return piece, true
			}
			return string(append(out, piece...)), true
		case c == '\\':
			out = append(out, r.in[start:r.pos]...)
			var ok bool
			if out, ok = r.escape(out); !ok {
				return "", false
			}
			start = r.pos
		case c < ' ':
			return "", r.fail(Invalid)
		default:
			r.pos++
		}
	}
	return "", r.fail(Invalid)
}

// escapes are what follows a backslash, and what it stands for.
const escapes, escaped = `"\/bfnrt`, "\"\\/\b\f\n\r\t"

// escape reads one escape and appends what it stands for. The result is never
// nil, so that text can tell a string with escapes from one without.
func (r *reader) escape(out []byte) ([]byte, bool) {
	r.pos++
	c := r.peek()
	r.pos++
	if c == 'u' {
		return r.unicode(out)
	}
	if i := bytes.IndexByte([]byte(escapes), c); i >= 0 {
		return append(out, escaped[i]), true
	}
	return out, r.fail(Invalid)
}

// unicode reads the digits of \uXXXX, and a second escape when the first one is
// half of a surrogate pair (RFC 7493, section 2.1).
func (r *reader) unicode(out []byte) ([]byte, bool) {
	char, ok := r.hex4()
	if !ok {
		return out, r.fail(Invalid)
	}
	if utf16.IsSurrogate(char) {
		start := r.pos
		if char = r.pair(char); char == utf8.RuneError {
			if !r.lenient() {
				return out, r.fail(BadText)
			}
			r.pos = start
		}
	}
	return utf8.AppendRune(out, char), true
}

// pair reads the second half of a surrogate pair behind the first.
func (r *reader) pair(high rune) rune {
	if !r.take('\\') || !r.take('u') {
		return utf8.RuneError
	}
	low, ok := r.hex4()
	if !ok {
		return utf8.RuneError
	}
	return utf16.DecodeRune(high, low)
}

func (r *reader) hex4() (rune, bool) {
	if len(r.in)-r.pos < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(r.in[r.pos:r.pos+4], 16, 16)
	r.pos += 4
	return rune(n), err == nil
}
