package jwt

import (
	"slices"
	"strings"
	"time"
)

// Rules are what a route asks of a token beyond being well-formed. The zero value
// asks for nothing but a header that leads no library astray. Rules are not
// changed once they are in use.
type Rules struct {
	// Algorithms lists what alg may be; empty allows all but none.
	Algorithms []string
	// Types lists what typ must be, "application/" left out or not, in any case;
	// empty allows all but the types of other kinds of tokens.
	Types []string
	// KeyURLs lists the URLs that jku and x5u may be; one that ends in a slash
	// allows all URLs below it.
	KeyURLs []string
	// Issuers and Audiences list what iss must be and what aud must have one of.
	Issuers, Audiences []string
	// RequiredClaims are names or paths of claims that must be there.
	RequiredClaims []string
	// Scopes must all be in scope or scp; of Roles one must be in RolesClaim.
	Scopes, Roles []string
	// RolesClaim is the path of the claim with the roles, such as
	// realm_access.roles.
	RolesClaim string
	// CheckTimes compares exp, nbf and iat with the clock, Leeway allowing for
	// clocks that differ.
	CheckTimes bool
	Leeway     time.Duration
	// MaxLifetime is the longest time from iat (or now) to exp; 0 is any. With it
	// exp must be there.
	MaxLifetime time.Duration
	// Keys verify the signature; nil leaves it to somebody else.
	Keys *Keys
	// KeysAwaited says that Keys are still to come, so that no token is good.
	KeysAwaited bool
	// PublicKeys says that Keys are public ones, also while they are not there.
	PublicKeys bool
}

// Problems gives what is wrong with a well-formed token, in the order of the
// checks; the signature is verified when nothing else is wrong. now is the time
// to compare with. It is safe for concurrent use.
func (t *Token) Problems(r *Rules, now time.Time) []Problem {
	found := t.header.problems(r, nil)
	if p := r.checkAlgorithm(t.Alg()); p != OK {
		found = append(found, p)
	}
	if t.claimsText == "" {
		return t.unseen(r, found)
	}
	if p := checkSignatureForm(t.Alg(), t.signature); p != OK {
		found = append(found, p)
	}
	found = t.claimProblems(r, now, found)
	if len(found) == 0 {
		if p := r.verify(t); p != OK {
			found = append(found, p)
		}
	}
	return found
}

func (r *Rules) verify(t *Token) Problem {
	switch {
	case r.KeysAwaited:
		return KeysMissing
	case r.Keys != nil:
		return r.Keys.verify(t)
	}
	return OK
}

// unseen finds the demands that an encrypted token cannot be shown to meet.
func (t *Token) unseen(r *Rules, found []Problem) []Problem {
	if len(r.Issuers)+len(r.Audiences)+len(r.RequiredClaims) > 0 {
		found = append(found, ClaimMissing)
	}
	if len(r.Scopes) > 0 {
		found = append(found, ScopeMissing)
	}
	if len(r.Roles) > 0 {
		found = append(found, RoleMissing)
	}
	if r.Keys != nil || r.KeysAwaited {
		found = append(found, KeyUnknown)
	}
	return found
}

// checkAlgorithm judges alg by the rules' list and, without one, by the keys.
func (r *Rules) checkAlgorithm(alg string) Problem {
	asymmetric := len(r.Algorithms) > 0 && !slices.ContainsFunc(r.Algorithms, isSymmetric) ||
		r.PublicKeys || r.Keys != nil && !r.Keys.symmetric
	switch {
	case isSymmetric(alg) && asymmetric:
		return AlgSymmetric
	case len(r.Algorithms) > 0 && !slices.Contains(r.Algorithms, alg):
		return AlgNotAllowed
	}
	return OK
}

// isSymmetric names the algorithms of RFC 7518 whose key is a shared secret.
func isSymmetric(alg string) bool {
	return strings.HasPrefix(alg, "HS") || alg == "dir" || strings.HasPrefix(alg, "PBES2") ||
		strings.HasPrefix(alg, "A") && (strings.HasSuffix(alg, "KW"))
}

// signatureBytes are the lengths that algorithms give their signatures: RFC
// 7518, sections 3.2 and 3.4, RFC 8037 and RFC 9864. An RSA signature is as long
// as the key, of which RFC 7518, section 3.3, wants 2048 bits or more.
var signatureBytes = map[string][]int{
	"HS256": {32}, "HS384": {48}, "HS512": {64},
	"ES256": {64}, "ES384": {96}, "ES512": {132}, "ES256K": {64},
	"EdDSA": {64, 114}, "Ed25519": {64}, "Ed448": {114},
}

// IsAlgorithm says whether alg signs tokens: one of RFC 7518, section 3, RFC 8037,
// RFC 8812 or RFC 9864.
func IsAlgorithm(alg string) bool {
	switch alg {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		return true
	}
	return len(signatureBytes[alg]) > 0
}

// The bounds of an RSA signature: 2048 bits is the least of RFC 7518, and no
// library makes keys over 16384.
const (
	minRSABytes = 2048 / 8
	maxRSABytes = 16384 / 8
)

func checkSignatureForm(alg string, signature []byte) Problem {
	n := len(signature)
	switch {
	case strings.HasPrefix(alg, "RS"), strings.HasPrefix(alg, "PS"):
		if n < minRSABytes || n > maxRSABytes {
			return SignatureLength
		}
	case len(signatureBytes[alg]) > 0:
		if !slices.Contains(signatureBytes[alg], n) {
			return SignatureLength
		}
	}
	if strings.HasPrefix(alg, "ES") && (isZero(signature[:n/2]) || isZero(signature[n/2:])) {
		return SignatureZero
	}
	return OK
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
