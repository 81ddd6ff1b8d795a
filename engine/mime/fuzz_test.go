package mime_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/mime"
)

// FuzzParse holds Parse to what the standard promises: the normal form of a
// type parses to the same type.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"application/json", "Text/HTML ; charset=UTF-8", `a/b;x="\"\\;";x=2`, "text/html;charset", `a/b;x="`, "a/b;\xff=\xff", "*/*",
	} {
		f.Add(seed)
	}
	all, err := mime.NewAllowList([]string{"*/*"})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, value string) {
		typ, ok := mime.Parse(value)
		if list, err := mime.NewAllowList([]string{value}); err == nil {
			require.True(t, ok, "a pattern is a type")
			require.True(t, list.Allows(typ) || typ.Subtype[0] == '*', "an exact pattern matches itself")
		}
		if !ok {
			return
		}
		require.True(t, all.Allows(typ))
		again, ok := mime.Parse(typ.String())
		require.True(t, ok)
		require.Equal(t, typ, again)
	})
}
