// Command gen writes keywords.gen.go: the SQL words that libinjection knows, as
// a filter. Run it by go generate in the folder of the gate.
package main

import (
	"fmt"
	"os"

	"tabard/engine/screen/gate/internal/source"
)

func main() {
	tables, err := source.Load()
	if err == nil {
		err = os.WriteFile("keywords.gen.go", source.KeywordsFile(tables.Words), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
