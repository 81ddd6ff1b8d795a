package mime_test

import (
	"fmt"

	"tabard/engine/mime"
)

func Example() {
	list, err := mime.NewAllowList([]string{"application/json", "application/*+json"})
	if err != nil {
		panic(err)
	}
	for _, value := range []string{"Application/JSON ;charset=utf-8", "application/problem+json", "text/html"} {
		t, ok := mime.Parse(value)
		fmt.Println(t.Essence(), ok && list.Allows(t))
	}
	// Output:
	// application/json true
	// application/problem+json true
	// text/html false
}
