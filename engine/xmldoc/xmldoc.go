// Package xmldoc says of an XML body what Coraza's rules do not see of it on the
// way from an HTTP exchange to its verdict: declarations of entities, and the
// values of attributes.
package xmldoc

import (
	"encoding/xml"
	"strings"
)

// Document is what a body holds.
type Document struct {
	// Declares says which declaration a document type has that makes a parser
	// fetch or expand something: "" for none.
	Declares string
	// Attributes are the attributes except declarations of name spaces, which name
	// no resource.
	Attributes []Attribute
}

// Attribute is one attribute with its name, without a prefix.
type Attribute struct{ Name, Value string }

// declarations of a document type by which a parser reads other resources or
// multiplies text (XML 1.0, sections 2.8 and 4.2).
var declarations = []string{"<!ENTITY", "SYSTEM", "PUBLIC"}

// Read reads text as Coraza's XML processor does, leniently. It stops where that
// one stops with an error, which a rule refuses.
func Read(text string) Document {
	var d Document
	dec := xml.NewDecoder(strings.NewReader(text))
	dec.Strict = false
	dec.AutoClose = xml.HTMLAutoClose
	dec.Entity = xml.HTMLEntity
	for {
		token, _ := dec.RawToken()
		switch token := token.(type) {
		case nil:
			return d
		case xml.Directive:
			if d.Declares == "" {
				d.Declares = declares("<!" + string(token))
			}
		case xml.StartElement:
			for _, a := range token.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
					d.Attributes = append(d.Attributes, Attribute{a.Name.Local, a.Value})
				}
			}
		}
	}
}

// declares looks at any directive: a document has no other than its type, and what
// is something else to us may be that to a parser that forgives.
func declares(directive string) string {
	upper := strings.ToUpper(directive)
	for _, what := range declarations {
		if strings.Contains(upper, what) {
			return what
		}
	}
	return ""
}
