package gate

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/corazawaf/libinjection-go"
	"github.com/stretchr/testify/require"

	"tabard/engine/screen/dfa/rxtest"
	"tabard/engine/screen/gate/internal/source"
	"tabard/engine/screen/gate/internal/wordset"
)

func isSQLi(value string) bool { is, _ := libinjection.IsSQLi(value); return is }

func TestMayBeSQLiIs(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        bool
	}{
		{"false for no text", "", false},
		{"false for a word", "alice", false},
		{"false for a number", "1234.5", false},
		{"false for a UUID", "3f2a9c1e-4b7d-4e21-9a0b-77aa01c2d3e4", false},
		{"false for a date", "2026-11-24T10:43:00Z", false},
		{"false for a URL", "https://example.com/a/b?page=2;x", false},
		{"false for a JSON Web Token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U", false},
		{"false for an address", "alice.b@example.com", false},
		{"false for UTF-8 text", "日本語 naïve", false},
		{"false for a comma list", "de,fr;q=0.9,image/png", false},
		{"false for a word that only ends in a keyword", "0x1gunion", false},
		{"false for a remark in parentheses", "blue (dark)", false},
		{"true for a keyword", "select", true},
		{"true for a keyword in a sentence", "black and white", true},
		{"true for a word of a phrase", "group", true},
		{"true for a keyword right after a number", "1xor", true},
		{"true for a keyword after an empty exponent", "1e-union", true},
		{"true for a keyword after a float suffix", "1fUNION", true},
		{"true for a keyword after NULL", `\Nunion`, true},
		{"true for a keyword before a dot", "select.1", true},
		{"true for a keyword spelled with a long s", "ſelect", true},
		{"true for a dotless i", "lımit", true},
		{"true for a quote", "it's", true},
		{"true for a backtick", "a`b", true},
		{"true for a comment", "a--", true},
		{"true for a slash comment", "a/*", true},
		{"true for a MySQL comment", "a#", true},
		{"true for money", "$1", true},
		{"true for a logical operator", "1||1", true},
		{"true for a call", "f(1,2)", true},
		{"true for a variable in a comparison", "1=@a", true},
		{"true for a colon at the end, which is an operator there", `.5 foo(\N:`, true},
		{"true for a colon at the end after numbers", "0XFBY(\n0XF:", true},
		{"true for a quoted variable", "@`a`", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, MayBeSQLi(c.value))
			require.True(t, MayBeSQLi(c.value) || !isSQLi(c.value))
		})
	}
}

func TestMayBeXSSIs(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        bool
	}{
		{"false for no text", "", false},
		{"false for plain text", "a < b and c > d", false},
		{"false for a query", "utm_source=news&session=1&jsonp=f", false},
		{"false for harmless HTML", "<p>Hi <b>you</b><br/></p>", false},
		{"false for a tag that begins like one that counts", "<scripted>", false},
		{"false for a heart", "i <3 you", false},
		{"false for a lone <", "a <", false},
		{"true for a script", "<script>", true},
		{"true for its end", "</SCRIPT", true},
		{"true for SVG", "<svgfoo", true},
		{"true for NUL in a tag", "<scr\x00ipt>", true},
		{"true for NUL far behind in a tag", "<scriptscript\x00", true},
		{"true for a comment", "<!--", true},
		{"true for a document type", "<!doctype html", true},
		{"true for a processing instruction", "<?import", true},
		{"true for ASP", "<%`%>", true},
		{"true for an end tag without a name", "</ xml", true},
		{"true for an event", "x onload=1", true},
		{"true for an event with blanks", "ONERROR \t\x00 = x", true},
		{"true for an event with NUL", "on\x00load=1", true},
		{"true for an event after a quote", `"onload=1`, true},
		{"true for a style", "style=x", true},
		{"true for a link", "<a xlink:href=x", true},
		{"true for a low source", "lowsrc=javascript:1", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, MayBeXSS(c.value))
			require.True(t, MayBeXSS(c.value) || !libinjection.IsXSS(c.value))
		})
	}
}

func tables(t testing.TB) source.Tables {
	t.Helper()
	tables, err := source.Load()
	require.NoError(t, err)
	return tables
}

func hashOf(word string) (h wordset.Hash) {
	for i := range len(word) {
		h = h.Add(word[i])
	}
	return h
}

func TestEveryKeywordOfTheLibraryIsKnown(t *testing.T) {
	words := tables(t).Words
	require.Greater(t, len(words), 900)
	for _, phrase := range words {
		for word := range strings.FieldsSeq(phrase) {
			require.True(t, keywords.Has(hashOf(word)), word)
		}
	}
	// These are no keywords, but become functions before a parenthesis.
	for _, word := range strings.Fields("user_id user_name database password user current_user current_date current_time current_timestamp localtime localtimestamp") {
		require.True(t, keywords.Has(hashOf(word)), word)
	}
	claimed := 0
	for i := range 100000 {
		if keywords.Has(hashOf("w" + strconv.Itoa(i))) {
			claimed++
		}
	}
	require.Less(t, claimed, 1000, "too many words that are none are claimed")
}

func TestTheGeneratedKeywordsAreUpToDate(t *testing.T) {
	text, err := os.ReadFile("keywords.gen.go")
	require.NoError(t, err)
	require.Equal(t, string(source.KeywordsFile(tables(t).Words)), string(text), "run go generate")
}

// TestNoFingerprintIsHarmless checks the fact that MayBeSQLi rests on.
func TestNoFingerprintIsHarmless(t *testing.T) {
	flags := map[rune]uint8{
		'N': 0, '1': 0, ':': 0, ';': hasSemicolon, 'O': hasOperator, ',': hasComma, '(': hasParen, ')': hasParen, 'V': hasVariable,
	}
	fingerprints := tables(t).Fingerprints
	require.Greater(t, len(fingerprints), 8000)
	possible := 0
next:
	for _, f := range fingerprints {
		var has uint8
		for _, token := range f {
			flag, ok := flags[token]
			if !ok {
				continue next
			}
			has |= flag
		}
		possible++
		require.False(t, harmless(has), f)
	}
	require.Positive(t, possible)
}

func TestOnlyTwoLettersBeyondASCIIBecomeASCIIInUpperCase(t *testing.T) {
	var found []rune
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if unicode.ToUpper(r) < 0x80 {
			found = append(found, r)
		}
	}
	// Their UTF-8 begins with 0xc4 and 0xc5, which sqlWordEnd leaves to the library.
	require.Equal(t, []rune{'ı', 'ſ'}, found)
}

// TestTheXSSNamesAreThoseOfTheLibrary checks the lists that MayBeXSS rests on.
func TestTheXSSNamesAreThoseOfTheLibrary(t *testing.T) {
	library := tables(t)
	var tags []string
	for _, tag := range library.Tags {
		tags = append(tags, strings.ToLower(tag))
	}
	require.Equal(t, tags, xssTags)
	for _, name := range append(library.Attributes, "XMLNS", "XLINK") {
		require.True(t, mayEndAttribute(name), name)
	}
	require.Greater(t, len(library.Events), 400)
	for _, event := range library.Events {
		require.True(t, mayEndAttribute("ON"+event), event)
	}
}

// sqlPieces and xssPieces are what values near the library's borders consist of.
var (
	sqlPieces = strings.Split("1 0 9.5 1e 1e5 .5 . 0x 0xf 0b 0b1 d f u E e+ 1.e \\N \\ x n ab _ [ ] { } ( ) ( ) , , ; : :: := ? ! = < > * / - + % ^ ~ & | @ @@ || && -- # /* */ ' \" ` $ $$ "+
		"and or xor union select all not in like is null group by order from where user user_id database case when sleep int binary collate utf8_bin if exec declare "+
		"foo bar abcdefghijklmnopqrstuvwxyzabcdefgh é ſ ı \xa0 \x00 \x01 \x7f \xff", " ")
	xssPieces = strings.Split("< </ <! <!-- <? <% </> > /> / = == ' \" ` & &#x6a; \x00 \v \t \r - -- --> !> %> ] ]]> [CDATA[ [if xml import entity doctype "+
		"a b p br script style svg xsl xml iframe applet noscript isindex on load error onload onerror onclick oncut on xx href src lowsrc action formaction by to from values style filter xmlns xlink xlink:href "+
		"attributename javascript: data: vbscript: view-source: java x é \xff 1", " ")
)

func assemble(r *rand.Rand, pieces []string) string {
	var b strings.Builder
	for range 1 + r.IntN(9) {
		b.WriteString(pieces[r.IntN(len(pieces))])
		if r.IntN(3) == 0 {
			b.WriteByte(" \n"[r.IntN(2)])
		}
	}
	s := b.String()
	switch r.IntN(5) {
	case 0:
		s = rxtest.Mutate(r, s)
	case 1:
		s = strings.ToUpper(s)
	}
	return s
}

// rounds multiplies n by TABARD_GATE_ROUNDS where that is set.
func rounds(n int) int {
	if k, err := strconv.Atoi(os.Getenv("TABARD_GATE_ROUNDS")); err == nil {
		n *= k
	}
	return n
}

// compare tries a gate on assembled values: what it lets pass, the library must
// not match.
func compare(t *testing.T, pieces []string, gate, library func(string) bool) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	passed, matched := 0, 0
	n := rounds(200000)
	for range n {
		value := assemble(r, pieces)
		matches := library(value)
		if matches {
			matched++
		}
		if !gate(value) {
			passed++
			require.False(t, matches, "value %q", value)
		}
	}
	t.Logf("seed %d: %d values, %d let pass, %d matched", seed, n, passed, matched)
}

func TestSQLiGateOverlooksNothing(t *testing.T) { compare(t, sqlPieces, MayBeSQLi, isSQLi) }

func TestXSSGateOverlooksNothing(t *testing.T) {
	compare(t, xssPieces, MayBeXSS, libinjection.IsXSS)
}

// TestSQLiGateOverlooksNothingAmongHarmlessPieces leaves out what makes the gate
// ask at once, so that far more values get to its end.
func TestSQLiGateOverlooksNothingAmongHarmlessPieces(t *testing.T) {
	var pieces []string
	for _, p := range sqlPieces {
		if !strings.ContainsAny(p, "#'\"`$") && !keywords.Has(hashOf(p)) {
			pieces = append(pieces, p)
		}
	}
	compare(t, append(pieces, "xor", "union"), MayBeSQLi, isSQLi)
}

func TestXSSGateOverlooksNothingAmongHarmlessPieces(t *testing.T) {
	var pieces []string
	for _, p := range xssPieces {
		if !strings.ContainsAny(p, "!?%\x00") {
			pieces = append(pieces, p)
		}
	}
	compare(t, pieces, MayBeXSS, libinjection.IsXSS)
}

// TestSQLiGateOverlooksNoShortValue tries every value of up to four bytes over
// one byte of each kind. TABARD_GATE_LENGTH makes it longer.
func TestSQLiGateOverlooksNoShortValue(t *testing.T) {
	length := 4
	if n, err := strconv.Atoi(os.Getenv("TABARD_GATE_LENGTH")); err == nil {
		length = n
	}
	const alphabet = "10xeNd\\a(),:;@=-/*[]. |?"
	passed := 0
	var try func(prefix []byte)
	try = func(prefix []byte) {
		if value := string(prefix); !MayBeSQLi(value) {
			passed++
			require.False(t, isSQLi(value), "value %q", value)
		}
		if len(prefix) < length {
			for i := range len(alphabet) {
				try(append(prefix, alphabet[i]))
			}
		}
	}
	try(make([]byte, 0, length))
	t.Logf("%d let pass", passed)
}

func FuzzSQLi(f *testing.F) {
	for _, s := range []string{"1xor", "1 union select 2", "[a]1.e(1)", "@a=1;", `\Nunion`, "0b1or 1", `.5 foo(\N:`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		require.True(t, MayBeSQLi(value) || !isSQLi(value), "value %q", value)
	})
}

func FuzzXSS(f *testing.F) {
	for _, s := range []string{"<svg>", "x onload\x00 =1", "</xml>", "<a href=java\tscript:1>", "'><!-`"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		require.True(t, MayBeXSS(value) || !libinjection.IsXSS(value), "value %q", value)
	})
}

var benchValues = []struct{ name, value string }{
	{"Word", "alice"},
	{"UUID", "3f2a9c1e-4b7d-4e21-9a0b-77aa01c2d3e4"},
	{"URL", "https://example.com/static/js/main.3f2a9c.js?v=12"},
	{"JWT", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"},
	{"Prose", "The quick brown fox, aged 42, jumps over (the) lazy dog; it's 7:30 p.m. & all is well."},
}

func BenchmarkSQLi(b *testing.B) { benchmark(b, MayBeSQLi, isSQLi) }

func BenchmarkXSS(b *testing.B) { benchmark(b, MayBeXSS, libinjection.IsXSS) }

func benchmark(b *testing.B, gate, library func(string) bool) {
	for _, v := range benchValues {
		for name, f := range map[string]func(string) bool{"gate": gate, "library": library} {
			b.Run(v.name+"/"+name, func(b *testing.B) {
				for b.Loop() {
					f(v.value)
				}
			})
		}
	}
}

// TestHowOftenTheGatesAsk prints the use of the gates on ../shared's traffic.
func TestHowOftenTheGatesAsk(t *testing.T) {
	text, err := os.ReadFile("../../../../shared/corpus/requests.jsonl")
	if err != nil {
		t.Skip("needs the traffic of ../shared, which a clone has not")
	}
	values, sql, xss := 0, 0, 0
	for line := range strings.Lines(string(text)) {
		var request struct {
			Label, Path string
			Headers     [][2]string
		}
		require.NoError(t, json.Unmarshal([]byte(line), &request))
		if request.Label != "benign" {
			continue
		}
		for _, value := range append(strings.FieldsFunc(request.Path, func(r rune) bool { return r == '&' || r == '=' || r == '?' }), headerValues(request.Headers)...) {
			values++
			if MayBeSQLi(value) {
				sql++
			}
			if MayBeXSS(value) {
				xss++
			}
		}
	}
	t.Logf("%d values, libinjection asked for SQLi %d times, for XSS %d times", values, sql, xss)
}

func headerValues(headers [][2]string) (values []string) {
	for _, h := range headers {
		values = append(values, h[1])
	}
	return values
}
