package graphql_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/graphql"
)

func Example() {
	s := graphql.Measure(`query { me { ...F } you: me { id } } fragment F on User { friends { name } }`)
	fmt.Println(s.Depth, s.Aliases, s.Operations)
	// Output: 3 1 1
}

func TestMeasure(t *testing.T) {
	for name, row := range map[string]struct {
		document string
		want     graphql.Shape
	}{
		"a field":                                         {"{me}", graphql.Shape{Depth: 1, Operations: 1}},
		"a field below it":                                {"query Q($a: T = {x: [1]}) @d(x: 1) { me(a: $a) { id } }", graphql.Shape{Depth: 2, Operations: 1}},
		"two operations":                                  {"query A{a} mutation B{b{c}}", graphql.Shape{Depth: 2, Operations: 2}},
		"aliases":                                         {"{a:me b : me @skip(if:true) {c:id}}", graphql.Shape{Depth: 2, Aliases: 3, Operations: 1}},
		"objects in arguments are no selections":          {"{me(a:{b:{c:1}}){id}}", graphql.Shape{Depth: 2, Operations: 1}},
		"a fragment":                                      {"{a{...F}} fragment F on T{b{c}}", graphql.Shape{Depth: 3, Operations: 1}},
		"a fragment before its use":                       {"fragment F on T{b{c}} {a{...F}}", graphql.Shape{Depth: 3, Operations: 1}},
		"a fragment of a fragment":                        {"{...F} fragment F on T{b{...G}} fragment G on T{c}", graphql.Shape{Depth: 2, Operations: 1}},
		"a fragment that nobody spreads":                  {"{a} fragment F on T{b{c}}", graphql.Shape{Depth: 1, Operations: 1}},
		"a fragment that is not there":                    {"{a{...F}}", graphql.Shape{Depth: 2, Operations: 1}},
		"inline fragments":                                {"{a{... on T{... @include(if:$x){b}}}}", graphql.Shape{Depth: 2, Operations: 1}},
		"a selection behind an inline fragment":           {"{... on T{a} b{c{d}}}", graphql.Shape{Depth: 3, Operations: 1}},
		"a selection in an inline fragment":               {"{... on T{a{b}} c}", graphql.Shape{Depth: 2, Operations: 1}},
		"a fragment that spreads itself":                  {"{...F} fragment F on T{a{...F}}", graphql.Shape{Depth: 2, Operations: 1, Cyclic: true}},
		"two fragments that spread each other":            {"{...F} fragment F on T{...G} fragment G on T{...F}", graphql.Shape{Depth: 1, Operations: 1, Cyclic: true}},
		"the schema":                                      {"{__schema{types{name}}}", graphql.Shape{Depth: 3, Operations: 1, Introspects: true}},
		"a type under another name":                       {`{x:__type(name:"A"){name}}`, graphql.Shape{Depth: 2, Aliases: 1, Operations: 1, Introspects: true}},
		"the type's name":                                 {"{__typename}", graphql.Shape{Depth: 1, Operations: 1}},
		"braces in strings and comments":                  {"{a(x:\"{{\\\"{\" y:\"\"\"{\"\"\") #{{\n{b}}", graphql.Shape{Depth: 2, Operations: 1}},
		"nothing":                                         {"", graphql.Shape{}},
		"no document":                                     {"hello", graphql.Shape{Broken: true}},
		"an open brace":                                   {"{a{b}", graphql.Shape{Depth: 2, Operations: 1, Broken: true}},
		"an open bracket":                                 {"{a(b:1", graphql.Shape{Depth: 1, Operations: 1, Broken: true}},
		"a definition of the schema":                      {"type A{b:C}", graphql.Shape{Broken: true}},
		"more tokens than are read":                       {"{" + strings.Repeat("a ", 20001) + "}", graphql.Shape{Depth: 1, Operations: 1, Broken: true, Endless: true}},
		"aliases of a fragment count where it is spread":  {"{a:x{...F}b:x{...F}} fragment F on T{c:d e:f}", graphql.Shape{Depth: 2, Aliases: 6, Operations: 1}},
		"aliases of a fragment that nobody spreads":       {"{a} fragment F on T{c:d}", graphql.Shape{Depth: 1, Operations: 1}},
		"fragments that double from one to the next":      {doubling(40), graphql.Shape{Depth: 41, Aliases: 1 << 20, Operations: 1}},
		"a byte order mark":                               {"\ufeff{a\ufeff{b}}", graphql.Shape{Depth: 2, Operations: 1}},
		"a description":                                   {`"for you" query Q{a} """and you""" fragment F on T{b}`, graphql.Shape{Depth: 1, Operations: 1}},
		"an escape in a block string":                     {`{a(x:"""\"""{""") b{c}}`, graphql.Shape{Depth: 2, Operations: 1}},
		"two backslashes in a block string are no escape": {`{a(x:"""\\""" """) b{c{d}} #""")` + "\n}", graphql.Shape{Depth: 3, Operations: 1}},
		"an escape in a string":                           {`{a(x:"\\") b{c}}`, graphql.Shape{Depth: 2, Operations: 1}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, row.want, graphql.Measure(row.document)) })
	}
}

// doubling is a document in which each of n fragments spreads the next one twice.
func doubling(n int) string {
	var b strings.Builder
	b.WriteString("{...F0}")
	for i := range n {
		fmt.Fprintf(&b, " fragment F%d on T{a:x{...F%d}b:x{...F%d}}", i, i+1, i+1)
	}
	fmt.Fprintf(&b, " fragment F%d on T{y}", n)
	return b.String()
}

// FuzzMeasure holds Measure to being total, and to the numbers that any document
// has: no more levels, aliases or operations than tokens.
func FuzzMeasure(f *testing.F) {
	for _, seed := range []string{"{me}", "query Q($a:T){a(b:{c:1}){...F ... on T{d}}} fragment F on T{e:f}", `{a(x:"""\"""")}`, "{...F} fragment F on T{...F}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, document string) {
		s := graphql.Measure(document)
		require.GreaterOrEqual(t, len(document), s.Depth)
		require.GreaterOrEqual(t, len(document), s.Operations)
		require.LessOrEqual(t, s.Aliases, 1<<20)
		if !strings.Contains(document, "fragment") {
			require.GreaterOrEqual(t, len(document), s.Aliases+s.Operations)
		}
	})
}
