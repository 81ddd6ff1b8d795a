package dfa

import (
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"rsc.io/binaryregexp"
)

// atoms are chosen so that short random values often match.
var (
	patternAtoms = []string{
		"a", "b", "k", "s", "ab", ".", "[ab]", "[^a]", `\w`, `\W`, `\n`, `[\x80-\xff]`, `\x{e9}`, "é", `\x{fffd}`,
		"^", "$", `\A`, `\z`, `\b`, `\B`, "(?:)", `[^\n]`, `[k-s]`, `\s`,
	}
	valueAtoms = []string{
		"a", "b", "k", "s", "K", "S", "\n", " ", "_", "ſ", "\u212a", "é", "\xe9", "\xff", "\ufffd", "\xe2\x84", "1", "",
	}
	flagAtoms  = []string{"", "", "(?i)", "(?m)", "(?s)", "(?U)", "(?im)", "(?sm)"}
	quantities = []string{"*", "+", "?", "{2}", "{0,2}", "{1,3}", "*?", "+?", "??", "{2,}"}
)

func randomPattern(r *rand.Rand, depth int) string {
	switch n := r.IntN(10); {
	case depth == 0 || n < 3:
		return patternAtoms[r.IntN(len(patternAtoms))]
	case n < 6:
		return randomPattern(r, depth-1) + randomPattern(r, depth-1)
	case n < 7:
		return "(?:" + randomPattern(r, depth-1) + "|" + randomPattern(r, depth-1) + ")"
	case n < 8:
		return "(" + flagAtoms[r.IntN(len(flagAtoms))] + randomPattern(r, depth-1) + ")"
	}
	return "(?:" + randomPattern(r, depth-1) + ")" + quantities[r.IntN(len(quantities))]
}

// TestMatchAgreesOnRandomPatterns covers the corners of the pattern language.
// TABARD_DFA_ROUNDS makes it longer.
func TestMatchAgreesOnRandomPatterns(t *testing.T) {
	rounds := 60
	if n, err := strconv.Atoi(os.Getenv("TABARD_DFA_ROUNDS")); err == nil {
		rounds = n
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	checks, matches := 0, 0
	for range rounds * 50 {
		pattern := flagAtoms[r.IntN(len(flagAtoms))] + randomPattern(r, 1+r.IntN(5))
		for _, mode := range []Mode{Runes, Bytes} {
			var re matcher
			var err error
			if re, err = regexp.Compile(pattern); mode == Bytes {
				re, err = binaryregexp.Compile(pattern)
			}
			if err != nil {
				continue
			}
			d, err := Compile(pattern, Options{Mode: mode})
			require.NoError(t, err)
			for range 20 {
				var b strings.Builder
				for range r.IntN(8) {
					b.WriteString(valueAtoms[r.IntN(len(valueAtoms))])
				}
				requireSame(t, d, re, pattern, b.String())
				if checks++; re.MatchString(b.String()) {
					matches++
				}
			}
		}
	}
	t.Logf("%d checks, %d matches", checks, matches)
}
