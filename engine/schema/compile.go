package schema

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
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
	parts := slices.Concat(s.allOf, s.anyOf, s.oneOf, []*Schema{s.without})
	return slices.ContainsFunc(parts, func(part *Schema) bool { return c.loops(part, above) })
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
		return nil, fmt.Errorf("%s: no schema is called %q: write #/ and a name of this set", place, ref.Text)
	}
	return found, nil
}

// fill compiles into s, which others may refer to already.
func (c *compiler) fill(s *Schema, v *ijson.Value, place string) error {
	s.text.length, s.array.length, s.object.members = size{max: -1}, size{max: -1}, size{max: -1}
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
		read, ok := keywords[m.Name]
		if !ok {
			return fmt.Errorf("%s: the keyword %q is not known here", place, m.Name)
		}
		if err := read(c, s, &m.Value, place+"/"+m.Name); err != nil {
			return err
		}
	}
	return nil
}

// keywords fill a schema from the value of a member.
var keywords map[string]func(c *compiler, s *Schema, v *ijson.Value, place string) error

func init() { // not an initial value: the functions refer to the table
	keywords = map[string]func(*compiler, *Schema, *ijson.Value, string) error{
		"$ref": func(c *compiler, s *Schema, v *ijson.Value, place string) error {
			found, err := c.find(v, place)
			s.allOf = append(s.allOf, found)
			return err
		},
		"type":  readType,
		"enum":  func(_ *compiler, s *Schema, v *ijson.Value, place string) error { return readEnum(s, v, place) },
		"const": func(_ *compiler, s *Schema, v *ijson.Value, _ string) error { s.enum = []ijson.Value{*v}; return nil },

		"minimum":          number(func(s *Schema, f float64) { s.number.min = &f }),
		"maximum":          number(func(s *Schema, f float64) { s.number.max = &f }),
		"exclusiveMinimum": number(func(s *Schema, f float64) { s.number.min, s.number.minOpen = &f, true }),
		"exclusiveMaximum": number(func(s *Schema, f float64) { s.number.max, s.number.maxOpen = &f, true }),
		"multipleOf":       number(func(s *Schema, f float64) { s.number.multipleOf = f }),

		"minLength": count(func(s *Schema, n int) { s.text.length.min = n }),
		"maxLength": count(func(s *Schema, n int) { s.text.length.max = n }),
		"pattern":   readPattern,
		"format":    readFormat,

		"minItems":    count(func(s *Schema, n int) { s.array.length.min = n }),
		"maxItems":    count(func(s *Schema, n int) { s.array.length.max = n }),
		"uniqueItems": truth(func(s *Schema, b bool) { s.array.unique = b }),
		"items":       one(func(s *Schema, of *Schema) { s.array.items = of }),

		"minProperties":        count(func(s *Schema, n int) { s.object.members.min = n }),
		"maxProperties":        count(func(s *Schema, n int) { s.object.members.max = n }),
		"properties":           readProperties,
		"required":             readRequired,
		"additionalProperties": one(func(s *Schema, of *Schema) { s.object.additional = of }),

		"allOf": many(func(s *Schema, of []*Schema) { s.allOf = append(s.allOf, of...) }),
		"anyOf": many(func(s *Schema, of []*Schema) { s.anyOf = of }),
		"oneOf": many(func(s *Schema, of []*Schema) { s.oneOf = of }),
		"not":   one(func(s *Schema, of *Schema) { s.without = of }),
	}
}

func number(set func(*Schema, float64)) func(*compiler, *Schema, *ijson.Value, string) error {
	return func(_ *compiler, s *Schema, v *ijson.Value, place string) error {
		f, err := strconv.ParseFloat(v.Text, 64)
		if v.Kind != 0 || err != nil {
			return errors.New(place + ": must be a number")
		}
		set(s, f)
		return nil
	}
}

func count(set func(*Schema, int)) func(*compiler, *Schema, *ijson.Value, string) error {
	return func(_ *compiler, s *Schema, v *ijson.Value, place string) error {
		n, err := strconv.ParseInt(v.Text, 10, 32)
		if v.Kind != 0 || err != nil || n < 0 {
			return errors.New(place + ": must be a whole number from 0 on")
		}
		set(s, int(n))
		return nil
	}
}

func truth(set func(*Schema, bool)) func(*compiler, *Schema, *ijson.Value, string) error {
	return func(_ *compiler, s *Schema, v *ijson.Value, place string) error {
		if kindOf(v) != kindBoolean {
			return errors.New(place + ": must be true or false")
		}
		set(s, v.Kind == 't')
		return nil
	}
}

func one(set func(*Schema, *Schema)) func(*compiler, *Schema, *ijson.Value, string) error {
	return func(c *compiler, s *Schema, v *ijson.Value, place string) error {
		of, err := c.compile(v, place)
		set(s, of)
		return err
	}
}

func many(set func(*Schema, []*Schema)) func(*compiler, *Schema, *ijson.Value, string) error {
	return func(c *compiler, s *Schema, v *ijson.Value, place string) error {
		if v.Kind != '[' || len(v.Elements) == 0 {
			return errors.New(place + ": must be a list of schemas")
		}
		var list []*Schema
		for i := range v.Elements {
			of, err := c.compile(&v.Elements[i], place+"/"+strconv.Itoa(i))
			if err != nil {
				return err
			}
			list = append(list, of)
		}
		set(s, list)
		return nil
	}
}

func readType(_ *compiler, s *Schema, v *ijson.Value, place string) error {
	list := v.Elements
	if v.Kind == '"' {
		list = []ijson.Value{*v}
	}
	for _, t := range list {
		i := slices.Index(kindNames[:], t.Text)
		if i < 0 {
			return fmt.Errorf("%s: no type is called %q: use %s", place, t.Text, kind(1<<len(kindNames)-1))
		}
		s.kinds |= 1 << i
	}
	if s.kinds == 0 {
		return errors.New(place + ": must be a type or a list of types")
	}
	return nil
}

func readEnum(s *Schema, v *ijson.Value, place string) error {
	if v.Kind != '[' || len(v.Elements) == 0 {
		return errors.New(place + ": must be a list of values")
	}
	s.enum = v.Elements
	return nil
}

func readPattern(_ *compiler, s *Schema, v *ijson.Value, place string) error {
	re, err := regexp.Compile(v.Text)
	if v.Kind != '"' || err != nil {
		return fmt.Errorf("%s: not an expression of RE2: %w", place, err)
	}
	s.text.pattern = re
	return nil
}

// readFormat: formats that are not known say nothing, as JSON Schema has it.
func readFormat(_ *compiler, s *Schema, v *ijson.Value, place string) error {
	if v.Kind != '"' {
		return errors.New(place + ": must be a text")
	}
	switch s.text.format = v.Text; v.Text {
	case "int32":
		s.number.integerBits = 32
	case "int64":
		s.number.integerBits = 64
	default:
		s.text.valid = formats[v.Text]
	}
	return nil
}

func readProperties(c *compiler, s *Schema, v *ijson.Value, place string) error {
	if v.Kind != '{' {
		return errors.New(place + ": must be an object of schemas")
	}
	s.object.properties = make(map[string]*Schema, len(v.Members))
	for i := range v.Members {
		m := &v.Members[i]
		of, err := c.compile(&m.Value, place+"/"+m.Name)
		if err != nil {
			return err
		}
		s.object.properties[m.Name] = of
	}
	return nil
}

func readRequired(_ *compiler, s *Schema, v *ijson.Value, place string) error {
	for _, name := range v.Elements {
		if name.Kind != '"' {
			return errors.New(place + ": must be a list of names")
		}
		s.object.required = append(s.object.required, name.Text)
	}
	if v.Kind != '[' {
		return errors.New(place + ": must be a list of names")
	}
	return nil
}
