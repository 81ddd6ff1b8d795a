package literal

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/screen/dfa"
	"tabard/engine/screen/dfa/rxtest"
)

// build makes an automaton of patterns' conditions, which all must be taken.
func build(t testing.TB, patterns [][]Set) *Automaton {
	t.Helper()
	b := NewBuilder(len(patterns))
	for i, sets := range patterns {
		require.True(t, b.Add(i, sets))
	}
	a, err := b.Build()
	require.NoError(t, err)
	return a
}

func (a *Automaton) scanned(value string) []int32 {
	h := a.NewHits()
	a.Scan(value, h)
	found := slices.Clone(h.Patterns())
	slices.Sort(found)
	return found
}

func TestScanFinds(t *testing.T) {
	a := build(t, [][]Set{
		{{"select"}},
		{{"<scr", "onlo"}},
		{{"unio"}, {"quux"}},
		{{"elec"}},
		{{"\u212a"}},
		{{"unio"}},
	})
	for _, c := range []struct {
		name, value string
		want        []int32
	}{
		{"nothing in an empty value", "", nil},
		{"nothing in a harmless value", "the quick brown fox", nil},
		{"a word, and a word inside it", "a SELECT b", []int32{0, 3}},
		{"one word of a set", "x onload=", []int32{1}},
		{"no pattern of which a set is missing", "a union", []int32{5}},
		{"a pattern with all its sets, in any order", "quux union", []int32{2, 5}},
		{"a pattern once, however often its words occur", "<scr onload <scr", []int32{1}},
		{"bytes that are no ASCII", "a \u212a", []int32{4}},
		{"no part of a rune", "a \xe2\x84", nil},
		{"a word that begins inside another one", "selselect", []int32{0, 3}},
	} {
		t.Run(c.name, func(t *testing.T) { require.ElementsMatch(t, c.want, a.scanned(c.value)) })
	}
}

func TestABuilderTakesNo(t *testing.T) {
	t.Run("pattern without conditions", func(t *testing.T) {
		require.False(t, NewBuilder(1).Add(0, nil))
	})
	t.Run("condition that most values satisfy", func(t *testing.T) {
		require.False(t, NewBuilder(1).Add(0, []Set{{"a", "e"}}))
	})
	t.Run("more words than 16-bit states", func(t *testing.T) {
		b := NewBuilder(1)
		var s Set
		for i := range 40000 {
			s = append(s, fmt.Sprintf("%05x", i*7919%0xfffff))
		}
		require.True(t, b.Add(0, []Set{newSet(s)[:39000]}))
		_, err := b.Build()
		require.ErrorContains(t, err, "more than 65535 states")
	})
}

// TestScanAgreesWithSearchingEachWord compares with the plain meaning of sets.
func TestScanAgreesWithSearchingEachWord(t *testing.T) {
	r := newRand(t)
	letters := "abAB \t\n<k\xff\xe2\x84\xaa"
	text := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = letters[r.IntN(len(letters))]
		}
		return string(b)
	}
	for range rounds(t, 200) {
		b := NewBuilder(12)
		var used [12][]Set
		for p := range used {
			var sets []Set
			for range 1 + r.IntN(3) {
				var words []string
				for range 1 + r.IntN(4) {
					words = append(words, text(2+r.IntN(7)))
				}
				sets = append(sets, newSet(words))
			}
			slices.SortFunc(sets, byRarity)
			if !b.Add(p, sets) {
				continue
			}
			used[p] = append(used[p], sets[0].cut(wordBytes))
			for _, s := range sets[1:] {
				if s.Share() > furtherShare {
					break
				}
				used[p] = append(used[p], s.cut(wordBytes))
			}
		}
		a, err := b.Build()
		require.NoError(t, err)
		for range 30 {
			value := text(r.IntN(20))
			var want []int32
			for p, sets := range used {
				lacks := func(s Set) bool { return !s.holds(value) }
				if len(sets) > 0 && !slices.ContainsFunc(sets, lacks) {
					want = append(want, int32(p))
				}
			}
			require.ElementsMatch(t, want, a.scanned(value), "sets %q, value %q", used, value)
		}
	}
}

// crs builds the automaton of all @rx, @pm and @pmFromFile of CRS. It returns
// it with the operators and whether each is looked for.
func crs(t testing.TB) (*Automaton, []rxtest.Operator, []bool) {
	ops := rxtest.Operators(t, "rx", "pm", "pmFromFile")
	looked := make([]bool, len(ops))
	b := NewBuilder(len(ops))
	for i, op := range ops {
		sets := crsSets(t, op)
		looked[i] = b.Add(i, sets)
	}
	a, err := b.Build()
	require.NoError(t, err)
	return a, ops, looked
}

func crsSets(t testing.TB, op rxtest.Operator) []Set {
	if op.Name == "rx" {
		sets, err := Required(dfa.RxPattern(op.Argument))
		require.NoError(t, err)
		return sets
	}
	l, err := NewWordList(crsWords(t, op))
	require.NoError(t, err)
	return l.Sets()
}

func crsWords(t testing.TB, op rxtest.Operator) []string {
	if op.Name == "pm" {
		return PmWords(op.Argument)
	}
	return PmFileWords(rxtest.File(t, op.Argument))
}

func TestScanFindsEveryMatchOfCRS(t *testing.T) {
	a, ops, looked := crs(t)
	r := newRand(t)
	h := a.NewHits()
	weak, matches := 0, 0
	for i, op := range ops {
		if !looked[i] {
			weak++
			continue
		}
		requireFound := func(value string) {
			matches++
			a.Scan(value, h)
			require.Contains(t, h.Patterns(), int32(i), "rule %s, @%s %q, value %q", op.Rule, op.Name, op.Argument, value)
		}
		if op.Name != "rx" {
			for _, w := range crsWords(t, op) {
				requireFound(rxtest.Text(r, r.IntN(5)) + strings.ToUpper(w) + rxtest.Text(r, r.IntN(5)))
			}
			continue
		}
		pattern, mode := dfa.RxPattern(op.Argument)
		re, err := compile(pattern, mode)
		require.NoError(t, err)
		g, err := rxtest.NewGenerator(pattern, mode == dfa.Bytes, r)
		require.NoError(t, err)
		for range rounds(t, 50) {
			for _, value := range []string{g.Match(), g.Near()} {
				if re.MatchString(value) {
					requireFound(value)
				}
			}
		}
	}
	t.Logf("%d operators, %d weak, %d states, %d bytes; %d matches found", len(ops), weak, a.States(), a.Bytes(), matches)
}

func TestScanAllocatesNothing(t *testing.T) {
	a, _, _ := crs(t)
	h := a.NewHits()
	value := strings.Repeat("<script>alert(1)</script> union select ", 20)
	require.Zero(t, testing.AllocsPerRun(10, func() { a.Scan(value, h) }))
	require.NotEmpty(t, h.Patterns())
}

func TestMarksOfOldScansDoNotReturn(t *testing.T) {
	a := build(t, [][]Set{{{"unio"}, {"quux"}}})
	h := a.NewHits()
	h.scan = math.MaxUint32 - 1
	for _, c := range []struct {
		value string
		found int
	}{{"union quux", 1}, {"union", 0}, {"quux", 0}, {"quux union", 1}, {"union", 0}} {
		a.Scan(c.value, h)
		require.Len(t, h.Patterns(), c.found, c.value)
	}
}

func TestGoroutinesShareOneAutomaton(t *testing.T) {
	a, _, _ := crs(t)
	want := a.scanned("<script>alert(1)</script>")
	require.NotEmpty(t, want)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 200 {
				if got := a.scanned("<script>alert(1)</script>"); !slices.Equal(want, got) {
					t.Errorf("found %v, want %v", got, want)
				}
			}
		})
	}
	group.Wait()
}

func BenchmarkScan(b *testing.B) {
	a, _, _ := crs(b)
	h := a.NewHits()
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct{ name, value string }{
		{"Prose", strings.Repeat("The quick brown fox, aged 42, jumps over (the) lazy dog; it's 7:30 p.m. & all is well. ", 47)},
		{"UserAgent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"},
		{"Random", rxtest.Text(r, 4000)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.value)))
			for b.Loop() {
				a.Scan(c.value, h)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(c.value)), "ns/byte")
		})
	}
}

func BenchmarkRequiredOfCRS(b *testing.B) {
	ops := rxtest.Operators(b, "rx")
	for b.Loop() {
		for _, op := range ops {
			crsSets(b, op)
		}
	}
}

func BenchmarkBuildOfCRS(b *testing.B) {
	ops := rxtest.Operators(b, "rx", "pm", "pmFromFile")
	sets := make([][]Set, len(ops))
	for i, op := range ops {
		sets[i] = crsSets(b, op)
	}
	for b.Loop() {
		builder := NewBuilder(len(ops))
		for i := range ops {
			builder.Add(i, sets[i])
		}
		_, err := builder.Build()
		require.NoError(b, err)
	}
}
