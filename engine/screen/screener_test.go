package screen

import (
	"fmt"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"tabard/engine/seclang"
)

func get(uri string, headers ...string) request {
	q := request{method: "GET", uri: uri, protocol: "HTTP/1.1", headers: [][2]string{{"Host", "example.com"}}}
	for i := 0; i+1 < len(headers); i += 2 {
		q.headers = append(q.headers, [2]string{headers[i], headers[i+1]})
	}
	return q
}

// own compiles a few rules, for requests only.
func own(t *testing.T, o Options, rules string) pair {
	t.Helper()
	return newPair(t, "SecRuleEngine On\nSecRequestBodyAccess On\n"+rules, fstest.MapFS{}, o)
}

// phases screens a request that Coraza never sees.
func (p pair) phases(q request, inputs ...TXVar) (one, two asked) {
	x := p.s.Begin()
	defer x.Release()
	x.URI(q.uri, q.method, q.protocol)
	for _, h := range q.headers {
		x.RequestHeader(h[0], h[1])
	}
	one.Outcome = x.Phase1(inputs...)
	one.Skip = slices.Clone(x.Skip(1))
	two.Outcome = x.Phase2(State{Known: true, RequestBodyAccess: true}, q.body)
	two.Skip = slices.Clone(x.Skip(2))
	return one, two
}

// asked is what a screener says of a phase.
type asked struct {
	Outcome
	Skip []int
}

func TestRulesAreLeftOutOnlyWhenTheyCannotMatch(t *testing.T) {
	for _, c := range []struct {
		name, rules, uri string
		skip             []int
	}{
		{"a rule whose pattern is not in any value", `SecRule ARGS "@rx evil" "id:1,phase:1,pass"`, "/?a=good", []int{1}},
		{"not one whose pattern is", `SecRule ARGS "@rx evil" "id:1,phase:1,pass"`, "/?a=evil", nil},
		{"not one that a transformation makes match", `SecRule ARGS "@rx evil" "id:1,phase:1,pass,t:lowercase"`, "/?a=EVIL", nil},
		{"one whose only match is excluded", `SecRule ARGS|!ARGS:a "@rx evil" "id:1,phase:1,pass"`, "/?a=evil", []int{1}},
		{"one with a selector that no name has", `SecRule ARGS:b "@rx evil" "id:1,phase:1,pass"`, "/?a=evil", []int{1}},
		{"a negated one whose values all match", `SecRule ARGS "!@rx ^good" "id:1,phase:1,pass"`, "/?a=good", []int{1}},
		{"not a negated one with a value that does not", `SecRule ARGS "!@rx ^good" "id:1,phase:1,pass"`, "/?a=bad", nil},
		{"a count that is not reached", `SecRule &ARGS "@gt 1" "id:1,phase:1,pass"`, "/?a=1", []int{1}},
		{"not a transformed count, with which Coraza is wrong", `SecRule &ARGS "@gt 1" "id:1,phase:1,pass,t:lowercase"`, "/?a=1", nil},
		{"not a count that a ctl may lower", "SecRule &ARGS \"@eq 0\" \"id:1,phase:1,pass\"\n" +
			`SecRule ARGS "@rx x" "id:2,phase:1,pass,ctl:ruleRemoveTargetById=1;ARGS:a"`, "/?a=1", []int{2}},
		{"not a chain whose first link matches", "SecRule ARGS \"@rx evil\" \"id:1,phase:1,pass,chain\"\nSecRule ARGS \"@rx never\" \"t:none\"", "/?a=evil", nil},
		{"not a rule over what others have written", `SecRule TX:a "@rx evil" "id:1,phase:1,pass"`, "/", nil},
		{"not a rule with a macro", `SecRule ARGS "@streq %{tx.a}" "id:1,phase:1,pass"`, "/?a=1", nil},
		{"not a rule whose failure captures", `SecRule ARGS "!@rx ^(good)" "id:1,phase:1,pass,capture"`, "/?a=good", nil},
		{"not a rule that skip counts", "SecRule ARGS \"@rx x\" \"id:1,phase:1,pass,skip:1\"\n" +
			"SecRule ARGS \"@rx evil\" \"id:2,phase:1,pass\"\nSecRule ARGS \"@rx evil\" \"id:3,phase:1,pass\"", "/?a=1", []int{1, 3}},
		{"nor the one after it when a ctl may remove the first", "SecRule ARGS \"@rx x\" \"id:1,phase:1,pass,skip:1,ctl:ruleRemoveById=2\"\n" +
			"SecRule ARGS \"@rx evil\" \"id:2,phase:1,pass\"\nSecRule ARGS \"@rx evil\" \"id:3,phase:1,pass\"\nSecRule ARGS \"@rx evil\" \"id:4,phase:1,pass\"",
			"/?a=1", []int{1, 4}},
		{"not an operator of the world outside, if it has a value", `SecRule REMOTE_ADDR "@rbl example.org" "id:1,phase:1,pass"`, "/", nil},
		{"no action and no marker", "SecAction \"id:1,phase:1,pass\"\nSecMarker X", "/", nil},
		{"not a rule that reads the body processor, which a rule may change", `SecRule REQBODY_PROCESSOR "@streq JSON" "id:1,phase:1,pass"`, "/", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := own(t, Options{MemoBytes: -1}, c.rules)
			one, _ := p.phases(get(c.uri))
			require.ElementsMatch(t, c.skip, one.Skip)
			require.Equal(t, NoMemo, one.Reason)
		})
	}
}

func TestAResultIsGivenAgainOnlyWhereTheRulesCannotTellTheDifference(t *testing.T) {
	count := "SecRule ARGS \"@rx ^n\" \"id:1,phase:1,pass,nolog,setvar:tx.n=+1\"\nSecRule TX:n \"@ge 2\" \"id:2,phase:1,deny,log\""
	copied := "SecRule ARGS:name \"@rx ^(.+)$\" \"id:1,phase:1,pass,nolog,capture,setvar:tx.who=%{tx.1}\"\nSecRule TX:who \"@streq root\" \"id:2,phase:1,deny,log\""
	macro := `SecRule REQUEST_METHOD "@streq GET" "id:2,phase:1,pass,nolog,setvar:tx.copy=%{REQUEST_HEADERS.x}"`
	names := "SecRule REQUEST_HEADERS_NAMES \"@rx ^.*$\" \"id:1,phase:1,deny,log,capture,t:lowercase,setvar:'tx.h_%{tx.0}=/%{tx.0}/',chain\"\n" +
		"SecRule TX:/^h_/ \"@within /bad/ /worse/\"\n"
	extension := "SecRule REQUEST_BASENAME \"@rx \\.([a-z]+)$\" \"id:1,phase:1,deny,log,capture,setvar:tx.ext=.%{tx.1}/,chain\"\n" +
		"SecRule TX:ext \"@within .exe/ .bat/\"\n"
	for _, c := range []struct {
		name, rules   string
		first, second request
		want          Reason // of phase 1 of the second request
	}{
		{"another value that no rule looks at", `SecRule ARGS:a "@rx evil" "id:1,phase:1,deny,log"`, get("/?b=1"), get("/?b=2"), Hit},
		{"another value that a rule looks at in vain", `SecRule ARGS:a "@rx evil" "id:1,phase:1,deny,log"`, get("/?a=1"), get("/?a=2"), Hit},
		{"never an attack", `SecRule ARGS:a "@rx evil" "id:1,phase:1,deny,log"`, get("/?a=1"), get("/?a=evil"), RuleMatches},
		{"a quiet rule that matches both", `SecRule ARGS:a "@rx ^x" "id:1,phase:1,pass,nolog,setvar:tx.a=1"`, get("/?a=x1"), get("/?a=x2"), Hit},
		{"not one that matches one of them", `SecRule ARGS:a "@rx ^x" "id:1,phase:1,pass,nolog,setvar:tx.a=1"`, get("/?a=x1"), get("/?a=y2"), Miss},
		{"not another number of matches when they are counted", count, get("/?a=n1"), get("/?a=n1&b=n2"), Miss},
		{"the same number of matches", count, get("/?a=n1"), get("/?b=n2"), Hit},
		{"not another value that is handed on", copied, get("/?name=joe"), get("/?name=root"), Miss},
		{"the same value that is handed on", copied, get("/?name=joe&x=1"), get("/?name=joe&x=2"), Hit},
		{"not another value that a macro may put in", macro, get("/", "X", "1"), get("/", "X", "2"), Miss},
		{"not another body processor", `SecRule ARGS:a "@rx evil" "id:1,phase:1,deny,log"`, get("/"), get("/", "Content-Type", "application/x-www-form-urlencoded"), Miss},
		{"never a rule that turns the engine off", `SecRule ARGS:a "@rx ^x" "id:1,phase:1,pass,nolog,ctl:ruleEngine=Off"`, get("/?a=y"), get("/?a=x"), RuleCtl},
		{"never a rule that steers past one that sets constants", "SecRule ARGS:a \"@rx ^x\" \"id:1,phase:1,pass,nolog,skipAfter:END\"\n" +
			"SecAction \"id:2,phase:1,pass,nolog,setvar:tx.c=1\"\nSecMarker END", get("/?a=y"), get("/?a=x"), RuleFlow},
		{"a rule that steers past rules that look at the request", "SecRule ARGS:a \"@rx ^x\" \"id:1,phase:1,pass,nolog,skipAfter:END\"\n" +
			"SecRule ARGS:b \"@rx evil\" \"id:2,phase:1,deny,log\"\nSecMarker END", get("/?a=x1"), get("/?a=x2"), Hit},
		{"names that a rule takes apart and lets pass", names, get("/", "A", "1"), get("/", "B", "1", "C", "1"), Hit},
		{"not a name that it does not let pass", names, get("/", "A", "1"), get("/", "Bad", "1"), Miss},
		{"nor a name that another rule sees", names + `SecRule TX:/h_.*seen/ "@rx ." "id:2,phase:1,deny,log"`, get("/", "A", "1"), get("/", "Xseen", "1"), Miss},
		{"an extension that a rule lets pass", extension, get("/a.png"), get("/b.css"), Hit},
		{"not one that it does not let pass", extension, get("/a.png"), get("/b.exe"), Miss},
		{"nor one that another rule reads", extension + `SecRule TX:ext "@streq .css/" "id:2,phase:1,deny,log"`, get("/a.png"), get("/b.css"), Miss},
		{"nor one that another rule may have captured", extension + `SecRule TX:1 "@streq css" "id:2,phase:1,deny,log"`, get("/a.png"), get("/b.css"), Miss},
		{"a rule that removes one that looks at the request", "SecRule ARGS:a \"@rx ^x\" \"id:1,phase:1,pass,nolog,ctl:ruleRemoveById=2\"\n" +
			`SecRule ARGS:b "@rx evil" "id:2,phase:1,deny,log"`, get("/?a=x1"), get("/?a=x2"), Hit},
		{"never one that removes a constant", "SecRule ARGS:a \"@rx ^x\" \"id:1,phase:1,pass,nolog,ctl:ruleRemoveById=2\"\n" +
			`SecAction "id:2,phase:1,pass,nolog,setvar:tx.a=1"`, get("/?a=y"), get("/?a=x"), RuleCtl},
		{"never time", `SecRule TIME_HOUR "@ge 0" "id:1,phase:1,pass,nolog"`, get("/"), get("/"), RuleForeign},
		{"never a rule that scores without logging", `SecRule ARGS:a "@rx ^x" "id:1,phase:1,pass,nolog,setvar:tx.anomaly_score=+1"`, get("/?a=y"), get("/?a=x"), RuleMatches},
		{"not where a rule matches a repeated name, which Coraza mixes up", `SecRule REQUEST_COOKIES "@rx 1" "id:1,phase:1,pass,nolog,t:lowercase"`, get("/?a=1"), get("/", "Cookie", "a=1;a=2"), RepeatedNames},
		{"not where a chain looks at repeated names", `SecRule REQUEST_METHOD "@rx GET" "id:1,phase:1,pass,nolog,chain"` + "\n" + `SecRule REQUEST_COOKIES "@rx 1" "t:lowercase"`, get("/?a=1"), get("/", "Cookie", "a=1;a=2"), RepeatedNames},
		{"a repeated name that nothing matches", `SecRule REQUEST_COOKIES "@rx evil" "id:1,phase:1,deny,log,t:lowercase"`, get("/?a=1"), get("/", "Cookie", "a=1;a=2"), Hit},
		{"a repeated name that a rule matches as it is", `SecRule REQUEST_COOKIES "@rx 1" "id:1,phase:1,pass,nolog"`, get("/", "Cookie", "a=1;a=3"), get("/", "Cookie", "a=1;a=2"), Hit},
		{"not behind a constant that every exchange has", "SecAction \"id:1,phase:1,pass,nolog,setvar:tx.level=1\"\n" +
			"SecRule TX:level \"@lt 2\" \"id:2,phase:1,pass,nolog,skipAfter:END\"\nSecRule ARGS \"@rx ^x\" \"id:3,phase:1,deny,log\"\nSecMarker END",
			get("/?a=y"), get("/?a=x"), Hit},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := own(t, Options{}, c.rules)
			require.Nil(t, p.s.NoMemo())
			p.s.noExecutor = true // this is about the memo
			for _, q := range []request{c.first, c.second} {
				want := p.plain(q)
				got, reasons, _ := p.screenedRun(q)
				require.Equal(t, want.ids, got.ids)
				require.Equal(t, want.stop, got.stop)
				if fmt.Sprint(q) == fmt.Sprint(c.second) {
					require.Equal(t, c.want.String(), reasons[0].String())
				}
			}
		})
	}
}

func TestWhatTheEngineSetsIsDecidedLikeWhatTheRequestHolds(t *testing.T) {
	o := Options{Inputs: []string{"mode", "size"}, Operators: map[string]func(string) (func(string) bool, error){
		"listed": func(arg string) (func(string) bool, error) {
			return func(value string) bool { return value == arg }, nil
		},
	}}
	table := parse(t, "SecRuleEngine On\nSecRule TX:mode \"@streq strict\" \"id:1,phase:1,pass,nolog,ctl:ruleEngine=Off\"\n"+
		"SecRule TX:size \"@gt 9\" \"id:2,phase:1,deny,log\"\nSecRule REQUEST_METHOD \"!@listed %{tx.mode}\" \"id:3,phase:2,deny,log\"")
	s, err := Compile(table, o)
	require.NoError(t, err)
	s.noExecutor = true // this is about the memo
	p := pair{s: s}
	one, two := p.phases(get("/"), TXVar{"mode", "GET"}, TXVar{"size", "5"})
	require.Equal(t, Miss, one.Reason)
	require.Equal(t, []int{1, 2}, one.Skip)
	require.Equal(t, Miss, two.Reason)
	one, _ = p.phases(get("/"), TXVar{"mode", "strict"}, TXVar{"size", "50"})
	require.Equal(t, RuleCtl, one.Reason)
	require.Empty(t, one.Skip)
	_, two = p.phases(get("/"), TXVar{"mode", "POST"}, TXVar{"size", "5"})
	require.Equal(t, RuleMatches, two.Reason)
	one, _ = p.phases(get("/"))
	require.Equal(t, []int{1, 2}, one.Skip, "what is not set does not match")
}

func TestABodyInDoubtIsCorazas(t *testing.T) {
	p := own(t, Options{}, "SecRule ARGS \"@rx evil\" \"id:1,phase:2,deny,log\"\nSecRule REQUEST_URI \"@rx evil\" \"id:2,phase:2,deny,log\"\n"+
		`SecRule REQUEST_HEADERS:Content-Type "@rx json" "id:3,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"`)
	q := get("/", "Content-Type", "application/json")
	q.method = "POST"
	for _, c := range []struct {
		body   string
		reason Reason
	}{{`{"a":1}`, Miss}, {`{"a":1}`, Hit}, {`{"a":1`, BodyDoubt}, {`{"a":2}`, Hit}} {
		q.body = c.body
		want := p.plain(q)
		got, reasons, _ := p.screenedRun(q)
		require.Equal(t, c.reason.String(), reasons[1].String(), c.body)
		require.Equal(t, want.ids, got.ids)
	}
	x := p.s.Begin()
	defer x.Release()
	x.URI("/", "POST", "HTTP/1.1")
	x.Phase1()
	x.Phase2(State{Known: true, RequestBodyAccess: true, RequestProcessor: "JSON"}, `{"a":`)
	require.Equal(t, []int{2}, x.Skip(2), "what looks at the head alone can still be left out")
	require.Equal(t, StateUnknown, p.s.Begin().Phase2(State{}, "").Reason)
}

func TestCompileSaysWhereARuleSetHasNoScreener(t *testing.T) {
	_, err := Compile(parse(t, "SecRxPreFilter On"), Options{})
	require.ErrorContains(t, err, "test:1:1: SecRxPreFilter: Coraza's @rx then misses matches, write Off")
	_, err = Compile(parse(t, `SecRule ARGS "@rx a" "id:1,phase:1,pass,setvar:tx.m=%{rule.msg}"`), Options{})
	require.ErrorContains(t, err, "give it one of its own")
	s, err := Compile(parse(t, `SecAction "id:1,phase:5,pass,log,msg:'end'"`), Options{})
	require.NoError(t, err)
	require.Contains(t, s.NoMemo().Error(), "test:1:1: rule 1: it logs or acts in phase 5")
	s, err = Compile(parse(t, `SecAction "id:1,phase:1,deny,log"`), Options{})
	require.NoError(t, err)
	require.Contains(t, s.NoMemo().Error(), "it blocks or allows every exchange")
}

func parse(t *testing.T, text string) *seclang.Table {
	t.Helper()
	ds, err := seclang.Load(fstest.MapFS{}, []seclang.Source{{Name: "test", Text: text}})
	require.NoError(t, err)
	table, errs := seclang.Parse(ds, seclang.Known{Operators: []string{"listed"}})
	require.Empty(t, errs)
	return table
}

func TestStateOfKnowsCorazasTransactions(t *testing.T) {
	p := own(t, Options{}, `SecAction "id:1,phase:1,pass,nolog,ctl:forceRequestBodyVariable=On,ctl:requestBodyProcessor=JSON"`)
	r := p.start(get("/"))
	require.Equal(t, State{Known: true, RequestBodyAccess: true}, StateOf(r.tx))
	r.phase(1, request{})
	require.Equal(t, State{Known: true, RequestBodyAccess: true, ForceRequestBody: true, RequestProcessor: "JSON"}, StateOf(r.tx))
	require.Equal(t, State{}, StateOf("no transaction"))
	require.Equal(t, State{}, StateOf(nil))
}

func TestExchangesOfManyGoroutinesShareAScreener(t *testing.T) {
	p := own(t, Options{MemoBytes: 20_000}, "SecRule ARGS:a \"@rx ^x(.)\" \"id:1,phase:1,pass,nolog,capture,setvar:tx.a=%{tx.1}\"\n"+
		"SecRule TX:a \"@streq 7\" \"id:2,phase:2,deny,log\"\nSecRule ARGS \"@rx (?i)e+vil\" \"id:3,phase:2,deny,log\"")
	done := make(chan string)
	for n := range 4 {
		go func() {
			for i := range 300 {
				q := get(fmt.Sprintf("/?a=x%d&b=%d", (i+n)%10, i))
				want := p.plain(q)
				if got, _, _ := p.screenedRun(q); !slices.Equal(got.ids, want.ids) || got.stop != want.stop {
					done <- fmt.Sprint(q, want, got)
					return
				}
			}
			done <- ""
		}()
	}
	for range 4 {
		require.Empty(t, <-done)
	}
}
