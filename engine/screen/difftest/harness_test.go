package difftest_test

import (
	"math/rand/v2"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"tabard/engine/screen/difftest"
	"tabard/engine/seclang"
)

const text = `SecRuleEngine On
SecRequestBodyAccess On
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain
SecAction "id:1,phase:1,pass,nolog,setvar:tx.seen=1"
SecRule ARGS:q "@streq log" "id:2,phase:2,pass,log,msg:'logged'"
SecRule ARGS:q "@streq deny" "id:3,phase:2,deny,status:403,nolog"
SecRule ARGS:q "@streq score" "id:4,phase:2,pass,nolog,setvar:tx.inbound_anomaly_score_pl1=5"
SecRule ARGS:q "@streq book" "id:5,phase:2,pass,nolog,setvar:tx.book=1"
SecRule RESPONSE_BODY "@contains secret" "id:6,phase:4,pass,log,msg:'leak'"
SecRule REQUEST_HEADERS:X-Off "@streq 1" "id:7,phase:1,pass,nolog,ctl:requestBodyAccess=Off"
SecRule TX:book "@eq 1" "id:8,phase:5,pass,log,msg:'late'"
`

// script is a screener that says what the test wants; asked about skipPhase it
// names the rules to leave out.
type script func(phase int) difftest.Outcome

const skipPhase = 0

func (s script) Begin() difftest.Exchange { return exchange{s} }

type exchange struct{ say script }

func (exchange) Connection(string, int, string, int)              {}
func (exchange) URI(string, string, string)                       {}
func (exchange) RequestHeader(string, string)                     {}
func (exchange) ResponseHeader(string, string)                    {}
func (exchange) ServerName(string)                                {}
func (exchange) Input(string, ...string)                          {}
func (exchange) Argument(string, string)                          {}
func (exchange) Learn(int, []int, bool, difftest.State)           {}
func (exchange) Unrepeatable() bool                               { return false }
func (exchange) Release()                                         {}
func (x exchange) Skip(int) []int                                 { return x.say(skipPhase).Matched }
func (x exchange) Phase1([][2]string) difftest.Outcome            { return x.say(1) }
func (x exchange) Phase2(difftest.State, string) difftest.Outcome { return x.say(2) }
func (x exchange) Phase3(int, string) difftest.Outcome            { return x.say(3) }
func (x exchange) Phase4(difftest.State, string, bool) difftest.Outcome {
	return x.say(4)
}

// usual is what the rules leave behind when nothing special happens.
var usual = difftest.State{RequestBodyAccess: true, ResponseBodyAccess: true}

// hits answers all phases, saying that only rule 1 matches.
func hits(phase int) difftest.Outcome {
	out := difftest.Outcome{Hit: true, After: usual}
	if phase == 1 {
		out.Matched = []int{1}
	}
	return out
}

func TestCompare(t *testing.T) {
	skips := func(id int) script {
		return func(phase int) difftest.Outcome {
			if phase == skipPhase {
				return difftest.Outcome{Matched: []int{id}}
			}
			return difftest.Outcome{Reason: "miss"}
		}
	}
	for _, tc := range []struct {
		name   string
		say    script
		target difftest.Text
		change func(*difftest.Case)
		want   string
	}{
		{name: "a screener that knows nothing agrees", say: func(int) difftest.Outcome { return difftest.Outcome{} }, target: "/?q=log"},
		{name: "a hit that is right agrees", say: hits, target: "/?q=harmless"},
		{name: "a rule that cannot match may be left out", say: skips(3), target: "/?q=log"},
		{name: "a hit where a rule logs", say: hits, target: "/?q=log", want: "logs"},
		{name: "a hit where a rule blocks", say: hits, target: "/?q=deny", want: "deny 403 by 3"},
		{name: "a hit where a rule scores", say: hits, target: "/?q=score", want: "scores"},
		{name: "a hit that forgets a rule that keeps books", say: hits, target: "/?q=book", want: "missing [5]"},
		{
			name: "a hit that leaves the wrong state", target: "/", want: "state",
			say: func(phase int) difftest.Outcome {
				out := hits(phase)
				if phase == 1 {
					out.Matched = []int{1, 7}
				}
				return out
			},
			change: func(c *difftest.Case) { c.Headers = []difftest.Field{{"X-Off", "1"}} },
		},
		{
			name: "hits that keep a rule of the last phase from logging", target: "/?q=book", want: "phase 5",
			say: func(phase int) difftest.Outcome {
				out := hits(phase)
				if phase == 2 {
					out.Matched = []int{5}
				}
				return out
			},
		},
		{name: "a rule that matches is left out", say: skips(3), target: "/?q=deny", want: "missing [3]"},
		{name: "a rule is left out that others depend on", say: skips(1), target: "/", want: "missing [1]"},
		{
			name: "a hit where a rule about the response logs", say: hits, target: "/", want: "phase 4",
			change: func(c *difftest.Case) {
				c.Response = &difftest.Response{Status: 200, Protocol: "HTTP/1.1", Headers: []difftest.Field{{"Content-Type", "text/plain"}}, Body: "a secret"}
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &difftest.Case{Peer: difftest.DefaultPeer, Method: "GET", Target: tc.target, Protocol: "HTTP/1.1"}
			if tc.change != nil {
				tc.change(c)
			}
			d := newHarness(t, tc.say).Compare(c)
			if tc.want == "" {
				require.Nil(t, d)
				return
			}
			require.NotNil(t, d)
			require.Contains(t, d.What, tc.want)
		})
	}
}

func TestOneKeyWithTwoResultsIsADifference(t *testing.T) {
	h := newHarness(t, func(int) difftest.Outcome { return difftest.Outcome{Reason: "miss", Key: "all the same"} })
	first := &difftest.Case{Name: "first", Peer: difftest.DefaultPeer, Method: "GET", Target: "/?q=harmless", Protocol: "HTTP/1.1"}
	require.Nil(t, h.Compare(first))
	second := first.Clone()
	second.Target = "/?q=book"
	d := h.Compare(second)
	require.NotNil(t, d)
	require.Contains(t, d.What, "the same key as first")
	require.Equal(t, []*difftest.Case{first, second}, d.Cases, "both are needed to see it again")

	kept, err := difftest.ParseKept([]byte(d.String()))
	require.NoError(t, err)
	require.Equal(t, d, kept)
}

func newHarness(t *testing.T, s script) *difftest.Harness {
	t.Helper()
	rules := difftest.Rules{
		Name: "test", Files: fstest.MapFS{}, Sources: []seclang.Source{{Name: "test", Text: text}},
		ResponseTypes: []string{"text/plain"}, Routes: []map[string]string{{"tabard_route": ""}},
	}
	oracle, err := difftest.NewOracle(rules)
	require.NoError(t, err)
	return difftest.NewHarness(rules, oracle, oracle, s)
}

func TestTheSameSeedGivesTheSameCases(t *testing.T) {
	given := []*difftest.Case{difftest.Benign(rand.New(rand.NewPCG(1, 1)))}
	a, b, other := difftest.NewMix(7, given), difftest.NewMix(7, given), difftest.NewMix(8, given)
	same := 0
	for range 300 {
		c := a.Next()
		require.Equal(t, c, b.Next())
		if c.String() == other.Next().String() {
			same++
		}
	}
	require.Less(t, same, 10)
	require.Equal(t, 1, a.Done())
}

func TestMutateLeavesTheCaseAlone(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 300 {
		c, other := difftest.Benign(r), difftest.Benign(r)
		before := c.String() + other.String()
		difftest.Mutate(r, c, other)
		difftest.Envelop(r, c, other)
		require.Equal(t, before, c.String()+other.String())
	}
}

func TestTextHoldsAnyBytes(t *testing.T) {
	for _, text := range []difftest.Text{"", "plain", "\x00\xff\"\\<\u017f", "a\r\nb"} {
		written, err := text.MarshalText()
		require.NoError(t, err)
		var back difftest.Text
		require.NoError(t, back.UnmarshalText(written))
		require.Equal(t, text, back)
	}
	var broken difftest.Text
	require.Error(t, broken.UnmarshalText([]byte(`\x`)))
}

func TestReflect(t *testing.T) {
	for _, tc := range []struct {
		name         string
		target, body difftest.Text
		want         *difftest.Response
	}{
		{"another path is not answered", "/get", `{"body":"x"}`, nil},
		{"a body that is no JSON is not answered", "/reflect", "x", nil},
		{
			"status, headers and body are as asked for", "/reflect", `{"status":500,"headers":{"X-B":"2","X-A":"1"},"body":"oops"}`,
			&difftest.Response{Status: 500, Protocol: "HTTP/1.1", Body: "oops", Headers: []difftest.Field{{"X-A", "1"}, {"X-B", "2"}, {"Content-Type", "text/plain; charset=utf-8"}}},
		},
		{
			"an encoded body is decoded", "/reflect", `{"encodedBody":"AP8=","headers":{"content-type":"text/html"}}`,
			&difftest.Response{Status: 200, Protocol: "HTTP/1.1", Body: "\x00\xff", Headers: []difftest.Field{{"content-type", "text/html"}}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, difftest.Reflect(&difftest.Case{Target: tc.target, Body: tc.body}))
		})
	}
}

func TestRecorded(t *testing.T) {
	c, err := difftest.Recorded([]byte(`{"id":"a","method":"POST","path":"/x","headers":[["Host","h"]],"body_b64":"AQ=="}`))
	require.NoError(t, err)
	require.Equal(t, &difftest.Case{
		Name: "a", Peer: difftest.DefaultPeer, Method: "POST", Target: "/x", Protocol: "HTTP/1.1",
		Headers: []difftest.Field{{"Host", "h"}}, Body: "\x01",
	}, c)
	_, err = difftest.Recorded([]byte(`{"body_b64":"?"}`))
	require.Error(t, err)
	_, err = difftest.Recorded([]byte(`no`))
	require.Error(t, err)
}
