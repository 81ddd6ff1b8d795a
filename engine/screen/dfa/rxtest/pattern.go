package rxtest

import (
	"math/rand/v2"
	"strings"
)

// The atoms are chosen so that short random values often match.
var (
	patternAtoms = []string{
		"a", "b", "k", "s", "ab", ".", "[ab]", "[^a]", `\w`, `\W`, `\n`, `[\x80-\xff]`, `\x{e9}`, "é", `\x{fffd}`,
		"^", "$", `\A`, `\z`, `\b`, `\B`, "(?:)", `[^\n]`, `[k-s]`, `\s`,
	}
	valueAtoms = []string{
		"a", "b", "k", "s", "K", "S", "\n", " ", "_", "ſ", "\u212a", "é", "\xe9", "\xff", "\ufffd", "\xe2\x84", "1", "",
	}
	flags      = []string{"", "", "(?i)", "(?m)", "(?s)", "(?U)", "(?im)", "(?sm)"}
	quantities = []string{"*", "+", "?", "{2}", "{0,2}", "{1,3}", "*?", "+?", "??", "{2,}"}
)

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

// Pattern returns a random pattern over few characters, which may be none that
// a given matcher takes.
func Pattern(r *rand.Rand) string { return pick(r, flags) + pattern(r, 1+r.IntN(5)) }

func pattern(r *rand.Rand, depth int) string {
	switch n := r.IntN(10); {
	case depth == 0 || n < 3:
		return pick(r, patternAtoms)
	case n < 6:
		return pattern(r, depth-1) + pattern(r, depth-1)
	case n < 7:
		return "(?:" + pattern(r, depth-1) + "|" + pattern(r, depth-1) + ")"
	case n < 8:
		return "(" + pick(r, flags) + pattern(r, depth-1) + ")"
	}
	return "(?:" + pattern(r, depth-1) + ")" + pick(r, quantities)
}

// PatternValue returns a random value that a Pattern may well match.
func PatternValue(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(8) {
		b.WriteString(pick(r, valueAtoms))
	}
	return b.String()
}
