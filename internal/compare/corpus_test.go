package compare

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/internal/replay"
	"tabard/rules"
)

// corpus is traffic that nobody here wrote. A clone does not have it.
const corpus = "../../../shared/corpus/requests.jsonl"

func TestParanoiaLevel2BlocksMoreOfTheCorpusAndReleasesNothing(t *testing.T) {
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("the development corpus is not beside the tree: ", err)
	}
	var policies replay.Several
	for level := 1; level <= 2; level++ {
		e, err := engine.New(engine.Policy{CRS: engine.CRS{ParanoiaLevel: level}, Screen: engine.ScreenOff}, rules.FS())
		require.NoError(t, err)
		policies = append(policies, replay.Native{Engine: e, Records: true})
	}
	traffic, err := replay.Open([]string{corpus}, replay.Options{})
	require.NoError(t, err)
	var d Diff
	blocked := [2]int{}
	err = replay.Run(t.Context(), traffic.Next, []replay.Judge{policies, policies}, func(r replay.Result) error {
		require.NoError(t, r.Err)
		for i, o := range []replay.Outcome{r.Outcome, r.Outcome.Others[0]} {
			if o.Action == engine.Block {
				blocked[i]++
			}
		}
		d.Add(*r.Outcome.Record, *r.Outcome.Others[0].Record)
		return nil
	}, nil)
	require.NoError(t, err)
	require.NoError(t, traffic.Close())
	t.Logf("%d requests, blocked at level 1: %d, at level 2: %d; groups: %d", d.Requests, blocked[0], blocked[1], len(d.Groups()))
	require.Equal(t, blocked[1]-blocked[0], d.Blocked, "each block that is new is a change")
	require.Greater(t, d.Blocked, 100)
	require.Zero(t, d.Released)
	require.Greater(t, len(d.Groups()), 50)
}

func FuzzBaseline(f *testing.F) {
	f.Add([]byte(`{"id":"a","rules":[942100]}`))
	f.Add([]byte(`{"transaction_id":"a","rules":[{"id":1,"target":"ARGS:q"}],"time":"2026-11-24T09:30:00Z"}`))
	f.Add([]byte(`{"id":"a","rules":null}{"id":"a"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		b := NewBaseline(bytes.NewReader(text), "run.json")
		var d Diff
		for range 10 {
			r, err := b.Next("a")
			if err != nil {
				return
			}
			require.Equal(t, "a", r.TransactionID)
			d.Add(r, engine.Record{TransactionID: "a", Verdict: engine.Pass})
		}
	})
}
