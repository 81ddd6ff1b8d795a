// Package gate tells, for a value of an HTTP exchange, when libinjection need
// not be asked: [MayBeSQLi] and [MayBeXSS] are false only for values that
// @detectSQLi and @detectXSS cannot match, and cost a few nanoseconds a byte.
//
// Both follow from how libinjection-go reads a value, in the version that Coraza
// uses; each says why it is sound. The tests check the facts they rely on in
// the library's own tables, and compare with the library on millions of values
// near its borders. A new version of the library makes the tests fail until the
// argument has been gone over again.
package gate

//go:generate go run ./gen
