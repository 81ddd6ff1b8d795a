package operators_test

import (
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/stretchr/testify/require"
)

// Coraza's own operator is still there under its other name.
func TestPmFromFileSaysWhatCorazasOwnDoes(t *testing.T) {
	files := map[string]string{
		"odd.data":   "# a comment\n\n  Both Sides  \r\na\nab\nABC\nb\xff\n\u212a\nlong: " + strings.Repeat("x", 70000) + "\nafter a line that is too long\n",
		"empty.data": "# nothing\n",
	}
	names, err := fs.Glob(coreruleset.FS, "@owasp_crs/*.data")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		text, err := fs.ReadFile(coreruleset.FS, name)
		require.NoError(t, err)
		files[strings.TrimPrefix(name, "@owasp_crs/")] = string(text)
	}
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for name, text := range files {
		ours, err := waf(rule(`REQUEST_HEADERS:X "@pmFromFile `+name+`"`), files)
		require.NoError(t, err, name)
		theirs, err := waf(rule(`REQUEST_HEADERS:X "@pmf `+name+`"`), files)
		require.NoError(t, err, name)
		words := strings.Split(text, "\n")
		for range 300 {
			value := mixed(random, words)
			r := request{address: "192.0.2.7", headers: [][2]string{{"X", value}}}
			require.Equal(t, run(t, theirs, r), run(t, ours, r), "%s on %q", name, value)
		}
	}
}

// mixed puts pieces of words together.
func mixed(random *rand.Rand, words []string) string {
	var b strings.Builder
	for range random.IntN(16) {
		word := words[random.IntN(len(words))]
		word = word[:min(len(word), 200)]
		switch random.IntN(4) {
		case 0:
			word = word[random.IntN(len(word)+1):]
		case 1:
			word = strings.ToUpper(word)
		}
		b.WriteString(word)
	}
	return b.String()
}

func TestPmFromFileNeedsItsFile(t *testing.T) {
	_, err := waf(rule(`REQUEST_HEADERS:X "@pmFromFile missing.data"`), map[string]string{"there.data": "a"})
	require.ErrorIs(t, err, fs.ErrNotExist)
}
