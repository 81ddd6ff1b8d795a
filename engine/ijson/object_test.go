package ijson_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/ijson"
)

func TestObjectGivesItsMembersAsWritten(t *testing.T) {
	var got []string
	read := func(text string) (ijson.Problem, int) {
		got = nil
		return ijson.Object{MaxDepth: 3, MaxMembers: 3, Fold: true, Member: func(name, value string) { got = append(got, name, value) }}.Read(text)
	}
	p, _ := read(` { "a\u0062" : "x\n" , "B":[1, {"a":2}],"c":{ } } `)
	require.Equal(t, ijson.OK, p)
	require.Equal(t, []string{"ab", `"x\n"`, "B", `[1, {"a":2}]`, "c", "{ }"}, got)
	for text, want := range map[string]struct {
		ijson.Problem
		offset int
	}{
		`[1]`:                            {ijson.Invalid, 0},
		``:                               {ijson.Invalid, 0},
		`{"\`:                            {ijson.Invalid, 3},
		`{"a":1} x`:                      {ijson.Trailing, 8},
		`{"a":1,"A":2}`:                  {ijson.DuplicateKey, 10},
		"{\"k\":1,\"\u212a\":2}":         {ijson.DuplicateKey, 12},
		`{"a":{"b":1,"b":2}}`:            {ijson.DuplicateKey, 15},
		`{"a":{"b":1,"B":2}}`:            {ijson.OK, 19},
		`{"a":[[1]]}`:                    {ijson.OK, 11},
		`{"a":[[[1]]]}`:                  {ijson.TooDeep, 8},
		`{"a":1,"b":2,"c":3}`:            {ijson.OK, 19},
		`{"a":1,"b":2,"c":3,"d":4}`:      {ijson.TooMany, 22},
		`{"a":{"a":1,"b":2,"c":3,"d":4}`: {ijson.TooMany, 27},
	} {
		p, offset := read(text)
		require.Equal(t, want.Problem, p, text)
		require.Equal(t, want.offset, offset, text)
	}
}

func TestTheFirstAndTheLaterMembersAreCompared(t *testing.T) {
	object := func(n, again int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(`"` + strconv.Itoa(i) + `":{"0":0},`)
		}
		return "{" + b.String() + `"` + strconv.Itoa(again) + `":0}`
	}
	for _, n := range []int{1, 31, 32, 33, 100} {
		require.Equal(t, ijson.OK, ijson.Check(object(n, n), 3), n)
		for _, again := range []int{0, n / 2, n - 1} {
			require.Equal(t, ijson.DuplicateKey, ijson.Check(object(n, again), 3), "%d of %d", again, n)
		}
	}
}

func TestTextAndElements(t *testing.T) {
	text, ok := ijson.Text(`"a\"\u00e9"`)
	require.Equal(t, "a\"é", text)
	require.True(t, ok)
	for _, other := range []string{"", "1", "null", "[]"} {
		_, ok = ijson.Text(other)
		require.False(t, ok, other)
	}
	require.Equal(t, []string{"1", `"a,b"`, `[2, 3]`, `{"c":[]}`}, ijson.Elements(`[1 , "a,b",[2, 3], {"c":[]}]`))
	require.Nil(t, ijson.Elements("[ ]"))
	require.Nil(t, ijson.Elements(`{"a":1}`))
}
