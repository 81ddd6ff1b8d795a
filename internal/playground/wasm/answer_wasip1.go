package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"tabard/internal/playground"
)

// gcPercent is how much garbage may pile up beside what is in use, in percent.
// A page has one engine, and memory to spare; compiling CRS leaves little that
// stays. With Go's default of 100 a change of a rule took half as long again.
const gcPercent = 400

func init() { debug.SetGCPercent(gcPercent) }

var session playground.Session

// answer answers one question. 0 stands for an answer on standard output, 1 for
// an error on standard error.
//
//lint:ignore U1000 the page calls it
//go:wasmexport answer
func answer() int32 {
	question, err := io.ReadAll(os.Stdin)
	var out []byte
	if err == nil {
		out, err = session.AnswerJSON(question)
	}
	if err == nil {
		_, err = os.Stdout.Write(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
