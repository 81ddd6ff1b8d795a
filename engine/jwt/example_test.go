package jwt_test

import (
	"fmt"

	"tabard/engine/jwt"
)

func Example() {
	for _, authorization := range []string{
		"Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MSJ9.c2lnbmF0dXJl",
		"bearer  eyJhbGciOiJOb25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
		"Bearer ya29.a0AfH6SMBx",
	} {
		token, _ := jwt.Bearer(authorization)
		if !jwt.Looks(token) {
			fmt.Println("opaque")
			continue
		}
		if problem := jwt.Check(token, jwt.Limits{}); problem != jwt.OK {
			fmt.Println("malformed:", problem)
			continue
		}
		fmt.Println("well-formed")
	}
	// Output:
	// well-formed
	// malformed: alg is none
	// opaque
}
