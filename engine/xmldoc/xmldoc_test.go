package xmldoc_test

import (
	"fmt"
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
