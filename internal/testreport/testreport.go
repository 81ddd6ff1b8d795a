// Package testreport writes down what became of rule tests: each test sends
// one HTTP exchange in and says what verdict must come out, and the reports
// here say which did not, for people and for programs.
package testreport

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"tabard/internal/ftw"
	"tabard/internal/report/output"
)

// Format is a kind of report.
type Format string

const (
	// Text is for people: what failed, and a line of counts.
	Text Format = "text"
	// JSON is one object a test, in the order of the tests.
	JSON Format = "json"
	// JUnit is the XML that most CI systems show.
	JUnit Format = "junit"
	// SARIF 2.1.0 is for code scanning.
	SARIF Format = "sarif"
	// GitHub is workflow commands, which annotate a pull request.
	GitHub Format = "github"
)

// Formats lists all, for help texts.
func Formats() []Format { return []Format{Text, JSON, JUnit, SARIF, GitHub} }

// Report takes the results one by one. It is for one goroutine.
type Report interface {
	// Add takes a result; near are lines that say how close a rule came, for a
	// test that failed.
	Add(r ftw.Result, near []string)
	// Close writes what is still to be written; its error is the first one of
	// any write.
	Close() error
}

// New returns a report that writes to w. The error names the formats.
func New(format Format, w io.Writer) (Report, error) {
	out := &writer{w: w}
	switch format {
	case Text:
		return &text{out: out}, nil
	case JSON:
		return &jsonLines{out: out}, nil
	case JUnit:
		return &junit{out: out}, nil
	case SARIF, GitHub:
		return &findings{w: w, format: output.Format(format)}, nil
	}
	return nil, fmt.Errorf("unknown format %q: use text, json, junit, sarif or github", format)
}

// Counts is how many tests came to which end.
type Counts map[ftw.Outcome]int

// String gives "12 passed, 1 failed", with what there is none of left out.
func (c Counts) String() string {
	out := strconv.Itoa(c[ftw.Passed]) + " passed"
	for _, o := range []struct {
		outcome ftw.Outcome
		word    string
	}{{ftw.Overridden, "by override"}, {ftw.Todo, "todo"}, {ftw.Failed, "failed"}} {
		if n := c[o.outcome]; n > 0 {
			out += ", " + strconv.Itoa(n) + " " + o.word
		}
	}
	return out
}

// Failures are a result's, with the runner's error as one.
func Failures(r ftw.Result) []ftw.Failure {
	if r.Err == nil {
		return r.Failures
	}
	return append(slices.Clone(r.Failures), ftw.Failure{Pos: r.Pos, Expectation: "run", Reason: r.Err.Error()})
}

// writer keeps the first error.
type writer struct {
	w   io.Writer
	err error
}

func (w *writer) printf(format string, args ...any) {
	if w.err == nil {
		_, w.err = fmt.Fprintf(w.w, format, args...)
	}
}
