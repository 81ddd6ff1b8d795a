package ftw_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/internal/ftw"
)

// fixed sees the same ids of every request, but those of a first try.
type fixed struct {
	ids   []int
	first map[string][]int
	err   error
}

func (f fixed) Play(_ context.Context, name string, _ ftw.Input) (ftw.Seen, error) {
	ids := f.ids
	if other, ok := f.first[name]; ok {
		ids = other
	}
	s := ftw.Seen{Status: 200}
	for _, id := range ids {
		s.Matches = append(s.Matches, ftw.Match{ID: id})
	}
	return s, f.err
}

func TestRun(t *testing.T) {
	const three = "[{input: {}, output: {log: {expect_ids: [1]}}}, {input: {}, output: {log: {expect_ids: [2]}}}]"
	for name, row := range map[string]struct {
		test     string
		runner   fixed
		override string
		outcome  ftw.Outcome
		failure  string
	}{
		"a test passes":                         {"{stages: " + three + "}", fixed{ids: []int{1, 2}}, "", ftw.Passed, ""},
		"its second stage fails":                {"{stages: " + three + "}", fixed{ids: []int{1}}, "", ftw.Failed, "f.yaml:3:99: expect_ids: 2 did not match; these did: 1"},
		"a todo may fail":                       {"{tags: [todo], stages: " + three + "}", fixed{}, "", ftw.Todo, "f.yaml:3:66: expect_ids: 1 did not match; no rule did"},
		"a todo that passes is to be removed":   {"{tags: [todo], stages: " + three + "}", fixed{ids: []int{1, 2}}, "", ftw.Failed, "f.yaml:3:3: todo: the test passes: remove the tag"},
		"an override is met":                    {"{stages: " + three + "}", fixed{ids: []int{7}}, "{log: {expect_ids: [7]}}", ftw.Overridden, ""},
		"an override is not met":                {"{stages: " + three + "}", fixed{ids: []int{8}}, "{log: {expect_ids: [7]}}", ftw.Failed, "o.yaml:2:60: expect_ids: 7 did not match; these did: 8"},
		"an override that nobody needs":         {"{stages: " + three + "}", fixed{ids: []int{1, 2}}, "{log: {expect_ids: [1]}}", ftw.Failed, "o.yaml:2:3: override: 5-1 passes as it is written: remove it from the override"},
		"a second try counts where it may":      {"{stages: [{input: {}, output: {retry_once: true, log: {expect_ids: [1]}}}]}", fixed{ids: []int{1}, first: map[string][]int{"5-1.1": nil}}, "", ftw.Passed, ""},
		"and not where it may not":              {"{stages: [{input: {}, output: {log: {expect_ids: [1]}}}]}", fixed{ids: []int{1}, first: map[string][]int{"5-1.1": nil}}, "", ftw.Failed, "f.yaml:3:52: expect_ids: 1 did not match; no rule did"},
		"what cannot be run fails, todo or not": {"{tags: [todo], stages: " + three + "}", fixed{err: errors.New("broken")}, "", ftw.Failed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := ftw.Load("f.yaml", []byte("rule_id: 5\ntests:\n- "+row.test+"\n"))
			require.NoError(t, err)
			c := ftw.Case{Test: s.Tests[0], Suite: &s, Runner: row.runner}
			if row.override != "" {
				o, err := ftw.LoadOverrides("o.yaml", []byte("test_overrides:\n- {rule_id: 5, reason: because, output: "+row.override+"}\n"))
				require.NoError(t, err)
				c.Override = o.For(5, 1)
			}
			var got []ftw.Result
			require.NoError(t, ftw.Run(t.Context(), []ftw.Case{c, c}, 2, func(r ftw.Result) { got = append(got, r) }))
			require.Len(t, got, 2)
			require.Equal(t, row.outcome, got[0].Outcome)
			require.Equal(t, row.runner.err != nil, got[1].Err != nil)
			var failure string
			for _, f := range got[1].Failures {
				failure += f.String()
			}
			require.Equal(t, row.failure, failure)
		})
	}
}

func TestRunStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := ftw.Run(ctx, make([]ftw.Case, 3), 1, func(ftw.Result) {})
	require.ErrorIs(t, err, context.Canceled)
}

func TestOverrides(t *testing.T) {
	suites := []ftw.Suite{{RuleID: 5, Tests: []ftw.Test{{ID: 1, Name: "5-1"}, {ID: 2, Name: "5-2"}}}}
	for name, row := range map[string]struct{ entries, want string }{
		"a reason and an outcome":      {"[{rule_id: 5, test_ids: [1], reason: r, output: {status: 400}}]", ""},
		"no reason":                    {"[{rule_id: 5, output: {status: 400}}]", "o.yaml:1:18: an override needs a reason"},
		"no outcome":                   {"[{rule_id: 5, reason: r, output: {retry_once: true}}]", "o.yaml:1:18: an override needs an output that expects something, an ignored test is not to be had"},
		"no rule":                      {"[{reason: r, output: {status: 400}}]", "o.yaml:1:18: an override needs the rule_id of the tests that it is for"},
		"a key that is none":           {"[{rule_id: 5, test_id: [1]}]", `o.yaml:1:31: unknown key "test_id" in an override, did you mean "test_ids"?`},
		"a test that is not there":     {"[{rule_id: 5, test_ids: [1, 3], reason: r, output: {status: 400}}]", "o.yaml:1:18: there is no test 5-3"},
		"a rule that is not there":     {"[{rule_id: 6, reason: r, output: {status: 400}}]", "o.yaml:1:18: there is no test of rule 6"},
		"a test that is in two places": {"[{rule_id: 5, reason: r, output: {status: 400}}, {rule_id: 5, test_ids: [2], reason: r, output: {status: 400}}]", "o.yaml:1:66: test 5-2 has an override already, at o.yaml:1:18"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := ftw.LoadOverrides("o.yaml", []byte("test_overrides: "+row.entries+"\n"))
			if err == nil {
				err = errors.Join(o.Check(suites)...)
			}
			if row.want == "" {
				require.NoError(t, err)
				require.NotNil(t, o.For(5, 1))
				require.Nil(t, o.For(5, 2))
				return
			}
			require.EqualError(t, err, row.want)
		})
	}
}
