package ftw_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/internal/ftw"
	"tabard/internal/ftw/crs"
	"tabard/internal/ftw/native"
	"tabard/rules"
)

// lostFile names each test of CRS that the profile changes the outcome of.
const lostFile = "testdata/profile-api.golden"

// TestTheProfileLosesFewTestsOfCRS runs CRS's own tests with and without the
// profile for APIs. What the exclusions cost is a list to read, in lostFile.
func TestTheProfileLosesFewTestsOfCRS(t *testing.T) {
	plain, profiled := playCRS(t, engine.ProfileCRS), playCRS(t, engine.ProfileAPI)
	require.Len(t, profiled, len(plain))
	var lost []string
	for i, before := range plain {
		for _, failure := range unmet(profiled[i]) {
			if !slices.Contains(unmet(before), failure) {
				lost = append(lost, before.Name+" "+failure)
			}
		}
	}
	text := fmt.Sprintf("%d of %d tests change\n%s\n", len(lost), len(plain), strings.Join(lost, "\n"))
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(lostFile, []byte(text), 0o644))
	}
	want, err := os.ReadFile(lostFile)
	require.NoError(t, err)
	require.Equal(t, string(want), text)
}

// playCRS runs all tests of CRS under the policy that they are written for.
func playCRS(t *testing.T, profile engine.Profile) (results []ftw.Result) {
	t.Helper()
	policy, err := engine.ParsePolicy("policy.yaml", []byte(crs.Policy))
	require.NoError(t, err)
	policy.Profile = profile
	e, err := engine.New(policy, rules.FS())
	require.NoError(t, err)
	suites, err := crs.Load()
	require.NoError(t, err)
	var cases []ftw.Case
	for i := range suites {
		for _, test := range suites[i].Tests {
			cases = append(cases, ftw.Case{Test: test, Suite: &suites[i], Runner: native.Runner{Engine: e}})
		}
	}
	require.NoError(t, ftw.Run(t.Context(), cases, 2, func(r ftw.Result) { results = append(results, r) }))
	require.Greater(t, len(results), 4600)
	return results
}

// unmet are the expectations about CRS's rules that a test does not meet.
func unmet(r ftw.Result) (out []string) {
	for i, seen := range r.Seen {
		matched := func(id int) bool {
			return slices.ContainsFunc(seen.Matches, func(m ftw.Match) bool { return m.ID == id })
		}
		for _, id := range r.Stages[i].Output.ExpectIDs {
			if !matched(id) {
				out = append(out, fmt.Sprintf("no longer matches %d", id))
			}
		}
		for _, id := range r.Stages[i].Output.NoExpectIDs {
			if matched(id) {
				out = append(out, fmt.Sprintf("matches %d", id))
			}
		}
	}
	return out
}
