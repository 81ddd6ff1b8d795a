package cover

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAlternativesAreSplitAtEveryDepth(t *testing.T) {
	for name, row := range map[string]struct {
		pattern string
		texts   []string
		value   string
		matched []string
	}{
		"at the top":                     {`a|b|c`, []string{"a", "b", "c"}, "xb", []string{"b"}},
		"behind flags":                   {`(?i)a|b`, []string{"a", "b"}, "B", []string{"b"}},
		"in a group":                     {`x(?:a|bc)y`, []string{"a", "bc"}, "xbcy", []string{"bc"}},
		"in a capture group":             {`(q)x(a|b)`, []string{"a", "b"}, "qxa", []string{"a"}},
		"in a named one":                 {`(?P<n>a|b)c|d`, []string{"a", "b", "(?P<n>a|b)c", "d"}, "bc", []string{"b", "(?P<n>a|b)c"}},
		"in a group with flags":          {`(?i:a|b)`, []string{"a", "b"}, "A", []string{"a"}},
		"inside one another":             {`a(b|c)|d`, []string{"b", "c", "a(b|c)", "d"}, "ac", []string{"c", "a(b|c)"}},
		"an empty one":                   {`x(?:a|)y`, []string{"a", ""}, "xy", []string{""}},
		"an empty one in front":          {`x(?:|a)y`, []string{"", "a"}, "xay", []string{"a"}},
		"a bar in a class is none":       {`[|]a|[]|]b`, []string{"[|]a", "[]|]b"}, "]b", []string{"[]|]b"}},
		"nor one in a class of classes":  {`[[:alpha:]|]1|[^]|]2`, []string{"[[:alpha:]|]1", "[^]|]2"}, "|1", []string{"[[:alpha:]|]1"}},
		"nor an escaped one":             {`a\|b|c\(`, []string{`a\|b`, `c\(`}, "c(", []string{`c\(`}},
		"nor a quoted one":               {`\Qa|b\E|c`, []string{`\Qa|b\E`, "c"}, "a|b", []string{`\Qa|b\E`}},
		"each repetition counts":         {`(?:a|b|c)+`, []string{"a", "b", "c"}, "ab", []string{"a", "b"}},
		"a byte that is no UTF-8":        {`\xff|b`, []string{`\xff`, "b"}, "\xff", []string{`\xff`}},
		"what does not match has none":   {`a|b`, []string{"a", "b"}, "c", nil},
		"no bar, no alternatives":        {`a[|]`, nil, "", nil},
		"flags in the middle are left":   {`a(?i)b|c`, nil, "", nil},
		"what is no expression is left":  {`a|b)`, nil, "", nil},
		"and what is none with brackets": {`(a|b`, nil, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := splitAlternatives(row.pattern)
			if row.texts == nil {
				require.Nil(t, a)
				return
			}
			require.Equal(t, row.texts, a.texts)
			var matched []string
			a.matched(row.value, func(i int) { matched = append(matched, a.texts[i]) })
			require.Equal(t, row.matched, matched)
		})
	}
}
