//go:build wasm

package dfa

// load reads a transition. Go's WebAssembly has one thread, and switches
// goroutines at function calls only, so nobody else can be setting it; an
// atomic load would be a function call there, five times as slow.
func load(transitions []uint32, i uint32) uint32 { return transitions[i] }
