// Command wasm is the filter as Envoy loads it, dist/tabard.wasm: exchanges
// come in through proxy-wasm callbacks, verdicts go out as host calls.
//
// Build it with GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared.
package main

import (
	"runtime/debug"

	"tabard/filter"
	"tabard/filter/abi"
	"tabard/rules"
)

// gcPercent is how much garbage may pile up beside what is in use, in percent.
// The memory of a virtual machine never shrinks, and Envoy has one for each of
// its workers: Go's default of 100 made it a third larger, for 2 % of the time.
const gcPercent = 40

func init() {
	debug.SetGCPercent(gcPercent)
	abi.Register(filter.Compile(rules.FS()))
}

// main is never called: a reactor's host calls the exported callbacks.
func main() {}
