package engine

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"sync/atomic"

	"tabard/engine/jwt"
)

// secretNames are what the policy keeps out of logs: what tells the caller and
// the gateway apart from others is a credential, too.
func (p *Policy) secretNames() []string {
	names := slices.Clone(p.Redact)
	for _, name := range []string{p.Alerts.PrincipalHeader, p.Alerts.Gateway.Header} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// observation is what alerts need to know of an exchange besides its verdict.
type observation struct {
	principal, country string
	bypassed           bool
}

// observe reads the observation from a request's head.
func (x *Exchange) observe() observation {
	a := &x.engine.policy.Alerts
	o := observation{country: x.engine.geoOf(x.clientAddr, x.request.Headers).Country}
	if a.PrincipalHeader != "" {
		o.principal = principalOf(x.request.Headers.Get(a.PrincipalHeader))
	}
	o.bypassed = a.Gateway.bypassed(x.request.Headers)
	return o
}

// principalBytes is how much of a hash names a principal: 64 bits tell all of
// an API's callers apart and do not lead back to a token.
const principalBytes = 8

// principalOf names the caller by a hash; "" for an empty value.
func principalOf(value string) string {
	if value == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(identityOf(value)))
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 2*principalBytes)
	for _, b := range sum[:principalBytes] {
		out = append(out, digits[b>>4], digits[b&15])
	}
	return string(out)
}

// identityOf is what stays the same when a token is renewed or a password
// changed.
func identityOf(value string) string {
	scheme, rest, ok := strings.Cut(value, " ")
	if ok && strings.EqualFold(scheme, "basic") {
		if plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest)); err == nil {
			user, _, _ := strings.Cut(string(plain), ":")
			return "basic " + user
		}
	}
	token, ok := jwt.Bearer(value)
	if !ok {
		token = value
	}
	if t, problem := jwt.Parse(token, jwt.Limits{MaxBytes: defaultTokenBytes}); problem == jwt.OK && t.Subject() != "" {
		return "jwt " + t.Issuer() + " " + t.Subject()
	}
	return value
}

// bypassed says that a request does not show what the gateway gives it.
func (g Gateway) bypassed(h Headers) bool {
	if g.Header != "" && !g.inHeader(h) {
		return true
	}
	return len(g.Identities) > 0 && !slices.ContainsFunc(certIdentities(h), func(id string) bool { return slices.Contains(g.Identities, id) })
}

// inHeader says that each line of the gateway's header is as it must be: one that
// a client has added does not count for it.
func (g Gateway) inHeader(h Headers) bool {
	found := false
	for _, line := range h {
		if !strings.EqualFold(line[0], g.Header) {
			continue
		}
		if line[1] == "" || len(g.Values) > 0 && !slices.Contains(g.Values, line[1]) {
			return false
		}
		found = true
	}
	return found
}

// certIdentities are the URIs and subjects of the last element of
// X-Forwarded-Client-Cert: that which the proxy in front of us wrote about its
// own peer.
func certIdentities(h Headers) (out []string) {
	var last string
	for _, line := range h {
		if strings.EqualFold(line[0], "x-forwarded-client-cert") {
			elements := splitQuoted(line[1], ',')
			last = elements[len(elements)-1]
		}
	}
	for _, pair := range splitQuoted(last, ';') {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if strings.EqualFold(name, "uri") || strings.EqualFold(name, "subject") {
			out = append(out, unquote(value))
		}
	}
	return out
}

// wants says that some alert rule is about a kind.
func (a *Alerts) wants(kind AlertKind) bool {
	return slices.ContainsFunc(a.Rules, func(r AlertRule) bool { return r.When == kind })
}

// alertworthy says that an exchange is written down for an alert rule although
// no rule of SecLang has matched.
func (x *Exchange) alertworthy(o observation) bool {
	a := &x.engine.policy.Alerts
	switch status := x.response.status; {
	case (status == 401 || status == 403) && a.wants(AlertDenied):
		return true
	case status == 429 && a.wants(AlertThrottled):
		return true
	case o.bypassed && a.wants(AlertBypass):
		return true
	case o.principal != "" && o.country != "" && a.wants(AlertNewCountry):
		return x.engine.places.new(o.principal, o.country)
	}
	return false
}

// places remembers where principals were seen lately, so that not each of their
// requests is written down. It holds a hash a slot: when two share one, a pair
// is written down once more than it had to be.
type places [1 << 12]atomic.Uint64

// new says that a pair is not the one that its slot holds, and puts it there.
func (p *places) new(principal, country string) bool {
	sum := sha256.Sum256([]byte(principal + " " + country))
	var hash uint64
	for _, b := range sum[:8] {
		hash = hash<<8 | uint64(b)
	}
	return p[hash%uint64(len(p))].Swap(hash) != hash
}
