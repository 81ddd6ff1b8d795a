package schema_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/schema"
)

func compile(t testing.TB, text string) *schema.Schema {
	t.Helper()
	set, err := schema.Compile(`{"X":` + text + `}`)
	require.NoError(t, err)
	s, ok := set.Find("X")
	require.True(t, ok)
	return s
}

func TestEachKeywordTellsWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ name, schema, right, wrong, problem string }{
		{"a type", `{"type":"string"}`, `"a"`, `1`, "must be string"},
		{"one of two types", `{"type":["integer","null"]}`, `null`, `"1"`, "must be null or integer"},
		{"a whole number may be written as a fraction", `{"type":"integer"}`, `1.0`, `1.5`, "must be integer"},
		{"an integer is a number", `{"type":"number"}`, `7`, `true`, "must be number"},
		{"a list of values", `{"enum":["a",1,null]}`, `1.0`, `"b"`, "is none of the values that are allowed"},
		{"one value", `{"const":{"a":[1]}}`, `{"a":[1]}`, `{"a":[2]}`, "is none of the values that are allowed"},
		{"a lower bound", `{"minimum":1}`, `1`, `0.99`, "is too small"},
		{"an upper bound", `{"maximum":10}`, `10`, `10.5`, "is too large"},
		{"an open bound", `{"exclusiveMaximum":10}`, `9.9`, `10`, "is too large"},
		{"a step", `{"multipleOf":0.01}`, `19.99`, `19.995`, "is no multiple of what it must be"},
		{"32 bits", `{"type":"integer","format":"int32"}`, `-2147483648`, `2147483648`, "is out of the range of its format"},
		{"64 bits", `{"type":"integer","format":"int64"}`, `9007199254740993`, `1e19`, "is out of the range of its format"},
		{"a length in characters", `{"minLength":2,"maxLength":3}`, `"äöü"`, `"äöüß"`, "must have 2 to 3 characters"},
		{"a pattern anywhere in the text", `{"pattern":"b+"}`, `"abbc"`, `"ac"`, "does not have the pattern it must have"},
		{"a point in time", `{"format":"date-time"}`, `"2026-11-24T09:30:00+01:00"`, `"2026-11-24 09:30"`, "is no date-time"},
		{"a day", `{"format":"date"}`, `"2024-02-29"`, `"2026-02-29"`, "is no date"},
		{"an id", `{"format":"uuid"}`, `"0b9c1f9e-5a0f-4c0b-9d8d-8a3e6c6f3b1a"`, `"0b9c1f9e5a0f4c0b9d8d8a3e6c6f3b1a0000"`, "is no uuid"},
		{"an address of version 4", `{"format":"ipv4"}`, `"192.0.2.1"`, `"192.0.2"`, "is no ipv4"},
		{"an address of version 6", `{"format":"ipv6"}`, `"2001:db8::1"`, `"fe80::1%eth0"`, "is no ipv6"},
		{"a mail address", `{"format":"email"}`, `"o'brien+x@b.example"`, `"a@b@c"`, "is no email"},
		{"a URI", `{"format":"uri"}`, `"https://shop.example/a?b=1"`, `"/a b"`, "is no uri"},
		{"Base64", `{"format":"byte"}`, `"aGk="`, `"aGk"`, "is no byte"},
		{"a format that is not known", `{"format":"color"}`, `"red"`, "", ""},
		{"how many elements", `{"minItems":1,"maxItems":2}`, `[1]`, `[]`, "must have 1 to 2 elements"},
		{"elements", `{"items":{"type":"integer"}}`, `[1,2]`, `[1,"2"]`, "1: must be integer"},
		{"no element twice", `{"uniqueItems":true}`, `[1,"1"]`, `[{"a":1,"b":2},{"b":2,"a":1.0}]`, "must not hold a value twice"},
		{"how many members", `{"maxProperties":1}`, `{"a":1}`, `{"a":1,"b":2}`, "must have 0 to 1 members"},
		{"a member that is needed", `{"required":["a"]}`, `{"a":null}`, `{"b":1}`, `has no member "a"`},
		{"a member", `{"properties":{"a":{"type":"string"}}}`, `{"a":"x","b":1}`, `{"a":1}`, "a: must be string"},
		{"no other members", `{"properties":{"a":{}},"additionalProperties":false}`, `{"a":1}`, `{"a":1,"admin":true}`, "admin: is not allowed here"},
		{"other members", `{"additionalProperties":{"type":"integer"}}`, `{"x":1}`, `{"x":"1"}`, "x: must be integer"},
		{"all of them", `{"allOf":[{"required":["a"]},{"required":["b"]}]}`, `{"a":1,"b":1}`, `{"a":1}`, `has no member "b"`},
		{"any of them", `{"anyOf":[{"type":"string"},{"minimum":5}]}`, `6`, `4`, "fits none of the alternatives"},
		{"one of them", `{"oneOf":[{"type":"integer"},{"minimum":5}]}`, `5.5`, `6`, "fits more than one of the alternatives"},
		{"none of one", `{"oneOf":[{"type":"string"}]}`, `"a"`, `6`, "fits none of the alternatives"},
		{"not", `{"not":{"type":"null"}}`, `1`, `null`, "is what it must not be"},
		{"a bound for numbers says nothing of texts", `{"minimum":5}`, `"a"`, "", ""},
		{"deep inside", `{"properties":{"items":{"items":{"properties":{"price":{"type":"number"}}}}}}`, `{"items":[{"price":1}]}`, `{"items":[{},{"price":"1"}]}`, "items.1.price: must be number"},
		{"the schema true", `true`, `{"a":1}`, "", ""},
		{"what is no JSON", `{}`, `1`, `{"a":1,"a":2}`, "no JSON text: a repeated key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := compile(t, c.schema)
			require.Empty(t, s.Check(c.right, 16))
			if c.wrong != "" {
				require.Equal(t, c.problem, s.Check(c.wrong, 16))
			}
		})
	}
}

func TestSchemasReferToEachOther(t *testing.T) {
	set, err := schema.Compile(`{"Tree":{"type":"object","properties":{"left":{"$ref":"#/Tree"},"leaf":{"$ref":"#/Leaf"}}},
		"Leaf":{"$ref":"#/Text"},"Text":{"type":"string"},"Short":{"$ref":"#/Text","maxLength":1}}`)
	require.NoError(t, err)
	require.Len(t, set.Names(), 4)
	tree, _ := set.Find("Tree")
	require.Empty(t, tree.Check(`{"left":{"left":{"leaf":"x"}}}`, 16))
	require.Equal(t, "left.left.leaf: must be string", tree.Check(`{"left":{"left":{"leaf":1}}}`, 16))
	short, _ := set.Find("Short")
	require.Equal(t, "must have 0 to 1 characters", short.Check(`"ab"`, 16), "what stands beside a reference counts, too")
	_, ok := set.Find("Nothing")
	require.False(t, ok)
}

func TestAMistakeInASchemaHasItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		`{"X":{"type":"strng"}}`:                              `X/type: must be null or boolean or integer or number or string or array or object`,
		`{"X":{"properties":{"a":{"minLenght":1}}}}`:          `X/properties/a: the keyword "minLenght" is not known here`,
		`{"X":{"$ref":"#/Y"}}`:                                `X/$ref: no schema is called "#/Y": write #/ and a name of this set`,
		`{"X":{"items":{"$ref":"other.json"}}}`:               `X/items: no schema is called "other.json": write #/ and a name of this set`,
		`{"X":{"pattern":"(?=a)"}}`:                           "X/pattern: not an expression of RE2: error parsing regexp: invalid or unsupported Perl syntax: `(?=`",
		`{"X":{"minLength":-1}}`:                              "X/minLength: must be a whole number from 0 on",
		`{"X":{"anyOf":[]}}`:                                  "X/anyOf: must be a list of schemas",
		`{"X":{"allOf":[{"$ref":"#/Y"}]},"Y":{"$ref":"#/X"}}`: "X: it refers to itself without a value between",
		`{"X":1}`:                "X: a schema is an object, true or false",
		`{"X":{}`:                "the schemas are no JSON text: not a JSON text",
		`["X"]`:                  "the schemas must be an object of schemas by their names",
		`{"X":{"required":"a"}}`: "X/required: must be a list of names",
	} {
		_, err := schema.Compile(text)
		require.EqualError(t, err, want)
	}
}

func TestAParameterIsWhatItReadsAs(t *testing.T) {
	integer := compile(t, `{"type":"integer","minimum":1}`)
	require.Empty(t, integer.CheckText("7"))
	require.Equal(t, "is too small", integer.CheckText("0"))
	require.Equal(t, "must be integer", integer.CheckText("7 OR 1=1"))
	require.Empty(t, compile(t, `{"type":"boolean"}`).CheckText("true"))
	require.Empty(t, compile(t, `{"type":"string","maxLength":2}`).CheckText("12"))
	require.Empty(t, compile(t, `{"enum":[1,2]}`).CheckText("2"))
	list := compile(t, `{"type":"array","maxItems":2,"items":{"type":"integer"}}`)
	require.Empty(t, list.CheckList([]string{"1", "2"}))
	require.Equal(t, "1: must be integer", list.CheckList([]string{"1", "x"}))
	require.Equal(t, "must have 0 to 2 elements", list.CheckList([]string{"1", "2", "3"}))
}

// Each level tries two alternatives that both go down to the same value.
func TestAlternativesInsideOfAlternativesAreBounded(t *testing.T) {
	set, err := schema.Compile(`{"X":{"anyOf":[{"properties":{"a":{"$ref":"#/X"}},"not":{}},{"properties":{"a":{"$ref":"#/X"}},"not":{}}]}}`)
	require.NoError(t, err)
	x, _ := set.Find("X")
	deep := strings.Repeat(`{"a":`, 60) + "1" + strings.Repeat("}", 60)
	require.Equal(t, "too much to check", x.Check(deep, 64))
}

func TestAProblemDoesNotGrowWithTheClientsNames(t *testing.T) {
	s := compile(t, `{"additionalProperties":{"additionalProperties":false}}`)
	problem := s.Check(`{"`+strings.Repeat("é", 4000)+`":{"b":1}}`, 8)
	require.Less(t, len(problem), 150)
	require.True(t, strings.HasSuffix(problem, "...: is not allowed here"))
}

func FuzzCheck(f *testing.F) {
	f.Add(`{"type":"object","properties":{"a":{"type":"integer","minimum":0}},"required":["a"]}`, `{"a":1}`)
	f.Add(`{"anyOf":[{"type":"string","pattern":"^a+$"},{"items":{"$ref":"#/X"},"uniqueItems":true}]}`, `[["aa",[]]]`)
	f.Add(`{"oneOf":[{"multipleOf":0.1},{"enum":[1e3,null]}],"not":{"format":"uuid"}}`, `0.3`)
	f.Fuzz(func(t *testing.T, text, body string) {
		set, err := schema.Compile(`{"X":` + text + `}`)
		if err != nil {
			return
		}
		x, ok := set.Find("X")
		if !ok {
			return
		}
		first := x.Check(body, 32)
		require.Equal(t, first, x.Check(body, 32))
		x.CheckText(body)
		x.CheckList(strings.Split(body, ","))
	})
}
