package mime

import "strings"

// maxParameters bounds the quadratic search for duplicates. Real types have at
// most three parameters (multipart/related: boundary, type, start).
const maxParameters = 64

// Type is a parsed MIME type.
type Type struct {
	// Type and Subtype are in small letters.
	Type, Subtype string
	// Parameters are in the order they were written in; of two with the same
	// name the first one counts.
	Parameters []Parameter
}

// Parameter is one parameter of a Type.
type Parameter struct {
	// Name is in small letters.
	Name string
	// Value is as written, without quotes and backslashes.
	Value string
}

// Parse reads the value of a Content-Type field. ok is false when it names no
// type, which includes two values joined by a comma, and when it has more than
// 64 parameters. A parameter that is not well-formed is left out and the rest
// counts, as the standard has it. A byte from 0x80 is a letter of Latin-1.
func Parse(value string) (t Type, ok bool) {
	value = strings.Trim(value, httpBlanks)
	essence, rest, _ := strings.Cut(value, ";")
	name, subtype, found := strings.Cut(essence, "/")
	subtype = strings.TrimRight(subtype, httpBlanks)
	if !found || !isToken(name) || !isToken(subtype) {
		return Type{}, false
	}
	t = Type{Type: lower(name), Subtype: lower(subtype)}
	for rest != "" {
		var p Parameter
		p, rest = parseParameter(rest)
		if p.Name == "" || t.has(p.Name) {
			continue
		}
		if len(t.Parameters) == maxParameters {
			return Type{}, false
		}
		t.Parameters = append(t.Parameters, p)
	}
	return t, true
}

// Essence gives "type/subtype".
func (t Type) Essence() string { return t.Type + "/" + t.Subtype }

// Suffix gives the structured syntax behind the last plus sign of the subtype
// (RFC 6838, section 4.2.8): "json" for application/problem+json, "" for none.
func (t Type) Suffix() string {
	if i := strings.LastIndexByte(t.Subtype, '+'); i >= 0 {
		return t.Subtype[i+1:]
	}
	return ""
}

// Parameter gives the value of the parameter with this name, in small letters.
func (t Type) Parameter(name string) (value string, ok bool) {
	for _, p := range t.Parameters {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

func (t Type) has(name string) bool {
	_, ok := t.Parameter(name)
	return ok
}

// String gives the type in the standard's normal form, section 4.5.
func (t Type) String() string {
	var b strings.Builder
	b.WriteString(t.Essence())
	for _, p := range t.Parameters {
		b.WriteString(";" + p.Name + "=")
		if isToken(p.Value) {
			b.WriteString(p.Value)
			continue
		}
		b.WriteByte('"')
		for i := range len(p.Value) {
			if c := p.Value[i]; c == '"' || c == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(p.Value[i])
		}
		b.WriteByte('"')
	}
	return b.String()
}
