// Command wasm is the filter as Envoy loads it, dist/tabard.wasm: exchanges
// come in through proxy-wasm callbacks, verdicts go out as host calls.
//
// Build it with GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared.
package main

import (
	"tabard/filter"
	"tabard/filter/abi"
	"tabard/rules"
)

func init() { abi.Register(filter.Compile(rules.FS())) }

// main is never called: a reactor's host calls the exported callbacks.
func main() {}
