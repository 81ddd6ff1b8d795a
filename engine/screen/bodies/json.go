package bodies

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// Coraza stops when names and values outgrow the body by this factor: each value repeats its whole path.
	jsonBudgetFactor = 8
	// Small bodies may always grow to this many bytes.
	jsonBudgetFloor = 4096
)

// frame is an object or array that is being read.
type frame struct {
	array bool
	path  int // length of its own path
	count int // members so far
}

// jsonReader reads a JSON text once, checks it, and adds a value for each leaf and the length of each array
// that has members, under the path that leads there: json.items.0.name.
type jsonReader struct {
	p      *Parser
	s      string
	i      int
	kind   Kind
	path   []byte
	depth  int // limit on nested objects and arrays
	budget int // bytes of names and values that are left
	leaves int // values left before the limit on arguments
	arrays int // lengths of arrays left before that limit, which counts them apart
}

func (p *Parser) jsonRequest(body string) Doubt {
	doubt := p.json(body, ArgsPost, p.limits.RequestJSONDepth)
	if doubt == NoDoubt {
		p.elements = append(p.elements, Element{JSONBody, "json_request_body", body})
		p.setInt(ArgsCombinedSize, p.argsSize)
	}
	return doubt
}

func (p *Parser) jsonResponse(body string) Doubt {
	doubt := p.json(body, ResponseArgs, p.limits.ResponseJSONDepth)
	if doubt == NoDoubt {
		p.elements = append(p.elements, Element{JSONBody, "json_response_body", body})
	}
	return doubt
}

func (p *Parser) json(body string, kind Kind, depth int) Doubt {
	r := jsonReader{
		p: p, s: body, kind: kind, path: append(p.scratch[:0], "json"...), depth: depth,
		budget: max(jsonBudgetFactor*len(body), jsonBudgetFloor),
		leaves: p.limits.Arguments, arrays: p.limits.Arguments,
	}
	p.frames = p.frames[:0]
	doubt := r.text()
	p.scratch = r.path
	return doubt
}

// text reads the whole text.
func (r *jsonReader) text() Doubt {
	r.space()
	doubt := r.top()
	for doubt == NoDoubt && len(r.p.frames) > 0 {
		doubt = r.next()
	}
	if doubt != NoDoubt {
		return doubt
	}
	r.space()
	if r.i < len(r.s) {
		return JSONInvalid
	}
	return NoDoubt
}

// top reads the start of an object or array, or the whole of another value, which is flattened as if it were
// the only member of an array.
func (r *jsonReader) top() Doubt {
	if r.i < len(r.s) && (r.s[r.i] == '{' || r.s[r.i] == '[') {
		return r.value()
	}
	r.p.frames = append(r.p.frames, frame{array: true, path: len(r.path)})
	r.member("")
	if doubt := r.value(); doubt != NoDoubt {
		return doubt
	}
	return r.close()
}

// space skips what JSON takes for white space.
func (r *jsonReader) space() {
	for r.i < len(r.s) && (r.s[r.i] == ' ' || r.s[r.i] == '\t' || r.s[r.i] == '\n' || r.s[r.i] == '\r') {
		r.i++
	}
}

// skip moves past c, if it is next.
func (r *jsonReader) skip(c byte) bool {
	if r.i < len(r.s) && r.s[r.i] == c {
		r.i++
		return true
	}
	return false
}

// value reads a value, but of an object or array only the start; the path leads to the value.
func (r *jsonReader) value() Doubt {
	if r.i == len(r.s) {
		return JSONInvalid
	}
	switch c := r.s[r.i]; c {
	case '{', '[':
		r.i++
		if len(r.p.frames) == r.depth {
			return JSONDepth
		}
		r.p.frames = append(r.p.frames, frame{array: c == '[', path: len(r.path)})
		return NoDoubt
	case '"':
		text, ok := r.quoted()
		if !ok {
			return JSONInvalid
		}
		return r.leaf(text)
	}
	start := r.i
	if r.literal("null") {
		return r.leaf("")
	}
	if !r.literal("true") && !r.literal("false") && !r.number() {
		return JSONInvalid
	}
	return r.leaf(r.s[start:r.i])
}

// next reads what follows in the innermost object or array: its end, or one more member.
func (r *jsonReader) next() Doubt {
	top := &r.p.frames[len(r.p.frames)-1]
	r.path = r.path[:top.path]
	r.space()
	closer := byte('}')
	if top.array {
		closer = ']'
	}
	if r.skip(closer) {
		return r.close()
	}
	if top.count > 0 && !r.skip(',') {
		return JSONInvalid
	}
	if r.leaves == 0 {
		return JSONArguments
	}
	r.space()
	name := ""
	if !top.array {
		var ok bool
		if name, ok = r.quoted(); !ok {
			return JSONInvalid
		}
		r.space()
		if !r.skip(':') {
			return JSONInvalid
		}
		r.space()
	}
	r.member(name)
	return r.value()
}

// member extends the path by the next member of the innermost object or array.
func (r *jsonReader) member(name string) {
	top := &r.p.frames[len(r.p.frames)-1]
	r.path = append(r.path, '.')
	if top.array {
		r.path = appendInt(r.path, top.count)
	} else {
		r.path = append(r.path, name...)
	}
	top.count++
}

// close ends the innermost object or array.
func (r *jsonReader) close() Doubt {
	top := r.p.frames[len(r.p.frames)-1]
	r.p.frames = r.p.frames[:len(r.p.frames)-1]
	r.path = r.path[:top.path]
	if !top.array || top.count == 0 {
		return NoDoubt
	}
	if r.arrays == 0 {
		return JSONArguments
	}
	r.arrays--
	return r.add(strconv.Itoa(top.count))
}

// leaf adds a value under the path.
func (r *jsonReader) leaf(value string) Doubt {
	r.leaves--
	return r.add(value)
}

func (r *jsonReader) add(value string) Doubt {
	r.budget -= len(r.path) + len(value)
	if r.budget < 0 {
		return JSONBudget
	}
	key := r.p.arena.String(r.path)
	if r.kind == ArgsPost {
		r.p.argument(ArgsPost, key, value)
		return NoDoubt
	}
	r.p.elements = append(r.p.elements, Element{r.kind, key, value})
	r.p.repeated.note(r.p.elements, r.kind)
	return NoDoubt
}

// literal moves past the word, if it is next.
func (r *jsonReader) literal(word string) bool {
	if len(r.s)-r.i >= len(word) && r.s[r.i:r.i+len(word)] == word {
		r.i += len(word)
		return true
	}
	return false
}

// number moves past a number, if a valid one is next.
func (r *jsonReader) number() bool {
	r.skip('-')
	switch {
	case r.skip('0'):
	case r.digits() == 0:
		return false
	}
	if r.skip('.') && r.digits() == 0 {
		return false
	}
	if r.skip('e') || r.skip('E') {
		if !r.skip('+') {
			r.skip('-')
		}
		return r.digits() > 0
	}
	return true
}

func (r *jsonReader) digits() int {
	start := r.i
	for r.i < len(r.s) && r.s[r.i] >= '0' && r.s[r.i] <= '9' {
		r.i++
	}
	return r.i - start
}

// quoted moves past a string and returns what it stands for. Bytes that are no UTF-8 are taken as they are.
func (r *jsonReader) quoted() (text string, ok bool) {
	if !r.skip('"') {
		return "", false
	}
	start := r.i
	escaped := false
	for r.i < len(r.s) {
		switch c := r.s[r.i]; {
		case c == '"':
			text = r.s[start:r.i]
			r.i++
			if escaped {
				text = r.p.unescape(text)
			}
			return text, true
		case c < ' ':
			return "", false
		case c == '\\':
			n := escapeLength(r.s[r.i:])
			if n == 0 {
				return "", false
			}
			escaped = true
			r.i += n
		default:
			r.i++
		}
	}
	return "", false
}

// escapeLength returns the length of the escape that s starts with, or 0 if it is not valid.
func escapeLength(s string) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(s) >= 6 && isHex(s[2]) && isHex(s[3]) && isHex(s[4]) && isHex(s[5]) {
			return 6
		}
	}
	return 0
}

// unescape resolves the escapes of a string that was found valid.
func (p *Parser) unescape(s string) string {
	out := p.unescaped[:0]
	for i := 0; i < len(s); {
		c := s[i]
		if c != '\\' {
			out = append(out, c)
			i++
			continue
		}
		if s[i+1] != 'u' {
			out = append(out, escapedByte(s[i+1]))
			i += 2
			continue
		}
		r := codeUnit(s[i+2:])
		i += 6
		if utf16.IsSurrogate(r) && i+6 <= len(s) && s[i] == '\\' && s[i+1] == 'u' {
			// The second escape is used up even if the two are no pair.
			r = utf16.DecodeRune(r, codeUnit(s[i+2:]))
			i += 6
		}
		out = utf8.AppendRune(out, r)
	}
	p.unescaped = out
	return p.arena.String(out)
}

func escapedByte(c byte) byte {
	switch c {
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
	}
	return c
}

// codeUnit returns the value of the four hexadecimal digits that s starts with.
func codeUnit(s string) rune {
	n, _ := strconv.ParseUint(s[:4], 16, 16)
	return rune(n)
}
