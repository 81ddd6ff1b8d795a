package explain_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/internal/curl"
	"tabard/internal/explain"
	"tabard/internal/replay"
)

// own has one rule for each way not to match.
const own = `SecRule REQUEST_HEADERS:Host "@streq h" "id:1,phase:1,deny,log,chain,msg:'a chain'"
SecRule REQUEST_HEADERS:x-token "@rx ^[a-f]+$"
SecRule ARGS:q "@rx (?i)union\s+select" "id:2,phase:1,pass,log,t:none,t:urlDecodeUni,t:compressWhitespace,msg:'a pattern'"
SecRule ARGS:nothere "@rx x" "id:3,phase:1,pass,log,msg:'no value'"
SecRule ARGS "@unconditionalMatch" "id:4,phase:1,pass,nolog,ctl:ruleRemoveById=5"
SecRule ARGS "@rx x" "id:5,phase:1,pass,log,msg:'removed'"
SecAction "id:6,phase:1,pass,nolog,skipAfter:END"
SecRule ARGS "@rx x" "id:7,phase:1,pass,log,msg:'jumped over'"
SecMarker END
SecRule ARGS:q "@contains un" "id:8,phase:1,deny,status:403,log,severity:NOTICE,msg:'it blocks'"
SecRule ARGS "@rx x" "id:9,phase:2,pass,log,msg:'too late'"
SecRule RESPONSE_BODY "@rx x" "id:10,phase:4,pass,log,msg:'no response'"`

func ownExplanation(t *testing.T) explain.Explanation {
	no := false
	e := explainer(t, engine.Policy{CRS: engine.CRS{Enabled: &no}, Directives: []engine.Directives{{Inline: own}}})
	command, err := curl.Parse(`curl 'http://h/?q=1%20Union%2520ALL' -H 'X-Token: abcX'`)
	require.NoError(t, err)
	entry := replay.FromCurl(command)
	return explained(e, entry)
}

func TestWhyEachRuleDidOrDidNotMatch(t *testing.T) {
	x := ownExplanation(t)
	var all []string
	for id := range 10 {
		lines, err := x.Why(id + 1)
		require.NoError(t, err)
		all = append(all, strings.Join(lines, "\n"))
	}
	golden(t, filepath.Join("testdata", "why.golden"), strings.Join(all, "\n\n")+"\n")
}

func TestWhyOfNoRule(t *testing.T) {
	_, err := ownExplanation(t).Why(12)
	require.EqualError(t, err, `no rule has the id 12, did you mean "1"?`)
	_, err = ownExplanation(t).Why(4711)
	require.EqualError(t, err, "no rule has the id 4711")
}

func TestNearMissesComeNearestFirst(t *testing.T) {
	x := ownExplanation(t)
	golden(t, filepath.Join("testdata", "near.golden"), x.Text()+"\nnearly matched:\n\n"+strings.Join(x.Near(), "\n")+"\n")
}

func TestNearMissesOfCRS(t *testing.T) {
	e := defaultExplainer(t)
	var all []string
	for _, entry := range attacks(t) {
		if x := explained(e, entry); x.Verdict.Action == engine.Pass {
			all = append(all, entry.Request.Method+" "+entry.Request.Target, string(entry.Body), strings.Join(x.Near(), "\n"), "")
		}
	}
	golden(t, filepath.Join("testdata", "near-crs.golden"), strings.Join(all, "\n"))
}

func TestTheDocumentForPrograms(t *testing.T) {
	x := ownExplanation(t)
	for name, id := range map[string]int{"document.golden.json": 0, "document-2.golden.json": 2, "document-7.golden.json": 7} {
		text, err := json.MarshalIndent(x.Document(id), "", "  ")
		require.NoError(t, err)
		golden(t, filepath.Join("testdata", name), string(text)+"\n")
	}
}

func TestEachReasonOfTheFastPathHasASentence(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "engine", "screen", "reason.go"))
	require.NoError(t, err)
	list := string(text)[strings.Index(string(text), "reasonTexts"):]
	words := strings.Split(list[:strings.Index(list, "\n}")], `"`)
	require.Greater(t, len(words), 20)
	for i := 1; i < len(words); i += 2 {
		if words[i] != "hit" && words[i] != "executed" { // then there is no reason
			require.Contains(t, explain.Reasons(), words[i])
		}
	}
}

func TestAPolicyThatDoesNotLoadIsNotExplained(t *testing.T) {
	_, err := explain.New(engine.Policy{Directives: []engine.Directives{{Inline: "SecRul x"}}}, os.DirFS("."))
	require.Error(t, err)
}

func TestTheFastPathsPartIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		policy engine.Policy
		want   string
	}{
		"off":         {engine.Policy{Screen: engine.ScreenOff}, "the policy or its rules leave no fast path, so Coraza judges every request"},
		"by learning": {engine.Policy{CRS: engine.CRS{ParanoiaLevel: 2}}, "answers from the second such request on; Coraza judged the first"},
	} {
		t.Run(name, func(t *testing.T) {
			command, err := curl.Parse("curl http://shop.example/ -A Mozilla/5.0")
			require.NoError(t, err)
			entry := replay.FromCurl(command)
			e := explainer(t, c.policy)
			require.Equal(t, c.want, explained(e, entry).FastPath.Text)
			if c.policy.Screen != engine.ScreenOff {
				require.Equal(t, "answers at once: its compiled rules know that none of them matches", explained(e, entry).FastPath.Text)
			}
		})
	}
}
