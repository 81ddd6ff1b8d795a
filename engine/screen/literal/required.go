package literal

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	binsyntax "rsc.io/binaryregexp/syntax"

	"tabard/engine/screen/dfa"
)

const (
	longS  = '\u017f' // folds to s and S
	kelvin = '\u212a' // folds to k and K

	// maxWords bounds a list of words that is still built up. Larger lists are
	// cut into conditions at that place: they would cost more states of the
	// automaton than they save candidates.
	maxWords = 100
	// maxAlternatives bounds a set that comes from alternatives.
	maxAlternatives = 400
	// maxLength bounds a word that is still built up, in bytes. The automaton
	// uses the rarest few bytes of a word.
	maxLength = 24
	// maxClass bounds the words that a character class may stand for.
	maxClass = 16
)

// Required returns conditions that every value matched by the pattern
// satisfies, the most selective first; none if nothing is known. The error is
// the pattern's syntax error.
func Required(pattern string, mode dfa.Mode) ([]Set, error) {
	re, err := tree(pattern, mode)
	if err != nil {
		return nil, fmt.Errorf("find the literals of %q: %w", pattern, err)
	}
	a := analysis{bytes: mode == dfa.Bytes}
	l := a.language(re)
	sets := l.sets
	for _, words := range [][]word{l.prefix, l.suffix} {
		sets = demand(sets, words)
	}
	slices.SortStableFunc(sets, byRarity)
	seen := map[string]bool{}
	return slices.DeleteFunc(sets, func(s Set) bool {
		key := strings.Join(s, "\x00")
		double := seen[key]
		seen[key] = true
		return double
	}), nil
}

// tree parses a pattern with the syntax package of its mode, into the tree of
// regexp/syntax, without counted repetitions.
func tree(pattern string, mode dfa.Mode) (*syntax.Regexp, error) {
	if mode == dfa.Bytes {
		re, err := binsyntax.Parse(pattern, binsyntax.Perl)
		if err != nil {
			return nil, err
		}
		return fromBinary(re.Simplify()), nil
	}
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	return re.Simplify(), nil
}

// fromBinary copies a tree. binaryregexp's syntax package is a fork of
// regexp/syntax with the same operators and flags under the same numbers.
func fromBinary(re *binsyntax.Regexp) *syntax.Regexp {
	to := &syntax.Regexp{Op: syntax.Op(re.Op), Flags: syntax.Flags(re.Flags), Rune: re.Rune}
	for _, sub := range re.Sub {
		to.Sub = append(to.Sub, fromBinary(sub))
	}
	return to
}

// word is a piece of text that a match holds, in lower case.
type word struct {
	text string
	// An s or k of the text may be spelled with the long s or the Kelvin sign.
	longS, kelvin bool
}

// language is what is known of the texts that a part of a pattern matches.
type language struct {
	// whole says that the texts are exactly the words of prefix, which is then
	// the same list as suffix.
	whole bool
	// Every text begins (ends) with a word of prefix (suffix). A nil list says
	// that nothing is known; an empty word says that the text may be empty there.
	prefix, suffix []word
	// Every text satisfies these, besides what prefix and suffix say.
	sets []Set
}

func exactly(words []word) language {
	return language{whole: true, prefix: words, suffix: words}
}

// analysis derives languages for one matcher.
type analysis struct {
	bytes bool // a rune is a byte
}

func (a analysis) language(re *syntax.Regexp) language {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText,
		syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return exactly([]word{{}})
	case syntax.OpLiteral:
		return a.literal(re)
	case syntax.OpCharClass:
		return exactlyOrUnknown(a.class(re.Rune))
	case syntax.OpCapture:
		return a.language(re.Sub[0])
	case syntax.OpConcat:
		return a.concat(re.Sub)
	case syntax.OpAlternate:
		return a.alternate(re.Sub)
	case syntax.OpQuest:
		if l := a.language(re.Sub[0]); l.whole && len(l.prefix) < maxWords {
			return exactly(append(slices.Clone(l.prefix), word{}))
		}
	case syntax.OpPlus:
		l := a.language(re.Sub[0])
		l.whole = false
		return l
	}
	// A star may be nothing, a dot anything; OpNoMatch is not worth a case.
	return language{}
}

func exactlyOrUnknown(words []word) language {
	if words == nil {
		return language{}
	}
	return exactly(words)
}

// literal joins the words of the runes of a literal.
func (a analysis) literal(re *syntax.Regexp) language {
	l := exactly([]word{{}})
	for _, r := range re.Rune {
		pairs := []rune{r, r}
		if re.Flags&syntax.FoldCase != 0 {
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				pairs = append(pairs, f, f)
			}
		}
		l = join(l, exactlyOrUnknown(a.class(pairs)))
	}
	return l
}

// class returns the words of a character class, nil if they are too many or
// have no certain spelling.
func (a analysis) class(pairs []rune) []word {
	var words []word
	has := func(text string) int {
		return slices.IndexFunc(words, func(w word) bool { return w.text == text })
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		for r := pairs[i]; r <= pairs[i+1]; r++ {
			text, ok := a.spell(r)
			if !ok {
				return nil
			}
			if text != "" && has(text) < 0 {
				words = append(words, word{text: text})
			}
			if len(words) > maxClass {
				return nil
			}
		}
	}
	if len(words) == 0 {
		return nil
	}
	merge := func(special rune, letter string, mark func(*word)) {
		i, j := has(string(special)), has(letter)
		if !a.bytes && i >= 0 && j >= 0 {
			mark(&words[j])
			words = slices.Delete(words, i, i+1)
		}
	}
	merge(longS, "s", func(w *word) { w.longS = true })
	merge(kelvin, "k", func(w *word) { w.kelvin = true })
	return words
}

// spell returns the bytes of a rune in lower case: none if no text holds it. ok
// is false for U+FFFD, which also stands for any invalid byte.
func (a analysis) spell(r rune) (text string, ok bool) {
	switch {
	case r < utf8.RuneSelf:
		return string([]byte{fold(byte(r))}), true
	case a.bytes && r > 0xff, !a.bytes && 0xd800 <= r && r <= 0xdfff:
		return "", true
	case a.bytes:
		return string([]byte{byte(r)}), true
	}
	return string(r), r != utf8.RuneError
}

func (a analysis) concat(subs []*syntax.Regexp) language {
	l := exactly([]word{{}})
	for _, sub := range subs {
		l = join(l, a.language(sub))
	}
	return l
}

// join returns the language of a text of l followed by a text of r.
func join(l, r language) language {
	joined := language{prefix: l.prefix, suffix: r.suffix}
	joined.sets = append(slices.Clone(l.sets), r.sets...)
	seam := cross(l.suffix, r.prefix)
	switch {
	case seam == nil:
		// The words on both sides stand alone; what is no end of the whole
		// becomes a condition.
		joined.sets = demand(joined.sets, l.suffix)
		joined.sets = demand(joined.sets, r.prefix)
	case l.whole && r.whole:
		return exactly(seam)
	case l.whole:
		joined.prefix = seam
	case r.whole:
		joined.suffix = seam
	default:
		joined.sets = demand(joined.sets, seam)
	}
	return joined
}

// cross returns all words of left followed by all of right, nil if one side is
// unknown or the list grows too large.
func cross(left, right []word) []word {
	if left == nil || right == nil || len(left)*len(right) > maxWords {
		return nil
	}
	words := make([]word, 0, len(left)*len(right))
	for _, l := range left {
		for _, r := range right {
			if len(l.text)+len(r.text) > maxLength {
				return nil
			}
			words = append(words, word{l.text + r.text, l.longS || r.longS, l.kelvin || r.kelvin})
		}
	}
	if len(left) == 1 || len(right) == 1 {
		return words // all different, as each side's are
	}
	return unique(words)
}

// unique joins words of equal text.
func unique(words []word) []word {
	at := map[string]int{}
	var kept []word
	for _, w := range words {
		i, ok := at[w.text]
		if !ok {
			at[w.text] = len(kept)
			kept = append(kept, w)
			continue
		}
		kept[i].longS = kept[i].longS || w.longS
		kept[i].kelvin = kept[i].kelvin || w.kelvin
	}
	return kept
}

// alternate returns the language of the texts of any of the subs.
func (a analysis) alternate(subs []*syntax.Regexp) language {
	all := language{whole: true}
	var best Set
	known, prefixes, suffixes := true, true, true
	for _, sub := range subs {
		l := a.language(sub)
		all.whole = all.whole && l.whole
		prefixes = prefixes && l.prefix != nil
		suffixes = suffixes && l.suffix != nil
		all.prefix = append(all.prefix, l.prefix...)
		all.suffix = append(all.suffix, l.suffix...)
		s := l.rarest()
		known = known && s != nil
		best = append(best, s...)
	}
	all.prefix, all.suffix = unique(all.prefix), unique(all.suffix)
	if !prefixes || len(all.prefix) > maxWords {
		all.prefix = nil
	}
	if !suffixes || len(all.suffix) > maxWords {
		all.suffix = nil
	}
	all.whole = all.whole && all.prefix != nil
	if known && !all.whole && len(best) <= maxAlternatives {
		all.sets = append(all.sets, newSet(best))
	}
	return all
}

// rarest returns the most selective condition on a language, nil if there is none.
func (l language) rarest() Set {
	sets := demand(demand(l.sets, l.prefix), l.suffix)
	if len(sets) == 0 {
		return nil
	}
	return slices.MinFunc(sets, byRarity)
}

// demand appends the condition that one of the words occurs, unless that says
// nothing.
func demand(sets []Set, words []word) []Set {
	var texts []string
	var anyLongS, anyKelvin bool
	for _, w := range words {
		texts = append(texts, w.text)
		anyLongS = anyLongS || w.longS
		anyKelvin = anyKelvin || w.kelvin
	}
	if anyLongS {
		texts = append(texts, string(longS))
	}
	if anyKelvin {
		texts = append(texts, string(kelvin))
	}
	if s := newSet(texts); len(s) > 0 {
		return append(slices.Clip(sets), s)
	}
	return sets
}
