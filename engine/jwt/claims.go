package jwt

import (
	"slices"
	"strings"
	"time"
)

// claims are the registered claims that the checks need, as JSON values.
type claims struct {
	iss, sub, aud, exp, nbf, iat string
}

func (c *claims) member(name, value string) {
	switch name {
	case "iss":
		c.iss = value
	case "sub":
		c.sub = value
	case "aud":
		c.aud = value
	case "exp":
		c.exp = value
	case "nbf":
		c.nbf = value
	case "iat":
		c.iat = value
	}
}

func (t *Token) claims() (c claims) {
	readObject(t.claimsText, c.member)
	return c
}

// Issuer is iss, or "".
func (t *Token) Issuer() string { return textOr(t.claims().iss) }

// Subject is sub, or "". It names a person: log a hash of it.
func (t *Token) Subject() string { return textOr(t.claims().sub) }

// claimProblems judges the claims of a signed token.
func (t *Token) claimProblems(r *Rules, now time.Time, found []Problem) []Problem {
	c := t.claims()
	if p := c.times(r, now); p != OK {
		found = append(found, p)
	}
	if len(r.Issuers) > 0 && !slices.Contains(r.Issuers, textOr(c.iss)) {
		found = append(found, IssuerWrong)
	}
	if len(r.Audiences) > 0 && !meet(valuesOf(c.aud), r.Audiences) {
		found = append(found, AudienceWrong)
	}
	if slices.ContainsFunc(r.RequiredClaims, func(path string) bool { return !t.has(path) }) {
		found = append(found, ClaimMissing)
	}
	if granted := t.scopes(); slices.ContainsFunc(r.Scopes, func(s string) bool { return !slices.Contains(granted, s) }) {
		found = append(found, ScopeMissing)
	}
	if len(r.Roles) > 0 && !meet(t.Values("claims."+r.RolesClaim), r.Roles) {
		found = append(found, RoleMissing)
	}
	return found
}

func meet(a, b []string) bool {
	return slices.ContainsFunc(a, func(v string) bool { return slices.Contains(b, v) })
}

// has says whether a claim is there and says something.
func (t *Token) has(path string) bool {
	return slices.ContainsFunc(t.Values("claims."+path), func(v string) bool { return v != "" })
}

// scopes are the words of scope (RFC 8693, section 4.2) and of scp, which is a
// list at Okta and words in one string at Microsoft.
func (t *Token) scopes() []string {
	var out []string
	for _, name := range [...]string{"claims.scope", "claims.scp"} {
		for _, v := range t.Values(name) {
			out = append(out, strings.Fields(v)...)
		}
	}
	return out
}

// maxDate is the last second of the year 9999: a larger number is milliseconds
// or an attempt to overflow.
const maxDate = 253_402_300_799

// times judges exp, nbf and iat. That they are dates is looked at always.
func (c *claims) times(r *Rules, now time.Time) Problem {
	exp, ok1 := date(c.exp)
	nbf, ok2 := date(c.nbf)
	iat, ok3 := date(c.iat)
	seconds, leeway := float64(now.Unix()), r.Leeway.Seconds()
	switch {
	case !ok1 || !ok2 || !ok3:
		return DateInvalid
	case r.CheckTimes && c.exp != "" && exp+leeway <= seconds:
		return Expired
	case r.CheckTimes && nbf > seconds+leeway:
		return TooEarly
	case r.CheckTimes && iat > seconds+leeway:
		return IssuedLater
	}
	if r.MaxLifetime > 0 {
		start := seconds
		if c.iat != "" {
			start = iat
		}
		if c.exp == "" || exp-start > r.MaxLifetime.Seconds()+leeway {
			return LivesTooLong
		}
	}
	return OK
}

// date gives a NumericDate of RFC 7519, 0 for one that is not there; ok is false
// when it is none.
func date(value string) (seconds float64, ok bool) {
	if value == "" {
		return 0, true
	}
	n, ok := numberOf(value)
	return n, ok && n >= 0 && n <= maxDate
}
