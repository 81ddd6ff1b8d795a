package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/engine/seclang"
	"tabard/rules"
)

func TestEachRouteHasARuleSetWithPlacesInThePolicy(t *testing.T) {
	policy, err := engine.ParsePolicy("policy.yaml", []byte("routes:\n- name: a\n  directives:\n  - inline: |\n      SecAction \"id:7,phase:1,pass,msg:'x'\"\n"))
	require.NoError(t, err)
	sets, err := engine.RuleSets(policy, rules.FS())
	require.NoError(t, err)
	require.Len(t, sets, 2)
	places := seclang.RulePositions(sets[1].Directives)
	require.Equal(t, "policy.yaml:5:7", sets[1].Place(places[7]).String())
	require.NotContains(t, seclang.RulePositions(sets[0].Directives), 7)
	require.Equal(t, []string{"", "a"}, []string{sets[0].Route, sets[1].Route})
}
