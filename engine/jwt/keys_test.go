package jwt_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"hash"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/jwt"
)

func enc(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// signer makes a key set and tokens for one algorithm.
type signer struct {
	jwks string
	sign func(t testing.TB, text string) []byte
}

func digest(alg, text string) (crypto.Hash, []byte) {
	id, h := crypto.SHA256, hash.Hash(sha256.New())
	switch alg[2:] {
	case "384":
		id, h = crypto.SHA384, sha512.New384()
	case "512":
		id, h = crypto.SHA512, sha512.New()
	}
	h.Write([]byte(text))
	return id, h.Sum(nil)
}

// newSigner makes a fresh key for an algorithm with the standard library.
func newSigner(t testing.TB, alg string) signer {
	set := func(members string) string { return `{"keys":[{"kid":"k1","use":"sig",` + members + `}]}` }
	switch alg[:2] {
	case "HS":
		secret := []byte(strings.Repeat("secret..", 8))
		return signer{set(`"kty":"oct","k":"` + enc(secret) + `"`), func(_ testing.TB, text string) []byte {
			id, _ := digest(alg, text)
			mac := hmac.New(id.New, secret)
			mac.Write([]byte(text))
			return mac.Sum(nil)
		}}
	case "RS", "PS":
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		require.NoError(t, err)
		return signer{set(`"kty":"RSA","e":"AQAB","n":"` + enc(k.N.Bytes()) + `"`), func(t testing.TB, text string) []byte {
			id, d := digest(alg, text)
			sign := func() ([]byte, error) { return rsa.SignPKCS1v15(rand.Reader, k, id, d) }
			if alg[0] == 'P' {
				sign = func() ([]byte, error) {
					return rsa.SignPSS(rand.Reader, k, id, d, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
				}
			}
			out, err := sign()
			require.NoError(t, err)
			return out
		}}
	case "ES":
		return ecdsaSigner(t, alg, set)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return signer{set(`"kty":"OKP","crv":"Ed25519","x":"` + enc(public) + `"`), func(_ testing.TB, text string) []byte {
		return ed25519.Sign(private, []byte(text))
	}}
}

func ecdsaSigner(t testing.TB, alg string, set func(string) string) signer {
	c := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}[alg]
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	require.NoError(t, err)
	size := (c.Params().BitSize + 7) / 8
	point, err := k.PublicKey.Bytes()
	require.NoError(t, err)
	members := `"kty":"EC","crv":"` + c.Params().Name + `","x":"` + enc(point[1:1+size]) + `","y":"` + enc(point[1+size:]) + `"`
	return signer{set(members), func(t testing.TB, text string) []byte {
		_, d := digest(alg, text)
		r, s, err := ecdsa.Sign(rand.Reader, k, d)
		require.NoError(t, err)
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	}}
}

// token signs a token.
func (s signer) token(t testing.TB, header, claims string) string {
	text := b64(header) + "." + b64(claims)
	return text + "." + enc(s.sign(t, text))
}

func TestSignaturesOfEveryAlgorithm(t *testing.T) {
	for _, alg := range []string{
		"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
		"ES256", "ES384", "ES512", "EdDSA", "Ed25519",
	} {
		t.Run(alg, func(t *testing.T) {
			s := newSigner(t, alg)
			keys, err := jwt.ParseKeys(s.jwks)
			require.NoError(t, err)
			rules := jwt.Rules{Keys: keys}
			good := s.token(t, `{"alg":"`+alg+`","kid":"k1"}`, `{"sub":"u1"}`)
			require.Empty(t, problems(t, good, rules), "its own signature")
			require.Empty(t, problems(t, good, rules), "once more, remembered")
			require.Empty(t, problems(t, s.token(t, `{"alg":"`+alg+`"}`, `{}`), rules), "without kid")
			require.Equal(t, texts(jwt.KeyUnknown), problems(t, s.token(t, `{"alg":"`+alg+`","kid":"k2"}`, `{}`), rules), "another kid")
			parts := strings.Split(good, ".")
			require.Equal(t, texts(jwt.SignatureWrong), problems(t, parts[0]+"."+b64(`{"sub":"u2"}`)+"."+parts[2], rules), "other claims")
			other, err := jwt.ParseKeys(newSigner(t, alg).jwks)
			require.NoError(t, err)
			if !strings.HasPrefix(alg, "HS") {
				require.Equal(t, texts(jwt.SignatureWrong), problems(t, good, jwt.Rules{Keys: other}), "another key")
			}
		})
	}
}

func TestAPublicKeyIsNoSecret(t *testing.T) {
	s := newSigner(t, "RS256")
	keys, err := jwt.ParseKeys(s.jwks)
	require.NoError(t, err)
	forged := newSigner(t, "HS256").token(t, `{"alg":"HS256","kid":"k1"}`, `{}`)
	require.Equal(t, texts(jwt.AlgSymmetric), problems(t, forged, jwt.Rules{Keys: keys}))
}

func TestAKeyThatNamesAnAlgorithmVerifiesNoOther(t *testing.T) {
	s := newSigner(t, "PS256")
	keys, err := jwt.ParseKeys(strings.Replace(s.jwks, `"use"`, `"alg":"RS256","use"`, 1))
	require.NoError(t, err)
	require.Equal(t, texts(jwt.KeyUnknown), problems(t, s.token(t, `{"alg":"PS256","kid":"k1"}`, `{}`), jwt.Rules{Keys: keys}))
}

func TestSetsOfKeys(t *testing.T) {
	const oct = `{"kty":"oct","k":"c2VjcmV0Li5zZWNyZXQuLnNlY3JldC4uc2VjcmV0Li4"}`
	ec := strings.TrimSuffix(strings.TrimPrefix(newSigner(t, "ES256").jwks, `{"keys":[`), `]}`)
	small := enc(new(big.Int).Lsh(big.NewInt(1), 1023).Bytes())
	for name, row := range map[string]struct{ text, want string }{
		"one key alone":                    {oct, ""},
		"a key for encryption is left out": {`{"keys":[{"kty":"RSA","use":"enc"},` + oct + `]}`, ""},
		"a key of an unknown type":         {`{"keys":[{"kty":"AKP"},` + ec + `]}`, ""},
		"nothing":                          {``, `line 1, column 1: not a JSON text; write {"keys": [...]}`},
		"keys that are no list":            {`{"keys":{}}`, "keys must be a list of 1 to 64 keys"},
		"an empty list":                    {`{"keys":[]}`, "keys must be a list of 1 to 64 keys"},
		"no key for signatures":            {`{"keys":[{"kty":"RSA","use":"enc"}]}`, "there is no key for signatures among the keys: RSA, EC (P-256, P-384, P-521), OKP (Ed25519) and oct are known"},
		"a key that is no object":          {`{"keys":[1]}`, "keys[0] is not a JSON object"},
		"a member twice":                   {"{\"keys\":[],\n\"keys\":[]}", `line 2, column 7: a repeated key; write {"keys": [...]}`},
		"a private key":                    {`{"keys":[{"kty":"EC","d":"AA"}]}`, "keys[0] is a private key: write its public part, without d"},
		"a secret beside a public key":     {`{"keys":[` + oct + `,` + ec + `]}`, "keys[1]: secrets (oct) and public keys cannot be in one set: use two routes"},
		"a short secret":                   {`{"kty":"oct","k":"AAAA"}`, "keys[0].k is shorter than 32 bytes"},
		"a secret that is not encoded":     {`{"kty":"oct","k":"not base64"}`, "keys[0].k is not strict base64url"},
		"an RSA key without n":             {`{"kty":"RSA","e":"AQAB"}`, "keys[0]: n is missing"},
		"an RSA key of 1024 bits":          {`{"kty":"RSA","e":"AQAB","n":"` + small + `"}`, "keys[0].n has 1024 bits: 2048 to 16384 are safe"},
		"an exponent of one":               {`{"kty":"RSA","e":"AQ","n":"` + enc(bytes.Repeat([]byte{0xff}, 256)) + `"}`, "keys[0].e is no exponent: it is AQAB, with few exceptions"},
		"a point that is none":             {`{"kty":"EC","crv":"P-256","x":"` + enc(make([]byte, 32)) + `","y":"` + enc(make([]byte, 32)) + `"}`, "keys[0].x and y are no point of the curve"},
		"a coordinate that is short":       {`{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`, "keys[0].x and y must have 32 bytes each on this curve"},
		"an Ed25519 key that is short":     {`{"kty":"OKP","crv":"Ed25519","x":"AA"}`, "keys[0].x must have 32 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := jwt.ParseKeys(row.text)
			if row.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, row.want)
		})
	}
}

func TestKeysWhosePointsMeetTheGenerator(t *testing.T) {
	// With the private keys 1 and n-1 the public key is the generator or its
	// opposite, so that sums meet equal points and infinity.
	for _, c := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		size := (c.Params().BitSize + 7) / 8
		for _, d := range []*big.Int{big.NewInt(1), new(big.Int).Sub(c.Params().N, big.NewInt(1))} {
			k, err := ecdsa.ParseRawPrivateKey(c, d.FillBytes(make([]byte, size)))
			require.NoError(t, err)
			x, y := k.X.FillBytes(make([]byte, size)), k.Y.FillBytes(make([]byte, size))
			keys, err := jwt.ParseKeys(`{"kty":"EC","crv":"` + c.Params().Name + `","x":"` + enc(x) + `","y":"` + enc(y) + `"}`)
			require.NoError(t, err)
			alg := map[int]string{32: "ES256", 48: "ES384", 66: "ES512"}[size]
			for range 5 {
				text := b64(`{"alg":"`+alg+`"}`) + ".e30"
				_, digest := digest(alg, text)
				r, s, err := ecdsa.Sign(rand.Reader, k, digest)
				require.NoError(t, err)
				signature := append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
				require.Empty(t, problems(t, text+"."+enc(signature), jwt.Rules{Keys: keys}))
			}
		}
	}
}

// FuzzRSA compares our verification with the standard library's: of signatures
// that are changed, and of encoded messages that are changed before they are
// signed.
func FuzzRSA(f *testing.F) {
	// A modulus of 2049 bits has an encoded message that is one byte shorter.
	var keys []*rsa.PrivateKey
	var sets []*jwt.Keys
	for _, bits := range []int{2048, 2049} {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		require.NoError(f, err)
		set, err := jwt.ParseKeys(`{"kty":"RSA","e":"AQAB","n":"` + enc(k.N.Bytes()) + `"}`)
		require.NoError(f, err)
		keys, sets = append(keys, k), append(sets, set)
	}
	algs := [...]string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	for i := range algs {
		f.Add("text", []byte{}, false, uint8(i))
		f.Add("text", []byte{0, 0, 1}, true, uint8(i+6))
	}
	f.Fuzz(func(t *testing.T, claim string, change []byte, encoded bool, which uint8) {
		alg, k, set := algs[which%6], keys[which/6%2], sets[which/6%2]
		text := b64(`{"alg":"`+alg+`"}`) + "." + b64(`{"x":"`+enc([]byte(claim))+`"}`)
		id, d := digest(alg, text)
		pss := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		signature, err := rsa.SignPKCS1v15(rand.Reader, k, id, d)
		if alg[0] == 'P' {
			signature, err = rsa.SignPSS(rand.Reader, k, id, d, pss)
		}
		require.NoError(t, err)
		power := func(b []byte, e *big.Int) []byte {
			x := new(big.Int).SetBytes(b)
			return x.Exp(x, e, k.N).FillBytes(make([]byte, k.Size()))
		}
		if encoded {
			signature = power(signature, big.NewInt(int64(k.E)))
		}
		for n, b := range change {
			signature[n%len(signature)] ^= b
		}
		if encoded {
			signature = power(signature, k.D)
		}
		want := rsa.VerifyPKCS1v15(&k.PublicKey, id, d, signature)
		if alg[0] == 'P' {
			want = rsa.VerifyPSS(&k.PublicKey, id, d, signature, pss)
		}
		parsed, p := jwt.Parse(text+"."+enc(signature), jwt.Limits{MaxBytes: 1 << 20})
		require.Equal(t, jwt.OK, p)
		require.Equal(t, want == nil, len(parsed.Problems(&jwt.Rules{Keys: set}, now)) == 0)
	})
}

// FuzzECDSA compares our verification with the standard library's.
func FuzzECDSA(f *testing.F) {
	f.Add([]byte("text"), []byte{}, uint8(0))
	f.Add([]byte("text"), []byte{1}, uint8(1))
	f.Add([]byte{}, []byte{0xff, 0, 0xff}, uint8(2))
	algs := [...]string{"ES256", "ES384", "ES512"}
	curves := [...]elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()}
	var keys [3]*ecdsa.PrivateKey
	var sets [3]*jwt.Keys
	for i, c := range curves {
		var err error
		keys[i], err = ecdsa.GenerateKey(c, rand.Reader)
		require.NoError(f, err)
		point, err := keys[i].PublicKey.Bytes()
		require.NoError(f, err)
		size := (len(point) - 1) / 2
		sets[i], err = jwt.ParseKeys(`{"kty":"EC","crv":"` + c.Params().Name + `","x":"` + enc(point[1:1+size]) + `","y":"` + enc(point[1+size:]) + `"}`)
		require.NoError(f, err)
	}
	f.Fuzz(func(t *testing.T, claim, change []byte, which uint8) {
		i := int(which) % 3
		text := b64(`{"alg":"`+algs[i]+`"}`) + "." + b64(`{"x":"`+enc(claim)+`"}`)
		_, d := digest(algs[i], text)
		r, s, err := ecdsa.Sign(rand.Reader, keys[i], d)
		require.NoError(t, err)
		size := (curves[i].Params().BitSize + 7) / 8
		signature := append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
		for n, b := range change {
			signature[n%len(signature)] ^= b
		}
		want := ecdsa.Verify(&keys[i].PublicKey, d, new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:]))
		parsed, p := jwt.Parse(text+"."+enc(signature), jwt.Limits{MaxBytes: 1 << 20})
		require.Equal(t, jwt.OK, p)
		require.Equal(t, want, len(parsed.Problems(&jwt.Rules{Keys: sets[i]}, now)) == 0)
	})
}
