package jwt_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"tabard/engine/jwt"
)

// FuzzCheck asks the standard library about each token that Check lets pass,
// and Check about each token that the standard library finds strict.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		signed(goodHeader, goodClaims),
		signed(`{"alg":"none"}`, `{}`),
		signed(`{"\u0061lg":"HS256","x":[1e9,"\ud83d\ude00",null]}`, `{"a":{"b":[{}]}}`),
		signed(`{"alg":"HS256","alg":"none"}`, `{"a":1,"a":2}`),
		b64(`{"alg":"dir","enc":"A256GCM"}`) + "..aaaa.aaaa.aaaa",
		"eyJhbGciOiJIUzI1NiJ9.e30.AB", "..", "eyJ=.e30.", "a.b.c",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		jwt.Looks(token)
		jwt.Bearer(token)
		got := jwt.Check(token, jwt.Limits{Encrypted: true})
		require.NotPanics(t, func() { _ = got.String() })
		parts := strings.Split(token, ".")
		if got == jwt.OK {
			require.True(t, jwt.Looks(token), "a well-formed token looks like one")
			require.NotNil(t, strictObject(parts[0]), "header")
			if len(parts) == 3 {
				require.NotNil(t, strictObject(parts[1]), "claims")
			}
			return
		}
		if len(parts) == 3 && len(token) < jwt.DefaultMaxBytes && !strings.ContainsAny(token, "\r\n") {
			header, claims := strictObject(parts[0]), strictObject(parts[1])
			_, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
			alg, _ := header["alg"].(string)
			if header != nil && claims != nil && err == nil && parts[2] != "" && alg == "HS256" {
				// What the standard library does not look at.
				require.Contains(t, []jwt.Problem{
					jwt.HeaderDuplicate, jwt.HeaderLimits, jwt.HeaderText, jwt.HeaderNumber,
					jwt.ClaimsDuplicate, jwt.ClaimsLimits, jwt.ClaimsText, jwt.ClaimsNumber,
				}, got)
			}
		}
	})
}

// FuzzProblems has every check look at a token that anybody may send, and at each
// of its values, and wants no panic and no text of the token in what is said.
func FuzzProblems(f *testing.F) {
	for _, header := range []string{
		goodHeader, `{"alg":"ES256","crit":["b64"],"b64":false,"zip":"DEF","p2c":1e300}`,
		`{"alg":"HS256","jwk":{},"x5c":[],"jku":"https://x/..","x5u":1,"kid":"%2e%2e/\u0000","cty":"JWT","typ":"dpop+jwt"}`,
	} {
		f.Add(header, goodClaims, "s", "claims.r.x")
	}
	f.Add(`{"alg":"ES512"}`, `{"exp":1e9,"nbf":"x","iat":-1,"aud":[1,null,"a"],"scope":" a ","scp":[["b"]],"roles":{}}`, strings.Repeat("\x00", 132), "header.%")
	keys, err := jwt.ParseKeys(`{"kty":"oct","k":"c2VjcmV0Li5zZWNyZXQuLnNlY3JldC4uc2VjcmV0Li4"}`)
	require.NoError(f, err)
	rules := jwt.Rules{
		Issuers: []string{"i"}, Audiences: []string{"a"}, RequiredClaims: []string{"sub", "a.b"}, Scopes: []string{"a"},
		Roles: []string{"r"}, RolesClaim: "roles", CheckTimes: true, MaxLifetime: 1, KeyURLs: []string{"https://x/"}, Keys: keys,
	}
	f.Fuzz(func(t *testing.T, header, claims, signature, name string) {
		text := b64(header) + "." + b64(claims) + "." + b64(signature)
		parsed, p := jwt.Parse(text, jwt.Limits{})
		require.Equal(t, p == jwt.OK, parsed != nil)
		if parsed == nil {
			return
		}
		for _, p := range append(parsed.Problems(&rules, now), parsed.Problems(&jwt.Rules{}, now)...) {
			require.NotEmpty(t, p.String())
			require.NotEqual(t, jwt.ClassNone, p.Class())
		}
		for _, v := range append(parsed.Values(name), parsed.Issuer(), parsed.Subject(), parsed.KeyID()) {
			require.LessOrEqual(t, len(v), len(header)+len(claims))
		}
	})
}

// FuzzParseKeys wants an error or keys, and no panic.
func FuzzParseKeys(f *testing.F) {
	f.Add(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","use":"sig","key_ops":["verify"]}]}`)
	f.Add(`{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}`)
	f.Add(`{"kty":"OKP","crv":"Ed25519","x":"c2VjcmV0Li5zZWNyZXQuLnNlY3JldC4uc2VjcmV0Li4"}`)
	f.Add(`{"kty":"oct","k":"c2VjcmV0Li5zZWNyZXQuLnNlY3JldC4uc2VjcmV0Li4"}`)
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := jwt.ParseKeys(text)
		require.Equal(t, err == nil, keys != nil)
	})
}

// strictObject gives the object that the standard library reads, or nil.
func strictObject(part string) map[string]any {
	text, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil || !utf8.Valid(text) || !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
		return nil
	}
	object := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // 1e999 is JSON, only no float64
	if decoder.Decode(&object) != nil || !json.Valid(text) {
		return nil
	}
	return object
}
