package seclang

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzLoad checks that Load never panics and that it splits a text as Coraza
// does wherever Coraza accepts it.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"SecMarker A\n", "SecRule ARGS \"@rx x\" \\\n \"id:1,phase:2\"", "SecDataset x `\na\n#b\n`\nSecMarker A",
		"# c \\\n\\\n\nSecMarker \\", "SecAction \"\"\"id:1\"\"\"", "SecMarker\tA", "\u00a0SecMarker A\u0085", "SecMarker \xa0",
		"`\n`\n`", "SecMarker a`\n`b\\\nc", "include x", "Include \"\n", "\r\nSecMarker A\r",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ds, err := Load(nil, []Source{{Name: "fuzz", Text: text}})
		for _, d := range ds {
			for off := range d.Raw {
				require.Positive(t, d.At(off).Col)
			}
		}
		RulePositions(ds)
		if o := observe(noFiles{}, text); o.err == nil && err == nil {
			require.Equal(t, o.log.directives, raws(ds))
		}
	})
}
