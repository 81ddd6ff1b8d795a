package replay

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

// stoppedAfter runs over the traffic of a folder, from a state, and stops after
// n results; it returns their names.
func stoppedAfter(t *testing.T, n int, stateFile, run string, paths ...string) ([]string, State) {
	t.Helper()
	traffic, err := Open(paths, Options{})
	require.NoError(t, err)
	s, err := NewState(run, traffic)
	require.NoError(t, err)
	require.NoError(t, s.Resume(stateFile, traffic))
	var seen []string
	stop := errors.New("stop")
	err = Run(context.Background(), traffic.Next, []Judge{judgeFunc(func(Entry) Outcome { return Outcome{Action: engine.Pass} })}, func(r Result) error {
		if len(seen) == n {
			return stop
		}
		s.Add(r)
		if r.Err != nil {
			seen = append(seen, "error")
			return nil
		}
		seen = append(seen, filepath.Base(r.Entry.ID))
		return nil
	}, nil)
	if err != nil {
		require.ErrorIs(t, err, stop)
	}
	require.NoError(t, traffic.Close())
	require.NoError(t, s.Save(stateFile))
	return seen, s
}

func asJSON(t *testing.T, s State) string {
	t.Helper()
	text, err := json.Marshal(s)
	require.NoError(t, err)
	return string(text)
}

func TestARunThatStopsAnywhereGoesOnAsIfItHadNot(t *testing.T) {
	cut := zip(strings.Repeat(sampleLog, 3))
	dir := folder(t, map[string]string{
		"1": sampleLog + "broken\n" + sampleLog, "2": "no traffic\n", "3.gz": cut[:len(cut)-4], "4": "", "5": sampleNDJSON + sampleNDJSON,
	})
	paths := []string{dir + "/1", dir + "/2", dir + "/3.gz", dir + "/4", dir + "/5"}
	whole, want := stoppedAfter(t, 1000, filepath.Join(dir, "whole"), "r", paths...)
	require.Equal(t, []string{"1:1", "error", "1:3", "error", "3.gz:1", "3.gz:2", "3.gz:3", "error", "n", "n"}, whole)
	for n := range len(whole) + 1 {
		state := filepath.Join(t.TempDir(), "state")
		first, _ := stoppedAfter(t, n, state, "r", paths...)
		rest, got := stoppedAfter(t, 1000, state, "r", paths...)
		require.Equal(t, whole, append(first, rest...), "stopped after %d", n)
		require.Equal(t, asJSON(t, want), asJSON(t, got))
		again, got := stoppedAfter(t, 1000, state, "r", paths...)
		require.Empty(t, again)
		require.Equal(t, asJSON(t, want), asJSON(t, got))
	}
}

func TestALogThatHasGrownGoesOnBehindWhatIsDone(t *testing.T) {
	dir := folder(t, map[string]string{"1": sampleLog})
	state := filepath.Join(t.TempDir(), "state")
	stoppedAfter(t, 1000, state, "r", dir+"/1")
	require.NoError(t, os.WriteFile(dir+"/1", []byte(sampleLog+sampleLog), 0o644))
	seen, s := stoppedAfter(t, 1000, state, "r", dir+"/1")
	require.Equal(t, []string{"1:2"}, seen)
	require.Equal(t, 2, s.Summary.Requests)
}

func TestAStateOfAnotherRunIsRefused(t *testing.T) {
	dir := folder(t, map[string]string{"1": sampleLog + sampleLog, "2": sampleLog, "no": "{"})
	state := filepath.Join(t.TempDir(), "state")
	stoppedAfter(t, 1000, state, "r", dir+"/1")
	for name, c := range map[string]struct {
		run, state, want string
		paths            []string
	}{
		"another policy": {"q", state, "the state is of a run with another policy or other flags; remove the file to begin anew", []string{"1"}},
		"another file":   {"r", state, "the state is of a run over other files", []string{"2"}},
		"no state":       {"r", dir + "/no", "not a state of replay: unexpected end of JSON input", []string{"1"}},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range c.paths {
				c.paths[i] = dir + "/" + c.paths[i]
			}
			traffic, err := Open(c.paths, Options{})
			require.NoError(t, err)
			s, err := NewState(c.run, traffic)
			require.NoError(t, err)
			require.ErrorContains(t, s.Resume(c.state, traffic), c.want)
		})
	}
	traffic, err := Open([]string{"-"}, Options{Stdin: strings.NewReader("")})
	require.NoError(t, err)
	_, err = NewState("r", traffic)
	require.EqualError(t, err, "- cannot be read a second time, so a run over it cannot be resumed: save it to a file first")
}

func TestPartsOfARunMergeToTheWhole(t *testing.T) {
	results := []Result{
		{Outcome: Outcome{Action: engine.Block, Route: "a", Rules: []int{1, 2}, Messages: map[int]string{1: "b", 2: "x"}}, Entry: Entry{Unknown: UnknownBody}},
		{Outcome: Outcome{Action: engine.Detect, Rules: []int{1}, Messages: map[int]string{1: "a"}}},
		{Outcome: Outcome{Action: engine.Pass, Route: "a", Err: io.EOF}, Entry: Entry{Unknown: UnknownBody | UnknownHost}},
		{Err: &EntryError{}}, {Err: &SourceError{}},
	}
	var whole Summary
	for _, r := range results {
		whole.Add(r)
	}
	for cut := range len(results) + 1 {
		var first, second Summary
		for i, r := range results {
			if i < cut {
				first.Add(r)
			} else {
				second.Add(r)
			}
		}
		second.Merge(first)
		require.Equal(t, whole, second)
	}
}
