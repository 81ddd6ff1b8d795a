package screen

import (
	"strings"
	"sync"

	"tabard/engine/seclang"
)

// maxInputTests bounds the tests of one operator: one for each combination of
// the variables in its argument, of which a policy has as many as routes.
const maxInputTests = 256

// inputTests are the tests of a plugin's operator whose argument holds variables
// that only the engine sets. It is safe for concurrent use.
type inputTests struct {
	build func(arg string) (func(string) bool, error)
	parts []inputPart

	mu    sync.RWMutex
	tests map[string]func(string) bool // nil: the operator does not take the argument
}

// inputPart is a text, or the value of an input.
type inputPart struct {
	text  string
	input int // one more than its index; 0 for a text
}

// ownCheck makes the check of an operator that Options.Operators names.
func (c *compiler) ownCheck(build func(string) (func(string) bool, error), arg string) (check, bool) {
	if !strings.Contains(arg, "%{") {
		test, err := build(arg)
		return check{test: test}, err == nil && test != nil
	}
	parts, _, msg := seclang.ParseMacro(arg)
	if msg != "" {
		return check{}, false
	}
	tests := &inputTests{build: build, tests: map[string]func(string) bool{}}
	for _, p := range parts {
		part := inputPart{text: p.Text}
		if p.Variable != "" {
			part.input = c.ownInput(seclang.Target{Variable: p.Variable, Selector: seclang.Selector{Key: p.Key}})
			if p.Variable != "TX" || part.input == 0 {
				return check{}, false
			}
		}
		tests.parts = append(tests.parts, part)
	}
	return check{byInput: tests}, true
}

// of gives the test for an exchange, and nil when there is none.
func (t *inputTests) of(x *Exchange) func(string) bool {
	var b strings.Builder
	for _, p := range t.parts {
		switch {
		case p.input == 0:
			b.WriteString(p.text)
		case len(x.inputs[p.input-1]) == 0:
			b.WriteString(p.text) // as Coraza for what is not set
		default:
			b.WriteString(x.inputs[p.input-1][0].Value) // Coraza takes the first
		}
	}
	arg := b.String()
	t.mu.RLock()
	test, ok := t.tests[arg]
	t.mu.RUnlock()
	if ok {
		return test
	}
	test, err := t.build(arg)
	if err != nil {
		test = nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.tests) < maxInputTests {
		t.tests[arg] = test
	}
	return test
}
