// Package words says in a sentence what each word of the rule language stands
// for on the way from an HTTP exchange to its verdict: variables, operators,
// transformations and actions, as Coraza has them.
package words

import (
	"bufio"
	_ "embed"
	"strings"
)

// Kind is what sort of word it is.
type Kind string

// The kinds, which are the headings of words.txt.
const (
	Variable       Kind = "variable"
	Operator       Kind = "operator"
	Transformation Kind = "transformation"
	Action         Kind = "action"
)

//go:embed words.txt
var text string

// table holds the sentences by kind and lower-case name.
var table = read()

func read() map[Kind]map[string]string {
	out, kind := map[Kind]map[string]string{}, Kind("")
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		name, sentence, ok := strings.Cut(lines.Text(), ": ")
		switch {
		case strings.HasPrefix(lines.Text(), "# "):
			kind = Kind(lines.Text()[2:])
			out[kind] = map[string]string{}
		case ok:
			out[kind][strings.ToLower(name)] = sentence
		}
	}
	return out
}

// Sentence gives what a word stands for; its case does not matter. ok is false
// for a word that Coraza does not have.
func Sentence(kind Kind, name string) (sentence string, ok bool) {
	sentence, ok = table[kind][strings.ToLower(name)]
	return sentence, ok
}

// unset begins the sentences of variables that Coraza has by name only.
const unset = "never set by Coraza"

// NeverSet says whether a variable is one that Coraza knows and never gives a
// value.
func NeverSet(variable string) bool {
	sentence, _ := Sentence(Variable, variable)
	return strings.HasPrefix(sentence, unset)
}
