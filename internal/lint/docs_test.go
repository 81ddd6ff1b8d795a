package lint

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"tabard/engine/operators"
	"tabard/engine/seclang"
	"tabard/internal/report"
)

const pages = "../../docs/checks"

// check runs all checks over a text, as one file.
func check(t *testing.T, text string) []report.Finding {
	t.Helper()
	files := fstest.MapFS{"mine.conf": {Data: []byte(text)}, "rules/other.conf": {Data: []byte("# nothing\n")}}
	ds, err := seclang.Load(files, []seclang.Source{{Name: "tabard", Text: "Include mine.conf"}})
	if err != nil {
		return []report.Finding{Broken(err.(*seclang.Error))}
	}
	ds, _, _, errs := seclang.Rewrite(ds, operators.JWT)
	if len(errs) > 0 {
		return []report.Finding{Broken(errs[0])}
	}
	return Run(Config{Directives: ds, Known: seclang.Known{Files: files}, Source: func(file string) (string, bool) {
		return text, file == "mine.conf"
	}})
}

func names(findings []report.Finding) (out []string) {
	for _, f := range findings {
		out = append(out, f.Check)
	}
	return slices.Compact(slices.Sorted(slices.Values(out)))
}

func TestEachCheckHasAPageAndEachPageACheck(t *testing.T) {
	files, err := filepath.Glob(pages + "/*.md")
	require.NoError(t, err)
	var documented, known []string
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".md"); name != "README" {
			documented = append(documented, name)
		}
	}
	for _, c := range Checks() {
		known = append(known, c.Name)
	}
	require.Equal(t, known, documented)
}

// block gives the example behind a word.
func block(t *testing.T, page, word string) string {
	_, rest, ok := strings.Cut(page, "\n"+word+":\n\n```seclang\n")
	require.True(t, ok, word)
	text, _, _ := strings.Cut(rest, "\n```")
	return text + "\n"
}

func TestTheExamplesOfEachPageAreWhatTheySay(t *testing.T) {
	index, err := os.ReadFile(pages + "/README.md")
	require.NoError(t, err)
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("../..", c.Page()))
			require.NoError(t, err)
			page := string(text)
			require.True(t, strings.HasPrefix(page, "# "+c.Name+"\n"))
			require.Contains(t, names(check(t, block(t, page, "Avoid"))), c.Name)
			require.Empty(t, check(t, block(t, page, "Prefer")))
			require.Contains(t, string(index), "- ["+c.Name+"]("+c.Name+".md): ")
		})
	}
}

func TestEachKindOfMistakeHasACheck(t *testing.T) {
	for kind := range seclang.Kinds {
		n := 0
		for _, c := range Checks() {
			if slices.Contains(c.kinds, kind) {
				n++
			}
		}
		require.Equal(t, 1, n, "kind %d", kind)
	}
}
