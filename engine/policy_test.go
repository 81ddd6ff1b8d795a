package engine_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/rules"
)

func TestParsePolicy(t *testing.T) {
	t.Run("an empty document is the default policy", func(t *testing.T) {
		p, err := engine.ParsePolicy("p.yaml", nil)
		require.NoError(t, err)
		_, err = engine.New(p, rules.FS())
		require.NoError(t, err)
	})
	t.Run("JSON is read as YAML", func(t *testing.T) {
		p, err := engine.ParsePolicy("p.json", []byte(`{"mode": "detect", "crs": {"paranoia_level": 2.0}, "routes": [{"name": "a", "hosts": ["x.test"]}]}`))
		require.NoError(t, err)
		require.Equal(t, engine.ModeDetect, p.Mode)
		require.Equal(t, 2, p.CRS.ParanoiaLevel)
		require.Equal(t, []string{"x.test"}, p.Routes[0].Hosts)
	})
}

// TestWrongPolicies: every mistake has a place and says what would work.
func TestWrongPolicies(t *testing.T) {
	for _, tc := range []struct{ name, policy, want string }{
		{"an unknown key", "mode: block\nmodes: x\n", `p.yaml:2:1: unknown key "modes", did you mean "mode"?`},
		{"an unknown key in a route", "routes:\n  - name: a\n    hots: [x]\n", `p.yaml:3:5: unknown key "hots" in routes[0], did you mean "hosts"?`},
		{"a key that belongs deeper", "paranoia_level: 2\n", `p.yaml:1:1: unknown key "paranoia_level", it belongs under crs`},
		{"a rule with an id of CRS", "directives:\n  - inline: 'SecAction \"id:942100,phase:1,pass\"'\n", `p.yaml:2:13: the id 942100 is taken by the rule at @owasp_crs/REQUEST-942-APPLICATION-ATTACK-SQLI.conf:12:1, use one below 100000`},
		{"two rules with one id", "directives:\n  - inline: |\n      SecAction \"id:9,phase:1,pass\"\n      SecAction \"id:9,phase:1,pass\"\n", `p.yaml:4:7: the id 9 is taken by the rule at p.yaml:3:7, use one below 100000`},
		{"a key given twice", "mode: block\nmode: block\n", `p.yaml:2:1: key "mode" is given twice`},
		{"a word where a number belongs", "crs:\n  paranoia_level: high\n", `p.yaml:2:19: crs.paranoia_level must be a whole number, not the text "high"`},
		{"a number where a word belongs", "redact: [12]\n", `p.yaml:1:10: redact[0] must be text, not the number 12, put it in quotes`},
		{"a mapping where a list belongs", "routes: {name: a}\n", `p.yaml:1:9: routes must be a list, not a mapping`},
		{"a list at the top", "- mode\n", `p.yaml:1:1: a policy must be a mapping, not a list`},
		{"a key without a value", "mode:\n", `p.yaml:1:6: mode has no value, give it one or leave the key out`},
		{"an alias", "redact: &a [x]\nroutes: *a\n", `p.yaml:2:9: aliases are not allowed in a policy, write the value out`},
		{"broken YAML", "mode: [\n", `p.yaml:1:1: not YAML or JSON: did not find expected node content`},
		{"a mode that does not exist", "mode: blok\n", `p.yaml:1:7: mode cannot be "blok", use block or detect`},
		{"a paranoia level that does not exist", "crs: {paranoia_level: 5}\n", `p.yaml:1:23: crs.paranoia_level must be between 1 and 4`},
		{"a detection level below the blocking level", "crs: {paranoia_level: 3, detection_paranoia_level: 2}\n", `p.yaml:1:52: crs.detection_paranoia_level must not be below crs.paranoia_level, 3`},
		{"an exclusion of an unknown rule", "crs:\n  exclusions:\n    - rule: 94210\n", `p.yaml:3:13: no rule has the id 94210, did you mean 942100?`},
		{"an exclusion of an unknown tag", "crs:\n  exclusions:\n    - tag: attack-sqly\n", `p.yaml:3:12: no rule has the tag "attack-sqly", did you mean "attack-sqli"?`},
		{"an exclusion of nothing", "crs:\n  exclusions:\n    - targets: [ARGS:q]\n", `p.yaml:3:7: crs.exclusions[0] must have one of rule and tag`},
		{"an exclusion of no target", "crs:\n  exclusions:\n    - rule: 942100\n      targets: ['ARGS q']\n", `p.yaml:4:17: crs.exclusions[0].targets[0] is not a target: "ARGS q", write it as ARGS:name`},
		{"an unknown action in an inline rule", "directives:\n  - inline: |\n      SecRule ARGS \"@rx a\" \\\n        \"id:1,phase:2,pas\"\n", `p.yaml:4:23: unknown action "pas", did you mean "pass"?`},
		{"an Include that matches nothing", "directives:\n  - file: own/*.conf\n", `p.yaml:2:11: Include "own/*.conf" matches no file`},
		{"a bad address", "ip:\n  block: [10.0.0.0/33]\n", `p.yaml:2:11: ip.block[0] is wrong: "10.0.0.0/33" is no address and no CIDR prefix, such as 203.0.113.7, 198.51.100.0/24 or 2001:db8::/32`},
		{"a host with a port", "routes:\n  - {name: a, hosts: ['x.test:80']}\n", `p.yaml:2:23: routes[0].hosts[0] is not a host: "x.test:80", write it as api.example.com or *.example.com, without a port`},
		{"a path template that is none", "routes:\n  - {name: a, path: '/x/{id'}\n", `p.yaml:2:21: routes[0].path is not a path template: "/x/{id", write it as /orders/{id}`},
		{"two routes of one name", "routes:\n  - {name: a, path: /x}\n  - {name: a, path: /y}\n", `p.yaml:3:12: routes[1].name is used twice: "a"`},
		{"a route behind one that takes everything", "routes:\n  - {name: a}\n  - {name: b, path: /y}\n", `p.yaml:2:5: routes[0] matches every request, so no later route can, move it to the end`},
		{"an unknown placeholder", "block_response: {body: 'x {{id}}'}\n", `p.yaml:1:24: block_response.body has an unknown placeholder "{{id}}", use {{transaction_id}} or {{status}}`},
		{"a media type that is none", "content_types: [json]\n", `p.yaml:1:17: content_types[0] is not a media type pattern: "json", write it as application/json, application/*+json or text/*`},
		{"a limit over what a VM can hold", "request_body: {limit_bytes: 999999999}\n", `p.yaml:1:29: request_body.limit_bytes must be between 1 and 67108864`},
		{"more trusted hops than anybody has", "client_address: {trusted_hops: 99}\n", `p.yaml:1:32: client_address.trusted_hops must be between 0 and 16`},
		{"a mode behind the policy's back", "directives:\n  - inline: |\n      # mine\n      secRuleEngine Off\n", `p.yaml:4:7: secRuleEngine is for the policy to set, write mode: block or mode: detect in the policy`},
		{"an audit log with all secrets", "directives: [{inline: SecAuditEngine On}]\n", `p.yaml:1:23: SecAuditEngine is for the policy to set, remove it: the engine writes audit lines of its own, without secrets`},
		{"a regular expression that does not compile", "directives:\n  - inline: 'SecRule ARGS \"@rx (\" \"id:1,phase:2,pass\"'\n", `p.yaml:2:13: operator @rx: bad regular expression: missing closing )`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := engine.ParsePolicy("p.yaml", []byte(tc.policy))
			if err == nil {
				_, err = engine.New(p, rules.FS())
			}
			require.EqualError(t, err, tc.want)
		})
	}
}

func TestNewNamesThePlaceInAFile(t *testing.T) {
	files := fstest.MapFS{
		"own/a.conf":  {Data: []byte("# mine\nSecRule ARGS \"@rx x\" \\\n    \"id:1,phase:2,log,deny,t:lowrcase\"\n")},
		"limit.conf":  {Data: []byte("# mine\nSecRequestBodyLimit 10\n")},
		"bad/ip.list": {Data: []byte("192.0.2.1\n# comment\n300.1.1.1\n")},
	}
	for _, tc := range []struct{ name, policy, want string }{
		{"a limit behind the policy's back", "directives: [{file: limit.conf}]", "limit.conf:2:1: SecRequestBodyLimit is for the policy to set, write request_body: {limit_bytes: ...} in the policy"},
		{"an unknown transformation", "directives: [{file: own/*.conf}]", `own/a.conf:3:30: unknown transformation "lowrcase", did you mean "lowercase"?`},
		{"a line of an address set that is no address", "ip: {block_files: [bad/ip.list]}", "bad/ip.list:3:1: "},
		{"an address set that is not there", "ip: {block_files: [nowhere.list]}", `address set "nowhere.list"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := engine.ParsePolicy("p.yaml", []byte(tc.policy))
			require.NoError(t, err)
			_, err = engine.New(p, rules.Overlay(files))
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestAPolicyWithTooManyRuleSetsIsRefused(t *testing.T) {
	var b strings.Builder
	b.WriteString("crs: {enabled: false}\nroutes:\n")
	for i := range 40 {
		name := string(rune('a'+i/10)) + string(rune('0'+i%10))
		b.WriteString("  - {name: " + name + ", path: /" + name + ", request_body: {limit_bytes: 1" + name[1:] + string(rune('0'+i/10)) + "}}\n")
	}
	p, err := engine.ParsePolicy("p.yaml", []byte(b.String()))
	require.NoError(t, err)
	_, err = engine.New(p, rules.FS())
	require.ErrorContains(t, err, "need more than 32 different rule sets")
}
