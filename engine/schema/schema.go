package schema

import (
	"regexp"

	"tabard/engine/ijson"
)

// Set holds schemas by their names. It is safe for concurrent use.
type Set struct{ named map[string]*Schema }

// Find returns a schema.
func (s *Set) Find(name string) (*Schema, bool) {
	found, ok := s.named[name]
	return found, ok
}

// Names returns the names of the schemas, in no order.
func (s *Set) Names() []string {
	names := make([]string, 0, len(s.named))
	for name := range s.named {
		names = append(names, name)
	}
	return names
}

// Schema is one compiled schema. It is safe for concurrent use.
type Schema struct {
	// kinds are the types that are allowed; 0 for all.
	kinds kind
	// never is for the schema false.
	never bool
	enum  []ijson.Value

	// bounds of numbers and multipleOf; a bit of bounded says which there are.
	bounds  [len(boundNames)]float64
	bounded uint8
	// counts are bounds of lengths; a maximum below 0 is none.
	counts [len(countNames)]int

	pattern    *regexp.Regexp
	format     string
	unique     bool
	properties map[string]*Schema
	required   []string
	parts      [len(partNames)]*Schema
	lists      [len(listNames)][]*Schema
}

// Keywords of one kind, and their places in a Schema.
var (
	boundNames = [...]string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
	countNames = [...]string{"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"}
	partNames  = [...]string{"items", "additionalProperties", "not"}
	listNames  = [...]string{"allOf", "anyOf", "oneOf"}
)

const (
	minimum = iota
	maximum
	exclusiveMinimum
	exclusiveMaximum
	multipleOf
)

const (
	characters = 0 // in counts: a minimum, and behind it the maximum
	elements   = 2
	members    = 4
)

const (
	items = iota
	additional
	without
)

const (
	allOf = iota
	anyOf
	oneOf
)

// noCounts allows everything.
var noCounts = [len(countNames)]int{1: -1, 3: -1, 5: -1}

// kind is a set of the types of JSON Schema.
type kind uint8

const (
	kindNull kind = 1 << iota
	kindBoolean
	kindInteger
	kindNumber
	kindString
	kindArray
	kindObject
)

var kindNames = [...]string{"null", "boolean", "integer", "number", "string", "array", "object"}

const allKinds = kind(1<<len(kindNames) - 1)

// String lists the types, as in "integer or null".
func (k kind) String() string {
	out := ""
	for i, name := range kindNames {
		if k&(1<<i) == 0 {
			continue
		}
		if out != "" {
			out += " or "
		}
		out += name
	}
	return out
}

// kindOf returns the types that a value is of: an integer is a number, too.
func kindOf(v *ijson.Value) kind {
	switch v.Kind {
	case '{':
		return kindObject
	case '[':
		return kindArray
	case '"':
		return kindString
	case 't', 'f':
		return kindBoolean
	case 'n':
		return kindNull
	}
	if isInteger(v.Text) {
		return kindInteger | kindNumber
	}
	return kindNumber
}
