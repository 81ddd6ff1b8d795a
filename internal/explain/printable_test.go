package explain

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"tabard/engine/trace"
)

func TestAValueIsShownOnOneLine(t *testing.T) {
	for name, c := range map[string]struct{ value, want string }{
		"as it is":             {"1' or 1=1", "1' or 1=1"},
		"what is not printed":  {"a\nb\x00\t\u200b", `a\nb\x00\t\u200b`},
		"bytes that are none":  {"a\xff\xfe", `a\xff\xfe`},
		"letters of all kinds": {"é 😀", "é 😀"},
		"nothing":              {"", "(empty)"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, printable(c.value, window{0, len(c.value)}).text)
		})
	}
}

func TestALongValueIsShownAroundWhatMatched(t *testing.T) {
	value := strings.Repeat("é", 300) + "attack" + strings.Repeat("b", 300)
	part := trace.Span{From: 600, To: 606}
	lines := render(layOut([]row{{label: "ARGS:q", value: value, shown: true}}, part))
	require.Len(t, lines, 2)
	at := strings.IndexByte(lines[1], '^')
	require.Equal(t, "attack", string([]rune(lines[0])[at:at+6]))
	require.Equal(t, "^^^^^^", strings.TrimSpace(lines[1]))
	require.Contains(t, lines[0], "... (906 bytes)")
}

func FuzzRender(f *testing.F) {
	f.Add("a\xffb", 1, 2)
	f.Add(strings.Repeat("é", 100), 100, 110)
	f.Add("", 0, 0)
	f.Fuzz(func(t *testing.T, value string, from, length int) {
		from = min(max(from, 0), len(value))
		part := trace.Span{From: from, To: from + min(max(length, 0), len(value)-from)}
		for _, line := range render(layOut([]row{{label: "ARGS:q", value: value, shown: true}}, part)) {
			for _, r := range line {
				if unicode.IsControl(r) {
					t.Errorf("%q shows a control character: %q", value, line)
				}
			}
		}
	})
}
