package ftw

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tabard/engine/seclang"
)

// Seen is what a runner saw of a stage.
type Seen struct {
	// Matches are the rules that matched and log, in the order they matched.
	Matches []Match
	// Status is what the client got: a block's own, or the backend's.
	Status int
	// Body is the answer's body.
	Body []byte
	// Route is the policy's, where the runner can tell.
	Route string
	// NoAnswer, when not nil, says why the client got none.
	NoAnswer error
}

// Match is one rule that matched and logs, as package engine has it.
type Match struct {
	ID, Phase int
	Severity  string
	// Rule is where the rule starts.
	Rule seclang.Position
	// Target is what matched, such as ARGS:q; Message and Data are the rule's
	// msg and logdata with their macros expanded.
	Target, Message, Data string
	// Value is what matched, cut and redacted.
	Value string
}

// IDs returns the ids of the rules that matched and log, ascending, each once.
func (s Seen) IDs() []int {
	ids := make([]int, 0, len(s.Matches))
	for _, m := range s.Matches {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Log gives a line for each match, with the fields that Coraza's own error log
// has, in its order, and target and value behind them.
func (s Seen) Log() string {
	var b strings.Builder
	for _, m := range s.Matches {
		fmt.Fprintf(&b, "[file %q] [line \"%d\"] [id \"%d\"] [msg %q] [data %q] [severity %q] [target %q] [value %q]\n",
			m.Rule.File, m.Rule.Line, m.ID, m.Message, m.Data, m.Severity, m.Target, m.Value)
	}
	return b.String()
}

// Failure is one expectation of a stage that was not met.
type Failure struct {
	// Pos is where the expectation stands.
	Pos seclang.Position
	// Expectation is its key, such as "expect_ids".
	Expectation string
	// Rule is the id that an expectation of ids is about, else 0.
	Rule int
	// Reason says what was seen instead.
	Reason string
}

// String gives "file:line:col: expect_ids: reason".
func (f Failure) String() string { return f.Pos.String() + ": " + f.Expectation + ": " + f.Reason }

// Judge compares what a stage expects with what was seen, and returns nil when
// all is as expected.
func Judge(s Stage, seen Seen) []Failure {
	j := judge{stage: s, seen: seen, ids: seen.IDs()}
	j.answer()
	j.rules()
	j.log()
	return j.failures
}

type judge struct {
	stage    Stage
	seen     Seen
	ids      []int
	failures []Failure
}

func (j *judge) fail(key string, rule int, reason string) {
	pos, ok := j.stage.Output.places[key]
	if !ok {
		pos = j.stage.Pos
	}
	j.failures = append(j.failures, Failure{Pos: pos, Expectation: key, Rule: rule, Reason: reason})
}

func (j *judge) answer() {
	o, none := j.stage.Output, j.seen.NoAnswer
	switch {
	case o.ExpectError && none == nil:
		j.fail("expect_error", 0, "the client got an answer with status "+strconv.Itoa(j.seen.Status))
	case !o.ExpectError && none != nil:
		j.fail("expect_error", 0, "the client got no answer: "+none.Error())
	}
	if o.Status != 0 && o.Status != j.seen.Status {
		j.fail("status", 0, "want "+strconv.Itoa(o.Status)+", got "+strconv.Itoa(j.seen.Status))
	}
	if o.ResponseContains != "" && !strings.Contains(string(j.seen.Body), o.ResponseContains) {
		j.fail("response_contains", 0, "the answer has no "+strconv.Quote(o.ResponseContains))
	}
}

func (j *judge) rules() {
	o := j.stage.Output
	for _, id := range o.ExpectIDs {
		if !slices.Contains(j.ids, id) {
			j.fail("expect_ids", id, strconv.Itoa(id)+" did not match; "+matched(j.ids))
		}
	}
	for _, id := range o.NoExpectIDs {
		if slices.Contains(j.ids, id) {
			j.fail("no_expect_ids", id, strconv.Itoa(id)+" matched"+j.on(id))
		}
	}
	for _, id := range j.ids {
		if o.Isolated && !slices.Contains(o.ExpectIDs, id) {
			j.fail("isolated", id, strconv.Itoa(id)+" matched as well"+j.on(id))
		}
	}
}

// on says what a rule matched on.
func (j *judge) on(id int) string {
	for _, m := range j.seen.Matches {
		if m.ID == id && m.Target != "" {
			return " on " + m.Target + ": " + strconv.Quote(m.Value)
		}
	}
	return ""
}

func (j *judge) log() {
	o, log := j.stage.Output, j.seen.Log()
	contains := func(text string) bool { return strings.Contains(log, text) }
	// Load has compiled each regex once already.
	matches := func(regex string) bool { return regexp.MustCompile(regex).MatchString(log) }
	for _, e := range []struct {
		key, text string
		found     func(string) bool
		want      bool
	}{
		{"log_contains", o.LogContains, contains, true},
		{"no_log_contains", o.NoLogContains, contains, false},
		{"match_regex", o.MatchRegex, matches, true},
		{"no_match_regex", o.NoMatchRegex, matches, false},
	} {
		switch {
		case e.text == "" || e.found(e.text) == e.want:
		case e.want:
			j.fail(e.key, 0, "nothing in the log is "+strconv.Quote(e.text)+"; "+matched(j.ids))
		default:
			j.fail(e.key, 0, "the log has "+strconv.Quote(e.text)+"; "+matched(j.ids))
		}
	}
}

func matched(ids []int) string {
	if len(ids) == 0 {
		return "no rule did"
	}
	return "these did: " + strings.ReplaceAll(idList(ids), ",", "")
}
