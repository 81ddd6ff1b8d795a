package verdicts

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"tabard/engine"
	"tabard/engine/seclang"
	"tabard/internal/endpoint"
	"tabard/internal/report"
	"tabard/internal/report/output"
)

// maxFindings is how many results a SARIF file holds; GitHub takes 25,000 and
// shows 5,000.
const maxFindings = 5000

// Findings are the blocks and detections as findings about the source that the
// requests come from. The zero value is ready; it is for one goroutine.
type Findings struct {
	found []report.Finding
	rules map[string]report.Rule
	// Left is how many did not fit.
	Left int
}

// Add takes in one exchange; file and line are where its source has it.
func (f *Findings) Add(r engine.Record, file string, line int) {
	for _, m := range r.Judging() {
		if len(f.found) >= maxFindings {
			f.Left++
			continue
		}
		level := report.Warning
		if r.Verdict == engine.Block {
			level = report.Error
		}
		check := strconv.Itoa(m.ID)
		if f.rules == nil {
			f.rules = map[string]report.Rule{}
		}
		f.rules[check] = report.Rule{Check: check, Summary: message(m)}
		f.found = append(f.found, report.Finding{
			Check: check, Level: level, Pos: seclang.Position{File: file, Line: line},
			Message: endpoint.Printable(fmt.Sprintf("%s: %s %s matched %s at %s", r.Verdict, r.Method, r.Target, message(m), m.Target)),
			Details: []string{"id " + endpoint.Printable(r.TransactionID), "value " + endpoint.Printable(m.Value)},
		})
	}
}

// WriteSARIF writes what was found.
func (f *Findings) WriteSARIF(w io.Writer) error {
	rules := make([]report.Rule, 0, len(f.rules))
	for _, r := range f.rules {
		rules = append(rules, r)
	}
	slices.SortFunc(rules, func(a, b report.Rule) int { return compareIDs(a.Check, b.Check) })
	return output.Write(w, output.SARIF, f.found, output.Options{Rules: rules})
}

// compareIDs orders ids of up to ten digits by number.
func compareIDs(a, b string) int {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	return x - y
}
