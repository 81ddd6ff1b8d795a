package transform

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/stretchr/testify/require"
)

func TestEachTransformationOfCorazaIsKnownAndNoOther(t *testing.T) {
	var want []string
	for _, name := range corazaNames {
		want = append(want, strings.ToLower(name))
	}
	require.ElementsMatch(t, want, Names())
	for _, name := range []string{"none", "", "urlDecodeU", "plugged"} {
		_, ok := Find(name)
		require.False(t, ok, name)
		_, ok = Lookup(name)
		require.False(t, ok, name)
	}
	tr, ok := Find("NORMALIZEpath")
	require.True(t, ok)
	require.Equal(t, "normalisePath", tr.Name())
}

func TestEachTransformationOfCRSIsKnown(t *testing.T) {
	for name := range crsChains(t) {
		for _, step := range strings.Split(name, ",") {
			_, ok := Find(strings.TrimPrefix(step, "t:"))
			require.True(t, ok, step)
		}
	}
}

// crsChains returns the lists of transformations in CRS's rules, without none.
func crsChains(t testing.TB) map[string]bool {
	found := map[string]bool{}
	list := regexp.MustCompile(`t:none((?:,(?:\\\s*)?t:\w+)+)`)
	clean := regexp.MustCompile(`[\\\s]`)
	err := fs.WalkDir(coreruleset.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".conf") {
			return err
		}
		text, err := fs.ReadFile(coreruleset.FS, path)
		for _, m := range list.FindAllStringSubmatch(string(text), -1) {
			found[strings.TrimPrefix(clean.ReplaceAllString(m[1], ""), ",")] = true
		}
		return err
	})
	require.NoError(t, err)
	require.Greater(t, len(found), 20)
	return found
}

// cases are values that make a difference somewhere; each stands for one question about a corner.
var cases = []struct{ name, value string }{
	{"the empty value", ""},
	{"a plain word is left alone by nearly everything", "plain"},
	{"the root directory gets a second slash", "/"},
	{"a single dot vanishes as a path", "."},
	{"two dots stay", ".."},
	{"a path that leaves its root", "/../../etc/passwd"},
	{"a path that is clean with a slash at its end", "/a/b/"},
	{"doubled slashes with a slash at the end", "//a//b//"},
	{"a Windows path with a drive and a stream", `C:\dir\file.txt::$DATA`},
	{"a stream before a slash at the end", `a/b:c/`},
	{"a drive letter only", "C:"},
	{"dots and spaces at the ends of components", "a. /b . ./ /c..."},
	{"a component of spaces at the start", " /x"},
	{"a component of dots and spaces only", ". ./x"},
	{"backslashes only", `\\\`},
	{"a comment that is closed by the end", "a/*b"},
	{"a comment at the end leaves a zero byte", "a/*b*/"},
	{"the byte after a comment is text even if it opens one", "/**//*x*/y"},
	{"an HTML comment closed by a C one", "<!--a*/b"},
	{"two dashes cut the rest", "a--b"},
	{"a hash cuts the rest", "a#b"},
	{"marks that overlap", "/*/*/-->--->#<!-<!--"},
	{"a slash and a star that are no comment", "* /"},
	{"a backslash at the end", `a\`},
	{"only a backslash", `\`},
	{"two backslashes", `\\`},
	{"octal of one to four digits", `\0\07\377\400\777\1234\8`},
	{"hexadecimal escapes cut short", `\x\x4\x41\X41\x4g`},
	{"JavaScript unicode escapes", `\u0041\u004\uff21\uFF5f\uff00\u`},
	{"JavaScript braced escapes", `\u{41}\u{}\u{0ff21}\u{10ffff}\u{1234567}\u{41\u{ff5f}`},
	{"style sheet escapes", `\41 \000041 b\0\ff21\d800\110000\1234567` + "\\\n" + `\z\` + "\t"},
	{"control letters", `\a\b\f\n\r\t\v\?\'\"`},
	{"percent signs that are none", "%%41%4%zz%u%u00%uzzzz%u0041%U0041+%"},
	{"full-width and look-alike characters as %u", "%uff1c%uFF5E%uff5f%uff00%u2018%u00ab%u1234"},
	{"a plus only", "+"},
	{"a percent only", "%"},
	{"whitespace of all kinds", " \t\n\v\f\r  x \u0085\u00a0\u2003\u3000y"},
	{"a byte A0 and a byte 85 by themselves", "a\xa0b\x85c"},
	{"letters whose last byte is A0 or 85", "à Å ą 你"},
	{"single spaces only", "a b c"},
	{"two spaces", "a  b"},
	{"a tab between words", "a\tb"},
	{"space then tab", "a \tb"},
	{"space around a slash and a bracket", `c"a't ^/etc ( x , ; /y` + "\n"},
	{"broken UTF-8", "\xff\xc3(\xe2\x82x\xed\xa0\x80"},
	{"characters above the basic plane", "𝒜😀\U0010ffff"},
	{"letters with odd lower case", "KſİẞΣς"},
	{"zero bytes", "a\x00b\x00"},
	{"entities", "&lt;&amp;&#x41;&#65;&#0;&#x110000;&nGt;&ngE;&notit;&am&#&#x&;"},
	{"an entity as long as its text", "&ngE;"},
	{"ampersands of a query", "a=1&b=2&lt=3"},
	{"base64 with padding", "SGVsbG8="},
	{"base64 of one, two and three digits", "S SG SGV"},
	{"base64 cut by a foreign byte", "SGVs!bG8"},
	{"base64 with line ends and dots", "SGVs\r\nbG.8 x"},
	{"base64 of the URL alphabet", "-_-_"},
	{"base64 that decodes to itself nowhere", "=AAAA"},
	{"base64 with a high byte", "QUJD\xe4QUJD"},
	{"hexadecimal digits", "48656c6C6f"},
	{"an odd number of hexadecimal digits", "123"},
	{"the length of this is its own value", "1"},
	{"ten bytes", "0123456789"},
	{"letters of both cases", "aBcDeF"},
	{"what the encoder leaves alone", "Az09*"},
}

func TestTransformationsAreCorazas(t *testing.T) {
	o := newOracle(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { o.compare(t, c.value) })
	}
}

func TestEveryByteAndPairOfBytesIsTransformedAsByCoraza(t *testing.T) {
	o := newOracle(t)
	var values []string
	for i := range 256 {
		values = append(values, string([]byte{byte(i)}), "a"+string([]byte{byte(i)})+"b")
	}
	o.compare(t, values...)
	special := "\\/*-<!>#%+u&;. \t\n\x00\xa0\xc2\x85(:\"0aAfF="
	values = values[:0]
	for _, a := range []byte(special) {
		for _, b := range []byte(special) {
			values = append(values, string([]byte{a, b}), string([]byte{'x', a, b, 'y'}))
		}
	}
	o.compare(t, values...)
}

// randomRounds is how many rounds of 64 values the random test takes; TRANSFORM_ROUNDS sets another number.
const randomRounds = 150

// fragments are what random values are made of, so that they often hit something.
var fragments = strings.Fields(`\ / * - < ! > # % + u & ; . ( : " ' ^ , = /* */ <!-- --> -- %u %u00 %uff %2 %41 \x \x4 \u \u{ } \0 \37
	\77 &lt &lt; &#x &#6 &amp; &nGt; &copy &para= &notin; ../ ./ // C:\ ::$DATA SELECT union aZ 0 7 f F g é 你 ſ K QUJD`)

func randomValue(r *rand.Rand) string {
	var b []byte
	for range r.IntN(12) {
		switch r.IntN(8) {
		case 0:
			b = append(b, byte(r.Uint32()))
		case 1:
			b = append(b, " \t\n\r\v\f\x00\xa0\x85\xc2"[r.IntN(10)])
		case 2:
			b = append(b, byte(' '+r.IntN(95)))
		default:
			b = append(b, fragments[r.IntN(len(fragments))]...)
		}
	}
	return string(b)
}

func rounds(t testing.TB) int {
	text := os.Getenv("TRANSFORM_ROUNDS")
	if text == "" {
		return randomRounds
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

func newRandom(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func TestRandomValuesAreTransformedAsByCoraza(t *testing.T) {
	o, r := newOracle(t), newRandom(t)
	values := make([]string, 64)
	for range rounds(t) {
		for i := range values {
			values[i] = randomValue(r)
		}
		o.compare(t, values...)
	}
	t.Logf("%d comparisons", rounds(t)*len(values)*len(corazaNames))
}

// applyChain does what the caller does: transform only what the trigger names.
func applyChain(t testing.TB, a *Arena, list, s string) string {
	for _, step := range strings.Split(list, ",") {
		tr, ok := Find(strings.TrimPrefix(step, "t:"))
		require.True(t, ok)
		if tr.Trigger().May(Classify(s)) {
			s, _ = tr.Apply(a, s)
		}
	}
	return s
}

func TestChainsOfCRSAreTransformedAsByCoraza(t *testing.T) {
	var lists []string
	for list := range crsChains(t) {
		lists = append(lists, list)
	}
	compareChains(t, lists)
}

func TestRandomChainsAreTransformedAsByCoraza(t *testing.T) {
	r := newRandom(t)
	var lists []string
	for range 100 {
		var steps []string
		for range 2 + r.IntN(5) {
			steps = append(steps, "t:"+corazaNames[r.IntN(len(corazaNames))])
		}
		lists = append(lists, strings.Join(steps, ","))
	}
	compareChains(t, lists)
}

func compareChains(t *testing.T, lists []string) {
	c, r := newChains(t, lists), newRandom(t)
	var arena Arena
	values := make([]string, 64)
	for range rounds(t) / 10 {
		for i := range values {
			values[i] = randomValue(r)
		}
		seen := c.run(t, values...)
		for i, list := range lists {
			for j, value := range values {
				require.Equal(t, seen[i][j], applyChain(t, &arena, list, value), "%s of %q", list, value)
			}
		}
	}
	t.Logf("%d chains, %d comparisons", len(lists), rounds(t)/10*len(values)*len(lists))
}

func FuzzTransformationsAreCorazas(f *testing.F) {
	for _, c := range cases {
		f.Add(c.value)
	}
	o := newOracle(f)
	f.Fuzz(func(t *testing.T, value string) { o.compare(t, value) })
}

func TestAValueThatStaysEqualSharesItsMemory(t *testing.T) {
	var arena Arena
	values := []string{"plain", "%zz", `a\`, "a b", "/a/b/", "/a.b", "1", "x & y", "- / *", "é"}
	for _, value := range values {
		value = strings.Clone(value)
		for _, name := range Names() {
			tr, _ := Find(name)
			out, _ := tr.Apply(&arena, value)
			if out == value {
				require.Equal(t, unsafe.StringData(value), unsafe.StringData(out), "t:%s of %q", name, value)
			}
		}
	}
}

func TestWhatAnArenaReturnedStaysAsItIs(t *testing.T) {
	var arena Arena
	r := rand.New(rand.NewPCG(1, 2))
	var kept, copies []string
	for i := range 3000 {
		b := fmt.Appendf(nil, "%d-%s", i, strings.Repeat("x", r.IntN(100)))
		kept = append(kept, arena.String(b))
		copies = append(copies, string(b))
		clear(b)
	}
	large := arena.String([]byte(strings.Repeat("y", 3*chunkBytes)))
	require.Equal(t, copies, kept)
	require.Len(t, large, 3*chunkBytes)
}

func TestClassifyTellsEveryByteAtEveryPlace(t *testing.T) {
	for i := range 256 {
		for place := range 9 {
			value := strings.Repeat("a", place) + string([]byte{byte(i)}) + strings.Repeat("a", 8-place)
			require.Equal(t, Lower|classOf(byte(i)), Classify(value))
		}
	}
	require.Zero(t, Classify(""))
}

var sink string

func BenchmarkClassify(b *testing.B) {
	value := strings.Repeat("the quick brown fox jumps over ", 2)
	b.SetBytes(int64(len(value)))
	flags := Flags(0)
	for b.Loop() {
		flags |= Classify(value)
	}
	require.NotZero(b, flags)
}

// BenchmarkTransformation times each transformation on a value of 32 bytes that it leaves alone although its
// trigger fires, where there is such a value, and on one that it changes.
func BenchmarkTransformation(b *testing.B) {
	for _, c := range []struct{ name, same, changed string }{
		{"urlDecodeUni", "100% of the 32 bytes stay, zz %zz", "a%20value%20with%3Cescapes%3E+ok"},
		{"urlDecode", "100% of the 32 bytes stay, zz %zz", "a%20value%20with%3Cescapes%3E+ok"},
		{"lowercase", "the value of thirty-two bytes xx", "The Value Of Thirty-Two Bytes XX"},
		{"jsDecode", `the value of thirty-two bytes x\`, `a\x20value\u0020with \"escapes\"`},
		{"cssDecode", "the value of thirty-two bytes xx", `a\20 value with \"escapes\" in it`},
		{"escapeSeqDecode", `the value of thirty-two bytes x\`, `a\x20value\040with \"escapes\"`},
		{"htmlEntityDecode", "a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=89", "a &lt;b&gt; with entities &amp;c"},
		{"utf8toUnicode", "the value of thirty-two bytes xx", "größe mit äöü und so weiter, ja"},
		{"removeNulls", "the value of thirty-two bytes xx", "a\x00value\x00with\x00zero\x00bytes\x00in it"},
		{"cmdLine", "the value of thirty-two bytes xx", `cat "/etc/passwd" ; ls , 'x' ^y Z`},
		{"removeWhitespace", "thevalueofthirty-twobytesxxxxxxx", "the value of thirty-two bytes xx"},
		{"compressWhitespace", "the value of thirty-two bytes xx", "the  value\tof thirty-two  bytes"},
		{"replaceComments", "the /value of * thirty-two bytes", "se/**/lect/*x*/1 from /*y*/dual a"},
		{"removeCommentsChar", "the /value of * thirty-two bytes", "se/**/lect/*x*/1 from /*y*/dual a"},
		{"normalizePath", "/a/clean/path/of/thirty-two/byte", "/a/./dirty/../path//of/thirty-two"},
		{"normalizePathWin", "/a/clean/path/of/thirty-two/byte", `C:\a\.\dirty\..\path.\\of\stream:x`},
		{"length", "2", "the value of thirty-two bytes xx"},
		{"base64Decode", "=", "dGhlIHZhbHVlIG9mIHRoaXJ0eS10d28="},
		{"sha1", "", "the value of thirty-two bytes xx"},
		{"hexEncode", "", "the value of thirty-two bytes xx"},
	} {
		tr, ok := Find(c.name)
		require.True(b, ok)
		for state, value := range map[string]string{"same": c.same, "changed": c.changed} {
			b.Run(c.name+"/"+state, func(b *testing.B) {
				var arena Arena
				b.ReportAllocs()
				for b.Loop() {
					sink, _ = tr.Apply(&arena, value)
				}
			})
		}
	}
}
