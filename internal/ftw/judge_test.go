package ftw_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/internal/ftw"
)

// seen gives what a runner saw: these rules, each on ARGS:q.
func seen(status int, ids ...int) ftw.Seen {
	s := ftw.Seen{Status: status}
	for _, id := range ids {
		s.Matches = append(s.Matches, ftw.Match{ID: id, Message: "a message", Data: "found within ARGS:q", Target: "ARGS:q", Value: "<x>"})
	}
	return s
}

func TestJudge(t *testing.T) {
	noAnswer := ftw.Seen{NoAnswer: errors.New("connection closed")}
	for name, row := range map[string]struct {
		output string
		seen   ftw.Seen
		want   []string
	}{
		"nothing is expected":              {"{}", seen(403, 1, 2), nil},
		"the status is right":              {"{status: 403}", seen(403), nil},
		"the status is wrong":              {"{status: 403}", seen(200), []string{"f.yaml:4:53: status: want 403, got 200"}},
		"all ids matched":                  {"{log: {expect_ids: [1, 2]}}", seen(0, 2, 3, 1), nil},
		"one did not":                      {"{log: {expect_ids: [1, 2]}}", seen(0, 2, 3), []string{"f.yaml:4:63: expect_ids: 1 did not match; these did: 2 3"}},
		"none did":                         {"{log: {expect_ids: [1]}}", seen(0), []string{"f.yaml:4:63: expect_ids: 1 did not match; no rule did"}},
		"an unwanted one did":              {"{log: {no_expect_ids: [1, 2]}}", seen(0, 2), []string{`f.yaml:4:66: no_expect_ids: 2 matched on ARGS:q: "<x>"`}},
		"an isolated rule matched alone":   {"{isolated: true, log: {expect_ids: [1]}}", seen(0, 1), nil},
		"an isolated rule had company":     {"{isolated: true, log: {expect_ids: [1]}}", seen(0, 1, 9), []string{`f.yaml:4:55: isolated: 9 matched as well on ARGS:q: "<x>"`}},
		"two failures":                     {"{status: 403, log: {expect_ids: [1]}}", seen(200), []string{"f.yaml:4:53: status: want 403, got 200", "f.yaml:4:76: expect_ids: 1 did not match; no rule did"}},
		"the log has a text":               {"{log_contains: within ARGS:q}", seen(0, 7), nil},
		"the log has it not":               {"{log_contains: within ARGS:r}", seen(0, 7), []string{`f.yaml:4:59: log_contains: nothing in the log is "within ARGS:r"; these did: 7`}},
		"the log has what it must not":     {"{no_log_contains: message}", seen(0, 7), []string{`f.yaml:4:62: no_log_contains: the log has "message"; these did: 7`}},
		"a regex finds id before message":  {`{log: {match_regex: '\[id "7"\].*\[msg "a mes'}}`, seen(0, 7), nil},
		"a regex finds nothing":            {"{log: {match_regex: x+}}", seen(0), []string{`f.yaml:4:64: match_regex: nothing in the log is "x+"; no rule did`}},
		"a regex must find nothing":        {"{log: {no_match_regex: me.s}}", seen(0, 7), []string{`f.yaml:4:67: no_match_regex: the log has "me.s"; these did: 7`}},
		"the answer has a text":            {"{response_contains: nope}", ftw.Seen{Body: []byte("no")}, []string{`f.yaml:4:64: response_contains: the answer has no "nope"`}},
		"an error was expected":            {"{expect_error: true}", noAnswer, nil},
		"an error was expected, none came": {"{expect_error: true}", seen(200), []string{"f.yaml:4:59: expect_error: the client got an answer with status 200"}},
		"an answer may be expected":        {"{expect_error: false}", seen(200), nil},
		"no answer came":                   {"{log: {no_expect_ids: [1]}}", noAnswer, []string{"f.yaml:4:5: expect_error: the client got no answer: connection closed"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := ftw.Load("f.yaml", []byte("rule_id: 1\ntests:\n- stages:\n  - {input: {uri: /, method: GET}, output: "+row.output+"}\n"))
			require.NoError(t, err)
			var got []string
			for _, f := range ftw.Judge(s.Tests[0].Stages[0], row.seen) {
				got = append(got, f.String())
			}
			require.Equal(t, row.want, got)
		})
	}
}
