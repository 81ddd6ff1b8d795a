// Package wasmhost runs dist/tabard.wasm without a proxy: one HTTP exchange
// goes in, the module is called as Envoy would call it, and the verdict that
// it tells its host comes out.
//
// It is a host of proxy-wasm 0.2.1 as far as the filter needs one, on wazero.
// What a proxy does between callbacks is done as Envoy 1.40 does it: a paused
// body is buffered and its size counts from its start; one that is not paused
// comes in pieces; an answer of the module's own passes its response
// callbacks when the response had not begun, and goes straight to the client
// when it had.
package wasmhost
