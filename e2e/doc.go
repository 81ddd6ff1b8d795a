// Package e2e proves across processes what the other packages promise: one
// HTTP exchange goes in, and the same verdict comes out of the engine, of the
// module under wazero and of a real Envoy.
//
// Its tests need what `make build` makes. Those that need Envoy are skipped
// where there is none, unless the variable ENVOY names one.
package e2e
