package cover_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/internal/cover"
	"tabard/internal/ftw"
	"tabard/internal/ftw/crs"
	"tabard/rules"
)

const policy = `crs: {enabled: false}
directives:
- inline: |
    SecRule ARGS:q "@rx (?i)union|sel(?:ect|<b>)" "id:1,phase:2,deny,log,t:none,msg:'a word'"
    SecRule ARGS:a "@streq 1" "id:2,phase:2,pass,log,t:none,msg:'a chain',chain"
      SecRule ARGS:b "@rx ^\d+$" "t:none,chain"
      SecRule ARGS:c "@unconditionalMatch" "t:none"
    SecRule ARGS:x "@streq 1" "id:3,phase:2,pass,log,t:none,msg:'nobody tests it'"
    SecRule REQUEST_METHOD "@streq GET" "id:4,phase:1,pass,log,t:none,msg:'nobody expects it'"
    SecRule ARGS:z "@streq 1" "id:5,phase:1,pass,nolog,t:none"
`

const tests = `rule_id: 1
template: {uri: '{{ .Payload }}', headers: [{name: Host, value: h}]}
tests:
- {payload: '/?q=UNION', output: {log: {expect_ids: [1]}}}
- {payload: '/?q=select', output: {log: {expect_ids: [1], no_expect_ids: [2]}}}
- {payload: '/?q=x', output: {log: {no_expect_ids: [1]}}}
- {payload: '/?a=1&b=2&c=3', output: {log: {expect_ids: [2]}}}
- {payload: '/?a=1&b=x&c=3', output: {log: {expect_ids: [4]}}}
- {payload: '/?q=sel<b>', output: {log: {expect_ids: [3]}}}
- {payload: '/', tags: [todo], output: {log: {expect_ids: [3]}}}
`

// covered runs tests with a policy.
func covered(t *testing.T) []*cover.Rule {
	t.Helper()
	p, err := engine.ParsePolicy("suite.yaml", []byte(policy))
	require.NoError(t, err)
	c := cover.NewCollector(func(file string) bool { return file == "suite.yaml" })
	r, err := cover.NewRunner(c, p, rules.FS())
	require.NoError(t, err)
	s, err := ftw.Load("1.test.yaml", []byte(tests))
	require.NoError(t, err)
	var cases []ftw.Case
	for _, test := range s.Tests {
		cases = append(cases, ftw.Case{Test: test, Suite: &s, Runner: r})
	}
	// Test 5 expects what does not happen, test 6 too: they show nothing.
	cases[4].Override = &ftw.Override{Output: ftw.Output{NoExpectIDs: []int{2}, Status: 200}}
	cases[4].Stages[0].Output.ExpectIDs = []int{7}
	require.NoError(t, ftw.Run(t.Context(), cases, 2, c.Add))
	return c.Rules()
}

func TestEachPartIsCounted(t *testing.T) {
	all := covered(t)
	require.Len(t, all, 4, "a rule without a message says nothing to anybody")
	word, chain := all[0], all[1]
	require.Equal(t, 2, word.Match)
	require.Equal(t, 1, word.Quiet)
	require.Equal(t, 3, word.Fired, "also in the test that failed")
	require.Equal(t, []cover.Alternative{{"ect", 1}, {"<b>", 1}, {"union", 1}, {"sel(?:ect|<b>)", 2}}, word.Links[0].Alternatives)
	require.Equal(t, 2, chain.Quiet, "an override says what is expected")
	// A request that rule 1 refuses does not come to rule 2.
	require.Equal(t, [][2]int{{2, 2}, {1, 1}, {1, 0}}, [][2]int{
		{chain.Links[0].Matched, chain.Links[0].Failed}, {chain.Links[1].Matched, chain.Links[1].Failed}, {chain.Links[2].Matched, chain.Links[2].Failed},
	})
	require.Equal(t, cover.Totals{
		Rules: 4, Match: 2, Quiet: 2, Both: 2, Never: 1, Links: 3, LinksMatched: 3, LinksFailed: 2, Alternatives: 4, AlternativesMatched: 4,
	}, cover.Sum(all))
	require.InDelta(t, 50, cover.Sum(all).Percent(), 0.01)
	require.InDelta(t, 100, cover.Sum(nil).Percent(), 0.01)
}

// The files are what people read: UPDATE_GOLDEN=1 rewrites them.
func TestReports(t *testing.T) {
	all := covered(t)
	all[0].Links[0].Alternatives[1].Matched = 0
	var text, html strings.Builder
	require.NoError(t, cover.WriteText(&text, all))
	require.NoError(t, cover.WriteHTML(&html, all))
	for name, got := range map[string]string{"text.golden": text.String(), "page.golden": html.String()} {
		file := filepath.Join("testdata", name)
		if os.Getenv("UPDATE_GOLDEN") != "" {
			require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err, "UPDATE_GOLDEN=1 writes it")
		require.Equal(t, string(want), got)
	}
}

// The numbers are those that one gets by counting rules with a msg, and their
// ids in expect_ids and no_expect_ids, with another program.
func TestCoverageOfCRSIsWhatAPersonCounts(t *testing.T) {
	p, err := engine.ParsePolicy("policy.yaml", []byte(crs.Policy))
	require.NoError(t, err)
	c := cover.NewCollector(func(file string) bool { return strings.HasPrefix(file, "@owasp_crs/") })
	_, err = cover.NewRunner(c, p, rules.FS())
	require.NoError(t, err)
	suites, err := crs.Load()
	require.NoError(t, err)
	overrides, err := crs.Overrides()
	require.NoError(t, err)
	for i := range suites {
		for _, test := range suites[i].Tests {
			// e2e/crs shows that each passes.
			c.Add(ftw.Result{Outcome: ftw.Passed, Case: ftw.Case{Test: test, Override: overrides.For(suites[i].RuleID, test.ID)}})
		}
	}
	sum := cover.Sum(c.Rules())
	require.Equal(t, []int{351, 313, 187, 184}, []int{sum.Rules, sum.Match, sum.Quiet, sum.Both})
}
