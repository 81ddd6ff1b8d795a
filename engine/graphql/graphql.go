// Package graphql measures a GraphQL document on the way from an HTTP exchange to
// its verdict: how deep it asks, how often under other names, and whether it asks
// for the schema.
//
// It reads the executable part of the October 2021 specification, section 2, as
// far as these numbers need it, and never runs anything.
package graphql

import "strings"

// Shape is what a document asks for.
type Shape struct {
	// Depth is the deepest nesting of selection sets, fragments included: 1 for
	// { me }, 2 for { me { name } }.
	Depth int
	// Aliases is the number of fields under another name, those of a fragment as
	// often as it is spread, up to maxAliases.
	Aliases int
	// Operations is the number of operations.
	Operations int
	// Introspects: it asks for __schema or __type.
	Introspects bool
	// Cyclic: a fragment that leads back to itself, which section 5.5.2.2 forbids.
	Cyclic bool
	// Broken: it is no document, so that the numbers say little.
	Broken bool
	// Endless: it has more tokens than are read, which says the same.
	Endless bool
}

// maxTokens bounds the work; a document of this size is an attack by itself.
// Servers' own limits are about a thousand.
const maxTokens = 20000

// maxAliases is where counting stops: thirty fragments that spread each the next
// one twice ask for more fields than there are numbers.
const maxAliases = 1 << 20

// Measure reads a document.
func Measure(document string) Shape {
	p := parser{lexer: lexer{in: document}, fragments: map[string]*fragment{}}
	p.next()
	for p.token != "" && !p.shape.Broken {
		p.definition()
	}
	return p.finish()
}

// fragment is a selection set with a name, or the root of an operation: how deep
// it is and how many aliases it has by itself, and what it spreads.
type fragment struct {
	sums
	spreads map[string]spread
	state   uint8 // of the walk: 0 not seen, 1 open, 2 done
	total   sums
}

// sums are the numbers that add up over fragments.
type sums struct{ depth, aliases int }

// spread is where a fragment is spread: the deepest place, and how often.
type spread struct{ depth, times int }

type parser struct {
	lexer
	token     string
	tokens    int
	shape     Shape
	roots     []*fragment
	fragments map[string]*fragment
}

func (p *parser) next() {
	if p.tokens++; p.tokens > maxTokens {
		p.shape.Endless = true
		p.fail()
		return
	}
	p.token = p.scan()
}

func (p *parser) fail() {
	p.shape.Broken, p.token = true, ""
}

// definition reads an operation or a fragment up to the end of its selection set.
func (p *parser) definition() {
	f := &fragment{spreads: map[string]spread{}}
	if p.token == `"` {
		p.next() // a description, section 2.4 of September 2025
	}
	switch {
	case p.token == "fragment":
		p.next()
		p.fragments[p.token] = f
	case p.token == "{" || p.token == "query" || p.token == "mutation" || p.token == "subscription":
		p.shape.Operations++
		p.roots = append(p.roots, f)
	default:
		p.fail()
		return
	}
	for p.token != "{" && p.token != "" {
		p.next()
		if p.token == "(" {
			p.skip("(", ")")
		}
	}
	if p.token == "" {
		p.fail()
		return
	}
	p.selections(f)
}

// skip reads over arguments, which may hold objects of their own.
func (p *parser) skip(open, close string) {
	for depth := 0; p.token != ""; p.next() {
		switch p.token {
		case open:
			depth++
		case close:
			if depth--; depth == 0 {
				p.next()
				return
			}
		}
	}
	p.fail()
}

// selections reads a selection set with a stack of its own instead of recursion,
// so that a document cannot exhaust ours.
func (p *parser) selections(f *fragment) {
	depth := 0
	var open []int // by brace: how much deeper it made the selection
	for step := 1; p.token != ""; {
		switch token := p.token; token {
		case "{":
			depth += step
			open, step = append(open, step), 1
			f.depth = max(f.depth, depth)
			p.next()
		case "}":
			p.next()
			if len(open) > 0 {
				depth -= open[len(open)-1]
				open = open[:len(open)-1]
			}
			if len(open) == 0 {
				return
			}
		case "(":
			p.skip("(", ")")
		case "...":
			step = p.spread(f, depth)
		case "@":
			p.next()
			p.next()
		default:
			p.field(f, token)
		}
	}
	p.fail()
}

// spread reads what follows three dots: the name of a fragment, or the start of
// an inline one, whose braces are no deeper selection. It returns by how much the
// next brace makes the selection deeper.
func (p *parser) spread(f *fragment, depth int) int {
	p.next()
	switch {
	case p.token == "on":
		p.next()
		p.next()
	case p.token != "" && isName(p.token[0]):
		at := f.spreads[p.token]
		f.spreads[p.token] = spread{max(at.depth, depth), at.times + 1}
		p.next()
		return 1
	}
	return 0
}

func (p *parser) field(f *fragment, token string) {
	if token == "__schema" || token == "__type" {
		p.shape.Introspects = true
	}
	p.next()
	if p.token == ":" {
		f.aliases++
		p.next()
	}
}

// finish adds up the fragments.
func (p *parser) finish() Shape {
	for _, root := range p.roots {
		sums := p.total(root)
		p.shape.Depth = max(p.shape.Depth, sums.depth)
		p.shape.Aliases = min(p.shape.Aliases+sums.aliases, maxAliases)
	}
	return p.shape
}

// total is what a fragment asks for with all that it spreads. It is worked out
// once for each fragment, and not deeper than there are tokens.
func (p *parser) total(f *fragment) sums {
	switch f.state {
	case 1:
		p.shape.Cyclic = true
		return sums{}
	case 2:
		return f.total
	}
	f.state, f.total = 1, f.sums
	for name, at := range f.spreads {
		if spread := p.fragments[name]; spread != nil {
			more := p.total(spread)
			f.total.depth = max(f.total.depth, at.depth-1+more.depth)
			f.total.aliases = min(f.total.aliases+at.times*more.aliases, maxAliases)
		}
	}
	f.state = 2
	return f.total
}

// lexer cuts a document into tokens (section 2.1).
type lexer struct {
	in  string
	pos int
}

// scan gives the next token, and "" at the end. A string is the token `"`.
func (l *lexer) scan() string {
	for l.pos < len(l.in) {
		start := l.pos
		switch c := l.in[l.pos]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',':
			l.pos++
		case strings.HasPrefix(l.in[l.pos:], byteOrderMark):
			l.pos += len(byteOrderMark)
		case c == '#':
			for l.pos < len(l.in) && l.in[l.pos] != '\n' && l.in[l.pos] != '\r' {
				l.pos++
			}
		case c == '"':
			l.text()
			return `"`
		case isName(c):
			for l.pos < len(l.in) && isName(l.in[l.pos]) {
				l.pos++
			}
			return l.in[start:l.pos]
		case c == '.' && len(l.in)-l.pos >= 3 && l.in[l.pos:l.pos+3] == "...":
			l.pos += 3
			return "..."
		default:
			l.pos++
			return l.in[start:l.pos]
		}
	}
	return ""
}

// byteOrderMark is ignored anywhere, section 2.1.1.
const byteOrderMark = "\ufeff"

// text skips a string, or a block string. In a string a backslash takes the next
// byte with it, in a block string only three quotation marks (section 2.9.4): who
// reads them alike sees the end of a text where it goes on.
func (l *lexer) text() {
	quote, escaped, step := `"`, `\`, 2
	if strings.HasPrefix(l.in[l.pos:], `"""`) {
		quote, escaped, step = `"""`, `\"""`, 4
	}
	for l.pos += len(quote); l.pos < len(l.in); {
		switch rest := l.in[l.pos:]; {
		case strings.HasPrefix(rest, escaped):
			l.pos += step
		case strings.HasPrefix(rest, quote):
			l.pos += len(quote)
			return
		default:
			l.pos++
		}
	}
	l.pos = len(l.in)
}

func isName(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
