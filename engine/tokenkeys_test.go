package engine_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/engine/jwt/jwttest"
	"tabard/rules"
)

// refusal is why a request with a token is refused, or "".
func refusal(e *engine.Engine, path, token string) string {
	v := playToken(e, get(path, bearer(token)), "")
	if v.Action != engine.Block {
		return ""
	}
	for _, m := range v.Matches {
		if m.ID == v.Rule {
			return m.Message
		}
	}
	return "no rule"
}

const (
	notFetched = "Token refused: the keys of this route have not been fetched yet"
	noKeyFits  = "Token refused: no key of the policy fits"
	symmetric  = "Token refused: alg is symmetric where this route expects an asymmetric one"
)

func TestKeysThatAreFetched(t *testing.T) {
	oldKey, newKey := jwttest.NewSigner("old"), jwttest.NewSigner("new")
	oldToken, newToken := oldKey.Token(`{"sub":"u1"}`), newKey.Token(`{"sub":"u1"}`)
	e := mustTokenEngine(t, `
jwt: {mode: required, keys_from: {url: "https://id.example/jwks"}}
routes: [{name: late, path_prefix: /late, jwt: {mode: required, keys_from: {url: "https://id.example/late", until_fetched: open}}}]
directives: [{inline: 'SecRule JWT:verified "@eq 1" "id:1,phase:1,pass,log,msg:verified"'}]
`)
	now := time.Unix(1_800_000_000, 0)
	require.Equal(t, []engine.Feed{
		{Name: "jwks", URL: "https://id.example/jwks", RefreshSeconds: 300, MaxBytes: 256 << 10},
		{Name: "jwks.late", URL: "https://id.example/late", RefreshSeconds: 300, MaxBytes: 256 << 10},
	}, e.Feeds())
	require.Equal(t, []engine.FeedState{{Name: "jwks"}, {Name: "jwks.late"}}, e.FeedStates())

	require.Equal(t, notFetched, refusal(e, "/", oldToken), "closed before the first answer")
	require.Empty(t, refusal(e, "/late", oldToken), "open before the first answer")
	require.NotContains(t, playToken(e, get("/late", bearer(oldToken)), "").IDs(), 1, "which verifies nothing")
	require.Equal(t, symmetric, refusal(e, "/late", token(`{"alg":"HS256"}`, `{}`)), "keys from a URL will be public ones")
	e.ConfirmFeed("jwks", now)
	require.Equal(t, notFetched, refusal(e, "/", oldToken), "nothing was there to be unchanged")

	require.NoError(t, e.TakeFeed("jwks", jwttest.KeySet(oldKey), now))
	require.Empty(t, refusal(e, "/", oldToken))
	require.Contains(t, playToken(e, get("/", bearer(oldToken)), "").IDs(), 1)
	require.Equal(t, noKeyFits, refusal(e, "/", newToken))
	require.Empty(t, refusal(e, "/late", newToken), "another route has other keys")

	require.NoError(t, e.TakeFeed("jwks", jwttest.KeySet(oldKey, newKey), now), "the new key is published beside the old one")
	require.Empty(t, refusal(e, "/", oldToken))
	require.Empty(t, refusal(e, "/", newToken))
	require.NoError(t, e.TakeFeed("jwks", jwttest.KeySet(newKey), now.Add(time.Minute)), "and the old one leaves")
	require.Equal(t, noKeyFits, refusal(e, "/", oldToken), "also where it has verified before")
	require.Empty(t, refusal(e, "/", newToken))
	e.ConfirmFeed("jwks", now.Add(time.Hour))
	require.Empty(t, refusal(e, "/", newToken))
	require.Equal(t, []engine.FeedState{{Name: "jwks", Updated: now.Add(time.Hour), Entries: 1}, {Name: "jwks.late"}}, e.FeedStates())
}

func TestABadKeySetNeverReplacesAGoodOne(t *testing.T) {
	good := jwttest.NewSigner("k")
	text := good.Token(`{}`)
	e := mustTokenEngine(t, `jwt: {mode: required, keys_from: {url: "https://id.example/jwks", cluster: id}}`)
	now := time.Unix(1_800_000_000, 0)
	require.NoError(t, e.TakeFeed("jwks", jwttest.KeySet(good), now))
	for bad, want := range map[string]string{
		"":             `https://id.example/jwks: line 1, column 1: not a JSON text; write {"keys": [...]}`,
		"<html>":       `https://id.example/jwks: line 1, column 1: not a JSON text; write {"keys": [...]}`,
		`{"keys":[]}`:  `https://id.example/jwks: keys must be a list of 1 to 64 keys`,
		`{"error":""}`: `https://id.example/jwks: there is no key for signatures among the keys: RSA, EC (P-256, P-384, P-521), OKP (Ed25519) and oct are known`,
		`{"keys":[` + good.JWK() + `,{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`:                             `https://id.example/jwks: keys[1].n has 24 bits: 2048 to 16384 are safe`,
		`{"keys":[{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhlIHRlc3RzLCAzMiBieXRlcys"}]}`:                    `https://id.example/jwks: the keys are secrets (oct): a set that is fetched must have public keys`,
		`{"keys":[` + good.JWK() + `,{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhlIHRlc3RzLCAzMiBieXRlcys"}]}`: `https://id.example/jwks: keys[1]: secrets (oct) and public keys cannot be in one set: use two routes`,
		jwttest.KeySet(good) + strings.Repeat(" ", 256<<10):                                             `https://id.example/jwks: the key set has more than 262144 bytes`,
	} {
		require.EqualError(t, e.TakeFeed("jwks", bad, now.Add(time.Minute)), want)
		require.Empty(t, refusal(e, "/", text), want)
		require.Equal(t, []engine.FeedState{{Name: "jwks", Updated: now, Entries: 1}}, e.FeedStates())
	}
	require.EqualError(t, e.TakeFeed("jwk", jwttest.KeySet(good), now), `there is no feed "jwk"`)
}

func TestKeysFromAFileAreTheBeginningAndMayBeReadAgain(t *testing.T) {
	first, second := jwttest.NewSigner("a"), jwttest.NewSigner("b")
	files := rules.Overlay(fstest.MapFS{"id/keys.json": {Data: []byte(jwttest.KeySet(first))}})
	p, err := engine.ParsePolicy("p.yaml", []byte(`
jwt: {mode: required, keys_file: id/keys.json, keys_from: {url: "https://id.example/jwks"}}
routes:
- {name: same, path_prefix: /same, mode: block}
- {name: fixed, path_prefix: /fixed, jwt: {mode: required, keys_file: id/keys.json}}
`))
	require.NoError(t, err)
	require.NoError(t, p.Offline())
	e, err := engine.New(p, files, engine.WithClock(func() time.Time { return time.Unix(1_800_000_000, 0) }))
	require.NoError(t, err)
	require.Len(t, e.Feeds(), 1, "a route without a jwt of its own shares the policy's")
	require.Equal(t, map[string]string{"jwks.fixed": "id/keys.json"}, e.Files())
	for _, path := range []string{"/", "/same", "/fixed"} {
		require.Empty(t, refusal(e, path, first.Token(`{}`)), path)
		require.Equal(t, noKeyFits, refusal(e, path, second.Token(`{}`)), path)
	}
	require.NoError(t, e.TakeFeed("jwks", jwttest.KeySet(second), time.Now()))
	require.Equal(t, noKeyFits, refusal(e, "/same", first.Token(`{}`)))
	require.Empty(t, refusal(e, "/fixed", first.Token(`{}`)))
	require.NoError(t, e.TakeFeed("jwks.fixed", jwttest.KeySet(second), time.Now()))
	require.Empty(t, refusal(e, "/fixed", second.Token(`{}`)))
	require.ErrorContains(t, e.TakeFeed("jwks.fixed", "{", time.Now()), "id/keys.json: line 1, column 2: not a JSON text")
}

func TestWrongPlacesOfKeySets(t *testing.T) {
	for policy, want := range map[string]string{
		"jwt: {keys_from: {cluster: id}}":                                         `policy.yaml:1:18: jwt.keys_from needs a url, such as https://id.example/.well-known/jwks.json`,
		"jwt: {keys_from: {url: id.example/jwks}}":                                `policy.yaml:1:24: jwt.keys_from.url must be an http or https URL with a host, without a password: "id.example/jwks"`,
		"jwt: {keys_from: {url: 'https://u:p@id.example/jwks'}}":                  `policy.yaml:1:24: jwt.keys_from.url must be an http or https URL with a host, without a password: "https://u:p@id.example/jwks"`,
		"jwt: {keys_from: {url: 'http://id.example/jwks'}}":                       `policy.yaml:1:24: jwt.keys_from.url must be https: "http://id.example/jwks", http is for a cluster of Envoy and for 127.0.0.1`,
		"jwt: {keys_from: {url: 'https://id.example/jwks', refresh_seconds: 1}}":  `policy.yaml:1:68: jwt.keys_from.refresh_seconds must be between 10 and 2678400`,
		"jwt: {keys_from: {url: 'https://id.example/', until_fetched: ignore}}":   `policy.yaml:1:62: jwt.keys_from.until_fetched cannot be "ignore", use closed or open`,
		"routes: [{name: r, jwt: {keys_from: {url: x}}}]":                         `policy.yaml:1:43: routes[0].jwt.keys_from.url must be an http or https URL with a host, without a password: "x"`,
		"ip_sets: [{name: jwks, text: '10.0.0.1'}]":                               `policy.yaml:1:18: ip_sets[0].name is what key sets are called in metrics: "jwks", choose another one`,
		"ip_sets: [{name: jwks.r, text: '10.0.0.1'}]":                             `policy.yaml:1:18: ip_sets[0].name is what key sets are called in metrics: "jwks.r", choose another one`,
		"jwt: {mode: detect, keys: '{}', keys_from: {url: 'https://id.example'}}": `policy.yaml:1:27: jwt.keys: there is no key for signatures among the keys: RSA, EC (P-256, P-384, P-521), OKP (Ed25519) and oct are known`,
	} {
		_, err := tokenEngine(t, policy)
		require.EqualError(t, err, want, policy)
	}
	for _, policy := range []string{
		"jwt: {mode: detect, keys_from: {url: 'http://id.example/jwks', cluster: id}}",
		"jwt: {mode: detect, keys_from: {url: 'http://127.0.0.1:80/jwks'}}",
		"jwt: {mode: detect, keys_from: {url: 'http://localhost/jwks'}}",
		"ip_sets: [{name: jwks-clients, text: '10.0.0.1'}]",
	} {
		_, err := tokenEngine(t, policy)
		require.NoError(t, err, policy)
	}
}

func TestWhatIsNotFetchedCannotBeJudgedBy(t *testing.T) {
	for policy, want := range map[string]string{
		"jwt: {mode: detect, keys_from: {url: 'https://id.example/'}}":                    `p.yaml:1:32: jwt.keys_from is fetched by the filter in Envoy and by tabard serve only, save the key set to a file and name it in jwt.keys_file beside it`,
		"routes: [{name: r, jwt: {mode: required, keys_from: {url: 'https://id/'}}}]":     `p.yaml:1:53: routes[0].jwt.keys_from is fetched by the filter in Envoy and by tabard serve only, save the key set to a file and name it in routes[0].jwt.keys_file beside it`,
		"jwt: {mode: 'off', keys_from: {url: 'https://id.example/'}}":                     "",
		"jwt: {mode: detect, keys: '{}', keys_from: {url: 'https://id.example/'}}":        "",
		"jwt: {mode: detect, keys_file: k.json, keys_from: {url: 'https://id.example/'}}": "",
	} {
		p, err := engine.ParsePolicy("p.yaml", []byte(policy))
		require.NoError(t, err)
		if err = p.Offline(); want == "" {
			require.NoError(t, err, policy)
		} else {
			require.EqualError(t, err, want)
		}
	}
}
