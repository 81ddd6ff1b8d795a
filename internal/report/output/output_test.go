package output

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/stretchr/testify/require"

	"tabard/engine/seclang"
	"tabard/internal/report"
)

// rulesText is the file that the findings of these tests are in.
const rulesText = "# a rule\nSecRule ARGS \\\n\t\"@rx é\" \\\n\t\"id:100110,phase:2,pas\"\n" +
	"SecRule ARGS \"@rx (?:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa[0-9{2}bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb)\" \"id:2\"\n"

func pos(line, col int) seclang.Position {
	return seclang.Position{File: "rules/a b.conf", Line: line, Col: col}
}

// findings has one of each shape.
func findings() []report.Finding {
	return []report.Finding{
		{Check: "syntax", Level: report.Error, Pos: pos(4, 21), Message: `unknown action "pas"`, Hint: `did you mean "pass"?`},
		{Check: "regex", Level: report.Warning, Pos: pos(3, 7), EndCol: 9, Message: "two bytes\nand 100% one letter"},
		{Check: "regex", Level: report.Warning, Pos: pos(5, 105), EndCol: 112, Message: "a place in a long line"},
		{Check: "", Level: report.Error, Pos: seclang.Position{File: "missing.conf"}, Message: "no such file"},
		{Check: "test", Level: report.Error, Pos: pos(1, 0), Message: "a whole line", Details: []string{"ARGS:q  'x'", "", "near"}},
	}
}

func source(file string) (string, bool) { return rulesText, file == "rules/a b.conf" }

// The files are what people and machines read: UPDATE_GOLDEN=1 rewrites them.
func TestEachFormatIsAsItsFileSays(t *testing.T) {
	rules := []report.Rule{{Check: "syntax", Summary: "Coraza refuses it"}, {Check: "regex", Summary: "A pattern that misleads", Page: "docs/checks/regex.md"}}
	for _, format := range Formats() {
		t.Run(string(format), func(t *testing.T) {
			var out strings.Builder
			require.NoError(t, Write(&out, format, findings(), Options{Source: source, Rules: rules}))
			golden(t, filepath.Join("testdata", string(format)+".golden"), out.String())
			if format == SARIF {
				read, err := sarif.FromString(out.String())
				require.NoError(t, err)
				require.NoError(t, read.Validate())
			}
		})
	}
}

func golden(t *testing.T, file, got string) {
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "UPDATE_GOLDEN=1 writes it")
	require.Equal(t, string(want), got)
}

func TestNoFindingsAreNoText(t *testing.T) {
	for _, format := range []Format{Text, JSON, GitHub} {
		var out strings.Builder
		require.NoError(t, Write(&out, format, nil, Options{}))
		require.Empty(t, out.String())
	}
}

func TestAnUnknownFormatNamesTheKnownOnes(t *testing.T) {
	require.EqualError(t, Write(nil, "xml", nil, Options{}), `unknown format "xml": use text, json, sarif, github`)
}
