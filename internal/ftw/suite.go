package ftw

import (
	"fmt"
	"strconv"
	"strings"

	"tabard/engine/seclang"
)

// Suite is one file of tests.
type Suite struct {
	// File is the name the file was loaded by.
	File string
	// RuleID is the rule that the tests are about.
	RuleID int
	// Description is the file's own.
	Description string
	// Tags group tests across files.
	Tags []string
	// Tests are in the order of the file.
	Tests []Test
	// Notes are what LoadForeign has read over.
	Notes []error
}

// Test is one test: its stages are sent one after the other.
type Test struct {
	// Pos is where the test begins.
	Pos seclang.Position
	// Name is rule and number, such as "100110-3".
	Name string
	// ID is the number, or the place among the tests when the file has none.
	ID int
	// Description says what the test shows.
	Description string
	// Tags are the test's own.
	Tags []string
	// Stages has at least one element.
	Stages []Stage
}

// Stage is one request and what is expected of the verdict.
type Stage struct {
	// Pos is where the stage begins; for a v3 test, the test.
	Pos         seclang.Position
	Description string
	Input       Input
	Output      Output
}

// Header is one field line.
type Header struct{ Name, Value string }

// Input is the request of a stage. Runners ignore address and port: they know
// where to send it.
type Input struct {
	DestAddr string
	Port     int
	Protocol string
	// Method is GET, URI is "/" and Version is HTTP/1.1 when the file has none.
	Method, URI, Version string
	// Headers are in the file's order; Message also has those that the format
	// adds.
	Headers []Header
	// Data is the body.
	Data []byte
	// AutocompleteHeaders is true when the file says nothing.
	AutocompleteHeaders bool
	// EncodedRequest, when not nil, is the whole message as sent, and nothing
	// else counts.
	EncodedRequest []byte
	// Response, when not nil, is what the backend is to answer.
	Response *Response
}

// Response is the answer that a test wants to be inspected.
type Response struct {
	Status     int
	Headers    []Header
	Body       []byte
	LogMessage string
}

// Output is what a stage expects. A zero field expects nothing.
type Output struct {
	// Status is the status that the client gets.
	Status int
	// ExpectIDs must all be among the rules that matched and log.
	ExpectIDs []int
	// NoExpectIDs must not be among them.
	NoExpectIDs []int
	// Isolated: no rule but the ExpectIDs may match.
	Isolated bool

	ResponseContains           string
	LogContains, NoLogContains string
	MatchRegex, NoMatchRegex   string
	// ExpectError: the proxy answers nothing at all.
	ExpectError bool
	// RetryOnce is for runners that read a log file.
	RetryOnce bool

	// places says where each expectation stands, by its key.
	places map[string]seclang.Position
}

// String gives the expectations in words, such as "status 400; 920100 stays
// quiet".
func (o Output) String() string {
	var parts []string
	say := func(there bool, format string, args ...any) {
		if there {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	say(o.ExpectError, "no answer")
	say(o.Status != 0, "status %d", o.Status)
	say(len(o.ExpectIDs) > 0, "%s matches", idList(o.ExpectIDs))
	say(o.Isolated, "nothing else does")
	say(len(o.NoExpectIDs) > 0, "%s stays quiet", idList(o.NoExpectIDs))
	say(o.ResponseContains != "", "the answer has %q", o.ResponseContains)
	say(o.LogContains != "", "the log has %q", o.LogContains)
	say(o.NoLogContains != "", "the log has not %q", o.NoLogContains)
	say(o.MatchRegex != "", "the log matches %q", o.MatchRegex)
	say(o.NoMatchRegex != "", "the log does not match %q", o.NoMatchRegex)
	return strings.Join(parts, "; ")
}

func idList(ids []int) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.Itoa(id)
	}
	return strings.Join(words, ", ")
}
