package engine

import (
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"tabard/engine/seclang"
)

// ParsePolicy reads a policy from YAML or JSON; JSON is read as the YAML it
// is. name is what errors call the document. An empty document is the zero
// Policy. Errors are *seclang.Error values: file, line, column and what would
// work. Rule ids and directives are checked later, by New, which knows the
// rules and still names the place in this document.
func ParsePolicy(name string, data []byte) (Policy, error) {
	o := &origin{file: name, text: string(data), places: map[string]place{}}
	p := Policy{origin: o}
	if len(data) > maxPolicyBytes {
		return p, &seclang.Error{Pos: o.at(""), Msg: "the policy is longer than " + strconv.Itoa(maxPolicyBytes) + " bytes"}
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return p, syntaxError(name, err)
	}
	if len(doc.Content) > 0 && doc.Content[0].Tag != "!!null" {
		d := decoder{origin: o}
		if err := d.decode(doc.Content[0], reflect.ValueOf(&p).Elem(), ""); err != nil {
			return p, err
		}
	}
	return p, p.validate()
}

// syntaxError gives yaml.v3's "yaml: line 3: did not find..." a place.
func syntaxError(file string, err error) error {
	msg, line := strings.TrimPrefix(err.Error(), "yaml: "), 1
	if rest, ok := strings.CutPrefix(msg, "line "); ok {
		if number, text, ok := strings.Cut(rest, ": "); ok {
			if n, err := strconv.Atoi(number); err == nil {
				line, msg = n, text
			}
		}
	}
	return &seclang.Error{
		Pos: seclang.Position{File: file, Line: line, Col: 1},
		Msg: "not YAML or JSON: " + msg,
	}
}
