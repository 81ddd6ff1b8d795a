package ijson_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/ijson"
)

func TestCheck(t *testing.T) {
	for name, row := range map[string]struct {
		text string
		want ijson.Problem
	}{
		"an object":                          {` {"a":1, "b":[true,false,null]} `, ijson.OK},
		"a string alone":                     {`"a"`, ijson.OK},
		"a number alone":                     {"-1.5e+3", ijson.OK},
		"empty containers":                   {`[{},[ ]]`, ijson.OK},
		"all escapes":                        {`"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`, ijson.OK},
		"nothing":                            {"", ijson.Invalid},
		"a word":                             {"nope", ijson.Invalid},
		"a comma at the end of an object":    {`{"a":1,}`, ijson.Invalid},
		"a comma at the end of an array":     {`[1,]`, ijson.Invalid},
		"no colon":                           {`{"a" 1}`, ijson.Invalid},
		"single quotes":                      {`{'a':1}`, ijson.Invalid},
		"a name without quotes":              {`{a:1}`, ijson.Invalid},
		"a line break in a string":           {"\"a\nb\"", ijson.Invalid},
		"an open string":                     {`"a`, ijson.Invalid},
		"an unknown escape":                  {`"\x41"`, ijson.Invalid},
		"an escape with three digits":        {`"\u12"`, ijson.Invalid},
		"a number with a zero in front":      {"[01]", ijson.Invalid},
		"a number that ends in a point":      {"1.", ijson.Invalid},
		"a number that begins with a plus":   {"+1", ijson.Invalid},
		"a hexadecimal number":               {"0x10", ijson.Trailing},
		"an exponent without digits":         {"1e", ijson.Invalid},
		"text behind":                        {`{} {}`, ijson.Trailing},
		"a comment":                          {`{/**/}`, ijson.Invalid},
		"NaN":                                {`[NaN]`, ijson.NotANumber},
		"Infinity":                           {`[Infinity]`, ijson.NotANumber},
		"minus Infinity":                     {`[-Infinity]`, ijson.NotANumber},
		"a number out of range":              {"1e400", ijson.NumberRange},
		"a very long number out of range":    {strings.Repeat("9", 400), ijson.NumberRange},
		"a small number is rounded to zero":  {"1e-400", ijson.OK},
		"a byte order mark":                  {"\xef\xbb\xbf{}", ijson.ByteOrderMark},
		"a repeated key":                     {`{"a":1,"a":1}`, ijson.DuplicateKey},
		"a repeated key by an escape":        {`{"a":1,"\u0061":1}`, ijson.DuplicateKey},
		"a repeated key inside":              {`[{"b":{"a":1,"c":{},"a":1}}]`, ijson.DuplicateKey},
		"one key in two objects":             {`[{"a":1},{"a":1}]`, ijson.OK},
		"one key in an object and its child": {`{"a":{"a":1}}`, ijson.OK},
		"keys that differ in case":           {`{"a":1,"A":1}`, ijson.OK},
		"half of a pair":                     {`"\ud800"`, ijson.BadText},
		"half of a pair with text behind":    {`"\ud800x"`, ijson.BadText},
		"the wrong half first":               {`"\udc00\ud800"`, ijson.BadText},
		"no UTF-8":                           {"\"\xff\"", ijson.BadText},
		"as deep as allowed":                 {"[[[[1]]]]", ijson.OK},
		"one deeper":                         {"[[[[[1]]]]]", ijson.TooDeep},
		"very deep":                          {strings.Repeat("[", 1<<20), ijson.TooDeep},
	} {
		t.Run(name, func(t *testing.T) {
			got := ijson.Check(row.text, 4)
			require.Equal(t, row.want, got, "%v", got)
		})
	}
}

func TestManyMembersAreNoProblem(t *testing.T) {
	var b strings.Builder
	for i := range 20000 {
		b.WriteString(`,"k` + strconv.Itoa(i) + `":0`)
	}
	require.Equal(t, ijson.OK, ijson.Check("{"+b.String()[1:]+"}", 2))
	require.Equal(t, ijson.DuplicateKey, ijson.Check("{"+b.String()[1:]+b.String()+"}", 2))
}

func TestWalkGoesAsFarAsItCan(t *testing.T) {
	var got []string
	problem := ijson.Walk(`{"a":"x\n","b":[1,{"c":true}],"a":"y","d":nope}`, "p", 4, func(path []byte, kind byte, value string) {
		got = append(got, string(path)+" "+string(kind)+" "+value)
	})
	require.Equal(t, ijson.Invalid, problem)
	require.Equal(t, []string{"p.a \" x\n", "p.b.0 1 1", "p.b.1.c t true", "p.a \" y"}, got)
}

// What a server reads on over must not hide the values behind it.
func TestWalkReadsOnOverBrokenText(t *testing.T) {
	for name, text := range map[string]string{
		"bytes that are no UTF-8":      "{\"a\":\"\xff\",\"b\":\"c\"}",
		"a byte order mark":            "\ufeff{\"b\":\"c\"}",
		"half of a pair":               `{"a":"\ud800","b":"c"}`,
		"half of a pair and an escape": `{"a":"\ud800\n","b":"c"}`,
		"half of a pair and a number":  `{"a":"\ud800\u12","a":"x","b":"c"}`,
		"two first halves":             `{"a":"\ud800\ud800","b":"c"}`,
	} {
		t.Run(name, func(t *testing.T) {
			last := ""
			problem := ijson.Walk(text, "", 5, func(path []byte, _ byte, value string) { last = string(path) + "=" + value })
			if problem == ijson.OK {
				require.Equal(t, ".b=c", last)
			} else {
				require.Equal(t, ijson.Invalid, problem, "no parser reads it")
				require.Contains(t, text, `\u12"`)
			}
			require.NotEqual(t, ijson.OK, ijson.Check(text, 5))
		})
	}
}

// FuzzCheck compares with encoding/json: what is I-JSON is JSON, and Walk gives
// the strings that it decodes.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e3,"\u00e9\ud83d\ude00",{"b":null}]}`, `[[],{}]`, `"\ud800"`, `{"a":1,"a":2}`, "NaN", "-0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		problem := ijson.Check(text, 20)
		p, offset := ijson.Object{MaxDepth: 20, MaxMembers: 20, Fold: true}.Read(text)
		require.True(t, 0 <= offset && offset <= len(text), "%v at %d", p, offset)
		valid := json.Valid([]byte(text))
		switch problem {
		case ijson.OK:
			require.True(t, valid)
		case ijson.Invalid, ijson.Trailing, ijson.NotANumber, ijson.ByteOrderMark:
			require.False(t, valid)
		}
		if problem != ijson.OK {
			return
		}
		var want any
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(&want))
		leaves := map[string]int{}
		require.Equal(t, ijson.OK, ijson.Walk(text, "", 20, func(_ []byte, kind byte, value string) {
			leaves[quoted(kind == '"')+value]++
		}))
		count(want, leaves)
		for value, n := range leaves {
			require.Zero(t, n, value)
		}
	})
}

func quoted(is bool) string {
	if is {
		return "text "
	}
	return "other "
}

// count takes the scalars of a decoded value off the leaves.
func count(v any, leaves map[string]int) {
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			count(x, leaves)
		}
	case []any:
		for _, x := range v {
			count(x, leaves)
		}
	case string:
		leaves[quoted(true)+v]--
	case json.Number:
		leaves[quoted(false)+v.String()]--
	case bool:
		leaves[quoted(false)+strconv.FormatBool(v)]--
	case nil:
		leaves[quoted(false)+"null"]--
	}
}

func BenchmarkCheck2KB(b *testing.B) {
	text := `{"lines":[` + strings.Repeat(`{"article":"shirt, size 34, blue, organic cotton","quantity":3,"price":10.95},`, 24) + `{}]}`
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		ijson.Check(text, 32)
	}
}
