package seclang

import "strconv"

// Position is a place in a source text. Line and Col count from 1; Col counts
// bytes, as Go's own tools do. The zero Position means "nowhere".
type Position struct {
	File      string
	Line, Col int
}

// String gives "file:line:col", the form that editors turn into a link.
func (p Position) String() string {
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Col)
}

// Error is one mistake in SecLang text. Hint, when not empty, is a clause that
// says what would work, such as `did you mean "pass"?`.
type Error struct {
	Pos  Position
	Msg  string
	Hint string
}

// Error gives "file:line:col: msg" and the hint after a comma.
func (e *Error) Error() string {
	text := e.Pos.String() + ": " + e.Msg
	if e.Hint != "" {
		text += ", " + e.Hint
	}
	return text
}
