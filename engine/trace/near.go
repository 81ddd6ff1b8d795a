package trace

import (
	"regexp"
	"regexp/syntax"
	"strings"

	"tabard/engine/seclang"
)

// Near says how far the pattern of an @rx goes along with a value that it does
// not match.
type Near struct {
	// Matched is the beginning of the pattern that does match, Rest what comes
	// after it, both as people write it: letters without (?i:).
	Matched, Rest string
	// Share is how much of the pattern that is, 0 to 1, by its elements.
	Share float64
	// Letters counts the letters that Matched names, so that what any value is
	// like can be told from words; a choice of words counts as wordLetters.
	Letters int
	// Test is the index of the value, and Part where in it Matched is.
	Test int
	Part Span
}

// Limits of a search for what nearly matched: each step compiles a pattern.
const (
	// maxAlternatives: the patterns of CRS that have more are lists of words.
	maxAlternatives = 32
	// wordLetters: the words that patterns choose from are seldom shorter.
	wordLetters = 3
	// maxElements: longer patterns are cut into words by their alternatives.
	maxElements = 200
)

// Nearest gives the tests of a link that come nearest to a match. ok is false
// when the operator is another than @rx, is negated, has matched, or when not
// even the first element of its pattern is found.
func (l Link) Nearest() (n Near, ok bool) {
	op := l.Link.Operator
	if op == nil || op.Name != "rx" || op.Negated || l.Matched || len(l.Tests) == 0 || seclang.IsBytePattern(op.Arg) {
		return Near{}, false
	}
	re, err := syntax.Parse(op.Arg, syntax.Perl|syntax.DotNL)
	if err != nil {
		return Near{}, false
	}
	for _, alternative := range alternatives(re) {
		if one, found := l.along(elements(alternative)); found && (!ok || one.Share > n.Share) {
			n, ok = one, true
		}
	}
	return n, ok
}

// along finds the longest beginning of a pattern's elements that some value
// matches. A beginning of what matches matches, too, so that it can be halved.
func (l Link) along(elements []element) (n Near, ok bool) {
	low, high := 0, len(elements)
	for low < high {
		middle := (low + high + 1) / 2
		test, part, found := l.find(join(elements[:middle], element.pattern))
		if !found {
			high = middle - 1
			continue
		}
		low = middle
		n.Test, n.Part = test, part
	}
	if low == 0 || n.Part.To == n.Part.From {
		return Near{}, false
	}
	n.Matched, n.Rest = join(elements[:low], element.text), join(elements[low:], element.text)
	for _, e := range elements[:low] {
		n.Letters += e.letters()
	}
	n.Share = float64(low) / float64(len(elements))
	return n, true
}

// find gives the test whose value has the longest match; of several the one
// whose name comes first, since Coraza's order of values is chance.
func (l Link) find(pattern string) (test int, part Span, ok bool) {
	re, err := regexp.Compile("(?s)" + pattern)
	if err != nil {
		return 0, Span{}, false
	}
	for i, t := range l.Tests {
		at := re.FindStringIndex(t.Value)
		if at == nil {
			continue
		}
		if longer := at[1] - at[0] - (part.To - part.From); ok && (longer < 0 || longer == 0 && t.Name() >= l.Tests[test].Name()) {
			continue
		}
		test, part, ok = i, Span{at[0], at[1]}, true
	}
	return test, part, ok
}

// alternatives cuts a pattern at its outermost "|".
func alternatives(re *syntax.Regexp) []*syntax.Regexp {
	re = bare(re)
	if re.Op != syntax.OpAlternate || len(re.Sub) > maxAlternatives {
		return []*syntax.Regexp{re}
	}
	var out []*syntax.Regexp
	for _, sub := range re.Sub {
		out = append(out, alternatives(sub)...)
	}
	return out
}

func bare(re *syntax.Regexp) *syntax.Regexp {
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	return re
}

// element is one thing that must match; of a literal each letter is one.
type element struct{ *syntax.Regexp }

func (e element) pattern() string {
	if e.Op == syntax.OpAlternate {
		return "(?:" + e.String() + ")"
	}
	return e.String()
}

// text is the element as people write it.
func (e element) text() string {
	if e.Op == syntax.OpLiteral {
		return strings.ToLower(regexp.QuoteMeta(string(e.Rune)))
	}
	return classes.Replace(e.pattern())
}

// letters is how many letters a value must have to match.
func (e element) letters() int {
	switch e.Op {
	case syntax.OpLiteral:
		return len(e.Rune)
	case syntax.OpAlternate:
		return wordLetters
	}
	return 0
}

// classes are sets that Go's parser has spelt out, and what it adds where case
// does not matter.
var classes = strings.NewReplacer(`[\t\n\f\r ]`, `\s`, `[^\t\n\f\r ]`, `\S`, `[0-9]`, `\d`, `[^0-9]`, `\D`, `[0-9A-Z_a-z]`, `\w`, `[^0-9A-Z_a-z]`, `\W`,
	`[\t-\r ]`, `[\s\x0b]`, "\u017f\u212a", "", `(?i:`, `(?:`)

func join(elements []element, part func(element) string) string {
	var b strings.Builder
	for _, e := range elements {
		b.WriteString(part(e))
	}
	return b.String()
}

// elements cuts a pattern into what must match one behind the other.
func elements(re *syntax.Regexp) []element {
	re = bare(re)
	switch re.Op {
	case syntax.OpConcat:
		var out []element
		for _, sub := range re.Sub {
			out = append(out, elements(sub)...)
		}
		if len(out) > maxElements {
			return []element{{re}}
		}
		return out
	case syntax.OpLiteral:
		out := make([]element, len(re.Rune))
		for i, r := range re.Rune {
			out[i] = element{&syntax.Regexp{Op: syntax.OpLiteral, Flags: re.Flags, Rune: []rune{r}}}
		}
		return out
	}
	return []element{{re}}
}
