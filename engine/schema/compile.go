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
	for _, list := range s.lists {
		for _, part := range list {
			if c.loops(part, above) {
				return true
			}
		}
	}
	return c.loops(s.parts[without], above)
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
	s.counts = noCounts
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

// keyword fills a schema from a member. Tables and few cases in place of one case
// each, because Envoy compiles the code at each start.
func (c *compiler) keyword(s *Schema, name string, v *ijson.Value, place string) error {
	r := reader{c: c, v: v, place: place + "/" + name}
	if i := index(countNames[:], name); i >= 0 {
		s.counts[i] = r.count()
		return r.err
	}
	if i := index(boundNames[:], name); i >= 0 {
		s.bounds[i], s.bounded = r.number(), s.bounded|1<<i
		return r.err
	}
	if i := index(partNames[:], name); i >= 0 {
		s.parts[i] = r.schema(v, "")
		return r.err
	}
	if i := index(listNames[:], name); i >= 0 {
		s.lists[i] = append(s.lists[i], r.schemas()...)
		return r.err
	}
	switch name {
	case "$ref":
		s.lists[allOf] = append(s.lists[allOf], r.reference())
	case "type":
		s.kinds = r.types()
	case "enum":
		s.enum = r.list("values")
	case "const":
		s.enum = []ijson.Value{*v}
	case "pattern":
		s.pattern = r.pattern()
	case "format":
		s.format = r.text("a text")
	case "uniqueItems":
		s.unique = v.Kind == 't'
	case "properties":
		s.properties = r.properties()
	case "required":
		s.required = r.names()
	default:
		return errors.New(place + ": the keyword " + strconv.Quote(name) + " is not known here")
	}
	return r.err
}

// index is not to be inlined: its four copies are 3 KB.
//
//go:noinline
func index(names []string, name string) int {
	for i := range names {
		if names[i] == name {
			return i
		}
	}
	return -1
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

func (r *reader) text(what string) string {
	if r.v.Kind != '"' {
		r.mustBe(what)
	}
	return r.v.Text
}

func (r *reader) reference() *Schema {
	found, err := r.c.find(r.v, r.place)
	r.err = err
	return found
}

// list returns the elements of what must be a list with one or more.
func (r *reader) list(of string) []ijson.Value {
	if r.v.Kind != '[' || len(r.v.Elements) == 0 {
		r.mustBe("a list of " + of)
	}
	return r.v.Elements
}

func (r *reader) types() (k kind) {
	list := r.v.Elements
	if r.v.Kind == '"' {
		list = []ijson.Value{*r.v}
	}
	for i := range list {
		found := index(kindNames[:], list[i].Text)
		if found < 0 {
			r.mustBe(allKinds.String())
			return k
		}
		k |= 1 << found
	}
	if k == 0 {
		r.mustBe("a type or a list of types")
	}
	return k
}

func (r *reader) pattern() *regexp.Regexp {
	re, err := regexp.Compile(r.text("a text"))
	if err != nil && r.err == nil {
		r.err = errors.New(r.place + ": not an expression of RE2: " + err.Error())
	}
	return re
}

func (r *reader) names() []string {
	out := make([]string, len(r.v.Elements))
	for i := range out {
		out[i] = r.v.Elements[i].Text
	}
	if r.v.Kind != '[' {
		r.mustBe("a list of names")
	}
	return out
}

func (r *reader) schemas() (out []*Schema) {
	for i := range r.list("schemas") {
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
	place := r.place
	if name != "" {
		place += "/" + name
	}
	s, err := r.c.compile(v, place)
	if r.err == nil {
		r.err = err
	}
	return s
}
