package report

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/seclang"
)

func pos(line, col int) seclang.Position {
	return seclang.Position{File: "rules/a b.conf", Line: line, Col: col}
}

func TestFindingsAreSortedByPlace(t *testing.T) {
	all := []Finding{{Pos: pos(2, 1)}, {Pos: pos(1, 9)}, {Pos: pos(1, 2)}, {Pos: seclang.Position{File: "a"}}}
	Sort(all)
	var places []string
	for _, f := range all {
		places = append(places, f.Pos.String())
	}
	require.Equal(t, []string{"a:0:0", "rules/a b.conf:1:2", "rules/a b.conf:1:9", "rules/a b.conf:2:1"}, places)
}

func TestACaretAtTheEndOfALineIsOneWide(t *testing.T) {
	f := Finding{Level: Error, Pos: seclang.Position{File: "f", Line: 1, Col: 4}, Message: "more"}
	var out strings.Builder
	require.NoError(t, WriteText(&out, []Finding{f}, func(string) (string, bool) { return "abc\r\n", true }))
	require.Equal(t, "f:1:4: more\n1 | abc\n  |    ^\n", out.String())
}
