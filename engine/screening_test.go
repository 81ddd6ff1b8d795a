package engine

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/rules"
)

func screenedEngine(t testing.TB, policy string) *Engine {
	t.Helper()
	p, err := ParsePolicy("p.yaml", []byte(policy))
	require.NoError(t, err)
	e, err := New(p, rules.FS())
	require.NoError(t, err)
	return e
}

// exchange plays one request and, when it passes, a response.
func exchange(e *Engine, target, body string) Verdict {
	x := e.Begin(Conn{ID: "t"})
	r := Request{Method: "GET", Target: target, Protocol: "HTTP/1.1", Scheme: "https", Authority: "shop.example",
		Headers: Headers{{"User-Agent", "Mozilla/5.0"}, {"Accept", "*/*"}}}
	if body != "" {
		r.Method = "POST"
		r.Headers = append(r.Headers, [2]string{"Content-Type", "application/x-www-form-urlencoded"}, [2]string{"Content-Length", strconv.Itoa(len(body))})
	}
	v := x.RequestHeaders(r, body == "")
	if body != "" && v.Action != Block {
		v = x.RequestBody([]byte(body), true)
	}
	if v.Action != Block {
		v = x.ResponseHeaders(200, "HTTP/1.1", Headers{{"Content-Type", "text/html"}}, false)
	}
	if v.Action != Block {
		x.ResponseBody([]byte("<p>hello</p>"), true)
	}
	return x.End()
}

func TestTheScreenerAnswersWhatItHasSeenTheLikeOf(t *testing.T) {
	for _, policy := range []string{"", "profile: api\n", "response_body: {inspect: true}\n", "jwt: {mode: detect}\ncontent_types: [text/*, application/x-www-form-urlencoded]\nip: {block: [192.0.2.0/24]}\n"} {
		e := screenedEngine(t, policy)
		require.Empty(t, e.Reports())
		require.Equal(t, ScreenedMiss, exchange(e, "/?q=shoes", "").Screen)
		require.Equal(t, ScreenedHit, exchange(e, "/?q=shirts", "").Screen)
		exchange(e, "/login", "user=ann&word=secret")
		require.Equal(t, ScreenedHit, exchange(e, "/login", "user=bob&word=other").Screen)

		v := exchange(e, "/?q=1'+OR+'1'='1", "")
		require.Equal(t, []any{Block, ScreenedExecuted, ""}, []any{v.Action, v.Screen, v.ScreenReason})
		v = exchange(e, "/login", "user=1'+OR+'1'='1")
		require.Equal(t, Block, v.Action)
		require.GreaterOrEqual(t, v.Score, 5)
		require.Zero(t, e.Disagreements())
	}
}

func TestTheScreenerCanBeOff(t *testing.T) {
	e := screenedEngine(t, "screen: off\n")
	require.Equal(t, ScreenedOff, exchange(e, "/", "").Screen)
	require.Equal(t, ScreenedOff, exchange(e, "/", "").Screen)
}

func TestInShadowModeCorazaJudgesEverything(t *testing.T) {
	e := screenedEngine(t, "screen: shadow\n")
	exchange(e, "/?q=shoes", "")
	x := e.Begin(Conn{})
	x.RequestHeaders(Request{Method: "GET", Target: "/?q=shirts", Protocol: "HTTP/1.1", Authority: "shop.example",
		Headers: Headers{{"User-Agent", "Mozilla/5.0"}, {"Accept", "*/*"}}}, true)
	require.NotNil(t, x.tx)
	require.Equal(t, ScreenedHit, x.End().Screen, "the screener would have answered")
	require.Zero(t, e.Disagreements())
}

func TestOneExchangeInNIsJudgedByCorazaAsWell(t *testing.T) {
	e := screenedEngine(t, "shadow_sample: 3\n")
	sampled := 0
	for i := range 31 {
		x := e.Begin(Conn{})
		x.RequestHeaders(Request{Method: "GET", Target: "/?q=" + strconv.Itoa(i), Protocol: "HTTP/1.1", Authority: "shop.example",
			Headers: Headers{{"User-Agent", "Mozilla/5.0"}, {"Accept", "*/*"}}}, true)
		if x.shadow {
			sampled++
		}
		x.End()
	}
	require.Equal(t, 10, sampled, "the first is a miss, and of the others each is drawn once")
	require.Zero(t, e.Disagreements())
}

func TestADisagreementSwitchesTheScreenerOffAndSaysSo(t *testing.T) {
	e := screenedEngine(t, "")
	exchange(e, "/?q=shoes", "")
	require.Equal(t, ScreenedHit, exchange(e, "/?q=shirts", "").Screen)

	x := e.Begin(Conn{ID: "t17"})
	x.RequestHeaders(Request{Method: "GET", Target: "/", Protocol: "HTTP/1.1", Authority: "shop.example"}, false)
	e.disagree(x)
	x.End()

	require.Equal(t, 1, e.Disagreements())
	lines := e.Reports()
	require.Len(t, lines, 1)
	require.Contains(t, lines[0], "transaction t17")
	require.Empty(t, e.Reports(), "each line once")
	require.Equal(t, ScreenedOff, exchange(e, "/?q=shirts", "").Screen)
}

func TestARuleThatLogsEveryExchangeLeavesOnlyTheSkipLists(t *testing.T) {
	e := screenedEngine(t, "directives:\n  - inline: |\n      SecAction \"id:9,phase:5,log,pass,msg:'seen'\"\n")
	v := exchange(e, "/", "")
	require.Equal(t, []any{ScreenedFallback, "no_memo"}, []any{v.Screen, v.ScreenReason})
	require.Equal(t, []int{9}, v.IDs())
	lines := strings.Join(e.Reports(), "\n")
	require.Contains(t, lines, "p.yaml:3:7")
}

func TestALateScreenerIsThereOnceTheEngineIsWarm(t *testing.T) {
	e, err := New(Policy{}, rules.FS(), WithLateScreener())
	require.NoError(t, err)
	require.Equal(t, ScreenedOff, exchange(e, "/?q=shoes", "").Screen)
	e.Warm()
	e.Warm()
	require.Equal(t, ScreenedMiss, exchange(e, "/?q=shoes", "").Screen)
	require.Equal(t, ScreenedHit, exchange(e, "/?q=shirts", "").Screen)
}
