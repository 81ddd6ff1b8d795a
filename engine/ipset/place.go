package ipset

import "strconv"

// Error is a bad line. Line and Col count from 1, Col in bytes.
type Error struct {
	File      string
	Line, Col int
	Msg       string
}

// Error gives "file:line:col: msg".
func (e *Error) Error() string {
	return e.File + ":" + strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Col) + ": " + e.Msg
}

// fault is what is wrong with a line, and from which byte of it on.
type fault struct {
	at  int
	msg string
}

func (f *fault) in(file string, line, col int) *Error {
	return &Error{File: file, Line: line, Col: col + f.at, Msg: f.msg}
}
