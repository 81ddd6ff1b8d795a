package schema

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"tabard/engine/ijson"
)

const (
	// maxTextDepth bounds how schemas nest in their text; descriptions in use have
	// a third of it.
	maxTextDepth = 64
	// refPrefix begins a reference, to another schema of the set.
	refPrefix = "#/"
)

// Compile reads a JSON object whose members are schemas by their names. Within
// them {"$ref": "#/Name"} stands for another one. The error names the place, as
// in "Order/properties/note: ...".
func Compile(text string) (*Set, error) {
	root, problem := ijson.Parse(text, maxTextDepth)
	if problem != ijson.OK {
		return nil, errors.New("the schemas are no JSON text: " + problem.String())
	}
	if root.Kind != '{' {
		return nil, errors.New("the schemas must be an object of schemas by their names")
	}
	c := compiler{set: &Set{named: map[string]*Schema{}}}
	for _, m := range root.Members {
		c.set.named[m.Name] = &Schema{}
	}
	for i := range root.Members {
		m := &root.Members[i]
		if err := c.fill(c.set.named[m.Name], &m.Value, m.Name); err != nil {
			return nil, err
		}
	}
	for _, m := range root.Members {
		if c.loops(c.set.named[m.Name], map[*Schema]bool{}) {
			return nil, errors.New(m.Name + ": it refers to itself without a value between")
		}
	}
	return c.set, nil
}

type compiler struct{ set *Set }

// loops says whether checking one value against s would never end.
func (c *compiler) loops(s *Schema, above map[*Schema]bool) bool {
	if s == nil {
		return false
	}
	if above[s] {
		return true
	}
	above[s] = true
	defer delete(above, s)
	for _, parts := range [...][]*Schema{s.allOf, s.anyOf, s.oneOf, {s.without}} {
		for _, part := range parts {
			if c.loops(part, above) {
				return true
			}
		}
	}
	return false
}

func (c *compiler) compile(v *ijson.Value, place string) (*Schema, error) {
	if ref, ok := v.Get("$ref"); ok && len(v.Members) == 1 {
		return c.find(ref, place)
	}
	s := &Schema{}
	return s, c.fill(s, v, place)
}

func (c *compiler) find(ref *ijson.Value, place string) (*Schema, error) {
	name, ok := strings.CutPrefix(ref.Text, refPrefix)
	found := c.set.named[name]
	if !ok || found == nil || ref.Kind != '"' {
		return nil, errors.New(place + ": no schema is called " + strconv.Quote(ref.Text) + ": write #/ and a name of this set")
	}
	return found, nil
}

// fill compiles into s, which others may refer to already.
func (c *compiler) fill(s *Schema, v *ijson.Value, place string) error {
	s.textLength, s.arrayLength, s.members = size{max: -1}, size{max: -1}, size{max: -1}
	switch v.Kind {
	case 't':
		return nil
	case 'f':
		s.never = true
		return nil
	case '{':
	default:
		return errors.New(place + ": a schema is an object, true or false")
	}
	for i := range v.Members {
		m := &v.Members[i]
		if err := c.keyword(s, m.Name, &m.Value, place); err != nil {
			return err
		}
	}
	return nil
}

// keyword fills a schema from a member. One switch in place of a table of
// functions: it is a third of the code, which Envoy compiles at each start.
func (c *compiler) keyword(s *Schema, name string, v *ijson.Value, place string) (err error) {
	inner := place + "/" + name
	r := reader{c: c, v: v, place: inner}
	switch name {
	case "$ref":
		var found *Schema
		found, err = c.find(v, inner)
		s.allOf = append(s.allOf, found)
	case "type":
		s.kinds = r.types()
	case "enum":
		s.enum = r.list('[', "values")
	case "const":
		s.enum = []ijson.Value{*v}
	case "minimum", "exclusiveMinimum":
		s.min, s.minOpen, s.hasMin = r.number(), name[0] == 'e', true
	case "maximum", "exclusiveMaximum":
		s.max, s.maxOpen, s.hasMax = r.number(), name[0] == 'e', true
	case "multipleOf":
		s.multipleOf = r.number()
	case "minLength":
		s.textLength.min = r.count()
	case "maxLength":
		s.textLength.max = r.count()
	case "pattern":
		s.pattern = r.pattern()
	case "format":
		s.format = r.text()
	case "minItems":
		s.arrayLength.min = r.count()
	case "maxItems":
		s.arrayLength.max = r.count()
	case "uniqueItems":
		s.unique = r.truth()
	case "items":
		s.items, err = c.compile(v, inner)
	case "minProperties":
		s.members.min = r.count()
	case "maxProperties":
		s.members.max = r.count()
	case "properties":
		s.properties = r.properties()
	case "required":
		s.required = r.names()
	case "additionalProperties":
		s.additional, err = c.compile(v, inner)
	case "allOf":
		s.allOf = append(s.allOf, r.schemas()...)
	case "anyOf":
		s.anyOf = r.schemas()
	case "oneOf":
		s.oneOf = r.schemas()
	case "not":
		s.without, err = c.compile(v, inner)
	default:
		return errors.New(place + ": the keyword " + strconv.Quote(name) + " is not known here")
	}
	if err == nil {
		err = r.err
	}
	return err
}

// reader reads the value of one keyword and keeps the first mistake.
type reader struct {
	c     *compiler
	v     *ijson.Value
	place string
	err   error
}

func (r *reader) mustBe(what string) {
	if r.err == nil {
		r.err = errors.New(r.place + ": must be " + what)
	}
}

func (r *reader) number() float64 {
	f, err := strconv.ParseFloat(r.v.Text, 64)
	if r.v.Kind != 0 || err != nil {
		r.mustBe("a number")
	}
	return f
}

func (r *reader) count() int {
	n, err := strconv.ParseInt(r.v.Text, 10, 32)
	if r.v.Kind != 0 || err != nil || n < 0 {
		r.mustBe("a whole number from 0 on")
	}
	return int(n)
}

func (r *reader) truth() bool {
	if kindOf(r.v) != kindBoolean {
		r.mustBe("true or false")
	}
	return r.v.Kind == 't'
}

func (r *reader) text() string {
	if r.v.Kind != '"' {
		r.mustBe("a text")
	}
	return r.v.Text
}

// list returns the elements of what must be a list with one or more.
func (r *reader) list(kind byte, of string) []ijson.Value {
	if r.v.Kind != kind || len(r.v.Elements) == 0 {
		r.mustBe("a list of " + of)
	}
	return r.v.Elements
}

func (r *reader) types() (k kind) {
	list := r.v.Elements
	if r.v.Kind == '"' {
		list = []ijson.Value{*r.v}
	}
	for _, t := range list {
		found := kind(0)
		for i, name := range kindNames {
			if t.Text == name {
				found = 1 << i
			}
		}
		if found == 0 && r.err == nil {
			r.err = errors.New(r.place + ": no type is called " + strconv.Quote(t.Text) + ": use " + kind(1<<len(kindNames)-1).String())
		}
		k |= found
	}
	if k == 0 {
		r.mustBe("a type or a list of types")
	}
	return k
}

func (r *reader) pattern() *regexp.Regexp {
	re, err := regexp.Compile(r.text())
	if err != nil && r.err == nil {
		r.err = errors.New(r.place + ": not an expression of RE2: " + err.Error())
	}
	return re
}

func (r *reader) names() (out []string) {
	if r.v.Kind != '[' {
		r.mustBe("a list of names")
	}
	for i := range r.v.Elements {
		if r.v.Elements[i].Kind != '"' {
			r.mustBe("a list of names")
		}
		out = append(out, r.v.Elements[i].Text)
	}
	return out
}

func (r *reader) schemas() (out []*Schema) {
	for i := range r.list('[', "schemas") {
		out = append(out, r.schema(&r.v.Elements[i], strconv.Itoa(i)))
	}
	return out
}

func (r *reader) properties() map[string]*Schema {
	if r.v.Kind != '{' {
		r.mustBe("an object of schemas")
	}
	out := make(map[string]*Schema, len(r.v.Members))
	for i := range r.v.Members {
		m := &r.v.Members[i]
		out[m.Name] = r.schema(&m.Value, m.Name)
	}
	return out
}

func (r *reader) schema(v *ijson.Value, name string) *Schema {
	s, err := r.c.compile(v, r.place+"/"+name)
	if r.err == nil {
		r.err = err
	}
	return s
}
