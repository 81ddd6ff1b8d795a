// Package jwttest makes keys and tokens for tests: what an issuer publishes and
// signs, so that a test can show that one HTTP exchange with a good token gets
// another verdict than one with a bad token.
package jwttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// Signer is a key of an issuer, for ES256. It is safe for concurrent use.
type Signer struct {
	id  string
	key *ecdsa.PrivateKey
}

// NewSigner makes a key with that kid. It panics when the system has no
// randomness.
func NewSigner(kid string) Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return Signer{kid, key}
}

// JWK is the public key as an issuer publishes it (RFC 7517).
func (s Signer) JWK() string {
	point, err := s.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"kty":"EC","crv":"P-256","use":"sig","alg":"ES256","kid":%q,"x":%q,"y":%q}`, s.id, base64url(point[1:33]), base64url(point[33:]))
}

// KeySet is what an issuer with these keys answers.
func KeySet(all ...Signer) string {
	keys := make([]string, len(all))
	for i, s := range all {
		keys[i] = s.JWK()
	}
	return `{"keys":[` + strings.Join(keys, ",") + `]}`
}

// Token is a token with claims, which are JSON, signed by the key.
func (s Signer) Token(claims string) string {
	return s.Sign(`{"alg":"ES256","typ":"JWT","kid":"`+s.id+`"}`, claims)
}

// Sign is the same with a header of the caller's.
func (s Signer) Sign(header, claims string) string {
	text := base64url([]byte(header)) + "." + base64url([]byte(claims))
	sum := sha256.Sum256([]byte(text))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		panic(err)
	}
	return text + "." + base64url(append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...))
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
