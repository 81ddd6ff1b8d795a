package screen

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/seclang"
)

func TestRulesAreLeftOutOnlyWhenTheyDoTheSameInEveryExchange(t *testing.T) {
	const level = `SecAction "id:1,phase:1,pass,nolog,setvar:tx.level=1"` + "\n"
	const jump = `SecRule TX:level "@lt 2" "id:2,phase:1,pass,nolog,skipAfter:END"` + "\n"
	const high = `SecRule ARGS "@rx evil" "id:3,phase:1,deny"` + "\nSecMarker END\n"
	for _, c := range []struct {
		name, rules   string
		idle, settled []int
		variables     []TXVar
	}{
		{"a rule behind a jump that is always made", level + jump + high, []int{3}, []int{1, 2}, []TXVar{{"level", "1"}}},
		{"not when the level is the request's", `SecRule ARGS:level "@rx ." "id:1,phase:1,pass,nolog,setvar:tx.level=%{MATCHED_VAR}"` + "\n" + jump + high, nil, nil, nil},
		{"a rule over constants that does not match", level + `SecRule TX:level "@eq 2" "id:2,phase:1,deny"`, []int{2}, []int{1}, []TXVar{{"level", "1"}}},
		{
			"not behind a jump that a rule of the request can pass over",
			level + `SecRule ARGS "@rx x" "id:9,phase:1,pass,nolog,skipAfter:MIDDLE"` + "\n" + jump + "SecMarker MIDDLE\n" + high, nil, []int{1}, []TXVar{{"level", "1"}},
		},
		{
			"not behind a jump that a ctl may take away",
			`SecRule ARGS "@rx x" "id:9,phase:1,pass,nolog,ctl:ruleRemoveById=2"` + "\n" + level + jump + high, nil, []int{1}, []TXVar{{"level", "1"}},
		},
		{
			"behind one that a ctl takes away together with the rule",
			`SecRule ARGS "@rx x" "id:9,phase:1,pass,nolog,ctl:ruleRemoveById=2-3"` + "\n" + level + jump + high, []int{3}, []int{1, 2}, []TXVar{{"level", "1"}},
		},
		{
			"not a variable that a ctl may leave unset",
			`SecRule ARGS "@rx x" "id:9,phase:1,pass,nolog,ctl:ruleRemoveById=1"` + "\n" + level, nil, nil, nil,
		},
		{"not a variable that was looked at before", `SecRule &TX:level "@eq 0" "id:9,phase:1,pass,log"` + "\n" + level, nil, nil, nil},
		{"nor one that was written before", `SecRule ARGS "@rx x" "id:9,phase:1,pass,nolog,setvar:tx.level=2"` + "\n" + level, nil, nil, nil},
		{"one that the request changes later", level + `SecRule ARGS "@rx x" "id:9,phase:1,pass,nolog,setvar:tx.level=+2"`, nil, []int{1}, []TXVar{{"level", "1"}}},
		{"a default that is not needed", level + `SecRule &TX:level "@eq 0" "id:2,phase:1,pass,nolog,setvar:tx.level=9"`, []int{2}, []int{1}, []TXVar{{"level", "1"}}},
		{"not one that is logged", `SecAction "id:1,phase:1,pass,log,setvar:tx.level=1"`, nil, nil, nil},
		{"not one that skip counts", `SecRule ARGS "@rx x" "id:9,phase:1,pass,nolog,skip:1"` + "\n" + level, nil, nil, nil},
		{"not where leftovers of any rule are read", level + `SecRule MATCHED_VAR "@rx ." "id:9,phase:1,pass,nolog"`, nil, nil, nil},
		{"not behind an allow", `SecRule ARGS "@rx x" "id:9,phase:1,allow:phase,nolog"` + "\n" + level + jump + high, nil, nil, nil},
		{"nothing in a table that is not understood", level + jump + high + "SecIgnoreRuleCompilationErrors On", nil, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Fix(parse(t, "SecRuleEngine On\n"+c.rules), Options{}, func(*seclang.Rule) bool { return true })
			require.Equal(t, Fixed{c.idle, c.settled, c.variables}, got)
		})
	}
}

func TestOnlyRulesThatMayBeLeftOutAre(t *testing.T) {
	table := parse(t, "SecRuleEngine On\nSecAction \"id:1,phase:1,pass,nolog,setvar:tx.level=1\"\n"+
		"SecRule TX:level \"@eq 2\" \"id:2,phase:1,deny\"\nSecRule TX:level \"@eq 3\" \"id:3,phase:1,deny\"")
	got := Fix(table, Options{}, func(r *seclang.Rule) bool { return r.ID != 2 })
	require.Equal(t, Fixed{[]int{3}, []int{1}, []TXVar{{"level", "1"}}}, got)
}
