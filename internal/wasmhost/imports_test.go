package wasmhost

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

func TestHeaderLinesSurviveTheirJourney(t *testing.T) {
	for name, lines := range map[string]engine.Headers{
		"none":                     {},
		"some":                     {{":path", "/"}, {"accept", "*/*"}, {"accept", "text/html"}},
		"an empty value":           {{"x", ""}},
		"a NUL and a foreign byte": {{"x", "a\x00b\xff"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := unmarshal(marshal(lines))
			require.True(t, ok)
			require.Equal(t, lines, got)
		})
	}
}

// FuzzUnmarshal: what a broken module sends is refused, without a panic or an
// allocation that its length does not account for.
func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{255, 255, 255, 255})
	f.Add([]byte{1, 0, 0, 0, 9, 0, 0, 0, 255, 255, 255, 127, 'a'})
	f.Add(marshal(engine.Headers{{"accept", "*/*"}, {"x", ""}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		lines, ok := unmarshal(data)
		if !ok {
			return
		}
		again, ok := unmarshal(marshal(lines))
		require.True(t, ok)
		require.Equal(t, lines, again)
	})
}
