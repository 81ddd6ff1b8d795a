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

	// Of numbers.
	min, max         float64
	hasMin, hasMax   bool
	minOpen, maxOpen bool
	multipleOf       float64 // 0 for any

	// Of texts; a format may be one of numbers as well.
	textLength size
	pattern    *regexp.Regexp
	format     string

	// Of arrays.
	arrayLength size
	items       *Schema
	unique      bool

	// Of objects.
	members    size
	properties map[string]*Schema
	required   []string
	additional *Schema

	allOf, anyOf, oneOf []*Schema
	without             *Schema
}

// size is how many of something there may be; max below 0 is no limit.
type size struct{ min, max int }

func (s size) has(n int) bool { return n >= s.min && (s.max < 0 || n <= s.max) }

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
