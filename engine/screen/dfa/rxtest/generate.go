package rxtest

import (
	"math/rand/v2"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxRepeat is how often an unbounded repetition is repeated at most.
const maxRepeat = 3

// Generator makes values in the neighbourhood of a pattern.
type Generator struct {
	Rand *rand.Rand
	re   *syntax.Regexp
	raw  bool // write runes up to 0xff as single bytes
}

// NewGenerator parses a pattern of Go's regexp; with bytes, the values are for
// binaryregexp.
func NewGenerator(pattern string, bytes bool, r *rand.Rand) (*Generator, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	return &Generator{Rand: r, re: re, raw: bytes}, nil
}

// Match returns a text that the pattern matches unless an assertion in it
// (^ $ \b) fails; check with the real regexp.
func (g *Generator) Match() string {
	var b strings.Builder
	g.write(&b, g.re)
	return b.String()
}

// Near returns a text that is a match with a few changes, or surrounded by
// other text, or a piece of it.
func (g *Generator) Near() string {
	s := g.Match()
	for range 1 + g.Rand.IntN(3) {
		s = Mutate(g.Rand, s)
	}
	return s
}

func (g *Generator) write(b *strings.Builder, re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if re.Flags&syntax.FoldCase != 0 {
				r = g.fold(r)
			}
			g.writeRune(b, r)
		}
	case syntax.OpCharClass:
		g.writeRune(b, g.fromClass(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		g.writeRune(b, Rune(g.Rand))
	case syntax.OpStar:
		g.repeat(b, re.Sub[0], 0, maxRepeat)
	case syntax.OpPlus:
		g.repeat(b, re.Sub[0], 1, maxRepeat)
	case syntax.OpQuest:
		g.repeat(b, re.Sub[0], 0, 1)
	case syntax.OpRepeat:
		most := re.Max
		if most < 0 || most > re.Min+maxRepeat {
			most = re.Min + maxRepeat
		}
		g.repeat(b, re.Sub[0], re.Min, most)
	case syntax.OpAlternate:
		g.write(b, re.Sub[g.Rand.IntN(len(re.Sub))])
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range re.Sub {
			g.write(b, sub)
		}
	}
}

func (g *Generator) repeat(b *strings.Builder, re *syntax.Regexp, least, most int) {
	for range least + g.Rand.IntN(most-least+1) {
		g.write(b, re)
	}
}

// fold steps a few times through the runes that differ in case only.
func (g *Generator) fold(r rune) rune {
	for range g.Rand.IntN(4) {
		r = unicode.SimpleFold(r)
	}
	return r
}

func (g *Generator) writeRune(b *strings.Builder, r rune) {
	switch {
	case g.raw && r <= 0xff:
		b.WriteByte(byte(r))
	case r == utf8.RuneError && g.Rand.IntN(2) == 0:
		b.WriteByte(0xff)
	default:
		b.WriteRune(r)
	}
}

// fromClass picks a rune of a class, mostly of its ASCII part or its edges.
func (g *Generator) fromClass(pairs []rune) rune {
	if len(pairs) == 0 {
		return 'a'
	}
	i := 2 * g.Rand.IntN(len(pairs)/2)
	lo, hi := pairs[i], pairs[i+1]
	switch {
	case hi > unicode.MaxASCII && lo <= unicode.MaxASCII && g.Rand.IntN(4) != 0:
		hi = unicode.MaxASCII
	case g.Rand.IntN(8) == 0:
		return lo
	case g.Rand.IntN(8) == 0:
		return hi
	}
	return lo + rune(g.Rand.IntN(int(hi-lo)+1))
}

// traps are pieces on which matchers have differed before, or might.
var traps = []string{
	"", "\n", "\r\n", "\n\n", "\x00", " ", "\t", "\v", "_", "\x80", "\xff", "\xc2", "\xe2\x84", "\xc5",
	"\u017f", "\u212a", "\ufffd", "\u00e9", "\u00b5", "\u03bc", "\u0131", "\u0130", "\U0001f600", "\u2028", "\u0085",
	"S", "s", "K", "k", "'", "\"", "\\", "--", "/*", "%", "<", ">", "=", "0", "a", "Z",
}

// Rune returns a rune, mostly ASCII, sometimes from the traps.
func Rune(r *rand.Rand) rune {
	switch r.IntN(8) {
	case 0:
		c, _ := utf8.DecodeRuneInString(traps[1+r.IntN(len(traps)-1)])
		return c
	case 1:
		return rune(r.IntN(0x3000))
	}
	return rune(r.IntN(128))
}

// Text returns n random runes and traps.
func Text(r *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		if r.IntN(6) == 0 {
			b.WriteString(traps[r.IntN(len(traps))])
		} else {
			b.WriteRune(Rune(r))
		}
	}
	return b.String()
}

// Mutate returns s with one random change.
func Mutate(r *rand.Rand, s string) string {
	i := r.IntN(len(s) + 1)
	j := min(len(s), i+r.IntN(4))
	switch r.IntN(7) {
	case 0:
		return s[:i] + s[j:]
	case 1:
		return s[:i] + traps[r.IntN(len(traps))] + s[i:]
	case 2:
		return s[:i] + traps[r.IntN(len(traps))] + s[j:]
	case 3:
		return Text(r, r.IntN(6)) + s + Text(r, r.IntN(6))
	case 4:
		return s[i:] + s[:i]
	case 5:
		return strings.ToUpper(s[:i]) + strings.ToLower(s[i:])
	}
	return s[:i] + s[i:j] + s[i:]
}
