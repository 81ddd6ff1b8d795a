package gate_test

import (
	"fmt"

	"tabard/engine/screen/gate"
)

func Example() {
	for _, value := range []string{"alice@example.com", "1xor", "<b>hi</b>", "<script>"} {
		fmt.Println(value, gate.MayBeSQLi(value), gate.MayBeXSS(value))
	}
	// Output:
	// alice@example.com false false
	// 1xor true false
	// <b>hi</b> false false
	// <script> false true
}
