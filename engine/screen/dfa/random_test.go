package dfa

import (
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"rsc.io/binaryregexp"

	"tabard/engine/screen/dfa/rxtest"
)

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
		pattern := rxtest.Pattern(r)
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
				value := rxtest.PatternValue(r)
				requireSame(t, d, re, pattern, value)
				if checks++; re.MatchString(value) {
					matches++
				}
			}
		}
	}
	t.Logf("%d checks, %d matches", checks, matches)
}
