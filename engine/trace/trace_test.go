package trace_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/engine/seclang"
	"tabard/engine/trace"
	"tabard/rules"
)

// play sends a request through an engine with some directives before CRS and
// gives the steps.
func play(t *testing.T, directives string, crs bool, r engine.Request, body string) ([]trace.Step, *trace.Trace, *seclang.Table) {
	policy := engine.Policy{Screen: engine.ScreenOff, CRS: engine.CRS{Enabled: &crs, ParanoiaLevel: 2}}
	if directives != "" {
		policy.Directives = []engine.Directives{{Inline: directives}}
	}
	recorder := trace.NewRecorder()
	e, err := engine.New(policy, rules.FS(), engine.WithWatcher(recorder))
	require.NoError(t, err)
	sets, err := engine.RuleSets(policy, rules.FS())
	require.NoError(t, err)
	table, errs := seclang.Parse(sets[0].Directives, sets[0].Known)
	require.Empty(t, errs)
	x := e.Begin(engine.Conn{ID: "one"})
	if x.RequestHeaders(r, body == ""); body != "" {
		x.RequestBody([]byte(body), true)
	}
	x.End()
	tr := recorder.Take("one")
	return tr.Steps(table, sets[0].Known.Files), tr, table
}

// get is a harmless request for a target.
func get(target string) engine.Request {
	return engine.Request{Method: "GET", Target: target, Protocol: "HTTP/1.1", Scheme: "http", Authority: "shop.example",
		Headers: engine.Headers{{"Host", "shop.example"}, {"User-Agent", "curl/8"}, {"Accept", "*/*"}, {"X-Odd", "A%41"}}}
}

// of gives the step of a rule.
func of(t *testing.T, steps []trace.Step, id int) trace.Step {
	for _, s := range steps {
		if s.Rule.ID == id {
			return s
		}
	}
	require.Fail(t, "the rule has not run")
	return trace.Step{}
}

func TestAMatchHasItsValueAfterEachTransformation(t *testing.T) {
	steps, _, _ := play(t, `SecRule ARGS|REQUEST_HEADERS:x-odd "@rx (?i)sel+ect" "id:7,phase:1,pass,log,t:none,t:urlDecodeUni,t:removeWhitespace,t:lowercase,setvar:tx.inbound_anomaly_score_pl1=+5,setvar:tx.other=%{MATCHED_VAR}"`,
		false, get("/?a=1&q=un+Sel%2565ct+1"), "")
	s := of(t, steps, 7)
	require.True(t, s.Fired)
	require.Equal(t, 1, s.Phase)
	require.Equal(t, 5, s.Score())
	require.Contains(t, s.Changes, trace.Change{Key: "other", After: "unselect1"})
	require.Len(t, s.Links[0].Tests, 3)
	var match, header trace.Test
	for _, test := range s.Links[0].Tests {
		if test.Matched {
			match = test
		}
		if test.Target.Variable == "REQUEST_HEADERS" {
			header = test
		}
	}
	require.Equal(t, "ARGS:q", match.Name())
	require.Equal(t, "un Sel%65ct 1", match.Raw)
	require.Equal(t, []trace.Stage{
		{Transformation: "urlDecodeUni", Value: "un Select 1", Changed: true},
		{Transformation: "removeWhitespace", Value: "unSelect1", Changed: true},
		{Transformation: "lowercase", Value: "unselect1", Changed: true},
	}, match.Stages)
	require.Equal(t, "select", match.Value[match.Part.From:match.Part.To])
	require.Equal(t, "A%41", header.Raw)
	require.Equal(t, "aa", header.Value)
	require.False(t, header.Matched)
}

func TestOutcomesAreTheStepsWithoutTheWayThere(t *testing.T) {
	steps, tr, table := play(t, "", true, get("/?a=1&q=%3Cscript%3E"), "")
	outcomes := tr.Outcomes(table)
	i := 0
	for _, s := range steps {
		for n, l := range s.Links {
			o := outcomes[i]
			require.Same(t, s.Rule, o.Rule)
			require.Equal(t, n, o.Link)
			require.Equal(t, l.Matched, o.Matched)
			require.Equal(t, s.Fired, o.Fired || n > 0 && s.Fired)
			var values []string
			for _, test := range l.Tests {
				if test.Matched {
					values = append(values, test.Value)
				}
			}
			require.Equal(t, values, o.Values, s.Rule.ID)
			i++
		}
	}
	require.Len(t, outcomes, i)
	require.Greater(t, i, 100)
}

func TestAChainStopsAtTheLinkThatDoesNotMatch(t *testing.T) {
	steps, _, _ := play(t, "SecRule REQUEST_METHOD \"@streq GET\" \"id:7,phase:1,deny,chain\"\nSecRule &ARGS \"@gt 1\" \"chain\"\nSecRule ARGS \"@streq x\"",
		false, get("/?q=1"), "")
	s := of(t, steps, 7)
	require.False(t, s.Fired)
	require.Len(t, s.Links, 2)
	require.True(t, s.Links[0].Matched)
	require.False(t, s.Links[1].Matched)
	require.Equal(t, "&ARGS", s.Links[1].Tests[0].Name())
	require.Equal(t, "1", s.Links[1].Tests[0].Raw)
}

func TestWithMultiMatchEachStageIsTried(t *testing.T) {
	steps, _, _ := play(t, `SecRule ARGS:q "@streq ab" "id:7,phase:1,pass,multiMatch,t:urlDecode,t:lowercase"`, false, get("/?q=A%2542"), "")
	var values []string
	for _, test := range of(t, steps, 7).Links[0].Tests {
		require.Equal(t, "A%42", test.Raw)
		values = append(values, test.Value)
	}
	require.Equal(t, []string{"A%42", "AB", "ab"}, values)
}

func TestWhyARuleDidNotRun(t *testing.T) {
	const directives = `SecRule ARGS:a "@streq 1" "id:1,phase:1,pass,nolog,ctl:ruleRemoveById=3"
SecAction "id:2,phase:1,pass,nolog,skipAfter:END"
SecRule ARGS "@rx x" "id:4,phase:1,pass"
SecMarker END
SecRule ARGS "@rx x" "id:3,phase:1,pass"
SecRule ARGS "@rx x" "id:5,phase:1,deny,status:403"
SecRule ARGS "@rx x" "id:6,phase:2,deny,status:403"`
	_, tr, table := play(t, directives, false, get("/?a=1&b=x"), "")
	for id, want := range map[int]trace.Absence{
		4: {Kind: trace.Jumped, By: 2, Marker: "END"},
		3: {Kind: trace.Removed, By: 1},
		6: {Kind: trace.TooLate, By: 5},
		9: {Kind: trace.Unknown},
		5: {},
	} {
		require.Equal(t, want, tr.Absence(id, table), "rule %d", id)
	}
}

// The events tell no raw value: it is found by transforming all values of the
// variable, which works as long as the transformations are Coraza's.
func TestEachValueOfCRSIsFoundAgain(t *testing.T) {
	r := get("/a/b?q=1%27%20OR%20%271%27%3D%271&" + strings.Repeat("p=%3Cscript%3E&", 3) + "u=%252e%252e%252fetc%252fpasswd")
	r.Method = "POST"
	r.Headers = append(r.Headers, [2]string{"Content-Type", "application/x-www-form-urlencoded"}, [2]string{"Cookie", "a=b; c=%2e%2e"})
	steps, _, _ := play(t, "", true, r, "x=1&y=%u0041%00+;cat+/etc/passwd")
	tests, lost := 0, 0
	for _, s := range steps {
		for _, l := range s.Links {
			for _, test := range l.Tests {
				tests++
				if !test.HasRaw {
					lost++
					t.Logf("rule %d %s %q after %v", s.Rule.ID, test.Name(), test.Value, l.Link.Transformations)
				}
			}
		}
	}
	t.Logf("%d rules, %d tests, %d values not found", len(steps), tests, lost)
	require.Greater(t, tests, 1000)
	require.Zero(t, lost)
}

// Each value is transformed once, however many there are: matching every try
// with every value would take minutes for this body.
func TestManyValuesAreFoundAgainInTheirOwnTime(t *testing.T) {
	r := get("/")
	r.Method = "POST"
	r.Headers = append(r.Headers, [2]string{"Content-Type", "application/x-www-form-urlencoded"})
	var body strings.Builder
	for i := range 900 {
		body.WriteString("k" + strconv.Itoa(i) + "=v%2541" + strconv.Itoa(i) + "&")
	}
	steps, _, _ := play(t, `SecRule ARGS "@rx ^va1$" "id:7,phase:2,pass,log,t:none,t:urlDecodeUni,t:lowercase"`, false, r, body.String())
	tests := of(t, steps, 7).Links[0].Tests
	require.Len(t, tests, 900)
	for _, test := range tests {
		require.True(t, test.HasRaw)
		require.Equal(t, strings.TrimPrefix(test.Key, "k"), strings.TrimPrefix(test.Raw, "v%41"))
	}
}
