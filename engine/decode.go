package engine

import (
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"tabard/engine/seclang"
)

// maxPolicyBytes bounds a policy document: ten thousand routes fit, and a
// wrong file (a core dump, a feed) is refused before it is parsed.
const maxPolicyBytes = 4 << 20

// origin remembers where each field of a policy was written, so that an error
// found later, when the rules are compiled, still names its place.
type origin struct {
	file   string
	text   string
	places map[string]place
}

// place is where a field's value starts. A literal block ("|") starts on the
// line behind its indicator.
type place struct {
	line, col int
	literal   bool
}

// at returns the position of a field by its path, such as
// "routes[2].jwt.mode"; without an origin it is the path itself.
func (o *origin) at(path string) seclang.Position {
	if o == nil {
		return seclang.Position{File: "policy: " + path}
	}
	for p := path; ; {
		if at, ok := o.places[p]; ok {
			return seclang.Position{File: o.file, Line: at.line, Col: at.col}
		}
		cut := strings.LastIndexAny(p, ".[")
		if cut < 0 {
			return seclang.Position{File: o.file, Line: 1, Col: 1}
		}
		p = p[:cut]
	}
}

// decoder fills Go values from YAML nodes, strictly: an unknown key, a
// repeated key and a wrong type are errors with a place. It exists because
// yaml.v3's own strict mode names lines only and stops nobody from writing
// "yes" where a number belongs.
type decoder struct {
	origin *origin
}

func (d *decoder) errorAt(n *yaml.Node, msg, hint string) error {
	return &seclang.Error{Pos: seclang.Position{File: d.origin.file, Line: n.Line, Col: n.Column}, Msg: msg, Hint: hint}
}

func (d *decoder) decode(n *yaml.Node, v reflect.Value, path string) error {
	if n.Kind == yaml.AliasNode {
		return d.errorAt(n, "aliases are not allowed in a policy", "write the value out")
	}
	d.origin.places[path] = place{line: n.Line, col: n.Column, literal: n.Style&yaml.LiteralStyle != 0}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return d.errorAt(n, path+" has no value", "give it one or leave the key out")
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.decode(n, v.Elem(), path)
	case reflect.Struct:
		return d.decodeStruct(n, v, path)
	case reflect.Slice:
		return d.decodeSlice(n, v, path)
	case reflect.Bool:
		return d.decodeBool(n, v, path)
	case reflect.Int:
		return d.decodeInt(n, v, path)
	default: // string kinds; a policy has no other
		return d.decodeString(n, v, path)
	}
}

func (d *decoder) decodeStruct(n *yaml.Node, v reflect.Value, path string) error {
	if n.Kind != yaml.MappingNode {
		return d.errorAt(n, name(path)+" must be a mapping, not "+kindName(n), "")
	}
	fields := fieldsOf(v.Type())
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		index, ok := fields.index[key.Value]
		if !ok {
			return d.errorAt(key, "unknown key "+strconv.Quote(key.Value)+inside(path), keyHint(key.Value, v.Type()))
		}
		if seen[key.Value] {
			return d.errorAt(key, "key "+strconv.Quote(key.Value)+" is given twice", "")
		}
		seen[key.Value] = true
		if err := d.decode(value, v.Field(index), join(path, key.Value)); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) decodeSlice(n *yaml.Node, v reflect.Value, path string) error {
	if n.Kind != yaml.SequenceNode {
		return d.errorAt(n, name(path)+" must be a list, not "+kindName(n), "")
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		if err := d.decode(item, out.Index(i), path+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	v.Set(out)
	return nil
}

func (d *decoder) decodeBool(n *yaml.Node, v reflect.Value, path string) error {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		return d.errorAt(n, path+" must be true or false, not "+kindName(n), "")
	}
	v.SetBool(strings.EqualFold(n.Value, "true"))
	return nil
}

func (d *decoder) decodeInt(n *yaml.Node, v reflect.Value, path string) error {
	// Envoy turns a Struct's numbers into doubles, so 5 may arrive as 5.0.
	number, err := strconv.ParseInt(strings.TrimSuffix(n.Value, ".0"), 10, 32)
	if n.Kind != yaml.ScalarNode || (n.Tag != "!!int" && n.Tag != "!!float") || err != nil {
		return d.errorAt(n, path+" must be a whole number, not "+kindName(n), "")
	}
	v.SetInt(number)
	return nil
}

func (d *decoder) decodeString(n *yaml.Node, v reflect.Value, path string) error {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
		return d.errorAt(n, path+" must be text, not "+kindName(n), quoteHint(n))
	}
	v.SetString(n.Value)
	return nil
}

// keyHint says what an unknown key may have been meant to be: a key of the
// same mapping that is written like it, or one that belongs a level deeper.
func keyHint(key string, t reflect.Type) string {
	if hint := seclang.DidYouMean(key, fieldsOf(t).names); hint != "" {
		return hint
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if parent := f.Tag.Get("yaml"); parent != "" && f.Type.Kind() == reflect.Struct {
			if _, ok := fieldsOf(f.Type).index[key]; ok {
				return "it belongs under " + parent
			}
		}
	}
	return ""
}

// fieldSet maps the keys of a struct type to its fields.
type fieldSet struct {
	index map[string]int
	names []string
}

func fieldsOf(t reflect.Type) fieldSet {
	set := fieldSet{index: map[string]int{}}
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" {
			set.index[key] = i
			set.names = append(set.names, key)
		}
	}
	return set
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func name(path string) string {
	if path == "" {
		return "a policy"
	}
	return path
}

func inside(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.Tag {
	case "!!int", "!!float":
		return "the number " + n.Value
	case "!!bool":
		return "the truth value " + n.Value
	case "!!str":
		return "the text " + strconv.Quote(n.Value)
	default:
		return strconv.Quote(n.Value)
	}
}

func quoteHint(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode {
		return "put it in quotes"
	}
	return ""
}

// has says whether the document sets the field at path.
func (o *origin) has(path string) bool {
	if o == nil {
		return false
	}
	_, ok := o.places[path]
	return ok
}
