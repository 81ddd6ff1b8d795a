package dfa

import (
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"rsc.io/binaryregexp"

	"tabard/engine/screen/dfa/rxtest"
)

// matcher is the real thing that a DFA stands for.
type matcher interface{ MatchString(string) bool }

func realMatcher(t testing.TB, pattern string, mode Mode) matcher {
	t.Helper()
	if mode == Bytes {
		re, err := binaryregexp.Compile(pattern)
		require.NoError(t, err)
		return re
	}
	re, err := regexp.Compile(pattern)
	require.NoError(t, err)
	return re
}

// requireSame fails unless the DFA and the real matcher agree on a value.
func requireSame(t testing.TB, d *DFA, re matcher, pattern, value string) {
	t.Helper()
	matched, ok := d.Match(value)
	require.True(t, ok, "pattern %q gave up on %q", pattern, value)
	require.Equal(t, re.MatchString(value), matched, "pattern %q on %q", pattern, value)
}

func TestMatchAgreesWithTheRealMatcherWhere(t *testing.T) {
	for _, c := range []struct {
		name     string
		patterns []string
		values   []string
	}{
		{
			"the pattern is empty or matches everything",
			[]string{``, `a*`, `(?:)`, `\z|`, `^`, `$`, `(?s).*`},
			[]string{"", "a", "b", "\n", "\xff"},
		},
		{
			"no text can match",
			[]string{`[^\x00-\x{10FFFF}]`, `a\Ab`, `\b\B`, `x\z.`, `$a`, `(?m)$a`},
			[]string{"", "a", "ab", "a\nb", "x\n", "\na"},
		},
		{
			"^ and $ are the ends of the text",
			[]string{`^a`, `a$`, `^a$`, `\Aa\z`, `^$`, `a|^b$`, `(^a|b)c`, `(?:^|;)x`, `^^a$$`},
			[]string{"", "a", "ba", "ab", "a\n", "\na", "b", "xb", "ac", "bc", "xac", "xbc", ";x", "x", "ax"},
		},
		{
			"^ and $ are the ends of a line",
			[]string{`(?m)^a`, `(?m)a$`, `(?m)^a$`, `(?m)^$`, `(?m)\Aa`, `(?m)a\z`, `(?m)^\s*b`, `(?m)a$\n^b`},
			[]string{"", "\n", "a", "x\na", "a\nx", "x\na\nx", "a\n", "\n\n", "x\r\na\r\n", "ab", "a\nb", "x\n\n  b"},
		},
		{
			"a word boundary counts ASCII only",
			[]string{`\ba`, `a\b`, `\ba\b`, `\Ba`, `a\B`, `\B`, `\b`, `\b\b`, `^\b`, `\b$`, `\bé`, `é\b`, `(?i)\bk\b`},
			[]string{"", "a", "ba", "ab", "a b", "_a", "a_", "éa", "aé", "é", "a\xff", "\xffa", "1", " ", "K", "xK", "ſ"},
		},
		{
			"a dot does or does not match a newline",
			[]string{`a.b`, `(?s)a.b`, `.`, `(?s).`, `^.$`, `(?s)^..$`},
			[]string{"a\nb", "axb", "\n", "", "aéb", "a\xffb", "a\xe2\x82b", "é", "\xe2\x82"},
		},
		{
			"case folding reaches the long s and the Kelvin sign",
			[]string{`(?i)select`, `(?i)kk`, `(?i)[k-s]`, `(?i)[^s]`, `(?i)ſ`, `(?i)\x{212a}`, `s`, `(?i)É`, `(?i)µ`, `(?i)σ`},
			[]string{"ſELECT", "Select", "Kk", "K", "k", "s", "S", "ſ", "é", "É", "µ", "μ", "Μ", "ς", "Σ", "e"},
		},
		{
			"the text is not UTF-8",
			[]string{`\x{fffd}`, `[^a]`, `a.b`, `[\x80-\xff]`, `\x{e9}`, `(?i)\x{fffd}x`, `^.{3}$`, `^(?:\x{fffd}){2}$`, `\x{d7ff}|[\x{d800}-\x{dfff}]`},
			[]string{"\xff", "a\xffb", "\xe2\x84", "\xe9", "é", "\xed\xa0\x80", "\ufffd", "\ufffdX", "\xffX", "\xc3\x28", "\xf4\x90\x80\x80"},
		},
		{
			"a class is negated, large or above ASCII",
			[]string{`[^\n]`, `\pL`, `\PL`, `(?i)\p{Lu}`, `\p{Greek}`, `[^\x{d7ff}]`, `[^\x{fffd}]`, `[\x{10ffff}]`, `\W`, `(?i)\W`, `[[:^alpha:]]`},
			[]string{"\n", "a", "Z", "1", "α", "\ud7ff", "\xff", "\U0010ffff", "\ue000", "_", "é", "ſ", "K", ""},
		},
		{
			"repetitions are counted",
			[]string{`^a{3}$`, `a{2,3}b`, `(?:ab?){2,}c`, `(?:[^a]*a){3}`, `^(?:a?){4}a{4}$`, `x{0}y`, `(?U)a+b{1,2}`},
			[]string{"", "aa", "aaa", "aaaa", "aab", "ab", "abac", "aabc", "xaxaxa", "y", "xy", "aaaab", "aaaaaaaa", "aaaaaaaaa"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, pattern := range c.patterns {
				for _, mode := range []Mode{Runes, Bytes} {
					d, err := Compile(pattern, Options{Mode: mode})
					require.NoError(t, err)
					re := realMatcher(t, pattern, mode)
					for _, value := range c.values {
						requireSame(t, d, re, pattern, value)
						requireSame(t, d, re, pattern, value+value)
						requireSame(t, d, re, pattern, "x"+value+"\n")
					}
				}
			}
		})
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, c := range []struct {
		name, pattern, says string
		mode                Mode
	}{
		{"what regexp refuses", `a(`, "missing closing )", Runes},
		{"what binaryregexp refuses", `(?<name>a)`, "invalid or unsupported Perl syntax", Bytes},
		{"a program of too many instructions", strings.Repeat(`[a-c]{900}`, 80), "at most 65535: use the regexp", Runes},
		{"too many optional parts in a row", `(?:a?){1000}`, "optional parts", Runes},
		{"more classes of characters than fit a byte", manyClasses(300), "255 classes", Runes},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Compile(c.pattern, Options{Mode: c.mode})
			require.ErrorContains(t, err, "compile pattern")
			require.ErrorContains(t, err, c.says)
		})
	}
}

// manyClasses returns a pattern that tells n runes apart.
func manyClasses(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteRune(rune(0x4e00 + i))
	}
	return b.String()
}

// TestMatchAgreesOnCRS compares every @rx pattern of CRS with the real matcher,
// on texts that it matches or nearly matches, texts made for other patterns,
// and random ones. TABARD_DFA_ROUNDS makes it longer.
func TestMatchAgreesOnCRS(t *testing.T) {
	rounds := 60
	if n, err := strconv.Atoi(os.Getenv("TABARD_DFA_ROUNDS")); err == nil {
		rounds = n
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	budget := NewBudget(1 << 30)
	var checks, matches, states, bytes int
	others := []string{"", "\n", "\xff"}
	for _, op := range rxtest.Operators(t, "rx") {
		pattern, mode := RxPattern(op.Argument)
		d, err := Compile(pattern, Options{Mode: mode, MaxBytes: 64 << 20, Budget: budget})
		require.NoError(t, err, "rule %s", op.Rule)
		re := realMatcher(t, pattern, mode)
		g, err := rxtest.NewGenerator(pattern, mode == Bytes, r)
		require.NoError(t, err)
		check := func(value string) {
			want := re.MatchString(value)
			got, ok := d.Match(value)
			require.True(t, ok, "rule %s gave up on %q", op.Rule, value)
			require.Equal(t, want, got, "rule %s, pattern %q, value %q", op.Rule, pattern, value)
			checks++
			if want {
				matches++
			}
		}
		for range rounds {
			match := g.Match()
			check(match)
			check(g.Near())
			check(rxtest.Text(r, r.IntN(80)))
			check(rxtest.Mutate(r, others[r.IntN(len(others))]) + match)
			check(others[r.IntN(len(others))])
			others = append(others, match)
		}
		s := d.Stats()
		states, bytes = states+s.States, bytes+s.Bytes
	}
	require.Equal(t, bytes, budget.Used())
	t.Logf("%d checks, %d matches, %d states, %d bytes", checks, matches, states, bytes)
}

// TestCompileAnyMatchesWhereAnyPatternDoes joins random patterns of CRS.
func TestCompileAnyMatchesWhereAnyPatternDoes(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	byMode := map[Mode][]string{}
	for _, op := range rxtest.Operators(t, "rx") {
		pattern, mode := RxPattern(op.Argument)
		byMode[mode] = append(byMode[mode], pattern)
	}
	for mode, all := range byMode {
		for range 20 {
			patterns := []string{`^\ba`, `(?m)b$`}
			for range r.IntN(4) {
				patterns = append(patterns, all[r.IntN(len(all))])
			}
			d, err := CompileAny(patterns, Options{Mode: mode, MaxBytes: 64 << 20})
			require.NoError(t, err)
			var values []string
			for _, p := range patterns {
				g, err := rxtest.NewGenerator(p, mode == Bytes, r)
				require.NoError(t, err)
				values = append(values, g.Match(), g.Near(), rxtest.Text(r, r.IntN(10)))
			}
			for _, value := range values {
				want := false
				for _, p := range patterns {
					want = want || realMatcher(t, p, mode).MatchString(value)
				}
				got, ok := d.Match(value)
				require.True(t, ok)
				require.Equal(t, want, got, "patterns %q, value %q", patterns, value)
			}
		}
	}
}

func TestCompileAnyOfNoPatternMatchesNothing(t *testing.T) {
	d, err := CompileAny(nil, Options{})
	require.NoError(t, err)
	for _, value := range []string{"", "a"} {
		matched, ok := d.Match(value)
		require.True(t, ok)
		require.False(t, matched)
	}
}

func TestManyGoroutinesShareOneDFA(t *testing.T) {
	const pattern = `(?i)[a-m].{8}s\b|k$`
	re := realMatcher(t, pattern, Runes)
	// Room for about thirty states, so that goroutines build, miss and flush.
	const limit = 6 << 10
	budget := NewBudget(20 << 10)
	d, err := Compile(pattern, Options{MaxBytes: limit, Budget: budget})
	require.NoError(t, err)
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			g, err := rxtest.NewGenerator(pattern, false, r)
			if err != nil {
				t.Error(err)
				return
			}
			for range 3000 {
				value := g.Near()
				if matched, ok := d.Match(value); ok && matched != re.MatchString(value) {
					t.Errorf("pattern %q on %q: %v", pattern, value, matched)
				}
				if n := d.Bytes(); n > limit+d.fixed {
					t.Errorf("%d bytes", n)
				}
			}
		})
	}
	group.Wait()
	require.Positive(t, d.Stats().Flushes)
	require.Equal(t, d.Bytes(), budget.Used())
}

// restless returns n characters that keep explode busy.
func restless(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "ab"[r.IntN(2)]
	}
	return string(b)
}

// explode needs a state for every way the last n characters can look.
func explode(n int) string { return `a.{` + strconv.Itoa(n) + `}c` }

func TestAtItsLimitADFA(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	values := make([]string, 2000)
	for i := range values {
		values[i] = restless(r, 200)
	}
	t.Run("gives up, but answers again what it knows", func(t *testing.T) {
		d, err := Compile(explode(30), Options{MaxBytes: 64 << 10})
		require.NoError(t, err)
		_, ok := d.Match(restless(r, 10000))
		require.False(t, ok)
		matched, ok := d.Match("bbbb")
		require.True(t, ok)
		require.False(t, matched)
	})
	t.Run("never holds more bytes than allowed", func(t *testing.T) {
		d, err := Compile(explode(30), Options{MaxBytes: 64 << 10})
		require.NoError(t, err)
		for _, v := range values {
			d.Match(v)
			require.LessOrEqual(t, d.Bytes()-d.fixed, 64<<10)
		}
	})
	t.Run("flushes only after as many misses as it has states", func(t *testing.T) {
		d, err := Compile(explode(30), Options{MaxBytes: 64 << 10})
		require.NoError(t, err)
		misses := 0
		for _, v := range values {
			if _, ok := d.Match(v); !ok {
				misses++
			}
		}
		require.Greater(t, d.Stats().Flushes, 0)
		require.LessOrEqual(t, d.Stats().Flushes, misses/100)
	})
	t.Run("learns new traffic after the old", func(t *testing.T) {
		d, err := Compile(explode(30)+`|union`, Options{MaxBytes: 64 << 10})
		require.NoError(t, err)
		for _, v := range values {
			d.Match(v)
		}
		for range 2000 {
			d.Match("a harmless text about a union of trades")
		}
		matched, ok := d.Match("a harmless text about a union of trades")
		require.True(t, ok)
		require.True(t, matched)
	})
}

func TestABudgetIsSharedSoThat(t *testing.T) {
	const limit = 96 << 10
	compile := func(t *testing.T, b *Budget, n int) *DFA {
		d, err := Compile(explode(n), Options{Budget: b})
		require.NoError(t, err)
		return d
	}
	r := rand.New(rand.NewPCG(4, 4))
	value := func() string { return restless(r, 300) }
	t.Run("all DFAs together keep to it", func(t *testing.T) {
		b := NewBudget(limit)
		dfas := []*DFA{compile(t, b, 20), compile(t, b, 25), compile(t, b, 30)}
		for range 3000 {
			for _, d := range dfas {
				d.Match(value())
			}
			require.LessOrEqual(t, b.Used(), limit)
		}
		sum := 0
		for _, d := range dfas {
			sum += d.Bytes()
		}
		require.Equal(t, sum, b.Used())
	})
	t.Run("a DFA that comes late gets its share in the end", func(t *testing.T) {
		b := NewBudget(limit)
		greedy, late := compile(t, b, 30), compile(t, b, 6)
		for range 300 {
			greedy.Match(value())
		}
		require.Greater(t, b.Used(), limit*9/10)
		s := value()
		_, ok := late.Match(s)
		require.False(t, ok, "the budget is used up")
		for range reclaimMisses + 1 {
			_, ok = late.Match(s)
		}
		require.True(t, ok)
	})
	t.Run("a budget too small for anything still lets every DFA answer simple values", func(t *testing.T) {
		d := compile(t, NewBudget(1), 3)
		_, ok := d.Match("ab")
		require.False(t, ok)
		matched, ok := d.Match("bbbb")
		require.True(t, ok)
		require.False(t, matched)
	})
}

func TestFlushGivesTheMemoryBack(t *testing.T) {
	d, err := Compile(explode(10), Options{})
	require.NoError(t, err)
	before := d.Bytes()
	d.Match(strings.Repeat("aababbbaabbabab", 100))
	require.Greater(t, d.Bytes(), before)
	d.Flush()
	require.Equal(t, before, d.Bytes())
	require.Equal(t, 1, d.Stats().Flushes)
}

// fuzzPattern keeps the fuzzers to patterns that the real matcher takes and
// that stay fast.
func fuzzPattern(pattern string) bool {
	return len(pattern) < 200 && strings.Count(pattern, "{") < 4
}

func FuzzMatchRunes(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, pattern, value string) {
		re, err := regexp.Compile(pattern)
		if err != nil || !fuzzPattern(pattern) {
			return
		}
		if d, err := Compile(pattern, Options{}); err == nil {
			requireSame(t, d, re, pattern, value)
		}
	})
}

func FuzzMatchBytes(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, pattern, value string) {
		re, err := binaryregexp.Compile(pattern)
		if err != nil || !fuzzPattern(pattern) {
			return
		}
		if d, err := Compile(pattern, Options{Mode: Bytes}); err == nil {
			requireSame(t, d, re, pattern, value)
		}
	})
}

func addSeeds(f *testing.F) {
	f.Add(`(?i)(?:^|;)\s*sel(?:ect|f)\b`, "x; ſelect 1")
	f.Add(`(?m)^a[^b]+$|\Bk\z`, "b\na\xff\n")
	f.Add(`\x{bc}[^>\x{be}]*[>\x{be}]|<[^\x{be}]*\x{be}`, "\xbcscript\xbe")
	f.Add(`(?i)\x{e5}[\x80-\xff]{2,3}\b.`, "\xc5\x80\xffa\n")
	f.Add(`[\x{d800}-\x{dfff}]|[^\x{fffd}]$`, "\xed\xa0\x80")
	f.Add(`(a|ab)(c|bcd)(d*)|(?U)x{2,}`, "abcd xx")
}
