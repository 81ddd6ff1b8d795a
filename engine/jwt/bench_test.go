package jwt_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/jwt"
)

func BenchmarkCheck(b *testing.B) {
	for name, token := range map[string]string{
		"typical_300B":  signed(goodHeader, goodClaims),
		"large_6KB":     signed(goodHeader, `{"groups":["`+strings.Repeat(`group-of-people","`, 250)+`x"]}`),
		"members_8KB":   signed(goodHeader, `{"a":0`+members(250)+`,"z":{"a":0`+members(250)+`},"y":{"a":0`+members(100)+`}}`),
		"algNone":       signed(`{"alg":"none"}`, `{}`),
		"nestedForever": signed(`{"alg":"HS256","x":`+strings.Repeat("[", 4000), `{}`),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(token)))
			b.ReportAllocs()
			for b.Loop() {
				jwt.Check(token, jwt.Limits{})
			}
		})
	}
}

func BenchmarkLooks(b *testing.B) {
	for name, token := range map[string]string{
		"jwt":    signed(goodHeader, goodClaims),
		"opaque": "ya29.a0AfH6SMBx-eyJhbGciOiJub25lIn0.qqq",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				jwt.Looks(token)
			}
		})
	}
}

// BenchmarkVerify has a token with another signature each time, which nobody
// remembers.
func BenchmarkVerify(b *testing.B) {
	for _, alg := range []string{"HS256", "RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"} {
		b.Run(alg, func(b *testing.B) {
			s := newSigner(b, alg)
			keys, err := jwt.ParseKeys(s.jwks)
			require.NoError(b, err)
			text := s.token(b, `{"alg":"`+alg+`"}`, goodClaims)
			parsed, _ := jwt.Parse(strings.Replace(text, b64(goodClaims), b64(`{"sub":"u2"}`), 1), jwt.Limits{})
			b.ReportAllocs()
			for b.Loop() {
				require.NotEmpty(b, parsed.Problems(&jwt.Rules{Keys: keys}, now))
			}
		})
	}
}
