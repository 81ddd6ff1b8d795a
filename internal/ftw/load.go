package ftw

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"tabard/engine/seclang"
)

// maxFileBytes is far above the longest file of the Core Rule Set, 0.3 MB.
const maxFileBytes = 8 << 20

// Suffix is how the names of files with tests end.
const Suffix = ".test.yaml"

// LoadAll reads every file below the root whose name ends in Suffix, sorted by
// path.
func LoadAll(files fs.FS) ([]Suite, error) {
	var out []Suite
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, Suffix) {
			return err
		}
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		suite, err := Load(path, text)
		out = append(out, suite)
		return err
	})
	return out, err
}

// Load reads one file; file is its name in errors. The error, a *seclang.Error,
// is the first mistake, and the Suite holds what could be read all the same. A
// file that is empty or holds comments only, of which CRS has one, is a Suite
// without tests.
func Load(file string, text []byte) (Suite, error) { return load(&reader{file: file}, text) }

// LoadForeign is Load for files that others keep: an unknown key is no error
// but one of Suite.Notes, since go-ftw reads over it.
func LoadForeign(file string, text []byte) (Suite, error) {
	r := &reader{file: file, foreign: true}
	s, err := load(r, text)
	s.Notes = r.notes
	return s, err
}

func load(r *reader, text []byte) (Suite, error) {
	root, err := parse(r.file, text)
	if err != nil || root == nil {
		return Suite{File: r.file}, err
	}
	s := r.suite(root)
	s.File = r.file
	return s, r.err
}

// parse gives the root node of the only document, nil when there is none.
func parse(file string, text []byte) (*yaml.Node, error) {
	start := seclang.Position{File: file, Line: 1, Col: 1}
	if len(text) > maxFileBytes {
		return nil, &seclang.Error{Pos: start, Msg: "file is longer than " + strconv.Itoa(maxFileBytes) + " bytes"}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, more yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, syntaxError(file, err)
	}
	switch err := decoder.Decode(&more); {
	case err == nil:
		return nil, &seclang.Error{Pos: seclang.Position{File: file, Line: more.Line, Col: more.Column}, Msg: "more than one YAML document", Hint: "put the tests of one rule under one tests key"}
	case !errors.Is(err, io.EOF):
		return nil, syntaxError(file, err)
	}
	return document.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// syntaxError gives the parser's error a place; it knows the line only.
func syntaxError(file string, err error) error {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		return &seclang.Error{Pos: seclang.Position{File: file, Line: 1, Col: 1}, Msg: err.Error()}
	}
	line, _ := strconv.Atoi(m[1])
	return &seclang.Error{Pos: seclang.Position{File: file, Line: max(line, 1), Col: 1}, Msg: m[2]}
}

func (r *reader) suite(n *yaml.Node) (s Suite) {
	var file Template
	var tests *yaml.Node
	r.object(n, "the file", fields{
		"meta": func(n *yaml.Node) {
			ignored := func(*yaml.Node) {}
			r.object(n, "meta", fields{
				"author": ignored, "name": ignored, "version": ignored, "enabled": ignored,
				"description": into(&s.Description, r.text),
				"tags":        into(&s.Tags, r.texts),
			})
		},
		"rule_id":  into(&s.RuleID, r.number),
		"template": into(&file, r.template),
		"tests":    func(n *yaml.Node) { tests = n },
	})
	if tests == nil {
		r.fail(n, "the file has no tests", "")
		return s
	}
	r.list(tests, "tests", func(n *yaml.Node) {
		s.Tests = append(s.Tests, r.test(n, s.RuleID, len(s.Tests)+1, file))
	})
	return s
}

func (r *reader) test(n *yaml.Node, rule, number int, file Template) Test {
	t := Test{Pos: r.at(n), ID: number}
	var own Template
	var payload *string
	var output Output
	r.object(n, "a test", fields{
		"id": into(&t.ID, r.number), "test_id": into(&t.ID, r.number), "test_title": func(*yaml.Node) {},
		"desc": into(&t.Description, r.text), "description": into(&t.Description, r.text),
		"tags":     into(&t.Tags, r.texts),
		"payload":  intoNew(&payload, r.text),
		"template": into(&own, r.template),
		"output":   into(&output, r.output),
		"stages": func(n *yaml.Node) {
			r.list(n, "stages", func(n *yaml.Node) { t.Stages = append(t.Stages, r.stage(n)) })
		},
	})
	t.Name = strconv.Itoa(rule) + "-" + strconv.Itoa(t.ID)
	switch whole := file.with(own); {
	case len(t.Stages) > 0 && payload != nil:
		r.fail(n, "test "+t.Name+" has stages and a payload", "leave one of them out")
	case len(t.Stages) > 0:
	case whole.isZero():
		r.fail(n, "test "+t.Name+" has no stages, and there is no template for its payload", "")
	default:
		input, err := whole.Expand(payload)
		if err != nil {
			r.fail(n, "test "+t.Name+": "+err.Error(), "")
		}
		t.Stages = []Stage{{Pos: t.Pos, Input: input, Output: output}}
	}
	return t
}

func (r *reader) stage(n *yaml.Node) Stage {
	s := Stage{Pos: r.at(n)}
	var input, output bool
	r.object(n, "a stage", fields{
		"description": into(&s.Description, r.text),
		"input":       func(n *yaml.Node) { s.Input, input = r.input(n), true },
		"output":      func(n *yaml.Node) { s.Output, output = r.output(n), true },
	})
	if !input || !output {
		r.fail(n, "a stage needs input and output", "")
	}
	return s
}

func (r *reader) input(n *yaml.Node) Input {
	in := defaultInput
	r.object(n, "input", fields{
		"dest_addr": into(&in.DestAddr, r.text), "port": into(&in.Port, r.number), "protocol": into(&in.Protocol, r.text),
		"method": into(&in.Method, r.text), "uri": into(&in.URI, r.text), "version": into(&in.Version, r.text),
		"headers": into(&in.Headers, r.headers), "ordered_headers": into(&in.Headers, r.tuples),
		"data": into(&in.Data, r.data), "encoded_data": into(&in.Data, r.base64),
		"encoded_request":      into(&in.EncodedRequest, r.base64),
		"save_cookie":          r.unsupported("write the cookie into the next stage"),
		"follow_redirect":      r.unsupported("write the redirected request as the next stage"),
		"autocomplete_headers": into(&in.AutocompleteHeaders, r.truth),
		"stop_magic":           func(n *yaml.Node) { in.AutocompleteHeaders = !r.truth(n) },
		"virtual_host_mode":    func(*yaml.Node) {},
		"response":             intoNew(&in.Response, r.response),
	})
	return in
}

func (r *reader) response(n *yaml.Node) Response {
	out := Response{Status: 200}
	r.object(n, "response", fields{
		"status": into(&out.Status, r.number), "headers": into(&out.Headers, r.headers),
		"body": into(&out.Body, r.bytes), "encoded_body": into(&out.Body, r.base64),
		"log_message": into(&out.LogMessage, r.text),
	})
	return out
}

func (r *reader) output(n *yaml.Node) Output {
	out := Output{places: map[string]seclang.Position{}}
	expectations := func(n *yaml.Node, what string, allowed fields) {
		for key, read := range allowed {
			allowed[key] = func(n *yaml.Node) { out.places[key] = r.at(n); read(n) }
		}
		r.object(n, what, allowed)
	}
	expectations(n, "output", fields{
		"status":            into(&out.Status, r.number),
		"response_contains": into(&out.ResponseContains, r.text),
		"log_contains":      into(&out.LogContains, r.text),
		"no_log_contains":   into(&out.NoLogContains, r.text),
		"expect_error":      into(&out.ExpectError, r.truth),
		"retry_once":        into(&out.RetryOnce, r.truth),
		"isolated":          into(&out.Isolated, r.truth),
		"log": func(n *yaml.Node) {
			expectations(n, "log", fields{
				"expect_ids": into(&out.ExpectIDs, r.numbers), "no_expect_ids": into(&out.NoExpectIDs, r.numbers),
				"match_regex": into(&out.MatchRegex, r.regex), "no_match_regex": into(&out.NoMatchRegex, r.regex),
			})
		},
	})
	return out
}
