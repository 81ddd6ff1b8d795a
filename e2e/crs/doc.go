// Package crs runs all regression tests of the OWASP Core Rule Set on the
// three places where one HTTP exchange gets its verdict: the engine in this
// process, the module under wazero and a real Envoy. README.md lists where they
// differ from what CRS expects, and why.
package crs
