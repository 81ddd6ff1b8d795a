// Package filter carries one HTTP exchange from a proxy-wasm host to the
// engine and its verdict back: callbacks go in, host calls come out.
//
// It knows the host only by the small interface Host, so that every path
// through it is tested natively (package filtertest); package abi binds it to
// the proxy-wasm SDK, and filter/wasm is the program that Envoy loads.
//
// A stream is in one of eight states, and a table (stream.go) says what each
// callback does in each state:
//
//	fresh ──headers──► request held ──phase 2──► request passed ──► response held ──phase 4──► response passed
//	                         │                          │                  │
//	                         └──────── block ───────────┴──────────────────┴──► answered
//
// Whatever goes wrong here, a failed host call, a panic, a callback that
// cannot come in this state, ends in the policy's outcome for internal errors
// (exempt when it is open, answered with 500 when it is closed), with a line
// in the log and a counter. Two kinds of host call are no part of a decision
// and so cannot change one: a counter that cannot be raised and filter state
// that cannot be set once the stream is over are logged and no more.
package filter
