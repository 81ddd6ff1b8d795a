package ftw

import (
	"slices"
	"strconv"
	"strings"

	"tabard/engine/seclang"
)

// Failure is one expectation of a stage that was not met.
type Failure struct {
	// Pos is where the expectation stands.
	Pos seclang.Position
	// Expectation is its key, such as "expect_ids".
	Expectation string
	// Reason says what was seen instead.
	Reason string
}

// String gives "file:line:col: expect_ids: reason".
func (f Failure) String() string { return f.Pos.String() + ": " + f.Expectation + ": " + f.Reason }

// Judge compares what a stage expects with the rules that matched and log and
// with the status that the client got: a block's own, or the backend's. It
// returns nil when all is as expected. An expectation that ids and status say
// nothing about fails, lest it be taken for met.
func Judge(s Stage, seenIDs []int, status int) []Failure {
	var out []Failure
	fail := func(key, reason string) {
		out = append(out, Failure{Pos: s.Output.place(key, s.Pos), Expectation: key, Reason: reason})
	}
	o := s.Output
	if o.Status != 0 && o.Status != status {
		fail("status", "want "+strconv.Itoa(o.Status)+", got "+strconv.Itoa(status))
	}
	for _, id := range o.ExpectIDs {
		if !slices.Contains(seenIDs, id) {
			fail("expect_ids", strconv.Itoa(id)+" did not match; "+matched(seenIDs))
		}
	}
	for _, id := range o.NoExpectIDs {
		if slices.Contains(seenIDs, id) {
			fail("no_expect_ids", strconv.Itoa(id)+" matched")
		}
	}
	for _, id := range seenIDs {
		if o.Isolated && !slices.Contains(o.ExpectIDs, id) {
			fail("isolated", strconv.Itoa(id)+" matched as well")
		}
	}
	for _, key := range o.unjudged() {
		fail(key, "cannot be judged by ids and status")
	}
	return out
}

func matched(ids []int) string {
	if len(ids) == 0 {
		return "no rule did"
	}
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.Itoa(id)
	}
	return "these did: " + strings.Join(words, " ")
}

func (o Output) place(key string, otherwise seclang.Position) seclang.Position {
	if p, ok := o.places[key]; ok {
		return p
	}
	return otherwise
}

// unjudged lists the expectations that need more than ids and status.
func (o Output) unjudged() (keys []string) {
	for _, e := range []struct {
		key  string
		asks bool
	}{
		{"response_contains", o.ResponseContains != ""},
		{"log_contains", o.LogContains != ""}, {"no_log_contains", o.NoLogContains != ""},
		{"match_regex", o.MatchRegex != ""}, {"no_match_regex", o.NoMatchRegex != ""},
		{"expect_error", o.ExpectError},
	} {
		if e.asks {
			keys = append(keys, e.key)
		}
	}
	return keys
}
