package playground_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/internal/explain"
	"tabard/internal/playground"
)

func answer(t *testing.T, s *playground.Session, q playground.Question) playground.Answer {
	a, err := s.Answer(q)
	require.NoError(t, err)
	return a
}

// places are findings as file:line:col and message.
func places(found []playground.Finding) (out []string) {
	for _, f := range found {
		text, err := json.Marshal([]any{f.File, f.Line, f.Col, f.Message})
		if err != nil {
			panic(err)
		}
		out = append(out, string(text))
	}
	return out
}

func ids(rules []explain.RuleView) (out []int) {
	for _, r := range rules {
		out = append(out, r.ID)
	}
	return out
}

func TestEachExampleShowsWhatItsNameSays(t *testing.T) {
	want := map[string][]int{
		"SQL injection in JSON: is blocked":              {100830, 1001, 942100, 949110},
		"SQL injection in JSON: its harmless twin":       nil,
		"Log4Shell in a header: is blocked":              {944150, 949110},
		"Log4Shell in a header: its harmless twin":       nil,
		"A token that says alg: none: is blocked":        {100200},
		"A token that says alg: none: its harmless twin": nil,
		"A rule that stands alone: blocks":               {1001},
		"A rule that stands alone: its harmless twin":    nil,
		"Rules with mistakes: what check says":           nil,
	}
	var s playground.Session
	for _, e := range playground.Examples() {
		name := e.Group + ": " + e.Name
		t.Run(name, func(t *testing.T) {
			require.Contains(t, want, name)
			checked := answer(t, &s, playground.Question{Step: playground.StepCheck, Case: e.Case})
			a := answer(t, &s, playground.Question{Step: playground.StepExplain, Case: e.Case})
			if e.Group == "Rules with mistakes" {
				require.Equal(t, []string{
					`["rules.conf",3,27,"unknown action \"stats\""]`,
					`["rules.conf",5,39,"operator @rx: bad regular expression: missing closing ] at \"[a-z{3}$\""]`,
					`["rules.conf",8,31,"@ipMatch leaves out \"10.0.0.0/33\", which is no address and no network"]`,
				}, places(checked.Findings))
				require.Nil(t, a.View)
				require.Len(t, a.Findings, 1, "what the engine stumbles over is told as well")
				return
			}
			require.Empty(t, checked.Findings)
			require.Equal(t, want[name], ids(a.View.Rules))
			require.Equal(t, len(want[name]) > 0, a.View.Action == "block", a.View.Headline)
		})
	}
}

// first is the case of the first example.
func first() playground.Case { return playground.Examples()[0].Case }

func TestAFindingHasItsLineAndACaret(t *testing.T) {
	var s playground.Session
	c := first()
	c.Rules = "SecRule ARGS \"@rx a\" \"id:1,phase:2,dney\"\n"
	a := answer(t, &s, playground.Question{Step: playground.StepCheck, Case: c})
	require.Equal(t, []playground.Finding{{
		File: "rules.conf", Line: 1, Col: 36, Level: "error", Check: "syntax", Message: `unknown action "dney"`, Hint: `did you mean "deny"?`,
		Snippet: "1 | SecRule ARGS \"@rx a\" \"id:1,phase:2,dney\"\n  |                                    ^^^^",
	}}, a.Findings)
}

func TestMistakesInThePolicyAndTheRequestHavePlaces(t *testing.T) {
	var s playground.Session
	for name, c := range map[string]struct{ rules, policy, request, want string }{
		"a key that no policy has":         {"", "modus: block\n", "GET / HTTP/1.1\nHost: h", `["policy.yaml",1,1,"unknown key \"modus\""]`},
		"a file that is not in the page":   {"", "directives: [{file: b.conf}]\n", "GET / HTTP/1.1\nHost: h", `["policy.yaml",1,21,"Include \"b.conf\" matches no file"]`},
		"no request line":                  {"", "mode: block\n", "Host: h", `["request",1,1,"this is no request line"]`},
		"no request at all":                {"", "mode: block\n", "", `["request",1,1,"this is no request line"]`},
		"a rule that includes what is not": {"Include other.conf\n", "mode: block\n", "GET / HTTP/1.1\nHost: h", `["rules.conf",1,9,"Include \"other.conf\" matches no file"]`},
	} {
		t.Run(name, func(t *testing.T) {
			a := answer(t, &s, playground.Question{Step: playground.StepExplain, Case: playground.Case{Rules: c.rules, Policy: c.policy, Request: c.request}})
			require.Nil(t, a.View)
			require.Equal(t, []string{c.want}, places(a.Findings))
		})
	}
}

func TestTextsThatAreTooLongAreRefusedInEachStep(t *testing.T) {
	var s playground.Session
	long := strings.Repeat("x", 256<<10+1)
	for _, step := range []playground.Step{playground.StepCheck, playground.StepExplain, playground.StepFastPath} {
		a := answer(t, &s, playground.Question{Step: step, Case: playground.Case{Rules: long, Policy: long, Request: long}})
		require.Equal(t, []string{
			`["rules.conf",0,0,"262145 bytes are more than the 262144 that a page takes"]`,
			`["policy.yaml",0,0,"262145 bytes are more than the 262144 that a page takes"]`,
			`["request",0,0,"262145 bytes are more than the 262144 that a page takes"]`,
		}, places(a.Findings))
	}
}

func TestWhyARuleDidNotMatch(t *testing.T) {
	var s playground.Session
	a := answer(t, &s, playground.Question{Step: playground.StepExplain, Case: first(), Rule: 942190})
	require.Equal(t, []int{942190}, ids(a.Why))
	require.Equal(t, "it did not match", a.Why[0].Note)
	require.NotEmpty(t, a.Near)
	require.Empty(t, a.View.FastPath, "the fast path is a step of its own")

	a = answer(t, &s, playground.Question{Step: playground.StepExplain, Case: first(), Rule: 942191})
	require.Contains(t, a.WhyNot, "no rule has the id 942191")
	a = answer(t, &s, playground.Question{Step: playground.StepFastPath, Case: first()})
	require.Equal(t, "answers: it runs the rules that match itself, without Coraza", a.FastPath)
}

func TestThePolicySaysWhereTheRulesGo(t *testing.T) {
	var s playground.Session
	c := first()
	c.Rules = "SecRuleRemoveById 942100\n"
	for policy, want := range map[string][]int{
		"profile: crs\n": {942100, 949110}, // before CRS there is nothing to remove
		"profile: crs\ndirectives: [{file: rules.conf, position: after_crs}]\n":                                         nil,
		"profile: crs\nroutes: [{name: o, path_prefix: /v1/, directives: [{file: rules.conf, position: after_crs}]}]\n": nil,
	} {
		c.Policy = policy
		a := answer(t, &s, playground.Question{Step: playground.StepExplain, Case: c})
		require.NotNil(t, a.View, "%v", a.Findings)
		require.Equal(t, want, ids(a.View.Rules), policy)
	}
}

func TestAQuestionInJSONGetsAnAnswerInJSON(t *testing.T) {
	var s playground.Session
	question, err := json.Marshal(playground.Question{Step: playground.StepCheck, Case: playground.Case{Rules: "SecRul x"}})
	require.NoError(t, err)
	text, err := s.AnswerJSON(question)
	require.NoError(t, err)
	require.Contains(t, string(text), `"file":"rules.conf","line":1,"col":1,"level":"error"`)

	_, err = s.AnswerJSON([]byte("{"))
	require.EqualError(t, err, "read the question: unexpected end of JSON input")
	_, err = s.AnswerJSON([]byte(`{"step":"guess"}`))
	require.EqualError(t, err, `unknown step "guess": use check, explain or fast_path`)
}

func TestASharedFileIsKnownByItsKey(t *testing.T) {
	text, err := json.Marshal(first())
	require.NoError(t, err)
	require.True(t, playground.IsCase(text))
	c, err := playground.ParseCase(text)
	require.NoError(t, err)
	require.Equal(t, first(), c)

	for text, want := range map[string]string{
		`{"log": {}}`:               "this is no file of the playground: it has no key tabard_playground",
		`{"tabard_playground": 2}`:  "the file is of version 2 of the playground, and this tabard reads 1",
		`{"tabard_playground": ""}`: "read a file of the playground: json: cannot unmarshal string into Go struct field Case.tabard_playground of type int",
		`rules`:                     "read a file of the playground: invalid character 'r' looking for beginning of value",
	} {
		_, err := playground.ParseCase([]byte(text))
		require.EqualError(t, err, want)
	}
	require.False(t, playground.IsCase([]byte(`{"log": {}}`)))
	require.False(t, playground.IsCase([]byte("rules")))
	require.True(t, playground.IsCase([]byte(`{"tabard_playground": 2}`)), "so that the version is told")
}
