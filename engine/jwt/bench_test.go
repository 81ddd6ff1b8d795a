package jwt_test

import (
	"strings"
	"testing"

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
