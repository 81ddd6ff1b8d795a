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

// Kind says what sort of mistake an Error is, for tools that list or suppress
// them by name.
type Kind uint8

// The kinds. Those up to NoFile keep Coraza from loading the rules; the others
// are what it accepts and does not do.
const (
	// Refused is whatever else Coraza refuses.
	Refused Kind = iota
	// NoID: a rule without an id.
	NoID
	// TakenID: an id that another rule has.
	TakenID
	// NoFile: an Include that matches nothing.
	NoFile
	// NoEffect: a directive or action that Coraza reads and ignores.
	NoEffect
	// AlwaysMatches: an operator that matches whatever it is given.
	AlwaysMatches
	// BadAddress: an entry that @ipMatch leaves out.
	BadAddress
	// RemovesNothing: a removal or update of rules that do not exist.
	RemovesNothing
	// OpenChain: a chain whose next link is missing.
	OpenChain
	// SkipNowhere: a skipAfter whose marker does not follow.
	SkipNowhere
	// DeadBlock: a block that does nothing.
	DeadBlock
	// OpenQuote: a single quote that takes in the actions behind it.
	OpenQuote
	// MisreadSelector: a selector that Coraza reads in another way than it looks.
	MisreadSelector
	// CountTransformed: a count that Coraza may take from its cache.
	CountTransformed
	// Overwritten: a dataset that a later one replaces.
	Overwritten
	// IgnoredText: words of a directive that Coraza does not look at.
	IgnoredText
	// Kinds counts them.
	Kinds
)

// Error is one mistake in SecLang text. Hint, when not empty, is a clause that
// says what would work, such as `did you mean "pass"?`.
type Error struct {
	Kind Kind
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
