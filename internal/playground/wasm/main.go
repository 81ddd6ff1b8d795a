// Command wasm is the playground's engine, dist/playground.wasm, as a page
// runs it: a question about rules and an HTTP exchange comes in, an answer
// with the verdict goes out.
//
// It is a WASI reactor with one function, answer, which reads one question from
// standard input to its end and writes the answer to standard output. That needs
// no memory shared with the page, and of WASI next to nothing.
package main

// main is never called: the page calls answer.
func main() {}
