package literal_test

import (
	"fmt"

	"tabard/engine/screen/dfa"
	"tabard/engine/screen/literal"
)

// Two rules become one automaton; a scan names the rules to check exactly.
func Example() {
	patterns := []string{`(?i)union.*select`, `<script[^>]*>`}
	b := literal.NewBuilder(len(patterns))
	for i, pattern := range patterns {
		sets, err := literal.Required(pattern, dfa.Runes)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s %q\n", pattern, sets)
		if !b.Add(i, sets) {
			fmt.Println("check", pattern, "always")
		}
	}
	automaton, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	hits := automaton.NewHits()
	for _, value := range []string{"hello world", "a <SCRIPT src=x>"} {
		automaton.Scan(value, hits)
		fmt.Println(value, hits.Patterns())
	}
	// Output:
	// (?i)union.*select [["union"] ["select" "ſ"]]
	// <script[^>]*> [["<script"] [">"]]
	// hello world []
	// a <SCRIPT src=x> [1]
}
