package ftw

import (
	"encoding/base64"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// The YAML of v2.3, for go-ftw. What is left out there has go-ftw's default,
// which is the same as here.
type (
	v2Suite struct {
		Meta  v2Meta   `yaml:"meta"`
		Rule  int      `yaml:"rule_id"`
		Tests []v2Test `yaml:"tests"`
	}
	v2Meta struct {
		Description string   `yaml:"description,omitempty"`
		Tags        []string `yaml:"tags,omitempty"`
	}
	v2Test struct {
		ID     int       `yaml:"test_id"`
		Desc   string    `yaml:"desc,omitempty"`
		Tags   []string  `yaml:"tags,omitempty"`
		Stages []v2Stage `yaml:"stages"`
	}
	v2Stage struct {
		Description string   `yaml:"description,omitempty"`
		Input       v2Input  `yaml:"input"`
		Output      v2Output `yaml:"output"`
	}
	v2Input struct {
		DestAddr       string     `yaml:"dest_addr"`
		Port           int        `yaml:"port"`
		Protocol       string     `yaml:"protocol,omitempty"`
		Method         string     `yaml:"method,omitempty"`
		URI            string     `yaml:"uri,omitempty"`
		Version        string     `yaml:"version,omitempty"`
		Headers        []v2Header `yaml:"ordered_headers,omitempty"`
		Data           string     `yaml:"data,omitempty"`
		EncodedData    string     `yaml:"encoded_data,omitempty"`
		EncodedRequest string     `yaml:"encoded_request,omitempty"`
		Autocomplete   bool       `yaml:"autocomplete_headers"`
		Response       *v2Answer  `yaml:"response,omitempty"`
	}
	v2Header struct {
		Name  string `yaml:"name"`
		Value string `yaml:"value"`
	}
	v2Answer struct {
		Status      int               `yaml:"status"`
		Headers     map[string]string `yaml:"headers,omitempty"`
		EncodedBody string            `yaml:"encoded_body,omitempty"`
		LogMessage  string            `yaml:"log_message,omitempty"`
	}
	v2Output struct {
		Status           int    `yaml:"status,omitempty"`
		ResponseContains string `yaml:"response_contains,omitempty"`
		LogContains      string `yaml:"log_contains,omitempty"`
		NoLogContains    string `yaml:"no_log_contains,omitempty"`
		ExpectError      bool   `yaml:"expect_error,omitempty"`
		RetryOnce        bool   `yaml:"retry_once,omitempty"`
		Isolated         bool   `yaml:"isolated,omitempty"`
		Log              v2Log  `yaml:"log,omitempty"`
	}
	v2Log struct {
		ExpectIDs    []int  `yaml:"expect_ids,omitempty,flow"`
		NoExpectIDs  []int  `yaml:"no_expect_ids,omitempty,flow"`
		MatchRegex   string `yaml:"match_regex,omitempty"`
		NoMatchRegex string `yaml:"no_match_regex,omitempty"`
	}
)

// FormatV2 writes a suite as a YAML document of v2.3: what a v3 file becomes
// when its templates are expanded.
func FormatV2(s Suite) ([]byte, error) {
	out := v2Suite{Meta: v2Meta{Description: s.Description, Tags: s.Tags}, Rule: s.RuleID}
	for _, t := range s.Tests {
		test := v2Test{ID: t.ID, Desc: t.Description, Tags: t.Tags}
		for _, stage := range t.Stages {
			test.Stages = append(test.Stages, v2Stage{stage.Description, stage.Input.v2(), stage.Output.v2()})
		}
		out.Tests = append(out.Tests, test)
	}
	text, err := yaml.Marshal(out)
	return append([]byte("---\n# "+s.File+"\n"), text...), err
}

func (in Input) v2() v2Input {
	if in.EncodedRequest != nil {
		return v2Input{DestAddr: in.DestAddr, Port: in.Port, EncodedRequest: base64.StdEncoding.EncodeToString(in.EncodedRequest)}
	}
	out := v2Input{
		DestAddr: in.DestAddr, Port: in.Port, Protocol: in.Protocol, Method: in.Method, URI: in.URI, Version: in.Version,
		Autocomplete: in.AutocompleteHeaders, Response: in.Response.v2(),
	}
	for _, h := range in.Headers {
		out.Headers = append(out.Headers, v2Header(h))
	}
	// go-ftw would take a body with braces for a template once more.
	if utf8.Valid(in.Data) && string(expandData(string(in.Data))) == string(in.Data) {
		out.Data = string(in.Data)
	} else {
		out.EncodedData = base64.StdEncoding.EncodeToString(in.Data)
	}
	return out
}

func (r *Response) v2() *v2Answer {
	if r == nil {
		return nil
	}
	out := &v2Answer{Status: r.Status, Headers: map[string]string{}, EncodedBody: base64.StdEncoding.EncodeToString(r.Body), LogMessage: r.LogMessage}
	for _, h := range r.Headers {
		out.Headers[h.Name] = h.Value
	}
	return out
}

func (o Output) v2() v2Output {
	return v2Output{
		Status: o.Status, ResponseContains: o.ResponseContains, LogContains: o.LogContains, NoLogContains: o.NoLogContains,
		ExpectError: o.ExpectError, RetryOnce: o.RetryOnce, Isolated: o.Isolated,
		Log: v2Log{o.ExpectIDs, o.NoExpectIDs, o.MatchRegex, o.NoMatchRegex},
	}
}
