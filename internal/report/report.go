// Package report turns what the tools find in rules and in tests of rules into
// text for people and for machines. It takes no part in the way from an HTTP
// exchange to its verdict: it says what is wrong with the rules that decide.
//
// There is one [Finding] and one [Write] for all formats, so that a command
// that finds something knows nothing about how it is shown.
package report

import (
	"fmt"
	"io"
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

// Format is a way to write findings.
type Format string

const (
	// Text is for people: the place, the line, a caret below the word.
	Text Format = "text"
	// JSON is one object a line with the fields of a Finding.
	JSON Format = "json"
	// SARIF is the OASIS format 2.1.0 that code hosts show beside the code.
	SARIF Format = "sarif"
	// GitHub is one workflow command a finding, which GitHub's runner shows as
	// an annotation of the line.
	GitHub Format = "github"
)

// Formats returns every format, for help texts.
func Formats() []Format { return []Format{Text, JSON, SARIF, GitHub} }

// Options say how findings are written.
type Options struct {
	// Source gives the text of a file, for the lines that Text shows. Without it
	// only places are written.
	Source func(file string) (text string, ok bool)
	// Rules are the checks that the tool knows.
	Rules []Rule
}

// Write writes the findings in their order. The error is that of w, or an
// unknown format.
func Write(w io.Writer, format Format, findings []Finding, o Options) error {
	switch format {
	case Text:
		return writeText(w, findings, o)
	case JSON:
		return writeJSON(w, findings)
	case SARIF:
		return writeSARIF(w, findings, o)
	case GitHub:
		return writeGitHub(w, findings)
	}
	return format.Check()
}

// Check returns an error that names the formats when f is none of them.
func (f Format) Check() error {
	if slices.Contains(Formats(), f) {
		return nil
	}
	var names []string
	for _, known := range Formats() {
		names = append(names, string(known))
	}
	return fmt.Errorf("unknown format %q: use %s", string(f), strings.Join(names, ", "))
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
