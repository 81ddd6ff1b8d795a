package engine_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// token is one whose signature has the length of HS256 and means nothing.
func token(header, claims string) string {
	return b64(header) + "." + b64(claims) + "." + b64(strings.Repeat("s", 32))
}

// tokenEngine compiles a policy of a file with a name, so that errors have places.
func tokenEngine(t *testing.T, policy string) (*engine.Engine, error) {
	t.Helper()
	p, err := engine.ParsePolicy("policy.yaml", []byte(policy))
	if err != nil {
		return nil, err
	}
	return engine.New(p, ruleFS, engine.WithClock(func() time.Time { return time.Unix(1_800_000_000, 0) }))
}

func mustTokenEngine(t *testing.T, policy string) *engine.Engine {
	t.Helper()
	e, err := tokenEngine(t, policy)
	require.NoError(t, err)
	return e
}

// played is what became of one request.
type played struct {
	engine.Verdict
	audit string
}

func playToken(e *engine.Engine, r engine.Request, body string) played {
	x := e.Begin(engine.Conn{ID: "t1"})
	x.RequestHeaders(r, body == "")
	if body != "" {
		x.RequestBody([]byte(body), true)
	}
	x.ResponseHeaders(200, "HTTP/1.1", engine.Headers{{"Content-Type", "text/plain"}}, true)
	v := x.End()
	line, _ := x.AuditLine()
	return played{v, string(line)}
}

func bearer(text string) [2]string { return [2]string{"Authorization", "Bearer " + text} }

func TestRulesReadTokens(t *testing.T) {
	e := mustTokenEngine(t, `
jwt: {mode: detect, sources: ["header:Authorization", "form:token"]}
directives:
- inline: |
    SecRule JWT:header.alg "@streq HS256" "id:1,phase:1,pass,log,msg:'alg'"
    SecRule JWT:claims.roles "@streq admin" "id:2,phase:1,deny,status:403,log,msg:'roles'"
    SecRule JWT:claims.realm.userId "@rx ^u" "id:3,phase:2,pass,log,msg:'user %{JWT.claims.realm.userId}'"
    SecRule &JWT:claims.sub "@eq 0" "id:4,phase:1,pass,log,msg:'no sub'"
    SecRule ARGS:owner "!@streq %{JWT.claims.sub}" "id:5,phase:1,deny,status:403,log,msg:'not yours'"
    SecRule JWT:claims.https:%2F%2Fshop%2Eexample%2Forg "@streq o1" "id:6,phase:1,pass,log,msg:'org'"
    SecRule JWT:source "@contains ARGS_POST" "id:7,phase:2,pass,log,msg:'in the body'"
`)
	ids := func(v played) (out []int) {
		for _, m := range v.Matches {
			out = append(out, m.ID)
		}
		return out
	}
	for name, row := range map[string]struct {
		target, token string
		form          string
		want          []int
	}{
		"no token":                        {"/", "", "", []int{4}},
		"a subject":                       {"/", token(`{"alg":"HS256"}`, `{"sub":"u1"}`), "", []int{1}},
		"no subject":                      {"/", token(`{"alg":"HS256"}`, `{}`), "", []int{1, 4}},
		"one role of a list":              {"/", token(`{"alg":"HS256"}`, `{"sub":"u1","roles":["clerk","admin"]}`), "", []int{1, 2}},
		"another role":                    {"/", token(`{"alg":"HS256"}`, `{"sub":"u1","roles":["clerk"]}`), "", []int{1}},
		"a path whose letters differ":     {"/", token(`{"alg":"HS256"}`, `{"sub":"u1","realm":{"userId":"u1"}}`), "", []int{1, 3}},
		"a path in small letters":         {"/", token(`{"alg":"HS256"}`, `{"sub":"u1","realm":{"userid":"u1"}}`), "", []int{1}},
		"one's own order":                 {"/?owner=u1", token(`{"alg":"HS256"}`, `{"sub":"u1"}`), "", []int{1}},
		"another's order":                 {"/?owner=u2", token(`{"alg":"HS256"}`, `{"sub":"u1"}`), "", []int{1, 5}},
		"a name with dots and slashes":    {"/", token(`{"alg":"HS256"}`, `{"sub":"u1","https://shop.example/org":"o1"}`), "", []int{1, 6}},
		"a token in the form, in phase 2": {"/", "", "token=" + token(`{"alg":"HS256"}`, `{"realm":{"userId":"u1"}}`), []int{4, 920180, 3, 7}},
	} {
		t.Run(name, func(t *testing.T) {
			headers := [][2]string{{"Host", "shop.example"}, {"User-Agent", "t"}, {"Accept", "*/*"}}
			r := engine.Request{Method: "GET", Target: row.target, Protocol: "HTTP/1.1", Scheme: "https", Authority: "shop.example"}
			if row.token != "" {
				headers = append(headers, bearer(row.token))
			}
			if row.form != "" {
				r.Method = "POST"
				headers = append(headers, [2]string{"Content-Type", "application/x-www-form-urlencoded"})
			}
			r.Headers = headers
			require.Equal(t, row.want, ids(playToken(e, r, row.form)))
			require.Equal(t, row.want, ids(playToken(e, r, row.form)), "the second time")
		})
	}
}

func TestOrdinaryTokensAreAnsweredByTheFastPath(t *testing.T) {
	e := mustTokenEngine(t, `
jwt: {mode: required, issuers: ["https://id.example"], required_claims: [sub]}
directives:
- inline: SecRule JWT:claims.sub "@streq mallory" "id:1,phase:1,deny,status:403"
`)
	ask := func(claims string) played {
		return playToken(e, get("/orders", bearer(token(`{"alg":"HS256","typ":"JWT"}`, claims))), "")
	}
	require.Equal(t, engine.ScreenedMiss, ask(`{"iss":"https://id.example","sub":"u1"}`).Screen)
	for _, sub := range []string{"u2", "u3", "u4"} {
		v := ask(`{"iss":"https://id.example","exp":1800000300,"sub":"` + sub + `"}`)
		require.Equal(t, engine.ScreenedHit, v.Screen, "another subject is no other request")
		require.Equal(t, engine.Pass, v.Action)
	}
	require.Equal(t, 1, ask(`{"iss":"https://id.example","sub":"mallory"}`).Rule)
	require.Equal(t, 100241, ask(`{"iss":"https://evil.example","sub":"u1"}`).Rule)
	require.Equal(t, 100240, ask(`{"iss":"https://id.example","sub":"u1","exp":1700000000}`).Rule)
	require.Zero(t, e.Disagreements())
}

func TestTheScreenerAndCorazaAgreeAboutTokens(t *testing.T) {
	e := mustTokenEngine(t, `
screen: shadow
jwt: {mode: detect, sources: ["header:Authorization", "query:t", "form:t"], elsewhere: refuse, action: score}
directives:
- inline: |
    SecRule JWT:claims.r|JWT:header.kid "@rx (a|b)" "id:1,phase:1,pass,nolog,t:lowercase,setvar:tx.x=%{MATCHED_VAR}"
    SecRule TX:/^tabard_jwt/ "@contains zz" "id:2,phase:2,pass,nolog,t:lowercase"
    SecRule ARGS:o "!@streq %{JWT.claims.sub}" "id:3,phase:2,pass,log,msg:'other'"
    SecRule &JWT:claims.r "@gt 1" "id:4,phase:2,pass,nolog,setvar:tx.y=1"
`)
	claims := []string{`{}`, `{"sub":"u1"}`, `{"sub":"u2","r":["A","b","zz"]}`, `{"r":["c"]}`, `{"r":"ZZ","exp":"x"}`}
	for round := range 3 {
		for i, c := range claims {
			for j, other := range claims {
				one, two := token(`{"alg":"HS256","kid":"Ab"}`, c), token(`{"alg":"HS256"}`, other)
				playToken(e, get("/?o=u1&t="+two, bearer(one)), "")
				playToken(e, post("/?o=u2", form), "t="+one+"&x="+two)
				require.Zero(t, e.Disagreements(), "round %d: %d, %d: %v", round, i, j, e.Reports())
			}
		}
	}
}

func TestLogsShowWhereATokenStoodAndNothingOfIt(t *testing.T) {
	e := mustTokenEngine(t, `
jwt: {mode: required, sources: ["header:Authorization", "query:access", "cookie:session"], elsewhere: refuse}
directives:
- inline: |
    SecRule JWT:claims.sub "@streq u1" "id:1,phase:1,pass,log,msg:'subject in %{MATCHED_VAR_NAME}',logdata:'%{MATCHED_VAR_NAME}'"
    SecRule JWT:claims.email "@contains @" "id:2,phase:1,pass,log,msg:'mail'"
    SecRule JWT:claims.iss "@contains example" "id:3,phase:1,pass,log,msg:'issuer'"
    SecRule JWT:header.kid "@streq k1" "id:4,phase:1,pass,log,msg:'kid'"
    SecRule REQUEST_HEADERS|ARGS|REQUEST_COOKIES|REQUEST_URI|QUERY_STRING "@contains eyJ" "id:5,phase:1,pass,log,msg:'saw %{MATCHED_VAR}'"
`)
	secret := token(`{"alg":"HS256","kid":"k1"}`, `{"iss":"https://id.example","sub":"u1","email":"u1@shop.example"}`)
	other := token(`{"alg":"none"}`, `{}`)
	for name, r := range map[string]engine.Request{
		"in the header":      get("/", bearer(secret)),
		"in the query":       get("/?access=" + secret),
		"in a cookie":        get("/", [2]string{"Cookie", "a=b; session=" + secret}),
		"in the wrong place": get("/?x="+secret+"&y=1", bearer(other)),
	} {
		v := playToken(e, r, "")
		require.NotContains(t, v.audit, secret, name)
		require.NotContains(t, v.audit, strings.Split(secret, ".")[1], name)
		require.NotContains(t, v.audit, "u1@shop", name)
		require.NotContains(t, v.audit, `"u1"`, name)
	}
	v := playToken(e, get("/", bearer(secret)), "")
	require.Contains(t, v.audit, `"token_kid":"k1","token_issuer":"https://id.example","token_subject":"sha256:bb82030dbc2bcaba"`)
	shown := map[int][2]string{}
	for _, m := range v.Matches {
		shown[m.ID] = [2]string{m.Target, m.Value}
	}
	require.Equal(t, [2]string{"JWT:claims.sub", "sha256:bb82030dbc2bcaba"}, shown[1])
	require.Equal(t, []string{"subject in JWT:claims.sub", "JWT:claims.sub"}, []string{v.Matches[0].Message, v.Matches[0].Data}, "the author's name for it")
	require.NotContains(t, v.audit, "tabard_jwt")
	require.Equal(t, [2]string{"JWT:claims.email", "[redacted]"}, shown[2])
	require.Equal(t, [2]string{"JWT:claims.iss", "https://id.example"}, shown[3])
	require.Equal(t, [2]string{"JWT:header.kid", "k1"}, shown[4])
	v = playToken(e, get("/"), "")
	require.Equal(t, "REQUEST_HEADERS:authorization", v.Matches[0].Target, "where a token is missing")
	v = playToken(e, get("/", [2]string{"Cookie", "session=" + other}), "")
	require.Equal(t, "REQUEST_COOKIES:session", v.Matches[0].Target)
	require.Equal(t, "Token refused: alg is none", v.Matches[0].Message)
}

func TestBadTokensMayOnlyScore(t *testing.T) {
	e := mustTokenEngine(t, `
jwt: {mode: detect, action: score, issuers: [i]}
routes: [{name: strict, path_prefix: /strict, jwt: {mode: detect}}]
`)
	none := bearer(token(`{"alg":"none"}`, `{}`))
	v := playToken(e, get("/", none), "")
	require.Equal(t, []any{5, engine.Block, 949110, 403}, []any{v.Score, v.Action, v.Rule, v.Status}, "a critical problem alone reaches CRS's threshold")
	v = playToken(e, get("/", bearer(token(`{"alg":"HS256"}`, `{}`))), "")
	require.Equal(t, []any{3, engine.Detect}, []any{v.Score, v.Action}, "another issuer does not")
	v = playToken(e, get("/strict", none), "")
	require.Equal(t, []any{engine.Block, 100200, 401}, []any{v.Action, v.Rule, v.Status}, "elsewhere it is refused at once")
}

func TestAPreflightNeedsNoTokenAndMaySendNoBody(t *testing.T) {
	e := mustTokenEngine(t, `jwt: {mode: required}`)
	preflight := get("/", [2]string{"Origin", "https://shop.example"}, [2]string{"Access-Control-Request-Method", "PUT"})
	preflight.Method = "OPTIONS"
	require.NotEqual(t, engine.Block, playToken(e, preflight, "").Action)
	require.Equal(t, 100210, playToken(e, preflight, "a body without a length, as HTTP/2 allows").Rule)
	preflight.Headers = append(preflight.Headers, bearer(token(`{"alg":"none"}`, `{}`)))
	require.Equal(t, 100200, playToken(e, preflight, "").Rule, "a token that is there is judged")
}

func TestWrongSettingsOfTokensAreErrorsWithTheirPlace(t *testing.T) {
	for policy, want := range map[string]string{
		"jwt: {mode: detect, sources: [cookie]}":                                   `policy.yaml:1:31: jwt.sources[0] is no place for a token: "cookie", write it as header:NAME, cookie:NAME, query:NAME, form:NAME, json:PATH or subprotocol`,
		"jwt: {mode: detect, sources: ['header:a b']}":                             `policy.yaml:1:31: jwt.sources[0] is no place for a token: "header:a b", write it as header:NAME, cookie:NAME, query:NAME, form:NAME, json:PATH or subprotocol`,
		"jwt: {mode: detect, algorithms: [none]}":                                  `policy.yaml:1:34: jwt.algorithms[0] is no algorithm of RFC 7518 or RFC 8037: "none", write it as RS256 or ES256`,
		"jwt: {mode: detect, key_urls: ['https://id.example']}":                    `policy.yaml:1:32: jwt.key_urls[0] is no https URL with a path: "https://id.example", write it as https://id.example/keys/`,
		"jwt: {mode: detect, scopes: ['']}":                                        `policy.yaml:1:30: jwt.scopes[0] is empty, leave it out`,
		"jwt: {mode: detect, leeway_seconds: 90000}":                               `policy.yaml:1:37: jwt.leeway_seconds must be between 1 and 3600`,
		"jwt: {mode: detect, keys: '{\"keys\":[]}'}":                               `policy.yaml:1:27: jwt.keys: keys must be a list of 1 to 64 keys`,
		"jwt: {mode: detect, keys_file: nowhere.json}":                             `policy.yaml:1:32: key set "nowhere.json" cannot be read, it is looked for below the policy's folder and the rules`,
		"jwt: {mode: detect, keys: a, keys_file: b}":                               `policy.yaml:1:41: jwt.keys_file cannot be set beside keys, leave one of them out`,
		"directives:\n- inline: |\n    SecRule JWT:claim.sub \"@eq 1\" \"id:1\"\n": `policy.yaml:3:13: JWT has no "claim.sub", use header.NAME, claims.NAME, problem.CLASS, source or verified`,
		"directives:\n- inline: |\n    SecRule JWT:problem.x \"@eq 1\" \"id:1\"\n": `policy.yaml:3:13: JWT:problem has no "x", use one of body, malformed, missing, algorithm, header, key_url, kid, signature, unverified, time, claims, permission, elsewhere`,
		"directives:\n- inline: |\n    SecRule JWT:claims \"@eq 1\" \"id:1\"\n":    `policy.yaml:3:13: JWT:claims needs the name of a member, write JWT:claims.NAME`,
		"directives:\n- inline: SecRule JWT:claims.sub \"@rx (\" \"id:1\"\n":       `policy.yaml:2:11: operator @rx: bad regular expression: missing closing )`,
	} {
		_, err := tokenEngine(t, policy)
		require.EqualError(t, err, want, policy)
	}
}

func TestTimesAreThoseOfTheExchange(t *testing.T) {
	e := mustTokenEngine(t, `jwt: {mode: required}`)
	expired := get("/", bearer(token(`{"alg":"HS256"}`, `{"exp":1700000000}`)))
	for name, row := range map[string]struct {
		at   time.Time
		want int
	}{
		"recorded before it expired":   {time.Unix(1_699_999_000, 0), 0},
		"recorded after it expired":    {time.Unix(1_700_001_000, 0), 100240},
		"without a time, by the clock": {time.Time{}, 100240},
	} {
		t.Run(name, func(t *testing.T) {
			x := e.Begin(engine.Conn{Started: row.at})
			x.RequestHeaders(expired, true)
			require.Equal(t, row.want, x.End().Rule)
		})
	}
}
