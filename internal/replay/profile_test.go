package replay_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/internal/replay"
	"tabard/rules"
)

const (
	// ownRequests are made up from public descriptions of services and attacks,
	// and were written before the profile's rules.
	ownRequests = "testdata/profile"
	// corpusFile holds recorded traffic where this tree is developed; a user's
	// clone has none.
	corpusFile = "../../../shared/corpus/requests.jsonl"
	// outcomeFile says what becomes of ownRequests.
	outcomeFile = "testdata/profile.golden"
)

// TestTheProfileOnRequestsOfOurOwn keeps the list of harmless requests that the
// profile refuses and of attacks that it lets pass, beside those of plain CRS.
func TestTheProfileOnRequestsOfOurOwn(t *testing.T) {
	var b strings.Builder
	for _, profile := range []engine.Profile{engine.ProfileCRS, engine.ProfileAPI} {
		results := replayAll(t, engine.Policy{
			Profile: profile,
			CRS:     engine.CRS{AllowedMethods: []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}},
		}, ownRequests)
		fmt.Fprintf(&b, "profile %s\n", profile)
		for _, label := range []string{"benign", "malicious"} {
			n := rateOf(results, label, func(string) bool { return true })
			fmt.Fprintf(&b, "%s: %d of %d blocked\n", label, n.blocked, n.requests)
		}
		if profile == engine.ProfileCRS {
			continue
		}
		for _, r := range results {
			if blocked := r.Outcome.Action == engine.Block; blocked == (r.Entry.Label == "benign") {
				fmt.Fprintf(&b, "wrong: %s %v\n", r.Entry.ID, r.Outcome.Rules)
			}
		}
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(outcomeFile, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(outcomeFile)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())
}

// TestTheProfileOnRecordedTraffic holds the rates on a corpus that nobody of
// this project wrote. Its halves are told apart by the hash of the id: the
// rules were written with a view of the first half only.
func TestTheProfileOnRecordedTraffic(t *testing.T) {
	if _, err := os.Stat(corpusFile); errors.Is(err, os.ErrNotExist) {
		t.Skip("there is no recorded traffic here: " + corpusFile)
	}
	results := replayAll(t, engine.Policy{Profile: engine.ProfileAPI}, corpusFile)
	halves := []struct {
		name string
		in   func(id string) bool
	}{
		{"all", func(string) bool { return true }},
		{"seen", func(id string) bool { return !heldOut(id) }},
		{"held out", heldOut},
	}
	for _, half := range halves {
		harmless, hostile := rateOf(results, "benign", half.in), rateOf(results, "malicious", half.in)
		t.Logf("%-8s false positives %d of %d, %.2f %%; detected %d of %d, %.2f %%", half.name,
			harmless.blocked, harmless.requests, harmless.percent(), hostile.blocked, hostile.requests, hostile.percent())
		require.GreaterOrEqual(t, hostile.percent(), 95.0, half.name)
	}
	require.LessOrEqual(t, rateOf(results, "benign", halves[0].in).percent(), 1.0)
}

func heldOut(id string) bool { return sha256.Sum256([]byte(id))[0]&1 == 1 }

type rate struct{ blocked, requests int }

func (r rate) percent() float64 { return 100 * float64(r.blocked) / float64(r.requests) }

func rateOf(results []replay.Result, label string, in func(id string) bool) (r rate) {
	for _, x := range results {
		if x.Entry.Label != label || !in(x.Entry.ID) {
			continue
		}
		r.requests++
		if x.Outcome.Action == engine.Block {
			r.blocked++
		}
	}
	return r
}

func replayAll(t *testing.T, policy engine.Policy, path string) (results []replay.Result) {
	t.Helper()
	e, err := engine.New(policy, rules.FS())
	require.NoError(t, err)
	traffic, err := replay.Open([]string{path}, replay.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, traffic.Close()) }()
	judges := []replay.Judge{replay.Native{Engine: e}}
	require.NoError(t, replay.Run(context.Background(), traffic.Next, judges, func(r replay.Result) error {
		require.NoError(t, r.Err)
		require.NoError(t, r.Outcome.Err)
		results = append(results, r)
		return nil
	}, nil))
	require.False(t, slices.ContainsFunc(results, func(r replay.Result) bool { return r.Entry.Label == "" }))
	require.Zero(t, e.Disagreements())
	return results
}
