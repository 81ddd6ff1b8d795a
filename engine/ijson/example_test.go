package ijson_test

import (
	"fmt"

	"tabard/engine/ijson"
)

func Example() {
	fmt.Println(ijson.Check(`{"role":"user","role":"admin"}`, 32))
	ijson.Walk(`{"user":{"$ne":null},"ids":[7]}`, "filter", 32, func(path []byte, _ byte, value string) {
		fmt.Printf("%s = %s\n", path, value)
	})
	// Output:
	// a repeated key
	// filter.user.$ne = null
	// filter.ids.0 = 7
}
