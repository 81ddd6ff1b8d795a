package seclang

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// parsed gives the table of a text without mistakes.
func parsed(t *testing.T, text string) *Table {
	ds, err := Load(nil, []Source{{Name: "f", Text: text}})
	require.NoError(t, err)
	table, errs := Parse(ds, Known{})
	require.Empty(t, errs)
	return table
}

func TestTheLastSettingOfANameCounts(t *testing.T) {
	table := parsed(t, "SecRuleEngine On\nSecRequestBodyLimit 100\nsecruleengine \"DetectionOnly\"")
	s, ok := table.Setting("secruleengine")
	require.True(t, ok)
	require.Equal(t, Setting{"secruleengine", "DetectionOnly", Position{"f", 3, 1}}, s)
	_, ok = table.Setting("secresponsebodylimit")
	require.False(t, ok)
}

func TestADatasetKeepsItsEntries(t *testing.T) {
	table := parsed(t, "SecDataset bots `\n  one\n# no\n\nTwo three\n`")
	require.Equal(t, map[string][]string{"bots": {"one", "Two three"}}, table.Datasets)
}

func TestAnOperatorKeepsItsArgumentAndPlace(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Operator
		at   string
	}{
		"the default is @rx":              {`"a b"`, Operator{Name: "rx", Arg: "a b"}, "1:15"},
		"a negated default":               {`"! a"`, Operator{Name: "rx", Negated: true, Arg: "a"}, "1:17"},
		"an operator with an argument":    {`"@pm  a b "`, Operator{Name: "pm", Arg: "a b"}, "1:20"},
		"a negated operator":              {`"!@within GET POST"`, Operator{Name: "within", Negated: true, Arg: "GET POST"}, "1:24"},
		"an operator without an argument": {`"@detectSQLi"`, Operator{Name: "detectSQLi"}, "1:26"},
		"an escaped quote":                {`"@contains \"\\\"x"`, Operator{Name: "contains", Arg: `"\\"x`}, "1:25"},
		"no operator at all":              {`""`, Operator{Name: "rx"}, "1:15"},
	} {
		t.Run(name, func(t *testing.T) {
			op := *parsed(t, `SecRule ARGS `+c.text+` "id:1"`).Rules[0].Operator
			require.Equal(t, "f:"+c.at, op.ArgPos.String())
			op.Pos, op.ArgPos = Position{}, Position{}
			require.Equal(t, c.want, op)
		})
	}
}

func TestTheArgumentsOfSetvarAndCtlAreRead(t *testing.T) {
	actions := parsed(t, `SecAction "id:1,phase:1,setvar:'tx.Score_%{rule.id}=+%{tx.critical}',setvar:!tx.a=1,ctl:ruleRemoveTargetById=10-20;ARGS:/^A/,ctl:ruleRemoveTargetByTag=x;request_headers:Host,ctl:ruleEngine=Off"`).Rules[0].Actions
	require.Equal(t, &SetVar{
		Key:   []MacroPart{{Text: "Score_"}, {Variable: "RULE", Key: "id", Text: "rule.id"}},
		Value: []MacroPart{{Text: "+"}, {Variable: "TX", Key: "critical", Text: "tx.critical"}},
	}, actions[0].SetVar)
	require.True(t, actions[1].SetVar.Remove)
	require.Equal(t, &Ctl{Option: "ruleRemoveTargetById", Value: "10-20", Variable: "ARGS", Selector: Selector{IsPattern: true, Pattern: "^A"}}, actions[2].Ctl)
	require.Equal(t, &Ctl{Option: "ruleRemoveTargetByTag", Value: "x", Variable: "REQUEST_HEADERS", Selector: Selector{Key: "host"}}, actions[3].Ctl)
	require.Equal(t, &Ctl{Option: "ruleEngine", Value: "Off"}, actions[4].Ctl)
}

func TestIsBytePattern(t *testing.T) {
	for arg, want := range map[string]bool{
		`abc`: false, `\xe4`: true, `\x{e4}`: true, `\xc3\xa4`: false, `\x41`: false, `\x{10ffff}`: false, `\d\s`: false,
		`ä`: false, `[\x80-\xff]`: true, `\x{a}zzzz`: false, `\x{080}`: false,
	} {
		require.Equal(t, want, IsBytePattern(arg), arg)
		// A dot is a rune of regexp and a byte of binaryregexp.
		o := observe(nil, `SecRule ARGS "@rx ^.$|`+arg+`zz" "id:1,phase:1"`)
		require.NoError(t, o.err, arg)
		tx := o.waf.NewTransaction()
		tx.AddGetRequestArgument("u", "\u00f6")
		tx.ProcessRequestHeaders()
		require.Equal(t, want, len(tx.MatchedRules()) == 0, arg)
	}
}

func BenchmarkLoadCRS(b *testing.B) {
	for b.Loop() {
		crs(b)
	}
}

func BenchmarkParseCRS(b *testing.B) {
	ds := crs(b)
	for b.Loop() {
		Parse(ds, Known{})
	}
}

func BenchmarkCheckCRS(b *testing.B) {
	ds := crs(b)
	for b.Loop() {
		Check(ds, Known{})
	}
}
