package seclang

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// texts gives the errors as they are printed.
func texts(errs []*Error) (out []string) {
	for _, e := range errs {
		out = append(out, e.Error())
	}
	return out
}

// refusals are texts with one mistake each.
var refusals = map[string]struct {
	text string
	want string
	// lenient marks what Coraza loads all the same and then panics on.
	lenient bool
}{
	"an unknown action":                      {`SecRule ARGS "@rx x" "id:1,pas"`, `rules/a.conf:1:28: unknown action "pas", did you mean "pass"?`, false},
	"an unknown action on a continued line":  {"SecRule ARGS \"@rx x\" \\\n    \"id:1,\\\n    phas:2\"", `rules/a.conf:3:5: unknown action "phas", did you mean "phase"?`, false},
	"an empty action":                        {`SecAction "id:1,pass,"`, `rules/a.conf:1:22: an action is missing here, remove the comma`, false},
	"an unknown operator":                    {`SecRule ARGS "@detectSQLI" "id:1"`, `rules/a.conf:1:15: unknown operator "@detectSQLI", did you mean "detectSQLi"?`, false},
	"an unknown negated operator":            {`SecRule ARGS "!@begin x" "id:1"`, `rules/a.conf:1:15: unknown operator "!@begin"`, false},
	"an unknown variable":                    {`SecRule ARGS|REQUEST_HEADER:Host "@rx x" "id:1"`, `rules/a.conf:1:14: unknown variable "REQUEST_HEADER", did you mean "REQUEST_HEADERS"?`, false},
	"an unknown counted variable":            {`SecRule &ARG "@eq 1" "id:1"`, `rules/a.conf:1:10: unknown variable "ARG", did you mean "ARGS"?`, false},
	"an unknown transformation":              {`SecRule ARGS "@rx x" "id:1,t:lowercas"`, `rules/a.conf:1:30: unknown transformation "lowercas", did you mean "lowercase"?`, false},
	"an unknown directive":                   {`SecRul ARGS "@rx x" "id:1"`, `rules/a.conf:1:1: unknown directive "SecRul", did you mean "SecRule"?`, false},
	"a tab after the directive":              {"SecRuleEngine\tOn", `rules/a.conf:1:14: a tab follows SecRuleEngine, write a space`, false},
	"a byte order mark":                      {"\ufeffSecRuleEngine On", `rules/a.conf:1:1: the file begins with a byte order mark, save it as UTF-8 without one`, false},
	"a key of a variable without keys":       {`SecRule REQUEST_URI:x "@rx x" "id:1"`, `rules/a.conf:1:21: REQUEST_URI has no keys to choose from, write REQUEST_URI alone`, false},
	"a quoted key":                           {`SecRule ARGS:'a'|TX:b "@rx x" "id:1"`, `rules/a.conf:1:14: the single quote is never closed, write the key without quotes`, false},
	"a bad pattern of keys":                  {`SecRule ARGS:/(a/ "@rx x" "id:1"`, `rules/a.conf:1:14: bad regular expression: missing closing )`, false},
	"a bad regular expression":               {`SecRule ARGS "@rx a(b" "id:1"`, `rules/a.conf:1:19: operator @rx: bad regular expression: missing closing )`, false},
	"look-ahead":                             {`SecRule ARGS "!@rx a(?=b)" "id:1"`, `rules/a.conf:1:20: operator @rx: bad regular expression: invalid or unsupported Perl syntax at "(?=", Go's expressions have no look-around`, false},
	"a back-reference":                       {`SecRule ARGS "(a)\1" "id:1"`, `rules/a.conf:1:15: operator @rx: bad regular expression: invalid escape sequence at "\\1", Go's expressions have no back-references`, false},
	"a bad byte range":                       {`SecRule ARGS "@validateByteRange 1-300" "id:1"`, `rules/a.conf:1:34: operator @validateByteRange: "1-300" is no byte or range of bytes, write numbers from 0 to 255 such as 9,10,32-126`, false},
	"an argument that is missing":            {`SecRule ARGS "@eq" "id:1"`, `rules/a.conf:1:18: operator @eq: an argument is missing`, false},
	"a macro of no variable":                 {`SecRule ARGS "@eq %{txx.a}" "id:1"`, `rules/a.conf:1:19: operator @eq: unknown variable "txx"`, false},
	"a data file that is missing":            {`SecRule ARGS "@pmFromFile bot.data" "id:1"`, `rules/a.conf:1:27: operator @pmFromFile: no file "rules/bot.data", did you mean "rules/bots.data"?`, false},
	"a dataset that is missing":              {"SecDataset bots `\na\n`\nSecRule ARGS \"@pmFromDataset bot\" \"id:1\"", `rules/a.conf:4:30: operator @pmFromDataset: no SecDataset "bot" before this rule, did you mean "bots"?`, false},
	"an escaped quote before the mistake":    {`SecRule ARGS "@contains \"%{x" "id:1"`, `rules/a.conf:1:25: operator @contains: the macro "%{x" is never closed`, false},
	"an operator without quotes":             {`SecRule ARGS @rx "id:1"`, `rules/a.conf:1:14: the operator of a SecRule must be in double quotes`, false},
	"an operator that is missing":            {`SecRule ARGS`, `rules/a.conf:1:9: SecRule has no operator, write SecRule VARIABLES "@operator argument" "actions"`, false},
	"a quote that is never closed":           {`SecRule ARGS "@rx x`, `rules/a.conf:1:14: this double quote is never closed, write \" for a quote inside the operator`, false},
	"actions without quotes":                 {`SecRule ARGS "@rx x" id:1`, `rules/a.conf:1:22: the actions of a SecRule must be in one pair of double quotes`, false},
	"a rule without id":                      {`SecRule ARGS "@rx x" "phase:1"`, `rules/a.conf:1:1: SecRule has no id, write "id:N,..." with a number that no other rule has`, false},
	"an id that is no number":                {`SecAction "id:x"`, `rules/a.conf:1:15: action id needs a whole number above 0, not "x"`, false},
	"an id that is taken":                    {"SecAction \"id:1\"\n SecAction \"id:1\"", `rules/a.conf:2:2: the id 1 is taken, by the rule at rules/a.conf:1:1`, false},
	"a phase that does not exist":            {`SecAction "id:1,phase:6"`, `rules/a.conf:1:23: action phase is 1 to 5, request, response or logging, not "6"`, false},
	"a severity that does not exist":         {`SecAction "id:1,severity:'CRITICL'"`, `rules/a.conf:1:27: action severity is 0 to 7 or its name, not "CRITICL", did you mean "critical"?`, false},
	"an argument too many":                   {`SecAction "id:1,deny:403"`, `rules/a.conf:1:22: action deny takes no argument, not "403"`, false},
	"a setvar of another collection":         {`SecAction "id:1,setvar:ip.a=1"`, `rules/a.conf:1:24: action setvar: only variables of TX can be set, write setvar:'tx.name=value'`, false},
	"a setvar without a value":               {`SecAction "id:1,setvar:!tx.a"`, `rules/a.conf:1:24: action setvar: without a value Coraza panics on the request that matches, write "!tx.a=1"`, true},
	"an unknown ctl option":                  {`SecAction "id:1,ctl:ruleRemoveByID=7"`, `rules/a.conf:1:21: action ctl: no option "ruleRemoveByID", did you mean "ruleRemoveById"?`, false},
	"an unknown macro in a message":          {`SecAction "id:1,msg:'a %{foo.b}'"`, `rules/a.conf:1:26: action msg: unknown variable "foo"`, false},
	"a disruptive action inside a chain":     {"SecRule ARGS \"@rx x\" \"id:1,chain\"\nSecRule ARGS \"@rx y\" \"deny\"", `rules/a.conf:2:23: action deny belongs to the first rule of the chain, move it to rules/a.conf:1:1`, false},
	"a value that a setting does not have":   {`SecRuleEngine DetectOnly`, `rules/a.conf:1:15: SecRuleEngine is On, Off or DetectionOnly, not "DetectOnly", did you mean "DetectionOnly"?`, false},
	"a limit that is no number":              {`SecRequestBodyLimit 128k`, `rules/a.conf:1:21: SecRequestBodyLimit needs a number of bytes from 1 to 1073741824, not "128k"`, false},
	"a folder for uploads":                   {`SecUploadDir /tmp`, `rules/a.conf:1:1: SecUploadDir has no effect, the engine writes no files, remove it`, false},
	"uploads that are kept":                  {`SecUploadKeepFiles RelevantOnly`, `rules/a.conf:1:20: SecUploadKeepFiles can only be Off, the engine writes no files, remove it`, false},
	"an update of a rule that comes later":   {"SecRuleUpdateTargetById 7 \"!ARGS:a\"\nSecAction \"id:7\"", `rules/a.conf:1:25: no rule 7 before this directive, it is at rules/a.conf:2:1 and must stand before this directive`, false},
	"an update of a rule that is misspelt":   {"SecAction \"id:942100\"\nSecRuleUpdateActionById 942110 \"pass\"", `rules/a.conf:2:25: no rule 942110 before this directive, did you mean "942100"?`, false},
	"an unknown action in an update":         {"SecAction \"id:7\"\nSecRuleUpdateActionById 7 \"pas\"", `rules/a.conf:2:28: unknown action "pas", did you mean "pass"?`, false},
	"an unknown variable in an update":       {"SecAction \"id:7\"\nSecRuleUpdateTargetById 7 \"!ARG:a\"", `rules/a.conf:2:29: unknown variable "ARG", did you mean "ARGS"?`, false},
	"a range that runs backwards":            {`SecRuleRemoveById 9-3`, `rules/a.conf:1:19: the range 9-3 runs backwards, write 3-9`, false},
	"ids with commas between":                {`SecRuleRemoveById 1,2`, `rules/a.conf:1:19: "1,2" is no rule id and no range of them, write 942100 or 942100-942199`, false},
	"SecRuleRemoveByMsg over a marker":       {"SecMarker A\nSecRuleRemoveByMsg x", `rules/a.conf:2:1: Coraza panics at SecRuleRemoveByMsg because the rule at rules/a.conf:1:1 has no msg, use SecRuleRemoveById`, false},
	"a default action without a phase":       {"SecDefaultAction \"log,pass\"\nSecAction \"id:1\"", `rules/a.conf:1:19: SecDefaultAction has no phase, write "phase:N,..."`, false},
	"a default action without a disruption":  {"SecDefaultAction \"phase:1,log\"\nSecAction \"id:1\"", `rules/a.conf:1:19: SecDefaultAction has no disruptive action, add pass, deny, drop, allow or redirect`, false},
	"a default action with a transformation": {"SecDefaultAction \"phase:1,pass,t:none\"\nSecAction \"id:1\"", `rules/a.conf:1:32: action t is not allowed in SecDefaultAction, move it to the rules`, false},
	"a second default action of a phase":     {"SecDefaultAction \"phase:1,pass\"\nSecDefaultAction \"phase:1,deny\"\nSecAction \"id:1\"", `rules/a.conf:2:19: phase 1 has a SecDefaultAction already`, false},
}

func TestCheckNamesThePlaceAndWhatWouldWork(t *testing.T) {
	files := fstest.MapFS{"rules/bots.data": {Data: []byte("x\n")}}
	for name, c := range refusals {
		t.Run(name, func(t *testing.T) {
			root := fstest.MapFS{"rules/a.conf": {Data: []byte(c.text)}}
			ds, err := Load(root, []Source{{Name: "policy", Text: "Include rules/a.conf"}})
			require.NoError(t, err)
			require.Equal(t, []string{c.want}, texts(Check(ds, Known{Files: files})))
			require.Equal(t, c.lenient, observe(root, "Include rules/a.conf").err == nil)
		})
	}
}

func TestCheckGoesOnAfterAMistake(t *testing.T) {
	text := `
SecRule ARG "@rxx [" "pas,chain"
  SecRule ARGS "@rx (" "t:lower"
SecAction "id:2,phase:9"
SecAction "id:3"`
	ds, err := Load(nil, []Source{{Name: "f", Text: text}})
	require.NoError(t, err)
	require.Equal(t, []string{
		`f:2:9: unknown variable "ARG", did you mean "ARGS"?`,
		`f:2:14: unknown operator "@rxx", did you mean "rx"?`,
		`f:2:23: unknown action "pas", did you mean "pass"?`,
		`f:2:1: SecRule has no id, write "id:N,..." with a number that no other rule has`,
		`f:3:21: operator @rx: bad regular expression: missing closing )`,
		`f:3:27: unknown transformation "lower"`,
		`f:4:23: action phase is 1 to 5, request, response or logging, not "9"`,
	}, texts(Check(ds, Known{})))
}

func TestTheCallersOwnWordsAreKnown(t *testing.T) {
	text := `SecRule ARGS "@jwtMalformed strict" "id:1,skiprules:'a',t:rot13"`
	ds, err := Load(nil, []Source{{Name: "f", Text: text}})
	require.NoError(t, err)
	require.Len(t, Check(ds, Known{}), 3)
	own := Known{Operators: []string{"jwtMalformed"}, Actions: []ActionInfo{{"skipRules", Nondisruptive}}, Transformations: []string{"rot13"}}
	table, errs := Parse(ds, own)
	require.Empty(t, errs)
	r := table.Rules[0]
	require.Equal(t, "jwtMalformed", r.Operator.Name)
	require.Equal(t, "strict", r.Operator.Arg)
	require.Equal(t, []string{"rot13"}, r.Transformations)
	require.True(t, strings.HasSuffix(r.Operator.ArgPos.String(), "1:29"))
	require.Equal(t, "skipRules", r.Actions[2].Name)
	require.Equal(t, "a", r.Actions[2].Arg)
}

func TestWarningsNameWhatCorazaDoesNotDo(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a database of places":                {`SecRule REMOTE_ADDR "@geoLookup" "id:1"`, `f:1:22: @geoLookup always matches: Coraza has no database behind it`},
		"a network that is none":              {`SecRule REMOTE_ADDR "@ipMatch 10.0.0.0/8, 10.1/16,::1" "id:1"`, `f:1:43: @ipMatch leaves out "10.1/16", which is no address and no network`},
		"collections that last":               {`SecAction "id:1,pass,initcol:ip=x"`, `f:1:22: action initcol has no effect in Coraza`},
		"a jump to nowhere":                   {"SecAction \"id:1,pass,skipAfter:END\"\nSecMarker EN", `f:1:1: no SecMarker "END" follows, so that all rules after this one are skipped, did you mean "EN"?`},
		"a jump back":                         {"SecMarker END\nSecAction \"id:1,pass,skipAfter:END\"", `f:2:1: no SecMarker "END" follows, so that all rules after this one are skipped`},
		"a chain without end":                 {`SecAction "id:1,pass,chain"`, `f:1:1: the chain of this rule has no next link, remove the action chain`},
		"block without a default":             {`SecRule ARGS "@rx x" "id:1,phase:1,block"`, `f:1:36: action block does nothing: its phase has no SecDefaultAction before this rule, write deny`},
		"an open quote":                       {`SecAction "id:1,pass,msg:'a,deny"`, `f:1:26: this single quote is never closed, so that the actions after it belong to the argument`},
		"a removal of nothing":                {"SecAction \"id:942100,pass\"\nSecRuleRemoveById 942101", `f:2:19: SecRuleRemoveById 942101 removes nothing, did you mean "942100"?`},
		"a removal before the rule":           {"SecRuleRemoveById 7\nSecAction \"id:7,pass\"", `f:1:19: SecRuleRemoveById 7 removes nothing, it is at f:2:1 and must stand before this directive`},
		"a removal by a tag of none":          {"SecAction \"id:7,pass,tag:'attack-sqli'\"\nSecRuleRemoveByTag attack-sql", `f:2:20: SecRuleRemoveByTag "attack-sql" removes nothing, did you mean "attack-sqli"?`},
		"several ids in an update":            {"SecAction \"id:1,pass\"\nSecAction \"id:2,pass\"\nSecRuleUpdateActionById 1 2 \"log\"", `f:3:27: Coraza ignores what follows the first single id, write one SecRuleUpdateActionById for each rule`},
		"an update by message":                {`SecRuleUpdateTargetByMsg "x" "!ARGS:a"`, `f:1:1: SecRuleUpdateTargetByMsg has no effect in Coraza`},
		"a pattern that is not closed":        {`SecRule ARGS:/ab|REQUEST_URI "@rx x" "id:1"`, `f:1:14: the pattern is never closed, Coraza drops its last letter and takes in what follows, end it with /`},
		"a pattern on a single value":         {`SecRule REQUEST_URI:/x/ "@rx x" "id:1"`, `f:1:21: REQUEST_URI has no keys, so that nothing matches, write REQUEST_URI alone`},
		"a key in quotes at the end":          {`SecRule ARGS:'a' "@rx x" "id:1"`, `f:1:14: the quotes belong to the key here, write the key without quotes`},
		"a class that Coraza lowers":          {`SecRule REQUEST_HEADERS:/^X-\D/ "@rx x" "id:1"`, `f:1:25: Coraza lowers this pattern, so that \D becomes \d, write a class such as [^0-9]`},
		"capitals in an exception":            {`SecRule ARGS|!ARGS:/^Foo/ "@rx x" "id:1"`, `f:1:20: an exception sees keys in lower case, which capital letters never match, write it in lower case`},
		"a ctl on no variable":                {`SecAction "id:1,pass,ctl:ruleRemoveTargetById=7;ARG:x"`, `f:1:26: ctl:ruleRemoveTargetById names no variable that Coraza knows, so that it removes nothing, write ctl:ruleRemoveTargetById=ID;VARIABLE:key`},
		"a count that is transformed":         {`SecRule &ARGS "@eq 0" "id:1,t:lowercase"`, `f:1:10: Coraza may take the value of ARGS for this count when both are transformed, put counts in a rule with t:none alone`},
		"a directive without effect":          {`SecPcreMatchLimit 1000`, `f:1:1: SecPcreMatchLimit has no effect in Coraza`},
		"a command that the filter can't run": {`SecRule FILES_TMPNAMES "@inspectFile x.lua" "id:1"`, `f:1:25: @inspectFile always matches in the WebAssembly filter`},
	} {
		t.Run(name, func(t *testing.T) {
			ds, err := Load(nil, []Source{{Name: "f", Text: c.text}})
			require.NoError(t, err)
			table, errs := Parse(ds, Known{})
			require.Empty(t, errs)
			require.Equal(t, []string{c.want}, texts(table.Warnings))
			require.NoError(t, observe(nil, c.text).err)
		})
	}
}
