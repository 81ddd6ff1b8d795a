package dfa_test

import (
	"fmt"

	"tabard/engine/screen/dfa"
)

// The rules of a policy share one budget; each @rx has its own check.
func Example() {
	budget := dfa.NewBudget(8 << 20)
	rx, err := dfa.NewRx(`(?i)union\s+(?:all\s+)?select`, budget)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(rx.Match("1 UNION  ALL select password"))
	fmt.Println(rx.Match("the union of selected trades"))
	// Output:
	// true
	// false
}

func ExampleRxPattern() {
	for _, argument := range []string{`^select`, `\xac\xed\x00\x05`} {
		_, mode := dfa.RxPattern(argument)
		fmt.Println(argument, mode == dfa.Bytes)
	}
	// Output:
	// ^select false
	// \xac\xed\x00\x05 true
}
