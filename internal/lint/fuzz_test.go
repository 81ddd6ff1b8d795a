package lint

import (
	"os"
	"strings"
	"testing"

	"tabard/engine/seclang"
)

// A rule that is half written is what the checks see most, in an editor.
func FuzzRun(f *testing.F) {
	text, err := os.ReadFile("testdata/messages.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range strings.Split(string(text), "=== ")[1:] {
		_, rules, _ := strings.Cut(c, "\n")
		f.Add(rules)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ds, _ := seclang.LoadAll(nil, []seclang.Source{{Name: "f", Text: text}})
		for _, finding := range Run(Config{Directives: ds, Source: func(string) (string, bool) { return text, true }}) {
			lines := strings.Split(text, "\n")
			if n := finding.Pos.Line; n < 1 || n > len(lines) {
				t.Errorf("%q: %s is outside of the text", text, finding.Pos)
			}
		}
	})
}
