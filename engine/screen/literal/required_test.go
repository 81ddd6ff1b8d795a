package literal

import (
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"rsc.io/binaryregexp"

	"tabard/engine/screen/dfa"
	"tabard/engine/screen/dfa/rxtest"
)

type matcher interface{ MatchString(string) bool }

func compile(pattern string, mode dfa.Mode) (matcher, error) {
	if mode == dfa.Bytes {
		return binaryregexp.Compile(pattern)
	}
	return regexp.Compile(pattern)
}

// holds is the meaning of a set, spelled out.
func (s Set) holds(value string) bool {
	value = folded(value)
	for _, w := range s {
		if strings.Contains(value, w) {
			return true
		}
	}
	return false
}

func TestRequiredFinds(t *testing.T) {
	for _, c := range []struct {
		name, pattern string
		want          []Set
	}{
		{"a plain word", `select`, []Set{{"select"}}},
		{"a word in lower case", `SeLect`, []Set{{"select"}}},
		{"a word whose s may be long under (?i)", `(?i)sleep`, []Set{{"sleep", "ſ"}}},
		{"a word whose k may be a Kelvin sign under (?i)", `(?i)like`, []Set{{"like", "\u212a"}}},
		{"nothing for a class that goes beyond ASCII", `[^a]`, nil},
		{"the long s of a class as another spelling", `[sſ]et`, []Set{{"set", "ſ"}}},
		{"the long s alone as itself", `ſet`, []Set{{"ſet"}}},
		{"what follows an anchor", `^/admin$`, []Set{{"/admin"}}},
		{"both sides of a gap, the rarer first", `or.*union`, []Set{{"union"}, {"or"}}},
		{"all alternatives", `cat|dog|(?:bi|fi)rd`, []Set{{"bird", "cat", "dog", "fird"}}},
		{"words across a group", `(?:un|re)(do)`, []Set{{"redo", "undo"}}},
		{"words across a group with a gap", `foo(bar|baz.*)!`, []Set{{"foobar", "foobaz"}, {"!"}, {"r", "z"}}},
		{"a word with an optional letter", `colou?r`, []Set{{"color", "colour"}}},
		{"nothing for what may be left out", `(?:word)?`, nil},
		{"nothing for what may be left out entirely", `(?:word)*`, nil},
		{"a word repeated", `(?:word)+`, []Set{{"word"}}},
		{"a word on each side of a repetition", `x(?:ab)+y`, []Set{{"xab"}, {"aby"}}},
		{"counted repetitions", `a{3}b`, []Set{{"aaab"}}},
		{"a small class", `[xyz]=1`, []Set{{"x=1", "y=1", "z=1"}}},
		{"white space, which sets tell apart in part", `\s`, []Set{{"\n", "\r", " "}}},
		{"UTF-8", `é`, []Set{{"é"}}},
		{"both cases of a letter that is not ASCII", `(?i)é`, []Set{{"É", "é"}}},
		{"nothing for U+FFFD, which is any invalid byte", `\x{fffd}`, nil},
		{"nothing for no text", ``, nil},
		{"nothing for an alternative without a word", `abc|.`, nil},
		{"nothing for a pattern that never matches", `[^\x00-\x{10ffff}]`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Required(c.pattern, dfa.Runes)
			require.NoError(t, err)
			require.ElementsMatch(t, c.want, got)
			if len(c.want) > 0 {
				require.Equal(t, c.want[0], got[0])
			}
		})
	}
}

func TestRequiredFindsInBytes(t *testing.T) {
	for _, c := range []struct {
		name, pattern string
		want          []Set
	}{
		{"a byte", `a\xffb`, []Set{{"a\xffb"}}},
		{"a letter by its code", `é`, []Set{{"\xe9"}}},
		{"no long s: it is no byte", `(?i)sleep`, []Set{{"sleep"}}},
		{"both cases of a byte", `(?i)\xe5!`, []Set{{"\xc5!", "\xe5!"}}},
		{"nothing for a rune above 0xff", `\x{100}`, nil},
		{"the ASCII part of a class", `[b\x{17f}]c`, []Set{{"bc"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Required(c.pattern, dfa.Bytes)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestRequiredReportsASyntaxError(t *testing.T) {
	_, err := Required(`a(`, dfa.Runes)
	require.ErrorContains(t, err, "find the literals of")
	_, err = Required(`\C(`, dfa.Bytes)
	require.ErrorContains(t, err, "missing closing )")
}

// rounds is how many values a property test tries: TABARD_LITERAL_ROUNDS times
// as many where that is set.
func rounds(t testing.TB, n int) int {
	if k, err := strconv.Atoi(os.Getenv("TABARD_LITERAL_ROUNDS")); err == nil {
		n *= k
	}
	return n
}

func newRand(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestEveryMatchOfACRSPatternHoldsItsLiterals is the soundness of the whole
// screening: a match without its literals would never be looked at.
func TestEveryMatchOfACRSPatternHoldsItsLiterals(t *testing.T) {
	r := newRand(t)
	matches, sets := 0, 0
	for _, op := range rxtest.Operators(t, "rx") {
		pattern, mode := dfa.RxPattern(op.Argument)
		required, err := Required(pattern, mode)
		require.NoError(t, err)
		sets += len(required)
		re, err := compile(pattern, mode)
		require.NoError(t, err)
		g, err := rxtest.NewGenerator(pattern, mode == dfa.Bytes, r)
		require.NoError(t, err)
		for range rounds(t, 100) {
			for _, value := range []string{g.Match(), g.Near()} {
				if !re.MatchString(value) {
					continue
				}
				matches++
				for _, s := range required {
					require.True(t, s.holds(value), "rule %s, pattern %q, set %q, value %q", op.Rule, pattern, s, value)
				}
			}
		}
	}
	t.Logf("%d matches, %d sets", matches, sets)
}

func TestEveryMatchOfARandomPatternHoldsItsLiterals(t *testing.T) {
	r := newRand(t)
	matches := 0
	for range rounds(t, 3000) {
		pattern := rxtest.Pattern(r)
		for _, mode := range []dfa.Mode{dfa.Runes, dfa.Bytes} {
			re, err := compile(pattern, mode)
			if err != nil {
				continue
			}
			required, err := Required(pattern, mode)
			require.NoError(t, err)
			for range 20 {
				value := rxtest.PatternValue(r)
				if len(required) == 0 || !re.MatchString(value) {
					continue
				}
				matches++
				for _, s := range required {
					require.True(t, s.holds(value), "pattern %q, set %q, value %q", pattern, s, value)
				}
			}
		}
	}
	t.Logf("%d matches", matches)
}

func TestCutKeepsAConditionNecessary(t *testing.T) {
	for _, c := range []struct {
		name string
		set  Set
		want Set
	}{
		{"short words stay", Set{"ab", "cd"}, Set{"ab", "cd"}},
		{"of a long word the rarest part stays", Set{"atoiq{x}eat"}, Set{"q{x}"}},
		{"a word that holds another goes", Set{"ab", "cabc"}, Set{"ab"}},
		{"a word that holds another after the cut goes", Set{"{{{{eeee", "{{{"}, Set{"{{{"}},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, c.set.cut(4)) })
	}
}

func FuzzRequired(f *testing.F) {
	f.Add(`(?i)(?:^|;)\s*sel(?:ect|f)\b`, "x; ſelect 1")
	f.Add(`union[\s\x0b]+(?:all|k)?`, "UNION\v")
	f.Add(`\x{bc}[^>\x{be}]*[>\x{be}]|<[^\x{be}]*\x{be}`, "\xbcscript\xbe")
	f.Add(`(?i)\x{e5}k[^s]{2,3}\x{fffd}`, "\xc5K\xff\xff\xff")
	f.Fuzz(func(t *testing.T, pattern, value string) {
		if len(pattern) > 200 || strings.Count(pattern, "{") > 3 {
			return
		}
		for _, mode := range []dfa.Mode{dfa.Runes, dfa.Bytes} {
			re, err := compile(pattern, mode)
			if err != nil || !re.MatchString(value) {
				continue
			}
			required, err := Required(pattern, mode)
			require.NoError(t, err)
			for _, s := range required {
				require.True(t, s.holds(value), "mode %d, pattern %q, set %q, value %q", mode, pattern, s, value)
			}
		}
	})
}
