package ftw_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	crstests "github.com/corazawaf/coraza-coreruleset/v4/tests"
	"github.com/stretchr/testify/require"

	"tabard/engine/seclang"
	"tabard/internal/ftw"
)

const v3 = `meta: {author: me, description: about it, tags: [a, b]}
rule_id: 100110
template:
  method: POST
  uri: /orders?x={{.Payload}}
  headers:
    - {name: Host, value: shop.example}
    - {name: X-Twice, value: 1}
    - {name: X-Twice, value: "<{{ .Payload }}>"}
  data: '{"a":"{{.Payload}}"}'
tests:
  - id: 1
    description: it matches
    payload: evil {{7*7}}
    output: {status: 403, isolated: true, log: {expect_ids: [100110]}}
  - payload: good
    tags: [todo]
    template: {uri: /other, autocomplete_headers: false}
    output:
      log:
        no_expect_ids: [100110, 942100]
`

func TestLoadV3ExpandsTemplates(t *testing.T) {
	s, err := ftw.Load("r/100110-x.test.yaml", []byte(v3))
	require.NoError(t, err)
	require.Equal(t, "r/100110-x.test.yaml", s.File)
	require.Equal(t, 100110, s.RuleID)
	require.Equal(t, "about it", s.Description)
	require.Equal(t, []string{"a", "b"}, s.Tags)
	require.Len(t, s.Tests, 2)

	one := s.Tests[0]
	require.Equal(t, "100110-1", one.Name)
	require.Equal(t, "it matches", one.Description)
	require.Equal(t, seclang.Position{File: s.File, Line: 12, Col: 5}, one.Pos)
	require.Len(t, one.Stages, 1)
	in := one.Stages[0].Input
	require.Equal(t, "POST", in.Method)
	require.Equal(t, "/orders?x=evil {{7*7}}", in.URI, "the payload itself is not expanded")
	require.Equal(t, `{"a":"evil {{7*7}}"}`, string(in.Data))
	require.Equal(t, []ftw.Header{{"Host", "shop.example"}, {"X-Twice", "1"}, {"X-Twice", "<evil {{7*7}}>"}}, in.Headers)
	require.Equal(t, "HTTP/1.1", in.Version)
	require.Equal(t, 403, one.Stages[0].Output.Status)
	require.Equal(t, []int{100110}, one.Stages[0].Output.ExpectIDs)
	require.True(t, one.Stages[0].Output.Isolated)

	two := s.Tests[1]
	require.Equal(t, "100110-2", two.Name, "a test without id is numbered by its place")
	require.Equal(t, []string{"todo"}, two.Tags)
	in = two.Stages[0].Input
	require.Equal(t, "/other", in.URI, "the test's template goes over the file's")
	require.Equal(t, "POST", in.Method, "what it leaves out stays")
	require.False(t, in.AutocompleteHeaders)
	require.Equal(t, []int{100110, 942100}, two.Stages[0].Output.NoExpectIDs)
}

func TestLoadV2(t *testing.T) {
	s, err := ftw.Load("920.yaml", []byte(`---
meta:
  author: "x"
rule_id: 920100
tests:
  - test_id: 7
    desc: two stages
    stages:
      - description: first
        input:
          dest_addr: "127.0.0.1"
          port: 8080
          method: "POST"
          headers: {Host: localhost, Content-Length: 4, Referer: , Content-Type: text/plain}
          uri: "/post"
          version: "HTTP/1.0"
          data: "a=b\n"
          stop_magic: true
        output:
          log_contains: id "1"
      - input:
          encoded_request: R0VUIC8gSFRUUC8x
            LjENCg0K
        output: {expect_error: true, retry_once: true}
  - stages:
      - input:
          uri: /reflect
          encoded_data: AP8=
          ordered_headers: [{name: B, value: 2}, {name: A, value: 1}]
          response: {status: 302, headers: {X: y}, encoded_body: AA==, log_message: hi}
        output: {log: {match_regex: a, no_match_regex: b}}
`))
	require.NoError(t, err)
	first := s.Tests[0].Stages[0]
	require.Equal(t, "920100-7", s.Tests[0].Name)
	require.Equal(t, "first", first.Description)
	require.Equal(t, []ftw.Header{{"Host", "localhost"}, {"Content-Length", "4"}, {"Referer", ""}, {"Content-Type", "text/plain"}}, first.Input.Headers, "in the order of the file")
	require.False(t, first.Input.AutocompleteHeaders)
	require.Equal(t, `id "1"`, first.Output.LogContains)
	second := s.Tests[0].Stages[1]
	require.Equal(t, "GET / HTTP/1.1\r\n\r\n", string(second.Input.EncodedRequest))
	require.True(t, second.Output.ExpectError)
	require.True(t, second.Output.RetryOnce)
	third := s.Tests[1].Stages[0]
	require.Equal(t, "920100-2", s.Tests[1].Name)
	require.Equal(t, []byte{0, 0xff}, third.Input.Data)
	require.Equal(t, []ftw.Header{{"B", "2"}, {"A", "1"}}, third.Input.Headers)
	require.Equal(t, &ftw.Response{Status: 302, Headers: []ftw.Header{{"X", "y"}}, Body: []byte{0}, LogMessage: "hi"}, third.Input.Response)
}

func TestLoadReadsAllOfCRS(t *testing.T) {
	files, tests, mistakes, notes := 0, 0, []string{}, []string{}
	require.NoError(t, fs.WalkDir(crstests.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		text, err := fs.ReadFile(crstests.FS, path)
		require.NoError(t, err)
		if _, err := ftw.Load(path, text); err != nil {
			mistakes = append(mistakes, err.Error())
		}
		s, err := ftw.LoadForeign(path, text)
		require.NoError(t, err)
		for _, note := range s.Notes {
			notes = append(notes, note.Error())
		}
		files, tests = files+1, tests+len(s.Tests)
		return nil
	}))
	require.Equal(t, 318, files)
	require.Equal(t, 4674, tests)
	// It lost its indentation.
	require.Equal(t, []string{`REQUEST-932-APPLICATION-ATTACK-RCE/932271.yaml:3:1: unknown key "author" in the file`}, mistakes)
	require.Equal(t, mistakes, notes, "what others wrote is read over")
}

func TestTemplatesHaveSprigsFunctions(t *testing.T) {
	s, err := ftw.Load("f.yaml", []byte(`rule_id: 1
template:
  uri: '/?q={{ .Payload | upper }}'
  headers: [{name: X, value: '{{ "ab" | repeat 2 }}{{ .Payload | b64enc }}'}]
tests:
- payload: abc
- stages:
  - input: {data: '{{ "1" | repeat 3 }}'}
    output: {}
  - input: {data: 'a={{7*7}}&b={{nofunction}}'}
    output: {}
`))
	require.NoError(t, err)
	in := s.Tests[0].Stages[0].Input
	require.Equal(t, "/?q=ABC", in.URI)
	require.Equal(t, "ababYWJj", in.Headers[0].Value)
	require.Equal(t, "111", string(s.Tests[1].Stages[0].Input.Data))
	require.Equal(t, "a={{7*7}}&b={{nofunction}}", string(s.Tests[1].Stages[1].Input.Data), "an attack on a template engine is data")
}

func TestLoadOfNothingIsNoTests(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n"} {
		s, err := ftw.Load("f.yaml", []byte(text))
		require.NoError(t, err)
		require.Equal(t, ftw.Suite{File: "f.yaml"}, s)
	}
}

func TestLoadSaysWhereAMistakeIs(t *testing.T) {
	const start = "meta: {}\nrule_id: 1\n"
	for name, row := range map[string]struct{ text, want string }{
		"YAML that does not parse":            {"meta: {}\nrule_id: [\n", "f.yaml:2:1: did not find expected node content"},
		"two documents":                       {start + "tests: []\n---\nmeta: {}\n", "f.yaml:4:1: more than one YAML document, put the tests of one rule under one tests key"},
		"a file that is a list":               {"- 1\n", "f.yaml:1:1: the file must be a mapping"},
		"a file without tests":                {start, "f.yaml:1:1: the file has no tests"},
		"tests that are no list":              {start + "tests: {}\n", "f.yaml:3:8: tests must be a list"},
		"a misspelt key":                      {start + "tests:\n- id: 1\n  stages:\n  - input: {}\n    output:\n      log: {no_expect_id: [1]}\n", `f.yaml:8:13: unknown key "no_expect_id" in log, did you mean "no_expect_ids"?`},
		"a key twice":                         {start + "rule_id: 2\ntests: []\n", `f.yaml:3:1: key "rule_id" is given twice in the file`},
		"an id that is no number":             {start + "tests:\n- id: one\n  stages: []\n", `f.yaml:4:7: must be a whole number, not "one"`},
		"a negative status":                   {start + "tests:\n- stages:\n  - input: {}\n    output: {status: -1}\n", `f.yaml:6:22: must be a whole number, not "-1"`},
		"ids that are no list":                {start + "tests:\n- stages:\n  - input: {}\n    output: {log: {expect_ids: 1}}\n", `f.yaml:6:32: ids must be a list`},
		"a truth value in quotes":             {start + "tests:\n- stages:\n  - input: {save_cookie: 'true'}\n    output: {}\n", `f.yaml:5:26: must be true or false`},
		"data that is a mapping":              {start + "tests:\n- stages:\n  - input:\n      data: {a: b}\n    output: {}\n", `f.yaml:6:13: must be text, not a list or a mapping`},
		"headers that are a list":             {start + "tests:\n- stages:\n  - input: {headers: [a]}\n    output: {}\n", `f.yaml:5:22: headers must be a mapping of names to values`},
		"a template's headers as a mapping":   {start + "template: {headers: {a: b}}\ntests: []\n", `f.yaml:3:21: headers must be a list`},
		"a header without a name":             {start + "template:\n  headers: [{value: b}]\ntests: []\n", `f.yaml:4:13: a header needs a name`},
		"base64 that is none":                 {start + "tests:\n- stages:\n  - input: {encoded_request: '*'}\n    output: {}\n", `f.yaml:5:30: must be base64: illegal base64 data at input byte 0`},
		"a stage without output":              {start + "tests:\n- stages:\n  - input: {}\n", `f.yaml:5:5: a stage needs input and output`},
		"stages and a payload":                {start + "tests:\n- payload: x\n  stages:\n  - input: {}\n    output: {}\n", `f.yaml:4:3: test 1-1 has stages and a payload, leave one of them out`},
		"neither stages nor a template":       {start + "tests:\n- payload: x\n", `f.yaml:4:3: test 1-1 has no stages, and there is no template for its payload`},
		"a template with an unknown function": {start + "template:\n  uri: '{{ .Payload | uper }}'\ntests:\n- payload: x\n", `f.yaml:6:3: test 1-1: uri of the template: text:1: function "uper" not defined`},
		"a template without an end":           {start + "template:\n  uri: '{{ .Payload'\ntests:\n- payload: x\n", `f.yaml:6:3: test 1-1: uri of the template: text:1: unclosed action`},
		"a regex that is none":                {start + "tests:\n- stages:\n  - input: {}\n    output: {log: {match_regex: '('}}\n", "f.yaml:6:33: error parsing regexp: missing closing ): `(`"},
		"a cookie to be kept":                 {start + "tests:\n- stages:\n  - input: {save_cookie: true}\n    output: {}\n", `f.yaml:5:26: not supported, write the cookie into the next stage`},
		"a template that asks for a payload":  {start + "template:\n  headers: [{name: A, value: '{{.Payload}}'}]\ntests:\n- id: 4\n", `f.yaml:6:3: test 1-4: header A of the template asks for a payload, and the test has none`},
		"a file that is no test at all":       {strings.Repeat("#", 9<<20), "f.yaml:1:1: file is longer than 8388608 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ftw.Load("f.yaml", []byte(row.text))
			require.EqualError(t, err, row.want)
		})
	}
}

func TestLoadAllStopsAtTheFirstError(t *testing.T) {
	files := fstest.MapFS{
		"a/1-x.test.yaml": {Data: []byte("rule_id: 1\ntests: []\n")},
		"a/suite.yaml":    {Data: []byte("no test")},
		"b/2-y.test.yaml": {Data: []byte("rule_id: 2\ntests: []\n")},
	}
	suites, err := ftw.LoadAll(files)
	require.NoError(t, err)
	require.Len(t, suites, 2)
	require.Equal(t, "b/2-y.test.yaml", suites[1].File)
	files["a/3.test.yaml"] = &fstest.MapFile{Data: []byte("x: 1")}
	_, err = ftw.LoadAll(files)
	require.EqualError(t, err, `a/3.test.yaml:1:1: unknown key "x" in the file`)
}
