package words

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/seclang"
)

func TestEachWordOfCorazaHasASentenceAndNoOther(t *testing.T) {
	want := map[Kind][]string{Operator: seclang.Operators, Transformation: seclang.Transformations}
	for _, v := range seclang.Variables {
		want[Variable] = append(want[Variable], v.Name)
	}
	for _, a := range seclang.Actions {
		want[Action] = append(want[Action], a.Name)
	}
	require.Len(t, table, len(want))
	for kind, names := range want {
		var lower []string
		for _, n := range names {
			lower = append(lower, strings.ToLower(n))
		}
		slices.Sort(lower)
		require.Equal(t, lower, slices.Sorted(maps.Keys(table[kind])), kind)
	}
}

func TestAWordIsFoundInAnyCase(t *testing.T) {
	sentence, ok := Sentence(Transformation, "LowerCase")
	require.True(t, ok)
	require.Equal(t, "makes small letters of capitals", sentence)
	_, ok = Sentence(Variable, "ARG")
	require.False(t, ok)
}
