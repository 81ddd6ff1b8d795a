package scaffold

import (
	"context"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/engine/seclang"
	"tabard/internal/format"
	"tabard/internal/ftw"
	"tabard/internal/ftw/native"
	"tabard/internal/lint"
	"tabard/rules"
)

func TestANewRuleIsCheckedFormattedAndTested(t *testing.T) {
	r := Rule{ID: 1000, Name: "json-depth"}
	require.NoError(t, r.Check())
	files := fstest.MapFS{}
	var names []string
	for _, f := range r.Files() {
		files[f.Name] = &fstest.MapFile{Data: []byte(f.Text)}
		names = append(names, f.Name)
	}
	require.Equal(t, []string{"1000-json-depth.conf", "1000-json-depth.test.yaml", "suite.yaml"}, names)

	text := string(files[names[0]].Data)
	laidOut, err := format.Source(names[0], text)
	require.NoError(t, err)
	require.Equal(t, text, laidOut)
	directives, err := seclang.Load(files, []seclang.Source{{Name: "p", Text: "Include " + names[0]}})
	require.NoError(t, err)
	require.Empty(t, lint.Run(lint.Config{Directives: directives}))

	policy, err := engine.ParsePolicy("suite.yaml", files["suite.yaml"].Data)
	require.NoError(t, err)
	e, err := engine.New(policy, rules.Overlay(files))
	require.NoError(t, err)
	suite, err := ftw.Load(names[1], files[names[1]].Data)
	require.NoError(t, err)
	for _, test := range suite.Tests {
		seen, err := native.Runner{Engine: e}.Play(context.Background(), test.Name, test.Stages[0].Input)
		require.NoError(t, err)
		require.Empty(t, ftw.Judge(test.Stages[0], seen), test.Name)
	}
	require.Len(t, suite.Tests, 2)
}

func TestANameIsOneOfAFile(t *testing.T) {
	for _, bad := range []string{"", "JSON", "a b", "-a", "a/b", "../a", "a-"} {
		require.ErrorContains(t, Rule{Name: bad}.Check(), "such as json-depth", bad)
	}
}

func TestTheNextIDLeavesRoom(t *testing.T) {
	for name, c := range map[string]struct {
		own, used []int
		want      int
		ok        bool
	}{
		"an empty folder has the first of the range": {nil, nil, 100, true},
		"the ten after the highest":                  {[]int{103, 110}, []int{103, 110}, 120, true},
		"the first free one when that is taken":      {[]int{103}, []int{103, 110, 100, 101}, 102, true},
		"the first free one behind the range's end":  {[]int{129}, []int{129, 100}, 101, true},
		"none in a full range":                       {nil, ids(100, 129), 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			id, ok := NextID(c.own, c.used, 100, 129)
			require.Equal(t, c.ok, ok)
			require.Equal(t, c.want, id)
		})
	}
}

func TestAnEmptyFolderBeginsAtAThousand(t *testing.T) {
	id, ok := NextID(nil, nil, 1, 99_999)
	require.True(t, ok)
	require.Equal(t, 1000, id)
}

func ids(from, to int) (out []int) {
	for ; from <= to; from++ {
		out = append(out, from)
	}
	return out
}

func TestIDsOfAText(t *testing.T) {
	require.Equal(t, []int{7, 9}, IDs("f", "SecAction \"id:7\"\nSecMarker A\nSecRule A \"x\" \"id:9,chain\"\nSecRule B \"y\"\nSecAction \\"))
}
