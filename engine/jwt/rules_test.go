package jwt_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine/jwt"
)

// now is when the tests take place.
var now = time.Unix(1_800_000_000, 0)

// token gives one with a signature of n bytes that means nothing.
func token(header, claims string, n int) string {
	return b64(header) + "." + b64(claims) + "." + b64(strings.Repeat("s", n))
}

// problems judges a token by rules.
func problems(t *testing.T, text string, r jwt.Rules) []string {
	t.Helper()
	parsed, p := jwt.Parse(text, jwt.Limits{Encrypted: true})
	require.Equal(t, jwt.OK, p, p.String())
	var out []string
	for _, p := range parsed.Problems(&r, now) {
		out = append(out, p.String())
	}
	return out
}

func TestHeadersThatLeadALibraryAstray(t *testing.T) {
	for name, row := range map[string]struct {
		header string
		want   jwt.Problem
	}{
		"an ordinary header":                          {`"typ":"JWT","kid":"2026-11"`, jwt.OK},
		"an access token's type":                      {`"typ":"at+jwt"`, jwt.OK},
		"a thumbprint of a certificate":               {`"x5t":"dGhlIHRodW1icHJpbnQ"`, jwt.OK},
		"an extension that nobody knows":              {`"crit":["exp"],"exp":1`, jwt.Critical},
		"an empty crit":                               {`"crit":[]`, jwt.Critical},
		"a payload that is not encoded":               {`"b64":false`, jwt.Unencoded},
		"a compressed payload":                        {`"zip":"DEF"`, jwt.Compressed},
		"a million rounds of PBKDF2":                  {`"p2c":1000000`, jwt.Iterations},
		"rounds that are no number":                   {`"p2c":"1000"`, jwt.Iterations},
		"a thousand rounds":                           {`"p2c":1000`, jwt.OK},
		"a key of its own":                            {`"jwk":{"kty":"oct","k":"AAAA"}`, jwt.EmbeddedKey},
		"a key of its own in other letters":           {`"JWK":{"kty":"oct","k":"AAAA"}`, jwt.EmbeddedKey},
		"a key of its own with the Kelvin sign":       {`"jw\u212a":{"kty":"oct","k":"AAAA"}`, jwt.EmbeddedKey},
		"a key URL in other letters":                  {`"JKU":"https://evil.example/keys.json"`, jwt.KeyURL},
		"crit in other letters":                       {`"Crit":["b64"]`, jwt.Critical},
		"a key id that climbs, in other letters":      {`"Kid":"../../dev/null"`, jwt.KeyID},
		"a member that only ends like one":            {`"xjwk":{}`, jwt.OK},
		"certificates of its own":                     {`"x5c":["MIIB"]`, jwt.EmbeddedKey},
		"a nested token announced":                    {`"cty":"JWT"`, jwt.Nested},
		"a nested token announced as a media type":    {`"cty":"application/jwt"`, jwt.Nested},
		"another payload announced":                   {`"cty":"application/x-java-serialized-object"`, jwt.ContentType},
		"the type of a proof":                         {`"typ":"dpop+jwt"`, jwt.TypeConfused},
		"the type of a logout, in other letters":      {`"typ":"APPLICATION/logout+JWT"`, jwt.TypeConfused},
		"a type that is no string":                    {`"typ":1`, jwt.TypeConfused},
		"a key on a host of the sender's":             {`"jku":"https://evil.example/keys.json"`, jwt.KeyURL},
		"a certificate on a host inside":              {`"x5u":"http://169.254.169.254/latest"`, jwt.KeyURL},
		"an allowed URL":                              {`"jku":"https://id.example/keys/1.json"`, jwt.OK},
		"an allowed URL that climbs":                  {`"jku":"https://id.example/keys/../evil.json"`, jwt.KeyURL},
		"an allowed URL that climbs in escapes":       {`"jku":"https://id.example/keys/%2e%2e/evil.json"`, jwt.KeyURL},
		"a host that begins like the allowed one":     {`"jku":"https://id.example.evil.example/keys/1.json"`, jwt.KeyURL},
		"a URL that is no string":                     {`"jku":["https://id.example/keys/1.json"]`, jwt.KeyURL},
		"a key id that climbs":                        {`"kid":"../../dev/null"`, jwt.KeyID},
		"a key id that climbs in escapes":             {`"kid":"%2e%2e/%2e%2e/dev/null"`, jwt.KeyID},
		"a key id that is a device":                   {`"kid":"/dev/null"`, jwt.KeyID},
		"a key id with SQL":                           {`"kid":"x' UNION SELECT 'secret"`, jwt.KeyID},
		"a key id with SQL and no quote":              {`"kid":"1 union select 1"`, jwt.KeyID},
		"a key id with a command":                     {`"kid":"key|whoami"`, jwt.KeyID},
		"a key id with a substitution":                {`"kid":"$(id)"`, jwt.KeyID},
		"a key id with a NUL":                         {`"kid":"key\u0000"`, jwt.KeyID},
		"a key id that is a number":                   {`"kid":1`, jwt.KeyID},
		"a key id that is a URL":                      {`"kid":"https://vault.example/keys/a/1#2"`, jwt.OK},
		"a key id in base64":                          {`"kid":"/a+b/c=="`, jwt.OK},
		"a key id in base64url with two dashes":       {`"kid":"a--b_c"`, jwt.OK},
		"a key id that is a decentralised identifier": {`"kid":"did:web:id.example%3A8080#key-1"`, jwt.OK},
		"a key id that is an ARN":                     {`"kid":"arn:aws:kms:eu-west-1:111122223333:key/1"`, jwt.OK},
		"a key id of a kilobyte":                      {`"kid":"` + strings.Repeat("k", 1000) + `"`, jwt.KeyID},
	} {
		t.Run(name, func(t *testing.T) {
			found := problems(t, token(`{"alg":"HS256",`+row.header+`}`, "{}", 32), jwt.Rules{KeyURLs: []string{"https://id.example/keys/"}})
			require.Equal(t, texts(row.want), found)
		})
	}
}

func texts(all ...jwt.Problem) (out []string) {
	for _, p := range all {
		if p != jwt.OK {
			out = append(out, p.String())
		}
	}
	return out
}

func TestAlgorithmsAndTheirSignatures(t *testing.T) {
	asymmetric := jwt.Rules{Algorithms: []string{"RS256", "ES256"}}
	for name, row := range map[string]struct {
		alg   string
		bytes int
		rules jwt.Rules
		want  jwt.Problem
	}{
		"without a list any is taken":            {"HS512", 64, jwt.Rules{}, jwt.OK},
		"one of the list":                        {"ES256", 64, asymmetric, jwt.OK},
		"one that is not in the list":            {"PS256", 256, asymmetric, jwt.AlgNotAllowed},
		"the list minds case":                    {"rs256", 256, asymmetric, jwt.AlgNotAllowed},
		"a symmetric one for the public key":     {"HS256", 32, asymmetric, jwt.AlgSymmetric},
		"a symmetric one of a list with both":    {"HS384", 48, jwt.Rules{Algorithms: []string{"HS256", "RS256"}}, jwt.AlgNotAllowed},
		"a symmetric signature that is too long": {"HS256", 33, jwt.Rules{}, jwt.SignatureLength},
		"an ECDSA signature in ASN.1":            {"ES256", 70, jwt.Rules{}, jwt.SignatureLength},
		"an RSA signature of 1024 bits":          {"RS256", 128, jwt.Rules{}, jwt.SignatureLength},
		"an RSA signature of 3072 bits":          {"PS384", 384, jwt.Rules{}, jwt.OK},
		"an Ed25519 signature":                   {"EdDSA", 64, jwt.Rules{}, jwt.OK},
		"an Ed25519 signature that is cut":       {"Ed25519", 63, jwt.Rules{}, jwt.SignatureLength},
		"an algorithm that nobody knows":         {"XY1", 5, jwt.Rules{}, jwt.OK},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, texts(row.want), problems(t, token(`{"alg":"`+row.alg+`"}`, "{}", row.bytes), row.rules))
		})
	}
	zero := func(s string) string { return b64(`{"alg":"ES256"}`) + ".e30." + b64(s) }
	require.Equal(t, texts(jwt.SignatureZero), problems(t, zero(strings.Repeat("\x00", 64)), jwt.Rules{}), "CVE-2022-21449")
	require.Equal(t, texts(jwt.SignatureZero), problems(t, zero(strings.Repeat("\x00", 32)+strings.Repeat("s", 32)), jwt.Rules{}), "r alone")
	require.Equal(t, texts(jwt.SignatureZero), problems(t, zero(strings.Repeat("s", 32)+strings.Repeat("\x00", 32)), jwt.Rules{}), "s alone")
}

func TestClaims(t *testing.T) {
	times := jwt.Rules{CheckTimes: true, Leeway: time.Minute}
	for name, row := range map[string]struct {
		claims string
		rules  jwt.Rules
		want   jwt.Problem
	}{
		"nothing is asked":                      {`{}`, jwt.Rules{}, jwt.OK},
		"the clock is not asked":                {`{"exp":1}`, jwt.Rules{}, jwt.OK},
		"valid now":                             {`{"exp":1800000300,"nbf":1799999900,"iat":1799999900.5}`, times, jwt.OK},
		"expired a second ago, within leeway":   {`{"exp":1799999999}`, times, jwt.OK},
		"expired beyond leeway":                 {`{"exp":1799999940}`, times, jwt.Expired},
		"valid in a minute":                     {`{"nbf":1800000060}`, times, jwt.OK},
		"valid later":                           {`{"nbf":1800000061}`, times, jwt.TooEarly},
		"issued later":                          {`{"iat":1800000061}`, times, jwt.IssuedLater},
		"exp as text":                           {`{"exp":"1900000000"}`, jwt.Rules{}, jwt.DateInvalid},
		"exp as null":                           {`{"exp":null}`, jwt.Rules{}, jwt.DateInvalid},
		"exp in milliseconds":                   {`{"exp":1800000300000}`, jwt.Rules{}, jwt.DateInvalid},
		"exp below zero":                        {`{"exp":-1}`, jwt.Rules{}, jwt.DateInvalid},
		"iat as a list":                         {`{"iat":[1]}`, jwt.Rules{}, jwt.DateInvalid},
		"an hour where an hour is allowed":      {`{"iat":1800000000,"exp":1800003600}`, jwt.Rules{MaxLifetime: time.Hour}, jwt.OK},
		"a year where an hour is allowed":       {`{"iat":1800000000,"exp":1831536000}`, jwt.Rules{MaxLifetime: time.Hour}, jwt.LivesTooLong},
		"for ever where an hour is allowed":     {`{"iat":1800000000}`, jwt.Rules{MaxLifetime: time.Hour}, jwt.LivesTooLong},
		"a lifetime without a start":            {`{"exp":1800007200}`, jwt.Rules{MaxLifetime: time.Hour}, jwt.LivesTooLong},
		"the issuer":                            {`{"iss":"https://id.example"}`, jwt.Rules{Issuers: []string{"https://id.example"}}, jwt.OK},
		"another issuer":                        {`{"iss":"https://id.example/"}`, jwt.Rules{Issuers: []string{"https://id.example"}}, jwt.IssuerWrong},
		"no issuer":                             {`{}`, jwt.Rules{Issuers: []string{"https://id.example"}}, jwt.IssuerWrong},
		"the audience":                          {`{"aud":"orders"}`, jwt.Rules{Audiences: []string{"orders"}}, jwt.OK},
		"the audience in a list":                {`{"aud":["shop","orders"]}`, jwt.Rules{Audiences: []string{"orders"}}, jwt.OK},
		"another audience":                      {`{"aud":["shop"]}`, jwt.Rules{Audiences: []string{"orders"}}, jwt.AudienceWrong},
		"a required claim":                      {`{"sub":"u1"}`, jwt.Rules{RequiredClaims: []string{"sub"}}, jwt.OK},
		"a required claim that is empty":        {`{"sub":""}`, jwt.Rules{RequiredClaims: []string{"sub"}}, jwt.ClaimMissing},
		"a required claim that is null":         {`{"sub":null}`, jwt.Rules{RequiredClaims: []string{"sub"}}, jwt.ClaimMissing},
		"a required claim below another":        {`{"act":{"sub":"u1"}}`, jwt.Rules{RequiredClaims: []string{"act.sub"}}, jwt.OK},
		"a required claim whose name has a dot": {`{"https://shop.example/org":"o1"}`, jwt.Rules{RequiredClaims: []string{"https://shop%2Eexample/org"}}, jwt.OK},
		"both scopes":                           {`{"scope":"a b c"}`, jwt.Rules{Scopes: []string{"a", "c"}}, jwt.OK},
		"both scopes in a list":                 {`{"scp":["a","c"]}`, jwt.Rules{Scopes: []string{"a", "c"}}, jwt.OK},
		"one scope of two":                      {`{"scope":"a b"}`, jwt.Rules{Scopes: []string{"a", "c"}}, jwt.ScopeMissing},
		"a scope within another":                {`{"scope":"orders:write"}`, jwt.Rules{Scopes: []string{"orders"}}, jwt.ScopeMissing},
		"one role of two":                       {`{"realm_access":{"roles":["admin"]}}`, jwt.Rules{Roles: []string{"admin", "root"}, RolesClaim: "realm_access.roles"}, jwt.OK},
		"no role":                               {`{"roles":["user"]}`, jwt.Rules{Roles: []string{"admin"}, RolesClaim: "roles"}, jwt.RoleMissing},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, texts(row.want), problems(t, token(`{"alg":"HS256"}`, row.claims, 32), row.rules))
		})
	}
}

func TestAllProblemsAreTold(t *testing.T) {
	found := problems(t, token(`{"alg":"HS256","jwk":{},"kid":"../x"}`, `{"iss":"x"}`, 31), jwt.Rules{
		Algorithms: []string{"RS256"}, Issuers: []string{"y"},
	})
	require.Equal(t, texts(jwt.EmbeddedKey, jwt.KeyID, jwt.AlgSymmetric, jwt.SignatureLength, jwt.IssuerWrong), found)
}

func TestAnEncryptedTokenShowsNoClaims(t *testing.T) {
	text := b64(`{"alg":"dir","enc":"A256GCM"}`) + "..aaaa.aaaa.aaaa"
	require.Empty(t, problems(t, text, jwt.Rules{}))
	require.Equal(t, texts(jwt.ClaimMissing, jwt.ScopeMissing, jwt.RoleMissing),
		problems(t, text, jwt.Rules{Issuers: []string{"x"}, Scopes: []string{"a"}, Roles: []string{"b"}}))
	require.Equal(t, texts(jwt.Iterations), problems(t, b64(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647}`)+".aaaa.aaaa.aaaa.aaaa", jwt.Rules{}))
}

func TestValues(t *testing.T) {
	parsed, p := jwt.Parse(signed(`{"alg":"HS256","kid":"k\u0031"}`,
		`{"sub":"u1","n":1.50,"ok":true,"no":null,"roles":["a",2,{"b":1}],"x":{"y.z":{"w":"deep"}},"o":{"p":1}}`), jwt.Limits{})
	require.Equal(t, jwt.OK, p)
	for name, want := range map[string][]string{
		"header.alg":          {"HS256"},
		"header.kid":          {"k1"},
		"header.typ":          nil,
		"claims.sub":          {"u1"},
		"claims.n":            {"1.50"},
		"claims.ok":           {"true"},
		"claims.no":           nil,
		"claims.roles":        {"a", "2", `{"b":1}`},
		"claims.x.y%2Ez.w":    {"deep"},
		"claims.o":            {`{"p":1}`},
		"claims.sub.deeper":   nil,
		"claims.none.of.them": nil,
	} {
		require.Equal(t, want, parsed.Values(name), name)
	}
	require.Equal(t, []string{"t1"}, jwt.Member(`{"auth":{"token":"t1"}}`, "auth.token"))
	require.Empty(t, jwt.Member(`{"auth":`, "auth"))
}
