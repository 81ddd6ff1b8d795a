package literal

import (
	"strings"
	"testing"

	ahocorasick "github.com/petar-dambovaliev/aho-corasick"
	"github.com/stretchr/testify/require"

	"tabard/engine/screen/dfa/rxtest"
)

// theirs asks the search that Coraza uses, with Coraza's options: @pm builds a
// table, @pmFromFile does not.
func theirs(words []string, table bool, value string) bool {
	builder := ahocorasick.NewAhoCorasickBuilder(ahocorasick.Opts{
		AsciiCaseInsensitive: true,
		MatchKind:            ahocorasick.LeftMostLongestMatch,
		DFA:                  table,
	})
	search := builder.Build(words)
	return search.Iter(value).Next() != nil
}

func requireSameAsTheirs(t *testing.T, words []string, value string) bool {
	t.Helper()
	l, err := NewWordList(words)
	require.NoError(t, err)
	got := l.Match(value)
	require.Equal(t, theirs(words, true, value), got, "words %q, value %q", words, value)
	require.Equal(t, theirs(words, false, value), got, "words %q, value %q", words, value)
	for _, s := range l.Sets() {
		require.True(t, !got || s.holds(value), "words %q, value %q, set %q", words, value, s)
	}
	return got
}

func TestAWordListMatches(t *testing.T) {
	for _, c := range []struct {
		name  string
		words []string
		value string
		want  bool
	}{
		{"a word", []string{"nikto", "sqlmap"}, "a sqlmap b", true},
		{"a word in other case", []string{"nikto"}, "NiKtO", true},
		{"a word given in upper case, as a data set may", []string{"NIKTO"}, "nikto", true},
		{"a word at the end", []string{"ab", "bc"}, "xxbc", true},
		{"a word that overlaps the beginning of another", []string{"abcd", "bce"}, "abce", true},
		{"a word inside the beginning of another", []string{"abcd", "b"}, "abce", true},
		{"a word of one byte", []string{"<"}, "<", true},
		{"a word of one byte at the end", []string{"<", "ab"}, "xx<", true},
		{"bytes as they are", []string{"\xffz"}, "a\xffZ", true},
		{"no part of a word", []string{"nikto"}, "nikt", false},
		{"no long s for s: words are ASCII", []string{"sql"}, "ſql", false},
		{"no Kelvin sign for k", []string{"k"}, "\u212a", false},
		{"no upper case beyond ASCII", []string{"é"}, "É", false},
		{"nothing in an empty value", []string{"a"}, "", false},
		{"nothing without words", nil, "a", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, requireSameAsTheirs(t, c.words, c.value))
		})
	}
}

func TestWordsAreReadLikeCorazaReadsThem(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want []string
	}{
		{"@pm splits at each space", PmWords("a bc  D"), []string{"a", "bc", "", "d"}},
		{"@pm keeps tabs", PmWords("a\tb"), []string{"a\tb"}},
		{"@pm lowers all letters, the Kelvin sign too", PmWords("\u212aÉ"), []string{"ké"}},
		{"a file has a word a line", PmFileWords([]byte("a b\n  C\t\n\r\n")), []string{"a b", "c"}},
		{"a file has comments", PmFileWords([]byte("#a\n # b\nc#d")), []string{"c#d"}},
		{"a file may be empty", PmFileWords(nil), nil},
		{"a line too long ends the file", PmFileWords([]byte("a\n" + strings.Repeat("x", 1<<16) + "\nb")), []string{"a"}},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, c.got) })
	}
}

func TestAWordListRefuses(t *testing.T) {
	t.Run("an empty word", func(t *testing.T) {
		_, err := NewWordList(PmWords("a  b"))
		require.ErrorIs(t, err, ErrEmptyWord)
		// Their search finds the empty word in a value with an f, but not in one
		// without: it skips to where a word may begin.
		require.True(t, theirs([]string{"foo", ""}, true, "xf"))
		require.False(t, theirs([]string{"foo", ""}, true, "x"))
	})
	t.Run("more words than fit", func(t *testing.T) {
		_, err := NewWordList(make([]string, 1<<16))
		require.ErrorContains(t, err, "more than 65535 words")
	})
}

func TestAWordListMatchesLikeCorazaOnCRS(t *testing.T) {
	r := newRand(t)
	checks, matches := 0, 0
	for _, op := range rxtest.Operators(t, "pm", "pmFromFile") {
		words := crsWords(t, op)
		l, err := NewWordList(words)
		require.NoError(t, err)
		builder := ahocorasick.NewAhoCorasickBuilder(ahocorasick.Opts{
			AsciiCaseInsensitive: true,
			MatchKind:            ahocorasick.LeftMostLongestMatch,
			DFA:                  op.Name == "pm",
		})
		search := builder.Build(words)
		for range rounds(t, 300) {
			value := words[r.IntN(len(words))]
			for range 1 + r.IntN(3) {
				value = rxtest.Mutate(r, value)
			}
			want := search.Iter(value).Next() != nil
			require.Equal(t, want, l.Match(value), "rule %s, @%s, value %q", op.Rule, op.Name, value)
			if checks++; want {
				matches++
			}
		}
	}
	t.Logf("%d checks, %d matches", checks, matches)
}

func TestAWordListMatchesLikeCorazaOnRandomWords(t *testing.T) {
	r := newRand(t)
	text := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "aabbABz\xc3"[r.IntN(8)]
		}
		return string(b)
	}
	for range rounds(t, 2000) {
		var words []string
		for range 1 + r.IntN(6) {
			words = append(words, strings.ToLower(text(1+r.IntN(5))))
		}
		for range 3 {
			requireSameAsTheirs(t, words, text(r.IntN(10)))
		}
	}
}

func FuzzWordList(f *testing.F) {
	f.Add("nikto sqlmap < abcd bce", "x ABCE")
	f.Add("a b aa bb", "\xffz")
	f.Fuzz(func(t *testing.T, argument, value string) {
		words := PmWords(argument)
		for _, w := range words {
			if w == "" || len(words) > 50 {
				return
			}
		}
		requireSameAsTheirs(t, words, value)
	})
}
