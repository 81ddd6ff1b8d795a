package tune

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/internal/ftw"
	"tabard/internal/ftw/crs"
	"tabard/internal/ftw/native"
	"tabard/internal/replay"
	"tabard/rules"
)

func compile(p engine.Policy, more ...engine.Option) (*engine.Engine, error) {
	return engine.New(p, rules.FS(), more...)
}

// someAttacks are those of a few rules' tests.
func someAttacks(t *testing.T, ids ...int) []Attack {
	t.Helper()
	suites, err := crs.Load()
	require.NoError(t, err)
	var chosen []ftw.Suite
	for _, s := range suites {
		for _, id := range ids {
			if s.RuleID == id {
				chosen = append(chosen, s)
			}
		}
	}
	return Attacks(chosen)
}

func run(t *testing.T, o Options, traffic string) *Result {
	t.Helper()
	tuner, err := New(o)
	require.NoError(t, err)
	reader, err := replay.NewReader(strings.NewReader(traffic), "in", replay.Options{})
	require.NoError(t, err)
	judge := tuner.Judge()
	require.NoError(t, replay.Run(t.Context(), reader.Next, []replay.Judge{judge, judge}, func(r replay.Result) error {
		require.NoError(t, r.Err)
		tuner.Add(r)
		return nil
	}, nil))
	result, err := tuner.Finish(t.Context())
	require.NoError(t, err)
	return result
}

// get is an NDJSON line of a harmless browser.
func get(id, label, path string) string {
	return fmt.Sprintf(`{"id":%q,"label":%q,"method":"GET","path":%q,"headers":[["Host","shop.example"],["User-Agent","x"],["Accept","*/*"],["Authorization","Bearer s3cr3t"]]}`+"\n", id, label, path)
}

// shop has two kinds of harmless requests that CRS blocks, one that needs two
// exclusions, one that no exclusion frees, an attack, and much that passes.
func shop() string {
	traffic := get("select", "benign", "/topics/17?text=union+select+from+the+menu") +
		get("select2", "benign", "/topics/18?text=union+select+from+the+cards") +
		get("script", "", "/wiki?body=%3Cscript%3Ealert(1)%3C/script%3E") +
		get("attack", "malicious", "/topics/19?other=1%27+or+%271%27%3D%271")
	for i := range 16 {
		traffic += get(fmt.Sprint("plain-", i), "benign", "/")
	}
	return traffic
}

func TestEachProposalDoesWhatItSays(t *testing.T) {
	policy := engine.Policy{}
	r := run(t, Options{Policy: policy, Compile: compile, Attacks: someAttacks(t, 942190, 942100, 941100), TargetShare: 0.06}, shop())
	require.Equal(t, Traffic{Harmless: 19, Unlabelled: 1, Blocked: 3, Left: 0, Attacks: 1, AttacksBlocked: 1}, r.Traffic)
	require.Positive(t, r.Tests.Blocked)
	require.NotEmpty(t, r.Proposals)
	for _, p := range r.Proposals {
		require.NotEmpty(t, p.Target, "rule %d on %s: nothing wider than a parameter was needed", p.Rule, p.Route)
		require.Positive(t, p.Frees)
		require.Contains(t, []string{"/topics/{id}", "/wiki"}, p.Route)
	}
	last := r.Proposals[len(r.Proposals)-1]
	require.Zero(t, last.BlockedAfter)
	require.Positive(t, r.Enough)
	require.LessOrEqual(t, r.Proposals[r.Enough-1].BlockedAfter, 1)
	require.Zero(t, r.Chosen.Traffic, "the attack on another parameter is still blocked")
	require.NotNil(t, r.Proposed)

	// The ready rules free what they say, in a policy that anybody may write.
	var text strings.Builder
	for _, p := range r.Proposals {
		text.WriteString(p.Directive)
	}
	policy.Directives = []engine.Directives{{Inline: text.String()}}
	tuned, err := compile(policy)
	require.NoError(t, err)
	reader, err := replay.NewReader(strings.NewReader(shop()), "in", replay.Options{})
	require.NoError(t, err)
	for {
		record, err := reader.Next()
		if err != nil {
			break
		}
		e, err := record.Entry()
		require.NoError(t, err)
		o := replay.Native{Engine: tuned}.Judge(t.Context(), e)
		require.Equal(t, e.Label == "malicious", o.Action == engine.Block, "%s: %v", e.ID, o.Rules)
	}
	twinsPass(t, tuned, r.Proposals)
}

// twinsPass plays the twins as tabard test does.
func twinsPass(t *testing.T, e *engine.Engine, proposals []Proposal) {
	t.Helper()
	for _, p := range proposals {
		text, err := ftw.FormatV2(p.Suite("twin" + ftw.Suffix))
		require.NoError(t, err)
		require.NotContains(t, string(text), "s3cr3t", "a test that is kept has no credentials")
		suite, err := ftw.Load("twin"+ftw.Suffix, text)
		require.NoError(t, err)
		require.NotEmpty(t, suite.Tests, "rule %d on %s", p.Rule, p.Route)
		for _, test := range suite.Tests {
			seen, err := native.Runner{Engine: e}.Play(t.Context(), test.Name, test.Stages[0].Input)
			require.NoError(t, err)
			require.Empty(t, ftw.Judge(test.Stages[0], seen), "%s\n%s", test.Description, text)
		}
	}
}

func TestWhatNoExclusionFreesIsCounted(t *testing.T) {
	policy := engine.Policy{Routes: []engine.Route{{Name: "admin", PathPrefix: "/admin"}}}
	r := run(t, Options{Policy: policy, Compile: compile, TargetShare: 0.01}, get("dots", "", "/a/../admin"))
	require.Equal(t, map[engine.Reason]int{engine.ReasonAmbiguousPath: 1}, r.Stuck)
	require.Equal(t, 1, r.Traffic.Left)
	require.Empty(t, r.Proposals)
	require.Equal(t, -1, r.Enough)
}

func TestTrafficWithinTheTargetNeedsNothing(t *testing.T) {
	r := run(t, Options{Policy: engine.Policy{}, Compile: compile, TargetShare: 0.01}, get("plain", "", "/"))
	require.Zero(t, r.Enough)
	require.Empty(t, r.Enoughs())
	require.Equal(t, 1, r.Traffic.Unlabelled)
}

func TestOfAScoreOnlyWhatIsOverTheThresholdMustGo(t *testing.T) {
	match := func(id int, severity string) engine.RecordMatch {
		return engine.RecordMatch{ID: id, Severity: severity, Target: "ARGS:" + fmt.Sprint(id)}
	}
	for name, c := range map[string]struct {
		score   int
		matches []engine.RecordMatch
		want    []int
	}{
		"one critical":                    {5, []engine.RecordMatch{match(1, "critical"), match(949110, "")}, []int{1}},
		"a warning may stay":              {8, []engine.RecordMatch{match(1, "warning"), match(2, "critical"), match(949110, "")}, []int{2}},
		"two criticals":                   {10, []engine.RecordMatch{match(1, "critical"), match(2, "critical"), match(949110, "")}, []int{2, 1}},
		"without a score everything goes": {0, []engine.RecordMatch{match(1, "warning"), match(2, "notice")}, []int{2, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			tuner := &Tuner{result: Result{Threshold: 5}}
			var got []int
			for _, e := range tuner.choose(engine.Record{Score: c.score, Rules: c.matches}, nil) {
				got = append(got, e.Rule)
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestWhatManyShareIsExcludedFirst(t *testing.T) {
	tuner := &Tuner{result: Result{Threshold: 5}}
	r := engine.Record{Score: 10, Target: "/", Rules: []engine.RecordMatch{
		{ID: 1, Severity: "critical", Target: "ARGS:a"}, {ID: 2, Severity: "critical", Target: "ARGS:b"}, {ID: 3, Severity: "critical", Target: "ARGS:c"}, {ID: 949110}}}
	r.Score = 9 // five of them are enough
	got := tuner.choose(r, map[Exclusion]int{{3, "/", "ARGS:c"}: 9})
	require.Equal(t, []Exclusion{{3, "/", "ARGS:c"}}, got)
}

func TestTheAdviceIsWithinTheTarget(t *testing.T) {
	settings := []Setting{{1, 5, 0.02, 0.7}, {1, 10, 0.005, 0.3}, {2, 5, 0.08, 0.9}}
	r := Result{Level: 1, Threshold: 5, Enough: 1, Traffic: Traffic{Harmless: 100}, Tests: Tests{Attacks: 100},
		Proposals: []Proposal{{BlockedAfter: 1}}, Chosen: Loss{Tests: 2}, Settings: settings}
	best := r.advice(0.01)
	require.Equal(t, 1, best.Exclusions)
	require.InDelta(t, 0.68, best.Caught, 1e-9)
	require.InDelta(t, 0.01, best.Blocked, 1e-9)
	r.Enough = -1
	require.Equal(t, &Advice{Setting: settings[1]}, r.advice(0.01), "without enough exclusions a higher threshold")
	require.Nil(t, r.advice(0.001))
}

func TestTuneStopsWithItsContext(t *testing.T) {
	tuner, err := New(Options{Policy: engine.Policy{}, Compile: compile, Attacks: someAttacks(t, 942100)})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = tuner.Finish(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestWhatPeopleReadIsGolden(t *testing.T) {
	r := &Result{
		Traffic: Traffic{Harmless: 1000, Unlabelled: 400, Blocked: 30, Left: 2, Attacks: 50, AttacksBlocked: 40, NotKept: 1}, Level: 1, Threshold: 5,
		Tests: Tests{Attacks: 3000, Blocked: 2000}, Enough: 1, Chosen: Loss{Tests: 1, Aimed: 2}, All: Loss{3, 4, 5}, Stuck: map[engine.Reason]int{engine.ReasonBodyLimit: 1},
		Proposals: []Proposal{
			{Exclusion: Exclusion{942100, "/search", "ARGS:q"}, Message: "SQL", Frees: 20, Alone: 19, BlockedAfter: 10, Lets: []string{"942100-1", "942100-2"},
				Directive: Exclusion{942100, "/search", "ARGS:q"}.Directive(90001), Example: Example{"a", "GET", "/search?q=\x1b[2J", "\u202e"}},
			{Exclusion: Exclusion{920420, "/log", ""}, Frees: 8, BlockedAfter: 2, Lets: []string{"1", "2", "3", "4", "5", "6"},
				Directive: Exclusion{920420, "/log", ""}.Directive(90002), Example: Example{"b", "POST", "/log", ""}},
		},
		Settings: []Setting{{1, 5, 0.03, 0.7}, {2, 5, 0.1, 0.9}}, Proposed: &Advice{Setting{1, 5, 0.01, 0.69}, 1},
	}
	for file, write := range map[string]func(*bytes.Buffer) error{
		"result.txt":      func(b *bytes.Buffer) error { return r.WriteText(b) },
		"result.json":     func(b *bytes.Buffer) error { return r.WriteJSON(b) },
		"exclusions.conf": func(b *bytes.Buffer) error { b.WriteString(r.Rules()); return nil },
	} {
		t.Run(file, func(t *testing.T) {
			var b bytes.Buffer
			require.NoError(t, write(&b))
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

// corpus is traffic that nobody here wrote. A clone does not have it.
const corpus = "../../../shared/corpus/requests.jsonl"

func TestTheHarmlessCorpusComesBelowOnePercentAtLittleCost(t *testing.T) {
	text, err := os.ReadFile(corpus)
	if err != nil {
		t.Skip("the development corpus is not beside the tree: ", err)
	}
	suites, err := crs.Load()
	require.NoError(t, err)
	r := run(t, Options{Policy: engine.Policy{}, Compile: compile, Attacks: Attacks(suites), TargetShare: 0.01}, string(text))
	var b bytes.Buffer
	require.NoError(t, r.WriteText(&b))
	t.Log(b.String())
	require.Positive(t, r.Enough)
	blocked := part(r.Proposals[r.Enough-1].BlockedAfter, r.Traffic.Harmless)
	require.Less(t, blocked, 0.01)
	require.Less(t, part(r.Chosen.Tests, r.Tests.Blocked), 0.005)
	require.Less(t, part(r.Chosen.Aimed, r.Tests.Blocked), 0.005)
	require.Less(t, part(r.All.Tests, r.Tests.Blocked), 0.005)
}
