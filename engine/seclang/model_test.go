package seclang

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/types"
	"github.com/stretchr/testify/require"
)

// Here the table is run: a small interpreter of it, for one fixed request, must
// see what the real Coraza sees with the same text.

// play sends the fixed request through Coraza.
func play(waf coraza.WAF) ([]types.MatchedRule, *types.Interruption) {
	tx := waf.NewTransaction()
	defer tx.Close()
	tx.ProcessURI("/p/x.php?a=Foo&A=two&b=%2fz&ab=1", "GET", "HTTP/1.1")
	tx.AddRequestHeader("Host", "example.com")
	tx.AddRequestHeader("X-Test", "One")
	tx.AddRequestHeader("Cookie", "s=1; T=Two")
	if tx.ProcessRequestHeaders() == nil {
		if it, _ := tx.ProcessRequestBody(); it == nil && tx.ProcessResponseHeaders(200, "HTTP/1.1") == nil {
			_, _ = tx.ProcessResponseBody()
		}
	}
	tx.ProcessLogging()
	return tx.MatchedRules(), tx.Interruption()
}

// element is one value of the request.
type element struct{ variable, key, value string }

// elements are the values of the fixed request, asked from Coraza itself.
func elements(t *testing.T) []element {
	o := observe(nil, `SecRule ARGS|ARGS_GET|REQUEST_HEADERS|REQUEST_COOKIES|REQUEST_URI|REQUEST_METHOD "@unconditionalMatch" "id:1,phase:1"`)
	require.NoError(t, o.err)
	var out []element
	matched, _ := play(o.waf)
	for _, m := range matched[0].MatchedDatas() {
		out = append(out, element{m.Variable().Name(), m.Key(), m.Value()})
	}
	return out
}

// interpreter runs a table.
type interpreter struct {
	table     *Table
	request   []element
	tx        map[string]string
	skip      int
	skipAfter string
	status    string
	lines     []string
}

func (in *interpreter) run() []string {
	for phase := 1; phase <= 5; phase++ {
		for _, r := range in.table.Rules {
			if in.status != "" && phase != 5 {
				break
			}
			in.step(r, phase)
		}
		in.skip = 0
	}
	return append(in.lines, in.status)
}

func (in *interpreter) step(r *Rule, phase int) {
	if r.Phase != 0 && r.Phase != phase {
		return
	}
	if in.skipAfter != "" {
		if r.Marker == in.skipAfter {
			in.skipAfter = ""
		}
		return
	}
	if in.skip > 0 {
		in.skip--
		return
	}
	if r.Marker == "" {
		in.rule(r)
	}
}

func (in *interpreter) rule(r *Rule) {
	var values, msg []string
	for _, l := range append([]*Link{&r.Link}, r.Chain...) {
		got := in.link(l)
		if len(got) == 0 {
			return
		}
		values = append(values, got...)
		if l.Msg != "" && msg == nil {
			msg = []string{l.Msg, l.LogData}
		}
	}
	if r.Skip > 0 {
		in.skip = r.Skip
	}
	if r.SkipAfter != "" {
		in.skipAfter = r.SkipAfter
	}
	if a, ok := r.Disruptive(); ok {
		in.disrupt(r, a)
	}
	sort.Strings(values)
	in.lines = append(in.lines, fmt.Sprint(r.ID, r.Phase, r.Log, r.Audit, r.Severity, r.Tags, r.Rev, r.Ver, r.Maturity, r.Accuracy, msg, values))
}

func (in *interpreter) disrupt(r *Rule, a Action) {
	status := r.Status
	switch a.Name {
	case "deny":
		if status == 0 {
			status = 403
		}
	case "redirect":
		if !slices.Contains([]int{301, 302, 303, 307}, status) {
			status = 302
		}
	case "drop":
	default:
		return
	}
	in.status = fmt.Sprint(a.Name, status, r.ID, a.Arg)
}

// link gives the values that match, and runs setvar for each of them, which
// later targets of the same link already see.
func (in *interpreter) link(l *Link) (out []string) {
	if l.Operator == nil {
		in.setVars(l)
		return []string{"UNKNOWN:="}
	}
	for _, t := range l.Targets {
		for _, e := range in.values(t) {
			v := transform(e.value, l.Transformations)
			if in.matches(l.Operator, v) != l.Operator.Negated {
				out = append(out, e.variable+":"+e.key+"="+v)
				in.setVars(l)
			}
		}
	}
	return out
}

func (in *interpreter) setVars(l *Link) {
	for _, a := range l.Actions {
		switch {
		case a.SetVar == nil:
		case a.SetVar.Remove:
			delete(in.tx, strings.ToLower(a.SetVar.Key[0].Text))
		default:
			in.tx[strings.ToLower(a.SetVar.Key[0].Text)] = a.SetVar.Value[0].Text
		}
	}
}

func (in *interpreter) values(t Target) (out []element) {
	all := in.request
	for _, key := range slices.Sorted(slices.Values([]string{"a", "b"})) {
		if v, ok := in.tx[key]; ok {
			all = append(all[:len(all):len(all)], element{"TX", key, v})
		}
	}
	for _, e := range all {
		if e.variable == t.Variable && chosen(t, e.key) && !slices.ContainsFunc(t.Except, func(s Selector) bool { return excepted(s, e.key) }) {
			out = append(out, e)
		}
	}
	if t.Count {
		return []element{{t.Variable, t.Key, strconv.Itoa(len(out))}}
	}
	return out
}

func chosen(t Target, key string) bool {
	if v, _ := lookUpVariable(t.Variable); !v.Selectable {
		return !t.IsPattern
	} else if !v.MindsCase {
		key = strings.ToLower(key)
	}
	if t.IsPattern {
		return regexp.MustCompile(t.Pattern).MatchString(key)
	}
	return t.Key == "" || t.Key == key
}

func excepted(s Selector, key string) bool {
	key = strings.ToLower(key)
	if s.IsPattern {
		return regexp.MustCompile(s.Pattern).MatchString(key)
	}
	return s.Key == "" || strings.ToLower(s.Key) == key
}

func (in *interpreter) matches(op *Operator, v string) bool {
	switch op.Name {
	case "unconditionalMatch":
		return true
	case "rx":
		return regexp.MustCompile("(?s)" + op.Arg).MatchString(v)
	case "streq":
		return op.Arg == v
	case "contains":
		return strings.Contains(v, op.Arg)
	}
	return false
}

func transform(v string, names []string) string {
	for _, name := range names {
		switch name {
		case "lowercase":
			v = strings.ToLower(v)
		case "uppercase":
			v = strings.ToUpper(v)
		case "length":
			v = strconv.Itoa(len(v))
		case "hexEncode":
			v = hex.EncodeToString([]byte(v))
		}
	}
	return v
}

// corazaLines gives what Coraza saw, in the form of interpreter.run.
func corazaLines(waf coraza.WAF) (out []string) {
	matched, it := play(waf)
	for _, m := range matched {
		var values, msg []string
		for _, d := range m.MatchedDatas() {
			values = append(values, d.Variable().Name()+":"+d.Key()+"="+d.Value())
		}
		sort.Strings(values)
		if m.Message() != "" {
			msg = []string{m.Message(), m.Data()}
		}
		r, flags := m.Rule(), m.(interface {
			Log() bool
			Audit() bool
		})
		out = append(out, fmt.Sprint(r.ID(), r.Phase(), flags.Log(), flags.Audit(), r.Severity().Int(), r.Tags(), r.Revision(), r.Version(), r.Maturity(), r.Accuracy(), msg, values))
	}
	if it == nil {
		return append(out, "")
	}
	return append(out, fmt.Sprint(it.Action, it.Status, it.RuleID, it.Data))
}

// compare gives a text to Coraza and to Parse and requires that both accept or
// both refuse, and that both see the same in the fixed request.
func compare(t *testing.T, request []element, text string) bool {
	t.Helper()
	ds, err := Load(nil, []Source{{Name: "policy", Text: text}})
	require.NoError(t, err)
	o := observe(noFiles{}, text)
	errs := Check(ds, Known{})
	if len(errs) > 0 && strings.Contains(errs[0].Msg, "panics on the request") {
		return false // the one thing that Coraza loads and Check refuses
	}
	if len(errs) > 0 {
		require.Error(t, o.err, "Coraza accepts what Check refuses with %v:\n%s", errs[0], text)
		return false
	}
	require.NoError(t, o.err, "Check accepts what Coraza refuses:\n%s", text)
	table, errs := Parse(ds, Known{})
	require.Empty(t, errs)
	if len(table.Unmodelled) > 0 || beyondInterpreter(table) {
		return true
	}
	in := interpreter{table: table, request: request, tx: map[string]string{}}
	require.Equal(t, corazaLines(o.waf), in.run(), "\n%s", text)
	return true
}

// beyondInterpreter says whether a rule reads keys of TX that Coraza fills by
// itself, such as 0 to 9, where the interpreter knows a and b only, or transforms
// a count, where Coraza's cache is wrong.
func beyondInterpreter(table *Table) bool {
	for _, r := range table.Rules {
		for _, l := range append([]*Link{&r.Link}, r.Chain...) {
			for _, target := range l.Targets {
				ownTX := target.Variable == "TX" && target.Key != "a" && target.Key != "b"
				if ownTX || target.Count && len(l.Transformations) > 0 {
					return true
				}
			}
		}
	}
	return false
}

// maker makes texts up.
type maker struct {
	*rand.Rand
	id int
	// oddness is the chance in a thousand that a word gets changed.
	oddness int
}

func (m *maker) of(list ...string) string { return list[m.IntN(len(list))] }

// odd changes a text by a byte, rarely.
func (m *maker) odd(s string) string {
	if m.IntN(1000) >= m.oddness || s == "" {
		return s
	}
	i := m.IntN(len(s))
	switch m.IntN(3) {
	case 0:
		return s[:i] + s[i+1:]
	case 1:
		return s[:i] + m.of("|", "!", "&", ":", "/", "'", `\`, " ", ",", `"`, "a", "\t") + s[i:]
	}
	return s[:i] + s[i:i+1] + s[i:]
}

func (m *maker) list(sep string, most int, make func() string) string {
	out := make()
	for range m.IntN(most) {
		out += sep + make()
	}
	return out
}

func (m *maker) variables() string {
	return m.list("|", 4, func() string {
		return m.odd(m.of("ARGS", "ARGS_GET", "args:a", "ARGS:A", "ARGS:/^a/", "ARGS:/^A|b$/", "REQUEST_HEADERS", "REQUEST_HEADERS:X-Test",
			"REQUEST_HEADERS:/^X-\\D/", "&ARGS", "&REQUEST_HEADERS:HOST", "&ARGS:/b/", "!ARGS:a", "!ARGS:/a/", "!ARGS:/^A/",
			"!REQUEST_HEADERS:Host", "!ARGS", "REQUEST_URI", "request_method", "REQUEST_COOKIES", "REQUEST_COOKIES:S",
			"!REQUEST_COOKIES:T", "ARGS:'/^b/'", "!REQUEST_HEADERS:'/^HO/'", "REQUEST_COOKIES:'/t/'", "TX:a", "&TX:B", "ARGS:/\\//",
			"REQUEST_URI:/x/", "ARGS_GET:a\\b"))
	})
}

func (m *maker) actions(withID bool) string {
	out := m.list(",", 6, func() string {
		return m.odd(m.of("t:none", "t:lowercase", "t:upperCase", "t:length", "t:hexEncode", "t:None", "log", "nolog", "auditlog",
			"noauditlog", "msg:'a, b: c'", "msg:m", "logdata:'d'", "tag:'t1'", "tag:t2", "tag:'t 3'", "severity:'CRITICAL'", "severity:2",
			"rev:'1'", "ver:v", "maturity:9", "accuracy:1", "status:404", "status:301", "deny", "drop", "pass", "block", "redirect:'/x'",
			"redirect:/y", "skip:1", "skip:2", "skipAfter:M1", "skipAfter:'M2'", "chain", "setvar:tx.a=1", "setvar:'tx.B=x y'",
			"setvar:!tx.a=1", "capture", "phase:1", "phase:2", "phase:request", "phase:logging", "phase:'3'", "ctl:ruleEngine=On",
			"msg:'it\\'s'", " log ", "NOLOG"))
	})
	if withID && m.IntN(100) > 0 {
		m.id++
		out = m.of("id:%d,"+out, out+",id:%d", "id:'%d',"+out)
		out = strings.Replace(out, "%d", strconv.Itoa(m.id), 1)
	}
	return out
}

func (m *maker) ids() string {
	a, b := 1+m.IntN(m.id+1), 1+m.IntN(m.id+1)
	return m.odd(m.of(strconv.Itoa(a), fmt.Sprintf("%d-%d", min(a, b), max(a, b)), fmt.Sprintf("%d %d", a, b), fmt.Sprintf("%d-%d %d", min(a, b), max(a, b), a), fmt.Sprintf("0-%d", a)))
}

func (m *maker) directive() string {
	switch m.IntN(20) {
	case 0:
		return "SecMarker " + m.of("M1", `"M2"`)
	case 1:
		return `SecAction ` + m.odd(`"`+m.actions(true)+`"`)
	case 2:
		return "SecRuleRemoveById " + m.ids()
	case 3:
		return "SecRuleRemoveByTag " + m.of("t1", `"t2"`, `"t 3"`, "t4")
	case 4, 5:
		return "SecRuleUpdateTargetById " + m.ids() + m.of(` "`, " ") + m.variables() + m.of(`"`, "")
	case 6:
		return "SecRuleUpdateTargetByTag " + m.of("t1", `"t2"`, "t3") + ` "` + m.variables() + `"`
	case 7, 8:
		return "SecRuleUpdateActionById " + m.ids() + ` "` + m.actions(false) + `"`
	case 9:
		if m.IntN(8) == 0 {
			return `SecRuleRemoveByMsg "m"`
		}
	}
	operator := m.odd(m.of("@unconditionalMatch", "!@noMatch", "@rx .", "!@rx ^zzz", "^F", "", "@streq two", "!@streq two", "@contains o",
		"@noMatch", `@rx \"|o`, "!^F", "!", "@rx (o)", "@rx   o  "))
	return m.odd(`SecRule ` + m.variables() + ` "` + operator + `" "` + m.actions(m.IntN(12) > 0) + `"`)
}

func (m *maker) text() string {
	out := "SecRuleEngine On\n"
	if m.IntN(2) == 0 {
		out += `SecDefaultAction "` + m.odd(m.of("phase:1,log,auditlog,pass", "phase:2,nolog,deny,status:418", "phase:2,pass", "phase:1,deny,log,noauditlog")) + "\"\n"
	}
	for range 1 + m.IntN(7) {
		out += m.directive() + "\n"
	}
	return out + "SecMarker M1\nSecAction \"id:1000,phase:1,pass,t:none\"\nSecMarker M2\nSecAction \"id:1001,phase:2,pass\"\n"
}

// modelTexts is how many texts a run makes up: some three seconds.
const modelTexts = 6_000

func TestTheTableSaysWhatCorazaDoes(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	request := elements(t)
	m := maker{Rand: rand.New(rand.NewPCG(seed, 0))}
	accepted := 0
	for range modelTexts {
		m.id, m.oddness = 0, []int{0, 0, 20}[m.IntN(3)]
		if compare(t, request, m.text()) {
			accepted++
		}
	}
	t.Logf("%d of %d texts accepted", accepted, modelTexts)
	require.Greater(t, accepted, modelTexts/10)
}
