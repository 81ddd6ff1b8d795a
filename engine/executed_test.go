package engine

import (
	"reflect"
	"strconv"
	"testing"

	"github.com/corazawaf/coraza/v3/debuglog"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/stretchr/testify/require"

	"tabard/rules"
)

// attack is an exchange on which rules match.
type attack struct {
	name         string
	target, body string
	headers      Headers
	response     string
	screen       Screened
}

const (
	formType = "application/x-www-form-urlencoded"
	xmlType  = "text/xml"
)

var attacks = []attack{
	{"an attack in the query", "/?q=1'+OR+'1'='1", "", nil, "", ScreenedExecuted},
	{"an attack in a form", "/login", "user=1'+OR+'1'='1&password=correct+horse", Headers{{"Content-Type", formType}}, "", ScreenedExecuted},
	{"a match that only scores", "/", "", Headers{{"X-A", "1"}, {"Content-Encoding", "a;b"}}, "", ScreenedExecuted},
	{"an attack in a cookie, which is a secret", "/", "", Headers{{"Cookie", "session=<script>alert(1)</script>"}}, "", ScreenedExecuted},
	{"a secret that the message quotes", "/?token=abcd1234'+UNION+SELECT+1", "", Headers{{"Authorization", "Bearer abcd1234"}}, "", ScreenedExecuted},
	{"several values that match", "/?a=<script>alert(1)</script>", "", Headers{{"Referer", "https://x.example/?<script>"}}, "", ScreenedExecuted},
	{"a match in the head before a body that is Coraza's", "/?x=1", "<a>1' OR '1'='1</a>", Headers{{"Content-Type", xmlType}, {"Content-Encoding", "a;b"}}, "", ScreenedFallback},
	{"a leak in the response", "/", "", nil, "<b>Fatal error</b>: Uncaught Exception in /var/www/x.php on line <b>7</b>", ScreenedExecuted},
}

// play judges an attack and, when it passes, its response.
func (a attack) play(e *Engine) Verdict {
	x := e.Begin(Conn{ID: "t"})
	r := Request{Method: "GET", Target: a.target, Protocol: "HTTP/1.1", Scheme: "https", Authority: "shop.example",
		Headers: append(Headers{{"User-Agent", "Mozilla/5.0"}, {"Accept", "*/*"}}, a.headers...)}
	if a.body != "" {
		r.Method = "POST"
		r.Headers = append(r.Headers, [2]string{"Content-Length", strconv.Itoa(len(a.body))})
	}
	v := x.RequestHeaders(r, a.body == "")
	if a.body != "" && v.Action != Block {
		v = x.RequestBody([]byte(a.body), true)
	}
	if v.Action != Block {
		v = x.ResponseHeaders(200, "HTTP/1.1", Headers{{"Content-Type", "text/html"}}, false)
	}
	if v.Action != Block {
		x.ResponseBody([]byte(a.response), true)
	}
	return x.End()
}

// maxPlays is how often Coraza may be asked again: it walks maps in random order.
const maxPlays = 100

func TestWhatIsExecutedIsWhatCorazaSays(t *testing.T) {
	for _, mode := range []string{"block", "detect"} {
		policy := "mode: " + mode + "\nresponse_body: {inspect: true}\nredact: [password, token]\n"
		on, off := screenedEngine(t, policy), screenedEngine(t, policy+"screen: off\n")
		shadow := screenedEngine(t, policy+"screen: shadow\n")
		for _, a := range attacks {
			t.Run(mode+": "+a.name, func(t *testing.T) {
				a.play(on) // what is harmless about it is then known
				got, want := a.play(on), a.play(off)
				require.Equal(t, a.screen, got.Screen, got.ScreenReason)
				require.NotEmpty(t, want.Matches)
				got.Screen, got.ScreenReason, want.Screen = "", "", ""
				// Of several values that match Coraza takes any first.
				for n := 0; n < maxPlays && !reflect.DeepEqual(want, got); n++ {
					want = a.play(off)
					want.Screen = ""
				}
				require.Equal(t, want, got)
				a.play(shadow)
				require.Zero(t, shadow.Disagreements(), shadow.Reports())
			})
		}
		require.Zero(t, on.Disagreements(), on.Reports())
	}
}

func TestOneExecutedExchangeInNIsJudgedByCorazaAsWell(t *testing.T) {
	e := screenedEngine(t, "shadow_sample: 2\n")
	sampled := 0
	for range 8 {
		x := e.Begin(Conn{})
		x.RequestHeaders(Request{Method: "GET", Target: "/?q=1'+OR+'1'='1", Protocol: "HTTP/1.1", Authority: "shop.example",
			Headers: Headers{{"User-Agent", "Mozilla/5.0"}, {"Accept", "*/*"}}}, true)
		if x.shadow {
			sampled++
		}
		require.Equal(t, Block, x.End().Action)
	}
	require.Positive(t, sampled)
	require.Zero(t, e.Disagreements())
}

func TestAnExecutedPhaseThatCorazaContradictsSwitchesTheScreenerOff(t *testing.T) {
	for name, lie := range map[string]func(x *Exchange){
		"another rule": func(x *Exchange) { x.outcomes[2].Fired = x.outcomes[2].Fired[1:] },
		"another message": func(x *Exchange) {
			for i := range x.outcomes[2].Fired {
				if f := &x.outcomes[2].Fired[i]; f.Log {
					f.Message += "?"
				}
			}
		},
		"another score": func(x *Exchange) { x.scores[2].inbound++ },
		"no block":      func(x *Exchange) { x.outcomes[2].Stop = nil },
		"another state": func(x *Exchange) { x.outcomes[2].After.ForceRequestBody = !x.outcomes[2].After.ForceRequestBody },
	} {
		t.Run(name, func(t *testing.T) {
			e := screenedEngine(t, "")
			attacks[0].play(e) // what is harmless about it is then known
			x := e.Begin(Conn{})
			x.RequestHeaders(Request{Method: "GET", Target: "/?q=1'+OR+'1'='1", Protocol: "HTTP/1.1", Authority: "shop.example",
				Headers: Headers{{"User-Agent", "Mozilla/5.0"}, {"Accept", "*/*"}}}, true)
			require.True(t, x.outcomes[2].Executed)
			require.Nil(t, x.tx)
			x.verdict.Action = Pass
			lie(x)
			x.catchUp()
			require.Equal(t, Block, x.verdict.Action, "Coraza's word counts")
			require.Equal(t, 1, e.Disagreements())
			x.End()
		})
	}
}

// countingWatcher counts the transactions that it sees.
type countingWatcher struct {
	debuglog.Logger
	seen int
}

func (w *countingWatcher) Watch(plugintypes.TransactionState) { w.seen++ }

func TestWhoWatchesSeesCorazaRunTheRulesThatMatch(t *testing.T) {
	w := &countingWatcher{Logger: debuglog.Noop()}
	e, err := New(Policy{}, rules.FS(), WithWatcher(w))
	require.NoError(t, err)
	require.Equal(t, ScreenedMiss, attacks[0].play(e).Screen)
	require.Equal(t, ScreenedFallback, attacks[0].play(e).Screen)
	require.Equal(t, 2, w.seen)
}
