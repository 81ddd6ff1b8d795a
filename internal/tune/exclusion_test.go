package tune

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/engine/seclang"
	"tabard/internal/replay"
	"tabard/rules"
)

func TestADirectiveIsForOnePathAndOneParameter(t *testing.T) {
	for name, c := range map[string]struct {
		exclusion Exclusion
		want      string
	}{
		"a plain path": {Exclusion{942100, "/search", "ARGS:q"},
			"SecRule REQUEST_FILENAME \"@streq /search\" \\\n    \"id:7,phase:1,pass,nolog,t:none,ctl:ruleRemoveTargetById=942100;ARGS:q\"\n"},
		"a path with an id": {Exclusion{1, "/users/{id}/a.b", "REQUEST_BODY"},
			"SecRule REQUEST_FILENAME \"@rx ^/users/[^/]+/a\\.b$\" \\\n    \"id:7,phase:1,pass,nolog,t:none,ctl:ruleRemoveTargetById=1;REQUEST_BODY\"\n"},
		"a deep path": {Exclusion{1, "/a/...", ""},
			"SecRule REQUEST_FILENAME \"@rx ^/a/.+$\" \\\n    \"id:7,phase:1,pass,nolog,t:none,ctl:ruleRemoveById=1\"\n"},
		"an index of a JSON array": {Exclusion{1, "/", "ARGS:json.items.*.name"},
			"SecRule REQUEST_FILENAME \"@streq /\" \\\n    \"id:7,phase:1,pass,nolog,t:none,ctl:ruleRemoveTargetById=1;ARGS:/^json\\.items\\.\\d+\\.name$/\"\n"},
		"what could end the text is written by its number": {Exclusion{1, "/a\"%{ARGS.x}\\\n é", ""},
			"SecRule REQUEST_FILENAME \"@rx ^/a\\x22\\x25\\x7bARGS\\.x\\x7d\\x5c\\x0a\\x20[^/]*[^/]*$\" \\\n    \"id:7,phase:1,pass,nolog,t:none,ctl:ruleRemoveById=1\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, c.exclusion.Directive(7))
			policy := with(engine.Policy{}, 7, []Exclusion{c.exclusion})
			_, err := engine.New(policy, rules.FS(), engine.WithLateScreener())
			require.NoError(t, err)
		})
	}
}

func FuzzAPathWritesNoRule(f *testing.F) {
	for _, path := range []string{"/a", "/a\" \"id:1,phase:1,deny\"\nSecRuleEngine Off\n", "/\\", "/%{TX.x}", "/é\xff/{id}/...", "/7/x'y"} {
		f.Add(path, "q'\"")
	}
	f.Fuzz(func(t *testing.T, path, key string) {
		r := engine.Record{Target: path}
		e := exclusionOf(r, engine.RecordMatch{ID: 920100, Target: "ARGS:" + key})
		text := e.Directive(7)
		directives, err := seclang.Load(rules.FS(), []seclang.Source{{Name: "x", Text: text}})
		require.NoError(t, err)
		require.Len(t, directives, 1, "%q", text)
		table, errs := seclang.Parse(directives, seclang.Known{Files: rules.FS()})
		require.Empty(t, errs, "%q", text)
		require.NotNil(t, table)
		require.Equal(t, 2, strings.Count(text, "\n"))
	})
}

func TestATargetThatSecLangCannotNameIsNotNarrow(t *testing.T) {
	for target, want := range map[string]bool{
		"ARGS:q": true, "ARGS:a[b]": true, "ARGS:json.a.*.b": true, "REQUEST_BODY": true, "REQUEST_HEADERS:User-Agent": true,
		"": false, "TX:0": false, "MATCHED_VAR": false, "ARGS:a'b": false, "ARGS:a,b": false, "ARGS:a b": false, "ARGS:a;b": false, "ARGS:/a/": false, "ARGS:\"": false,
	} {
		require.Equal(t, want, narrowTarget(target), "%q", target)
	}
}

// form is a request with a form in query and body.
func form(query, body string, headers ...[2]string) replay.Entry {
	return replay.Entry{Request: engine.Request{Method: "POST", Target: "/x?" + query, Headers: headers}, Body: []byte(body)}
}

func TestThePayloadOfAMatchIsFoundWhereItWasSent(t *testing.T) {
	e := form("a=1%27&b=2", "c=3+4&d%5B%5D=5", [2]string{"Cookie", "s=6; t=7%20"}, [2]string{"X-A", "8 9"})
	for target, want := range map[string]string{
		"ARGS:a": "1%27", "ARGS_GET:b": "2", "ARGS:c": "3+4", "ARGS_POST:d[]": "5", "REQUEST_COOKIES:t": "7%20", "REQUEST_HEADERS:X-A": "8+9",
	} {
		got, ok := payloadOf(e, target)
		require.True(t, ok, target)
		require.Equal(t, want, got, target)
	}
	for _, target := range []string{"ARGS:z", "REQUEST_BODY", "ARGS_NAMES:a", "REQUEST_COOKIES:u", "REQUEST_HEADERS:X-B", ""} {
		_, ok := payloadOf(e, target)
		require.False(t, ok, target)
	}
}

func TestAPayloadIsPutWhereARuleNoLongerLooks(t *testing.T) {
	for parameter, check := range map[string]func(replay.Entry){
		"ARGS:q[]":               func(e replay.Entry) { require.Equal(t, "/p?q%5B%5D=1%27", e.Request.Target) },
		"REQUEST_COOKIES:s":      func(e replay.Entry) { require.Equal(t, "s=1%27", e.Request.Headers.Get("Cookie")) },
		"REQUEST_HEADERS:Host":   func(e replay.Entry) { require.Equal(t, "1'", e.Request.Headers.Get("Host")) },
		"REQUEST_HEADERS:X-New":  func(e replay.Entry) { require.Equal(t, "1'", e.Request.Headers.Get("X-New")) },
		"ARGS:json.items.*.name": func(e replay.Entry) { require.JSONEq(t, `{"items":[{"name":"1'"}]}`, string(e.Body)) },
		"ARGS:json.2":            func(e replay.Entry) { require.JSONEq(t, `[null,null,"1'"]`, string(e.Body)) },
	} {
		e, ok := put(replay.Entry{ID: "t"}, "/p", parameter, "1%27")
		require.True(t, ok, parameter)
		check(e)
	}
	for _, parameter := range []string{"REQUEST_BODY", "FILES:a", ""} {
		_, ok := put(replay.Entry{}, "/p", parameter, "x")
		require.False(t, ok, parameter)
	}
}

func TestAnAttackIsAimedAtThePathAndTheParameter(t *testing.T) {
	attack := form("a=1%27", "")
	out := aimed(attack, "/there", "ARGS:q", []engine.RecordMatch{{ID: 1, Target: "ARGS:b"}, {ID: 942100, Target: "ARGS:a"}}, 942100)
	require.Len(t, out, 2)
	require.Equal(t, "/there?a=1%27", out[0].Request.Target)
	require.Equal(t, "/there?q=1%27", out[1].Request.Target)
	require.Len(t, aimed(attack, "/there", "ARGS:q", []engine.RecordMatch{{ID: 942100, Target: "REQUEST_BODY"}}, 942100), 1, "a payload that is nowhere is not moved")
}
