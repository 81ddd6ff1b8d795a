// Package output writes what the tools find in rules, and in tests of rules, in
// each format. Like package report it takes no part in the way from an HTTP
// exchange to its verdict; it stands apart from it because SARIF's library
// brings net/http and a JSON-schema engine, which the playground's engine, that
// finds and shows as well, has no use for.
package output

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"tabard/internal/report"
)

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
	// Source gives the lines that Text shows. Without it only places are written.
	Source report.Source
	// Rules are the checks that the tool knows.
	Rules []report.Rule
}

// Write writes the findings in their order. The error is that of w, or an
// unknown format.
func Write(w io.Writer, format Format, findings []report.Finding, o Options) error {
	switch format {
	case Text:
		return report.WriteText(w, findings, o.Source)
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
