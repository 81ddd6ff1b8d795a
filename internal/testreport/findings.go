package testreport

import (
	"io"
	"strconv"

	"tabard/internal/ftw"
	"tabard/internal/report"
	"tabard/internal/report/output"
)

// findings collects the failures for the formats that package report has.
type findings struct {
	w      io.Writer
	format output.Format
	all    []report.Finding
}

func (f *findings) Add(r ftw.Result, near []string) {
	if r.Outcome != ftw.Failed {
		return
	}
	for _, failure := range Failures(r) {
		f.all = append(f.all, report.Finding{
			Check: "test/" + failure.Expectation, Level: report.Error, Pos: failure.Pos,
			Message: "test " + r.Name + ": " + failure.Reason, Details: near,
		})
	}
}

// checks are the expectations that a test may fail, for formats that list them.
var checks = []string{
	"status", "expect_ids", "no_expect_ids", "isolated", "log_contains", "no_log_contains", "match_regex", "no_match_regex",
	"response_contains", "expect_error", ftw.TodoTag, "override", "run",
}

func (f *findings) Close() error {
	rules := make([]report.Rule, len(checks))
	for i, name := range checks {
		rules[i] = report.Rule{Check: "test/" + name, Summary: "A rule test's " + strconv.Quote(name) + " is not met"}
	}
	return output.Write(f.w, f.format, f.all, output.Options{Rules: rules})
}
