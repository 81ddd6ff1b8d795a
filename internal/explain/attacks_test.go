package explain_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/internal/explain"
	"tabard/internal/replay"
	"tabard/rules"
)

// attacks are the entries of testdata/attacks.ndjson.
func attacks(t *testing.T) []replay.Entry {
	f, err := os.Open("testdata/attacks.ndjson")
	require.NoError(t, err)
	defer f.Close()
	r, err := replay.NewReader(f, "attacks.ndjson", replay.Options{})
	require.NoError(t, err)
	var out []replay.Entry
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		e, err := record.Entry()
		require.NoError(t, err)
		out = append(out, e)
	}
}

// builtIn explains under the default policy; compiling it takes longest.
var builtIn = sync.OnceValues(func() (*explain.Explainer, error) { return explain.New(engine.Policy{}, rules.FS()) })

// defaultExplainer is the one that the tests share.
func defaultExplainer(t *testing.T) *explain.Explainer {
	e, err := builtIn()
	require.NoError(t, err)
	return e
}

func explainer(t *testing.T, policy engine.Policy) *explain.Explainer {
	e, err := explain.New(policy, rules.FS())
	require.NoError(t, err)
	return e
}

func explained(e *explain.Explainer, entry replay.Entry) explain.Explanation {
	return e.Explain(func(e *engine.Engine) *engine.Exchange { return replay.Play(e, entry) })
}

// What people read: UPDATE_GOLDEN=1 rewrites it, and then it is to be read.
func TestFiftyAttacksAreExplained(t *testing.T) {
	all, e := attacks(t), defaultExplainer(t)
	require.Len(t, all, 50)
	for _, entry := range all {
		t.Run(entry.ID, func(t *testing.T) {
			request := entry.Request.Method + " " + entry.Request.Target + "\n"
			if cookie := entry.Request.Headers.Get("cookie"); cookie != "" {
				request += "Cookie: " + cookie + "\n"
			}
			if len(entry.Body) > 0 {
				request += "\n" + string(entry.Body) + "\n"
			}
			got := request + "\n---\n" + explained(e, entry).Text()
			golden(t, filepath.Join("testdata", "attacks", entry.ID+".golden"), got)
		})
	}
}

func golden(t *testing.T, file, got string) {
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "UPDATE_GOLDEN=1 writes it")
	require.Equal(t, string(want), got)
}

func TestAnExplanationNamesEachRuleOfTheVerdict(t *testing.T) {
	e := defaultExplainer(t)
	for _, entry := range attacks(t) {
		x := explained(e, entry)
		text := x.Text()
		for _, m := range x.Verdict.Matches {
			require.Contains(t, text, m.Message, entry.ID)
		}
		score := 0
		for _, s := range x.Hits() {
			score += s.Score()
			for _, l := range s.Links {
				for _, test := range l.Tests {
					require.True(t, test.HasRaw, "%s: rule %d %s", entry.ID, s.Rule.ID, test.Name())
				}
			}
		}
		require.Equal(t, x.Verdict.Score, score, "%s: %s", entry.ID, strings.TrimSpace(text))
	}
}
