package xmldoc_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/xmldoc"
)

func Example() {
	d := xmldoc.Read(`<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r id="7">&x;</r>`)
	fmt.Println(d.Declares, d.Attributes)
	// Output: <!ENTITY [{id 7}]
}

func TestRead(t *testing.T) {
	for name, row := range map[string]struct {
		text string
		want xmldoc.Document
	}{
		"nothing":                      {"", xmldoc.Document{}},
		"an element":                   {"<a/>", xmldoc.Document{}},
		"a document type":              {"<!DOCTYPE a><a/>", xmldoc.Document{}},
		"an entity":                    {`<!DOCTYPE a [<!ENTITY x "y">]><a/>`, xmldoc.Document{Declares: "<!ENTITY"}},
		"a parameter entity":           {`<!DOCTYPE a [<!ENTITY % x SYSTEM "y"> %x;]><a/>`, xmldoc.Document{Declares: "<!ENTITY"}},
		"an entity in small letters":   {`<!doctype a [<!entity x "y">]><a/>`, xmldoc.Document{Declares: "<!ENTITY"}},
		"an external document type":    {`<!DOCTYPE a SYSTEM "a.dtd"><a/>`, xmldoc.Document{Declares: "SYSTEM"}},
		"a public document type":       {`<!DOCTYPE a PUBLIC "-//X" "a.dtd"><a/>`, xmldoc.Document{Declares: "PUBLIC"}},
		"an entity in a comment":       {`<!-- <!ENTITY x "y"> --><a/>`, xmldoc.Document{}},
		"an entity in a CDATA section": {`<a><![CDATA[<!ENTITY x "y">]]></a>`, xmldoc.Document{}},
		"an entity behind broken XML":  {`<a><b></a><!DOCTYPE a [<!ENTITY x "y">]>`, xmldoc.Document{Declares: "<!ENTITY"}},
		"attributes":                   {`<a x="1"><p:b p:y='&lt;2'/></a>`, xmldoc.Document{Attributes: []xmldoc.Attribute{{"x", "1"}, {"y", "<2"}}}},
		"name spaces are none":         {`<a xmlns="u" xmlns:p="v" x="1"/>`, xmldoc.Document{Attributes: []xmldoc.Attribute{{"x", "1"}}}},
		"an attribute without quotes":  {`<a x=1>`, xmldoc.Document{Attributes: []xmldoc.Attribute{{"x", "1"}}}},
		"what no parser reads on from": {`<a x="1"/><`, xmldoc.Document{Attributes: []xmldoc.Attribute{{"x", "1"}}}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, row.want, xmldoc.Read(row.text)) })
	}
}

// FuzzRead holds the lenient reading to a strict one: of a document that is well
// formed, both know the same attributes, and no declaration is missed.
func FuzzRead(f *testing.F) {
	f.Add(`<a x="1"><p:b p:y='&lt;2'/></a>`)
	f.Add(`<!DOCTYPE a [<!ENTITY % x SYSTEM "y"> %x;]><a x=""/>`)
	f.Add(`<!doctype a [<?p ' ?><!-- ' --><!entity x "y">]><a><![CDATA[<b c="d">]]></a>`)
	f.Add(`<?xml version="1.0" encoding="utf-7"?><a xmlns:b="c" b:d="e"/>`)
	f.Fuzz(func(t *testing.T, text string) {
		got := xmldoc.Read(text)
		attributes, directives, ok := strictly(text)
		if !ok {
			return
		}
		require.Equal(t, attributes, got.Attributes)
		if strings.Contains(strings.ToUpper(directives), "<!ENTITY") {
			require.NotEmpty(t, got.Declares)
		}
	})
}

// strictly reads a well-formed document.
func strictly(text string) (attributes []xmldoc.Attribute, directives string, ok bool) {
	dec := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := dec.Token()
		switch token := token.(type) {
		case nil:
			return attributes, directives, errors.Is(err, io.EOF)
		case xml.Directive:
			directives += "<!" + string(token)
		case xml.StartElement:
			for _, a := range token.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
					attributes = append(attributes, xmldoc.Attribute{Name: a.Name.Local, Value: a.Value})
				}
			}
		}
	}
}
