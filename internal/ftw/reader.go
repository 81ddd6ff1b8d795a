package ftw

import (
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"tabard/engine/seclang"
)

// reader turns YAML nodes into Go values. It keeps the first error and goes on
// with zero values, so that its callers read like the format.
type reader struct {
	file    string
	err     error
	foreign bool // unknown keys are notes
	notes   []error
}

// fields says what to do with the value of each key that is allowed.
type fields map[string]func(*yaml.Node)

func (r *reader) at(n *yaml.Node) seclang.Position {
	return seclang.Position{File: r.file, Line: n.Line, Col: n.Column}
}

func (r *reader) fail(n *yaml.Node, msg, hint string) {
	if r.err == nil {
		r.err = &seclang.Error{Pos: r.at(n), Msg: msg, Hint: hint}
	}
}

// object reads a mapping; what is its name in errors. Null is an empty one.
func (r *reader) object(n *yaml.Node, what string, allowed fields) {
	n = resolve(n)
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, what+" must be a mapping", "")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := allowed[key.Value]
		switch {
		case !ok && r.foreign:
			r.notes = append(r.notes, &seclang.Error{Pos: r.at(key), Msg: "unknown key " + strconv.Quote(key.Value) + " in " + what})
		case !ok:
			r.fail(key, "unknown key "+strconv.Quote(key.Value)+" in "+what, seclang.DidYouMean(key.Value, slices.Sorted(maps.Keys(allowed))))
		case seen[key.Value]:
			r.fail(key, "key "+strconv.Quote(key.Value)+" is given twice in "+what, "")
		default:
			read(value)
		}
		seen[key.Value] = true
	}
}

// list reads a sequence. Null is an empty one.
func (r *reader) list(n *yaml.Node, what string, item func(*yaml.Node)) {
	n = resolve(n)
	if isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.fail(n, what+" must be a list", "")
		return
	}
	for _, c := range n.Content {
		item(resolve(c))
	}
}

// headers reads the old form, a mapping of names to values. Files rely on
// numbers and nothing at all being text here.
func (r *reader) headers(n *yaml.Node) []Header {
	n = resolve(n)
	out := []Header{}
	if isNull(n) {
		return out
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "headers must be a mapping of names to values", "")
		return out
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		out = append(out, Header{Name: r.text(n.Content[i]), Value: r.text(n.Content[i+1])})
	}
	return out
}

// tuples reads the new form, a list of {name, value}.
func (r *reader) tuples(n *yaml.Node) []Header {
	out := []Header{}
	r.list(n, "headers", func(n *yaml.Node) {
		var h Header
		r.object(n, "a header", fields{"name": into(&h.Name, r.text), "value": into(&h.Value, r.text)})
		if h.Name == "" {
			r.fail(n, "a header needs a name", "")
		}
		out = append(out, h)
	})
	return out
}

// text reads any scalar as written.
func (r *reader) text(n *yaml.Node) string {
	n = resolve(n)
	if n.Kind != yaml.ScalarNode {
		r.fail(n, "must be text, not a list or a mapping", "")
		return ""
	}
	if isNull(n) {
		return ""
	}
	return n.Value
}

func (r *reader) texts(n *yaml.Node) (out []string) {
	r.list(n, "tags", func(n *yaml.Node) { out = append(out, r.text(n)) })
	return out
}

func (r *reader) number(n *yaml.Node) int {
	text := r.text(n)
	number, err := strconv.Atoi(text)
	if err != nil || number < 0 {
		r.fail(n, "must be a whole number, not "+strconv.Quote(text), "")
	}
	return number
}

func (r *reader) numbers(n *yaml.Node) (out []int) {
	r.list(n, "ids", func(n *yaml.Node) { out = append(out, r.number(n)) })
	return out
}

func (r *reader) truth(n *yaml.Node) bool {
	n = resolve(n)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		r.fail(n, "must be true or false", "")
	}
	return strings.EqualFold(n.Value, "true")
}

func (r *reader) bytes(n *yaml.Node) []byte { return []byte(r.text(n)) }

func (r *reader) data(n *yaml.Node) []byte { return expandData(r.text(n)) }

func (r *reader) regex(n *yaml.Node) string {
	text := r.text(n)
	if _, err := regexp.Compile(text); err != nil {
		r.fail(n, err.Error(), "")
	}
	return text
}

// unsupported gives a function that refuses true for a key that no runner here
// can honour, go-ftw's among them.
func (r *reader) unsupported(instead string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if r.truth(n) {
			r.fail(n, "not supported", instead)
		}
	}
}

func (r *reader) base64(n *yaml.Node) []byte {
	out, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(r.text(n)), ""))
	if err != nil {
		r.fail(n, "must be base64: "+err.Error(), "")
	}
	return out
}

// into gives a function that stores what read makes of a node.
func into[T any](target *T, read func(*yaml.Node) T) func(*yaml.Node) {
	return func(n *yaml.Node) { *target = read(n) }
}

// intoNew is into for a field that may be left out.
func intoNew[T any](target **T, read func(*yaml.Node) T) func(*yaml.Node) {
	return func(n *yaml.Node) { v := read(n); *target = &v }
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }
