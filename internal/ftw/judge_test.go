package ftw_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/internal/ftw"
)

func TestJudge(t *testing.T) {
	for name, row := range map[string]struct {
		output string
		ids    []int
		status int
		want   []string
	}{
		"nothing is expected":               {"{}", []int{1, 2}, 403, nil},
		"the status is right":               {"{status: 403}", nil, 403, nil},
		"the status is wrong":               {"{status: 403}", nil, 200, []string{"f.yaml:4:53: status: want 403, got 200"}},
		"all ids matched":                   {"{log: {expect_ids: [1, 2]}}", []int{2, 3, 1}, 0, nil},
		"one did not":                       {"{log: {expect_ids: [1, 2]}}", []int{2, 3}, 0, []string{"f.yaml:4:63: expect_ids: 1 did not match; these did: 2 3"}},
		"none did":                          {"{log: {expect_ids: [1]}}", nil, 0, []string{"f.yaml:4:63: expect_ids: 1 did not match; no rule did"}},
		"an unwanted one did":               {"{log: {no_expect_ids: [1, 2]}}", []int{2}, 0, []string{"f.yaml:4:66: no_expect_ids: 2 matched"}},
		"an isolated rule matched alone":    {"{isolated: true, log: {expect_ids: [1]}}", []int{1}, 0, nil},
		"an isolated rule had company":      {"{isolated: true, log: {expect_ids: [1]}}", []int{1, 9}, 0, []string{"f.yaml:4:55: isolated: 9 matched as well"}},
		"what ids do not say is not met":    {"{log_contains: x, log: {match_regex: y}}", nil, 0, []string{"f.yaml:4:59: log_contains: cannot be judged by ids and status", "f.yaml:4:81: match_regex: cannot be judged by ids and status"}},
		"a missing answer cannot be judged": {"{expect_error: true}", nil, 0, []string{"f.yaml:4:59: expect_error: cannot be judged by ids and status"}},
		"an answer may be expected":         {"{expect_error: false}", nil, 0, nil},
		"two failures":                      {"{status: 403, log: {expect_ids: [1]}}", nil, 200, []string{"f.yaml:4:53: status: want 403, got 200", "f.yaml:4:76: expect_ids: 1 did not match; no rule did"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := ftw.Load("f.yaml", []byte("rule_id: 1\ntests:\n- stages:\n  - {input: {uri: /, method: GET}, output: "+row.output+"}\n"))
			require.NoError(t, err)
			var got []string
			for _, f := range ftw.Judge(s.Tests[0].Stages[0], row.ids, row.status) {
				got = append(got, f.String())
			}
			require.Equal(t, row.want, got)
		})
	}
}
