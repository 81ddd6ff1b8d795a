package compare

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

// verdict makes a record of a request; each rule is "942100 ARGS:q value".
func verdict(action engine.Action, status int, target string, rules ...string) engine.Record {
	r := engine.Record{TransactionID: "r-1", Verdict: action, Status: status, Method: "GET", Target: target}
	for _, text := range rules {
		var m engine.RecordMatch
		rest := ""
		fmt.Sscan(text, &m.ID, &m.Target)
		if words := strings.SplitN(text, " ", 3); len(words) == 3 {
			rest = words[2]
		}
		m.Value, m.Message = rest, "Rule "+fmt.Sprint(m.ID)
		r.Rules = append(r.Rules, m)
	}
	return r
}

func TestAChangedVerdictIsGroupedByWhatChangedIt(t *testing.T) {
	with := func(r engine.Record, change func(*engine.Record)) engine.Record { change(&r); return r }
	for name, c := range map[string]struct {
		before, after engine.Record
		want          []Key
	}{
		"the same verdict is no change": {
			verdict(engine.Block, 403, "/", "1 ARGS:a"), verdict(engine.Block, 403, "/", "1 ARGS:a"), nil},
		"the same verdict by another rule is no change": {
			verdict(engine.Block, 403, "/", "1 ARGS:a"), verdict(engine.Block, 403, "/", "2 ARGS:a"), nil},
		"a rule that came is the cause, the sum of the scores is not": {
			verdict(engine.Pass, 0, "/users/7?a=1"), verdict(engine.Block, 403, "/users/7?a=1", "942100 ARGS:a x", "949110 TX:score"),
			[]Key{{From: engine.Pass, To: engine.Block, Rule: 942100, Route: "/users/{id}", Parameter: "ARGS:a"}}},
		"each of two rules that came is a cause": {
			verdict(engine.Detect, 0, "/", "1 ARGS:a"), verdict(engine.Block, 403, "/", "1 ARGS:a", "2 ARGS:json.3.b", "3 REQUEST_BODY"),
			[]Key{{From: engine.Detect, To: engine.Block, Rule: 2, Route: "/", Parameter: "ARGS:json.*.b"},
				{From: engine.Detect, To: engine.Block, Rule: 3, Route: "/", Parameter: "REQUEST_BODY"}}},
		"a rule that went is the cause when none came": {
			verdict(engine.Block, 403, "/", "1 ARGS:a", "949110"), verdict(engine.Pass, 0, "/"),
			[]Key{{From: engine.Block, To: engine.Pass, Rule: 1, Route: "/", Parameter: "ARGS:a"}}},
		"the same rules mean other settings": {
			verdict(engine.Detect, 0, "/", "1 ARGS:a"), verdict(engine.Block, 403, "/", "1 ARGS:a", "949110"),
			[]Key{{From: engine.Detect, To: engine.Block, Cause: CauseSettings, Route: "/"}}},
		"another status is a change": {
			verdict(engine.Block, 403, "/", "1"), verdict(engine.Block, 451, "/", "1"),
			[]Key{{From: engine.Block, To: engine.Block, Cause: CauseSettings, Route: "/"}}},
		"a reason of the engine's own is the cause": {
			verdict(engine.Pass, 0, "/"), with(verdict(engine.Block, 413, "/"), func(r *engine.Record) { r.Reason = engine.ReasonBodyLimit }),
			[]Key{{From: engine.Pass, To: engine.Block, Cause: "body_limit", Route: "/"}}},
		"the policy's route names the endpoint": {
			verdict(engine.Pass, 0, "/users/7"), with(verdict(engine.Block, 403, "/users/7", "1"), func(r *engine.Record) { r.Route = "users" }),
			[]Key{{From: engine.Pass, To: engine.Block, Rule: 1, Route: "users"}}},
	} {
		t.Run(name, func(t *testing.T) {
			var d Diff
			require.Equal(t, c.want != nil, d.Add(c.before, c.after))
			var got []Key
			for _, g := range d.Groups() {
				got = append(got, g.Key)
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestTheSameVerdictByOtherRulesIsCounted(t *testing.T) {
	var d Diff
	d.Add(verdict(engine.Block, 403, "/", "1"), verdict(engine.Block, 403, "/", "1", "2"))
	d.Add(verdict(engine.Block, 403, "/", "1", "2"), verdict(engine.Block, 403, "/", "2", "1", "1"))
	require.Equal(t, 1, d.OtherRules)
	require.Zero(t, d.Changed)
}

func TestGroupsAreBounded(t *testing.T) {
	var d Diff
	for i := range maxGroups + 50 {
		d.Add(verdict(engine.Pass, 0, "/"), verdict(engine.Block, 403, fmt.Sprintf("/p%d-x", i), "1 ARGS:a"))
	}
	groups := d.Groups()
	require.Len(t, groups, maxGroups+1)
	var rest Group
	for _, g := range groups {
		if g.Cause == causeMore {
			rest = g
		}
		require.LessOrEqual(t, len(g.Examples), maxExamples)
	}
	require.Equal(t, 50, rest.Requests)
}

// sample has the changes of a pull request, and a client that tries to write
// into it.
func sample() *Diff {
	var d Diff
	for _, q := range []string{"a", "b", "c", "d"} {
		d.Add(verdict(engine.Pass, 0, "/search?q="+q), verdict(engine.Block, 403, "/search?q="+q, "942100 ARGS:q "+q, "949110"))
	}
	d.Add(verdict(engine.Block, 403, "/x", "920350 REQUEST_HEADERS:Host 192.0.2.1"), verdict(engine.Detect, 0, "/x"))
	d.Add(verdict(engine.Pass, 0, "/y"), verdict(engine.Block, 403, "/y|z?`@team`<b>\x1b[2J\u202e", "941100 ARGS:a|b <script>`` | @all"))
	d.Add(verdict(engine.Detect, 0, "/same", "1"), verdict(engine.Detect, 0, "/same", "2"))
	return &d
}

func TestWhatPeopleReadIsGolden(t *testing.T) {
	names := Names{Before: "main.yaml", After: "branch.yaml"}
	for file, write := range map[string]func(*Diff, *bytes.Buffer) error{
		"diff.txt":  func(d *Diff, b *bytes.Buffer) error { return d.WriteText(b, names) },
		"diff.md":   func(d *Diff, b *bytes.Buffer) error { return d.WriteMarkdown(b, names) },
		"diff.json": func(d *Diff, b *bytes.Buffer) error { return d.WriteJSON(b, names) },
		"none.md": func(_ *Diff, b *bytes.Buffer) error {
			d := Diff{Requests: 7}
			return d.WriteMarkdown(b, names)
		},
	} {
		t.Run(file, func(t *testing.T) {
			var b bytes.Buffer
			require.NoError(t, write(sample(), &b))
			require.NotContains(t, b.String(), "\x1b")
			path := filepath.Join("testdata", file)
			if os.Getenv("UPDATE_GOLDEN") == "1" {
				require.NoError(t, os.WriteFile(path, b.Bytes(), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), b.String())
		})
	}
}

func TestACommentOnAPullRequestIsNotTooLong(t *testing.T) {
	var d Diff
	long := strings.Repeat("|", 500)
	for i := range 2 * maxRows {
		d.Add(verdict(engine.Pass, 0, "/"), verdict(engine.Block, 403, fmt.Sprintf("/p%d%s", i, long), fmt.Sprintf("%d ARGS:%s %s", i+1, long, long)))
	}
	var b bytes.Buffer
	require.NoError(t, d.WriteMarkdown(&b, Names{}))
	require.Less(t, b.Len(), 1<<16)
	require.Contains(t, b.String(), "\n100 more groups are not shown.\n")
}

func TestACodeSpanHoldsWhateverIsInIt(t *testing.T) {
	require.Equal(t, "", code(""))
	require.Equal(t, "`a`", code("a"))
	require.Equal(t, "`` ` ``", code("`"))
	require.Equal(t, "```a``b```", code("a``b"))
	require.Equal(t, "`a\\|b`", code("a|b"))
	require.Equal(t, "`a\\nb`", code("a\nb"))
}
