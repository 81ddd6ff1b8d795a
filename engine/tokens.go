package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"tabard/engine/jwt"
	"tabard/engine/operators"
)

// tokenRules are a route's settings about tokens, compiled.
type tokenRules struct {
	required, refuseElsewhere bool
	limits                    jwt.Limits
	rules                     jwt.Rules
	// keys verify the signatures; nil leaves that to somebody else.
	keys *keySet
	// closed: while none are known, no token is good.
	closed  bool
	sources []tokenSource
	// body: a source, or elsewhere, lies in the body.
	body bool
}

// compileTokens makes the rules of some settings; nil where tokens are not looked
// at.
func compileTokens(s settings, loader *keyLoader) (*tokenRules, error) {
	if s.jwt.Mode == JWTOff {
		return nil, nil
	}
	keys, err := loader.load(s)
	if err != nil {
		return nil, err
	}
	required := s.jwt.Mode == JWTRequired
	out := &tokenRules{
		required: required, refuseElsewhere: s.jwt.Elsewhere == ElsewhereRefuse,
		limits: jwt.Limits{MaxBytes: s.jwt.MaxBytes, Encrypted: isSet(s.jwt.Encrypted, !required)},
		rules: jwt.Rules{
			Algorithms: s.jwt.Algorithms, Types: s.jwt.Types, KeyURLs: s.jwt.KeyURLs,
			Issuers: s.jwt.Issuers, Audiences: s.jwt.Audiences, RequiredClaims: s.jwt.RequiredClaims,
			Scopes: s.jwt.Scopes, Roles: s.jwt.Roles, RolesClaim: or(s.jwt.RolesClaim, "roles"),
			CheckTimes:  isSet(s.jwt.CheckTimes, required),
			Leeway:      time.Duration(or(s.jwt.LeewaySeconds, defaultLeewaySeconds)) * time.Second,
			MaxLifetime: time.Duration(s.jwt.MaxLifetimeSeconds) * time.Second,
			PublicKeys:  s.jwt.KeysFrom.URL != "",
		},
		keys: keys, closed: s.jwt.KeysFrom.UntilFetched != OutcomeOpen,
	}
	out.body = out.refuseElsewhere
	for _, text := range s.jwt.Sources {
		source, _ := parseTokenSource(text)
		out.sources = append(out.sources, source)
		out.body = out.body || source.kind.inBody()
	}
	return out, nil
}

// tokenState is what is known of the tokens of one exchange.
type tokenState struct {
	found []foundToken
	// head and body are the variables for phase 1 and from phase 2 on.
	head, body []tokenVariable
}

// foundToken is a token, or the lack of one, and what is wrong with it.
type foundToken struct {
	source   string // as rules call the place
	text     string
	token    *jwt.Token // nil when it is not well-formed
	problems []jwt.Problem
	verified bool // by a key of the policy
}

// tokenVariable is a variable of TX with its values.
type tokenVariable struct {
	name   string
	values []string
}

// judge looks into a token that stands where the policy expects one.
func (r *tokenRules) judge(source, text string, now time.Time) foundToken {
	out := foundToken{source: source, text: text}
	token, p := jwt.Parse(text, r.limits)
	if out.token = token; token == nil {
		out.problems = []jwt.Problem{p}
		return out
	}
	rules := r.now()
	out.problems = token.Problems(&rules, now)
	out.verified = rules.Keys != nil && len(out.problems) == 0
	return out
}

// now are the rules with the keys that are known.
func (r *tokenRules) now() jwt.Rules {
	rules := r.rules
	if r.keys != nil {
		rules.Keys = r.keys.keys()
		rules.KeysAwaited = rules.Keys == nil && r.closed
	}
	return rules
}

// inHead finds and judges the tokens of a request's head.
func (r *tokenRules) inHead(q Request, bodyless bool, now time.Time) []foundToken {
	var out []foundToken
	for _, s := range r.sources {
		for _, text := range s.inHead(q) {
			if r.required || jwt.Looks(text) {
				out = append(out, r.judge(s.variable(), text, now))
			}
		}
	}
	if r.refuseElsewhere {
		out = append(out, elsewhereInHead(q, out)...)
	}
	if r.required && !(r.bodySource() && !bodyless) && !(bodyless && isPreflight(q)) {
		out = r.demand(q, out)
	}
	return out
}

// inBody finds and judges the tokens of a body, and says what is missing then.
func (r *tokenRules) inBody(q Request, body string, now time.Time, head []foundToken) []foundToken {
	var out []foundToken
	for _, s := range r.sources {
		for _, text := range s.inBody(q, body) {
			if r.required || jwt.Looks(text) {
				out = append(out, r.judge(s.variable(), text, now))
			}
		}
	}
	if r.refuseElsewhere {
		out = append(out, elsewhereInText("REQUEST_BODY", unescape(body), slices.Concat(head, out))...)
	}
	if r.required && r.bodySource() {
		all := r.demand(q, slices.Concat(head, out))
		out = all[len(head):]
	}
	return out
}

func (r *tokenRules) bodySource() bool {
	return slices.ContainsFunc(r.sources, func(s tokenSource) bool { return s.kind.inBody() })
}

// demand adds that there is no token, or more than one. Of two Authorization
// fields a proxy may check one and the function use the other.
func (r *tokenRules) demand(q Request, found []foundToken) []foundToken {
	count := max(0, q.Headers.count("authorization")-1)
	for _, f := range found {
		if !slices.Contains(f.problems, jwt.Elsewhere) {
			count++
		}
	}
	if count == 1 {
		return found
	}
	what := jwt.Missing
	if count > 1 {
		what = jwt.Several
	}
	return append(found, foundToken{source: r.sources[0].variable(), problems: []jwt.Problem{what}})
}

// findInHead judges the head's tokens and fills the variables for phase 1.
func (x *Exchange) findInHead(bodyless bool) {
	r := x.variant.tokens
	if r == nil {
		return
	}
	x.tokens.found = r.inHead(x.request, bodyless, x.conn.Started)
	x.tokens.head = x.tokenVariables(nil)
}

// findInBody judges the body's tokens and fills the variables for phase 2.
func (x *Exchange) findInBody() {
	r := x.variant.tokens
	if r == nil || !r.body {
		return
	}
	more := r.inBody(x.request, string(x.requestBody.kept), x.conn.Started, x.tokens.found)
	x.tokens.found = append(x.tokens.found, more...)
	if len(more) > 0 {
		x.tokens.body = x.tokenVariables(more)
	}
}

// tokenVariables gives the variables that rules of the set use, as far as they
// have values. fromBody are the tokens that phase 2 has found.
func (x *Exchange) tokenVariables(fromBody []foundToken) []tokenVariable {
	if len(x.tokens.found) == 0 {
		return nil
	}
	var out []tokenVariable
	for _, v := range x.variant.rules.tokenNames {
		tokens := x.tokens.found
		if v.key == "problem."+operators.BodyProblem {
			tokens = fromBody
		}
		var values []string
		for i := range tokens {
			values = tokens[i].values(values, v.key)
		}
		if len(values) > 0 {
			out = append(out, tokenVariable{v.name, values})
		}
	}
	return out
}

// tokenName is a variable of the collection JWT that rules use.
type tokenName struct{ name, key string }

// tokenNames are the variables that Rewrite has found in use.
func tokenNames(used []string) []tokenName {
	var out []tokenName
	for _, u := range used {
		if key, ok := strings.CutPrefix(u, operators.JWT.Name+":"); ok {
			out = append(out, tokenName{operators.JWT.Variable(key), key})
		}
	}
	return out
}

// values adds what JWT:key holds of the token.
func (f *foundToken) values(out []string, key string) []string {
	part, rest, _ := strings.Cut(key, ".")
	switch part {
	case "problem":
		for _, p := range f.problems {
			if rest == operators.BodyProblem || p.Class().String() == rest {
				out = append(out, p.String())
			}
		}
	case "source":
		out = append(out, f.source)
	case "verified":
		if f.verified {
			out = append(out, "1")
		}
	default:
		if f.token != nil {
			out = append(out, f.token.Values(key)...)
		}
	}
	return out
}

// describeToken gives a match on a variable of the collection JWT the name and
// the value that a log may show: a problem by the place of its token, a claim by
// its name. Of claims only the issuer is shown as it is. In messages macros may
// have put the name of a variable.
func (x *Exchange) describeToken(m *Match) {
	m.Message, m.Data = operators.JWT.Shown(m.Message), operators.JWT.Shown(m.Data)
	name, ok := strings.CutPrefix(m.Target, "TX:")
	if !ok {
		return
	}
	key, ok := operators.JWT.Key(name)
	if !ok {
		return
	}
	part, class, _ := strings.Cut(key, ".")
	switch {
	case part == "problem":
		m.Target, m.Value = x.tokenPlace(m.Value), redacted
	case key == "claims.sub":
		m.Target, m.Value = "JWT:"+key, hashed(m.Value)
	case part == "claims" && class != "iss":
		m.Target, m.Value = "JWT:"+key, redacted
	default:
		m.Target = "JWT:" + key
	}
}

// tokenPlace is where the token with a problem stands.
func (x *Exchange) tokenPlace(problem string) string {
	for _, f := range x.tokens.found {
		if slices.ContainsFunc(f.problems, func(p jwt.Problem) bool { return p.String() == problem }) {
			return f.source
		}
	}
	return "JWT"
}

// tokenNames says of the first well-formed token what a log may know of it.
func (x *Exchange) tokenNames() (kid, issuer, subject string) {
	for _, f := range x.tokens.found {
		if f.token == nil {
			continue
		}
		if s := f.token.Subject(); s != "" {
			subject = hashed(s)
		}
		clean := func(s string) string {
			return cut(x.engine.redactor.text(s, x.secretValues(), MaxValueBytes), MaxValueBytes)
		}
		return clean(f.token.KeyID()), clean(f.token.Issuer()), subject
	}
	return "", "", ""
}

// hashBytes of SHA-256 tell subjects apart in a log.
const hashBytes = 8

// hashed is what a log says instead of the name of a person. Whoever knows the
// name can compute it: it is there to find one's requests again.
func hashed(value string) string {
	sum := sha256.Sum256([]byte(value))
	return "sha256:" + hex.EncodeToString(sum[:hashBytes])
}
