package seclang

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// describe gives the parts of the rules that updates change, a line for each.
func describe(table *Table) string {
	var out []string
	for _, r := range table.Rules {
		if r.Marker != "" {
			out = append(out, "marker "+r.Marker)
			continue
		}
		line := fmt.Sprintf("%d:", r.ID)
		for _, l := range append([]*Link{&r.Link}, r.Chain...) {
			for _, t := range l.Targets {
				line += " " + describeTarget(t)
			}
			for _, name := range l.Transformations {
				line += " t:" + name
			}
			for _, a := range l.Actions {
				line += " " + strings.TrimSuffix(a.Name+":"+a.Arg, ":")
			}
			line += " /"
		}
		out = append(out, strings.TrimSuffix(line, " /"))
	}
	return strings.Join(out, "\n")
}

func describeTarget(t Target) string {
	name := t.Variable
	if t.Count {
		name = "&" + name
	}
	if t.Key != "" {
		name += ":" + t.Key
	}
	for _, s := range t.Except {
		name += "|!" + s.Key
	}
	return name
}

// twoRules is what the updates below start from; in phase 2 Coraza adds log,
// auditlog and pass.
const twoRules = `SecRuleEngine On
SecRule ARGS|REQUEST_HEADERS "@rx ." "id:10,phase:2,deny,t:lowercase,tag:'a b',tag:x,msg:'m',chain"
  SecRule ARGS "@rx o" "t:none"
SecRule ARGS_GET "@rx ." "id:20,phase:2,tag:x,msg:'n',nolog"
`

const (
	rule10 = "10: ARGS REQUEST_HEADERS t:lowercase log auditlog deny t:lowercase chain / ARGS log auditlog t:none pass"
	rule20 = "20: ARGS_GET log auditlog nolog pass"
)

func TestUpdatesChangeTheTableAsTheyChangeCoraza(t *testing.T) {
	for name, c := range map[string]struct{ update, want string }{
		"nothing":                                     {"", rule10 + "\n" + rule20},
		"SecRuleRemoveById with an id":                {"SecRuleRemoveById 10", rule20},
		"SecRuleRemoveById with ids and a range":      {"SecRuleRemoveById 5 10-20", ""},
		"SecRuleRemoveById in quotes":                 {`SecRuleRemoveById "10"`, rule20},
		"SecRuleRemoveById takes the chain along":     {"SecRuleRemoveById 10\nSecRule ARGS \"@rx .\" \"id:30,phase:1\"", rule20 + "\n30: ARGS"},
		"SecRuleRemoveById frees the id":              {"SecRuleRemoveById 10\nSecAction \"id:10,phase:1\"", rule20 + "\n10:"},
		"SecRuleRemoveById 0 removes a marker":        {"SecMarker M\nSecRuleRemoveById 0", rule10 + "\n" + rule20},
		"SecRuleRemoveByTag with an exact tag":        {`SecRuleRemoveByTag "a b"`, rule20},
		"SecRuleRemoveByTag knows no expressions":     {`SecRuleRemoveByTag "a.*"`, rule10 + "\n" + rule20},
		"SecRuleRemoveByMsg with an exact message":    {`SecRuleRemoveByMsg "n"`, rule10},
		"SecRuleUpdateTargetById adds an exception":   {`SecRuleUpdateTargetById 10 "!ARGS:A"`, strings.Replace(rule10, "ARGS", "ARGS|!A", 1) + "\n" + rule20},
		"SecRuleUpdateTargetById adds a variable":     {`SecRuleUpdateTargetById 20 "&REQUEST_COOKIES:S"`, rule10 + "\n" + strings.Replace(rule20, "ARGS_GET", "ARGS_GET &REQUEST_COOKIES:s", 1)},
		"SecRuleUpdateTargetById excepts a pattern":   {`SecRuleUpdateTargetById 20 "!ARGS_GET:/^a/"`, rule10 + "\n" + strings.Replace(rule20, "ARGS_GET", "ARGS_GET|!/^a/", 1)},
		"SecRuleUpdateTargetById excepts all":         {`SecRuleUpdateTargetById 20 !ARGS_GET`, rule10 + "\n" + strings.Replace(rule20, "ARGS_GET", "ARGS_GET|!", 1)},
		"SecRuleUpdateTargetById with a range":        {`SecRuleUpdateTargetById 10-20 "REQUEST_URI"`, strings.Replace(rule10, "HEADERS", "HEADERS REQUEST_URI", 1) + "\n" + strings.Replace(rule20, "GET", "GET REQUEST_URI", 1)},
		"SecRuleUpdateTargetById stops at an id":      {`SecRuleUpdateTargetById 20 10 "REQUEST_URI"`, rule10 + "\n" + strings.Replace(rule20, "GET", "GET REQUEST_URI", 1)},
		"SecRuleUpdateTargetByTag with a tag":         {`SecRuleUpdateTargetByTag x "!ARGS:b"`, strings.Replace(rule10, "ARGS", "ARGS|!b", 1) + "\n" + rule20},
		"SecRuleUpdateTargetByTag with another tag":   {`SecRuleUpdateTargetByTag y "!ARGS:b"`, rule10 + "\n" + rule20},
		"SecRuleUpdateTargetByMsg does nothing":       {`SecRuleUpdateTargetByMsg m "!ARGS:b"`, rule10 + "\n" + rule20},
		"SecRuleUpdateActionById replaces deny":       {`SecRuleUpdateActionById 10 "drop,status:404"`, strings.Replace(rule10, " deny t:lowercase chain", " t:lowercase chain drop status:404", 1) + "\n" + rule20},
		"SecRuleUpdateActionById keeps deny":          {`SecRuleUpdateActionById 10 "nolog"`, strings.Replace(rule10, "chain", "chain nolog", 1) + "\n" + rule20},
		"SecRuleUpdateActionById does not merge":      {`SecRuleUpdateActionById 20 "block"`, rule10 + "\n" + strings.Replace(rule20, "pass", "block", 1)},
		"SecRuleUpdateActionById clears and adds t":   {`SecRuleUpdateActionById 20 "t:none,t:uppercase"`, rule10 + "\n" + strings.Replace(rule20, "ARGS_GET", "ARGS_GET t:uppercase", 1) + " t:none t:uppercase"},
		"SecRuleUpdateActionById with a range":        {`SecRuleUpdateActionById 10-20 "log"`, strings.Replace(rule10, "chain", "chain log", 1) + "\n" + rule20 + " log"},
		"SecRuleUpdateActionById changes the id":      {"SecRuleUpdateActionById 20 \"id:30\"\nSecRuleRemoveById 10", strings.Replace(rule20, "20", "30", 1)},
		"SecRuleUpdateActionById changes the phase":   {"SecRuleUpdateActionById 20 \"phase:1\"", rule10 + "\n" + rule20},
		"SecDefaultAction changes only later rules":   {"SecDefaultAction \"phase:2,drop,nolog,status:418\"\nSecAction \"id:30\"", rule10 + "\n" + rule20 + "\n30: nolog status:418 drop"},
		"SecDefaultAction gives block its action":     {"SecDefaultAction \"phase:1,redirect:/x\"\nSecAction \"id:30,phase:1,block,log\"", rule10 + "\n" + rule20 + "\n30: log redirect:/x"},
		"SecDefaultAction leaves deny alone":          {"SecDefaultAction \"phase:1,pass,log\"\nSecAction \"id:30,phase:1,deny\"", rule10 + "\n" + rule20 + "\n30: log deny"},
		"a rule without actions in a chain gets none": {"SecAction \"id:30,phase:1,chain\"\nSecRule ARGS \"@rx .\"", rule10 + "\n" + rule20 + "\n30: chain / ARGS"},
	} {
		t.Run(name, func(t *testing.T) {
			text := twoRules + c.update
			ds, err := Load(nil, []Source{{Name: "f", Text: text}})
			require.NoError(t, err)
			table, errs := Parse(ds, Known{})
			require.Empty(t, errs)
			require.Equal(t, c.want, describe(table))
			require.True(t, compare(t, elements(t), text))
		})
	}
}

func TestIgnoredErrorsAndMarkersAsRuleZeroAreNotModelled(t *testing.T) {
	for _, text := range []string{
		"SecIgnoreRuleCompilationErrors On",
		"SecMarker A\nSecRuleUpdateActionById 0 \"deny\"",
		"SecMarker A\nSecRuleUpdateTargetById 0-9 \"ARGS\"",
	} {
		ds, err := Load(nil, []Source{{Name: "f", Text: text}})
		require.NoError(t, err)
		table, errs := Parse(ds, Known{})
		require.Empty(t, errs)
		require.Len(t, table.Unmodelled, 1)
		require.NotEmpty(t, table.Unmodelled[0].Reason)
		require.Equal(t, ds[len(ds)-1].Pos, table.Unmodelled[0].Directive.Pos)
	}
}
