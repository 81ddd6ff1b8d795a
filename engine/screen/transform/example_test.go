package transform_test

import (
	"fmt"

	"tabard/engine/screen/transform"
)

func ExampleTransformation_Apply() {
	var arena transform.Arena
	value := "%3CScript%3E alert(1)"
	for _, name := range []string{"urlDecodeUni", "jsDecode", "lowercase"} {
		step, _ := transform.Find(name)
		if !step.Trigger().May(transform.Classify(value)) {
			fmt.Println(step.Name(), "has no effect")
			continue
		}
		value, _ = step.Apply(&arena, value)
		fmt.Println(step.Name(), value)
	}
	// Output:
	// urlDecodeUni <Script> alert(1)
	// jsDecode has no effect
	// lowercase <script> alert(1)
}
