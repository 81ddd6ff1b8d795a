// Package report turns what the tools find in rules and in tests of rules into
// text for people and for machines. It takes no part in the way from an HTTP
// exchange to its verdict: it says what is wrong with the rules that decide.
//
// There is one [Finding] for all who find something; [WriteText] shows it to
// people, and the package output beside this one writes it for machines as well.
package report

import (
	"slices"
	"strings"

	"tabard/engine/seclang"
)

// Level is how bad a finding is.
type Level string

const (
	// Error: the rules do not load, or a test has failed.
	Error Level = "error"
	// Warning: the rules load and do not do what they say.
	Warning Level = "warning"
)

// Finding is one thing that somebody should look at.
type Finding struct {
	// Check is the short name of what was looked for, such as "duplicate-id".
	Check string
	Level Level
	// Pos is where it is. Line 0 means the whole file, Col 0 the whole line.
	Pos seclang.Position
	// EndCol is the column behind the last byte at fault on the same line; 0
	// means the word at Pos.
	EndCol int
	// Message is one sentence without a full stop. Hint, when not empty, is a
	// clause that says what would work.
	Message, Hint string
	// Details are more lines for people, such as a near miss of a test.
	Details []string
}

// Text is the message with its hint behind a comma.
func (f Finding) Text() string {
	if f.Hint == "" {
		return f.Message
	}
	return f.Message + ", " + f.Hint
}

// Rule describes a check for formats that list them.
type Rule struct {
	// Check is its name, Summary one sentence, and Page the path of its page
	// below the root of the documentation; Page may be empty.
	Check, Summary, Page string
}

// Sort orders findings by file, line and column, as a reader goes through them.
func Sort(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		if c := strings.Compare(a.Pos.File, b.Pos.File); c != 0 {
			return c
		}
		if a.Pos.Line != b.Pos.Line {
			return a.Pos.Line - b.Pos.Line
		}
		return a.Pos.Col - b.Pos.Col
	})
}
