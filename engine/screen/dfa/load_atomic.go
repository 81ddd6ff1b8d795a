//go:build !wasm

package dfa

import "sync/atomic"

// load reads a transition that another goroutine may be setting.
func load(transitions []uint32, i uint32) uint32 { return atomic.LoadUint32(&transitions[i]) }
