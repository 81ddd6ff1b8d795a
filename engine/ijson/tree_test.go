package ijson_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/ijson"
)

func TestParseKeepsTheShapeOfAText(t *testing.T) {
	v, problem := ijson.Parse(`{"a":[1,-2.5e3,"x\n",true],"b":{"c":null,"d":{}},"e":[[],[{"f":false}]]}`, 8)
	require.Equal(t, ijson.OK, problem)
	number := func(s string) ijson.Value { return ijson.Value{Text: s} }
	word := func(s string) ijson.Value { return ijson.Value{Kind: s[0], Text: s} }
	object := func(m ...ijson.Member) ijson.Value { return ijson.Value{Kind: '{', Members: m} }
	array := func(e ...ijson.Value) ijson.Value { return ijson.Value{Kind: '[', Elements: e} }
	require.Equal(t, object(
		ijson.Member{Name: "a", Value: array(number("1"), number("-2.5e3"), ijson.Value{Kind: '"', Text: "x\n"}, word("true"))},
		ijson.Member{Name: "b", Value: object(ijson.Member{Name: "c", Value: word("null")}, ijson.Member{Name: "d", Value: object()})},
		ijson.Member{Name: "e", Value: array(array(), array(object(ijson.Member{Name: "f", Value: word("false")})))},
	), v)
	member, ok := v.Get("b")
	require.True(t, ok)
	require.Len(t, member.Members, 2)
	_, ok = v.Get("z")
	require.False(t, ok)
}

func TestParseRefusesWhatIsNoIJSON(t *testing.T) {
	for text, want := range map[string]ijson.Problem{
		`{"a":1,"a":2}`: ijson.DuplicateKey, `[[[1]]]`: ijson.TooDeep, `{"a":1`: ijson.Invalid, `1 2`: ijson.Trailing,
	} {
		_, problem := ijson.Parse(text, 2)
		require.Equal(t, want, problem, text)
	}
}
