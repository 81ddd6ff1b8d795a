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
					jwt.HeaderDuplicate, jwt.HeaderLimits, jwt.HeaderText,
					jwt.ClaimsDuplicate, jwt.ClaimsLimits, jwt.ClaimsText,
				}, got)
			}
		}
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
