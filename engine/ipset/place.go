package ipset

import (
	"strconv"
	"strings"
)

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

// place is where a line stands.
type place struct {
	file      string
	line, col int
}

func (p place) errorAt(offset int, msg string) error {
	return &Error{File: p.file, Line: p.line, Col: p.col + offset, Msg: msg}
}

// parsePlace reads "#line file:line[:col]". Any other text is not for us: to
// the rest of the package it is a comment.
func parsePlace(line string) (place, bool) {
	text, ok := strings.CutPrefix(strings.TrimRight(line, " \t\r"), "#line ")
	if !ok {
		return place{}, false
	}
	file, last, ok := cutNumber(text)
	if !ok {
		return place{}, false
	}
	if rest, number, ok := cutNumber(file); ok {
		return place{file: rest, line: number, col: last}, true
	}
	return place{file: file, line: last, col: 1}, true
}

// cutNumber cuts ":7" off the end of text.
func cutNumber(text string) (rest string, number int, ok bool) {
	i := strings.LastIndexByte(text, ':')
	if i <= 0 {
		return "", 0, false
	}
	number, err := strconv.Atoi(text[i+1:])
	return text[:i], number, err == nil && number > 0
}
