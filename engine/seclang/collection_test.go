package seclang_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/seclang"
)

// ticket is a collection as a caller would add one.
var ticket = seclang.Collection{
	Name: "TICKET", Prefix: "own_ticket.",
	Check: func(key string) (msg, hint string) {
		if strings.HasPrefix(key, "bad") {
			return "TICKET has no " + key, "write TICKET:good"
		}
		return "", ""
	},
}

func rewrite(t *testing.T, text string) (string, []seclang.Directive, []string, []*seclang.Error) {
	t.Helper()
	ds, err := seclang.Load(nil, []seclang.Source{{Name: "a.conf", Text: text}})
	require.NoError(t, err)
	out, edits, used, errs := seclang.Rewrite(ds, ticket)
	return edits.Apply("a.conf", text), out, used, errs
}

func TestACollectionOfOnesOwnBecomesVariablesOfTX(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"a target":                    {`SecRule TICKET:seat "@streq a" "id:1"`, `SecRule TX:own_ticket.seat "@streq a" "id:1"`},
		"a target among others":       {`SecRule ARGS|!ARGS:x|&TICKET:seat|TICKET:row "@eq 1" "id:1"`, `SecRule ARGS|!ARGS:x|&TX:own_ticket.seat|TX:own_ticket.row "@eq 1" "id:1"`},
		"an exception":                {`SecRule TX:a|!ticket:seat "@eq 1" "id:1"`, `SecRule TX:a|!TX:own_ticket.seat "@eq 1" "id:1"`},
		"a capital letter":            {`SecRule TICKET:seatId "@eq 1" "id:1"`, `SecRule TX:own_ticket.seat[49]d "@eq 1" "id:1"`},
		"a slash written as %2F":      {`SecRule TICKET:a%2Fb "@eq 1" "id:1"`, `SecRule TX:own_ticket.a[25]2[46]b "@eq 1" "id:1"`},
		"macros":                      {`SecRule ARGS "@streq %{ticket.seat}" "id:1,msg:'%{TICKET.row} x',setvar:tx.a=%{Ticket.seat}"`, `SecRule ARGS "@streq %{tx.own_ticket.seat}" "id:1,msg:'%{tx.own_ticket.row} x',setvar:tx.a=%{tx.own_ticket.seat}"`},
		"a macro in our own operator": {`SecRule ARGS "@own %{ticket.seat}" "id:1"`, `SecRule ARGS "@own %{tx.own_ticket.seat}" "id:1"`},
		"no macro in a pattern":       {`SecRule ARGS "@rx %{ticket.seat}" "id:1"`, `SecRule ARGS "@rx %{ticket.seat}" "id:1"`},
		"no macro in a bare pattern":  {`SecRule ARGS "%{ticket.seat}" "id:1"`, `SecRule ARGS "%{ticket.seat}" "id:1"`},
		"a ctl":                       {`SecAction "id:1,ctl:ruleRemoveTargetById=2;TICKET:seat"`, `SecAction "id:1,ctl:ruleRemoveTargetById=2;TX:own_ticket.seat"`},
		"an update of targets":        {`SecRuleUpdateTargetById 1 "!TICKET:seat"`, `SecRuleUpdateTargetById 1 "!TX:own_ticket.seat"`},
		"an update of actions":        {`SecRuleUpdateActionById 1 "msg:'%{TICKET.seat}'"`, `SecRuleUpdateActionById 1 "msg:'%{tx.own_ticket.seat}'"`},
		"the name alone in a text":    {`SecRule ARGS "@contains TICKET:seat" "id:1,msg:'TICKET:seat'"`, `SecRule ARGS "@contains TICKET:seat" "id:1,msg:'TICKET:seat'"`},
		"lines that go on":            {"# c\nSecRule \\\n  TICKET:seat \\\n  \"@eq 1\" \"id:1\"\nSecRule TICKET:seat \"@eq 2\" \"id:2\"\n", "# c\nSecRule \\\n  TX:own_ticket.seat \\\n  \"@eq 1\" \"id:1\"\nSecRule TX:own_ticket.seat \"@eq 2\" \"id:2\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, directives, _, errs := rewrite(t, row.text)
			require.Empty(t, errs)
			require.Equal(t, row.want, got)
			// The directives say what they would say had the text been written so.
			again, err := seclang.Load(nil, []seclang.Source{{Name: "a.conf", Text: got}})
			require.NoError(t, err)
			require.Equal(t, len(again), len(directives))
			for i := range again {
				require.Equal(t, again[i].Raw, directives[i].Raw)
				require.Equal(t, again[i].Args, directives[i].Args)
			}
		})
	}
}

func TestRewrittenDirectivesKeepTheirPlaces(t *testing.T) {
	text := "SecRule TICKET:seat|ARGS \"@eq 1\" \\\n    \"id:1,msg:'%{TICKET.row}',pas\"\n"
	_, directives, used, errs := rewrite(t, text)
	require.Empty(t, errs)
	require.Equal(t, []string{"TICKET:row", "TICKET:seat"}, used)
	found := seclang.Check(directives, seclang.Known{})
	require.Len(t, found, 1)
	require.Equal(t, `a.conf:2:31: unknown action "pas", did you mean "pass"?`, found[0].Error())
	table, errs := seclang.Parse(directives, seclang.Known{})
	require.NotEmpty(t, errs)
	require.Equal(t, "a.conf:1:9", table.Rules[0].Targets[0].Pos.String())
	require.Equal(t, "a.conf:1:21", table.Rules[0].Targets[1].Pos.String())
	require.Equal(t, "a.conf:1:27", table.Rules[0].Operator.Pos.String())
}

func TestFormsThatACollectionDoesNotHave(t *testing.T) {
	for text, want := range map[string]string{
		`SecRule TICKET "@eq 1" "id:1"`:                 "a.conf:1:9: TICKET needs a name, write TICKET:name",
		`SecRule TICKET:/x/ "@eq 1" "id:1"`:             "a.conf:1:9: TICKET takes no pattern, name what is meant; write %2F for a slash",
		`SecRule TICKET:'x' "@eq 1" "id:1"`:             "a.conf:1:9: TICKET takes no quotes, write %20 for a blank and so on",
		`SecRule TICKET:bad "@eq 1" "id:1"`:             "a.conf:1:9: TICKET has no bad, write TICKET:good",
		`SecAction "id:1,msg:'%{ticket}'"`:              "a.conf:1:24: TICKET needs a name, write %{TICKET.name}",
		"SecRule TICKET:se\\\nat \"@eq 1\" \"id:1\"\n":  "a.conf:1:9: TICKET:seat is spread over two lines, write it on one",
		"SecRule ARGS \"@eq %{ticket.bad}\" \"id:1\"\n": "a.conf:1:21: TICKET has no bad, write TICKET:good",
	} {
		_, _, _, errs := rewrite(t, text)
		require.Len(t, errs, 1, text)
		require.Equal(t, want, errs[0].Error(), text)
	}
}

func TestNamesInTXAreUniqueAndReadable(t *testing.T) {
	seen := map[string]bool{}
	for _, key := range []string{"a", "A", "a.b", "a_b", "a%2Eb", "[61]", "é", "a b", "[", "[6"} {
		name := ticket.Variable(key)
		require.Equal(t, strings.ToLower(name), name)
		require.False(t, seen[name], key)
		seen[name] = true
		back, ok := ticket.Key(name)
		require.True(t, ok)
		require.Equal(t, key, back)
	}
	_, ok := ticket.Key("other.a")
	require.False(t, ok)
}

func TestWhatIsShownIsWhatTheAuthorWrote(t *testing.T) {
	for given, want := range map[string]string{
		"TX:own_ticket.seat":                                        "TICKET:seat",
		"&TX:own_ticket.seat[49]d is [TX:own_ticket.row]":           "&TICKET:seatId is [TICKET:row]",
		"@streq %{tx.own_ticket.seat} %{TX.own_ticket.a[25]2[46]b}": "@streq %{TICKET.seat} %{TICKET.a%2Fb}",
		"TX:seat, tx.own_tick and TX:other_ticket.seat":             "TX:seat, tx.own_tick and TX:other_ticket.seat",
		"own_ticket.seat is no name of ours":                        "own_ticket.seat is no name of ours",
		"":                                                          "",
	} {
		require.Equal(t, want, ticket.Shown(given))
	}
}
