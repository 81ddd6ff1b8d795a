package engine

import (
	"errors"
	"strings"

	"tabard/engine/jwt"
)

// tokenSource is a place where a route takes tokens from.
type tokenSource struct {
	kind sourceKind
	name string
}

type sourceKind uint8

const (
	inHeader sourceKind = iota
	inCookie
	inQuery
	inForm
	inJSON
	inSubprotocol
)

func (k sourceKind) inBody() bool { return k == inForm || k == inJSON }

// sourceKinds are the kinds as a policy writes them.
var sourceKinds = map[string]sourceKind{
	"header": inHeader, "cookie": inCookie, "query": inQuery, "form": inForm, "json": inJSON, "subprotocol": inSubprotocol,
}

// subprotocolHeader carries a token where a browser's WebSocket can set no other
// header.
const subprotocolHeader = "sec-websocket-protocol"

// parseTokenSource reads an entry of jwt.sources.
func parseTokenSource(text string) (s tokenSource, err error) {
	kind, name, named := strings.Cut(text, ":")
	k, ok := sourceKinds[kind]
	if !ok || named == (k == inSubprotocol) || named && name == "" || k == inHeader && !isToken(name) {
		return s, errors.New("write it as header:NAME, cookie:NAME, query:NAME, form:NAME, json:PATH or subprotocol")
	}
	return tokenSource{k, name}, nil
}

// variable is how rules and logs call the place.
func (s tokenSource) variable() string {
	switch s.kind {
	case inHeader:
		return "REQUEST_HEADERS:" + strings.ToLower(s.name)
	case inCookie:
		return "REQUEST_COOKIES:" + s.name
	case inQuery:
		return "ARGS_GET:" + s.name
	case inForm:
		return "ARGS_POST:" + s.name
	case inJSON:
		return "ARGS_POST:json." + s.name
	}
	return "REQUEST_HEADERS:" + subprotocolHeader
}

// secret is the name by which a log knows that a value is to be hidden, or "".
func (s tokenSource) secret() string {
	switch s.kind {
	case inJSON:
		return s.name[strings.LastIndexByte(s.name, '.')+1:]
	case inSubprotocol:
		return subprotocolHeader
	}
	return s.name
}

// tokenSecrets are the names of all places of the policy that hold tokens.
func (p *Policy) tokenSecrets() (out []string) {
	for _, s := range p.variants() {
		for _, text := range s.jwt.Sources {
			if source, err := parseTokenSource(text); err == nil && s.jwt.Mode != JWTOff {
				out = append(out, source.secret())
			}
		}
	}
	return out
}

// inHead gives what stands at the source in a request's head.
func (s tokenSource) inHead(q Request) []string {
	switch s.kind {
	case inHeader:
		return s.headers(q.Headers)
	case inCookie:
		return s.cookies(q.Headers)
	case inQuery:
		_, query, _ := strings.Cut(q.Target, "?")
		return pairs(query, s.name)
	case inSubprotocol:
		return subprotocols(q.Headers)
	}
	return nil
}

// inBody gives what stands at the source in a request's body, which must be what
// its Content-Type says.
func (s tokenSource) inBody(q Request, body string) []string {
	mediaType, _, _ := strings.Cut(strings.ToLower(q.Headers.Get("content-type")), ";")
	mediaType = strings.TrimSpace(mediaType)
	switch {
	case s.kind == inForm && mediaType == "application/x-www-form-urlencoded":
		return pairs(body, s.name)
	case s.kind == inJSON && (mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")):
		return jwt.Member(body, s.name)
	}
	return nil
}

// headers gives the credentials of header fields. Authorization has a scheme,
// which some clients leave out; credentials of another scheme are none.
func (s tokenSource) headers(all Headers) (out []string) {
	for _, line := range all {
		if !strings.EqualFold(line[0], s.name) {
			continue
		}
		value := strings.Trim(line[1], " \t")
		token, ok := jwt.Bearer(value)
		if !ok {
			token = value
			if strings.EqualFold(s.name, "authorization") && !jwt.Looks(value) {
				continue
			}
		}
		if token != "" {
			out = append(out, token)
		}
	}
	return out
}

func (s tokenSource) cookies(all Headers) (out []string) {
	for _, line := range all {
		if !strings.EqualFold(line[0], "cookie") {
			continue
		}
		for pair := range strings.SplitSeq(line[1], ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			if value = strings.Trim(value, `"`); name == s.name && value != "" {
				out = append(out, value)
			}
		}
	}
	return out
}

// pairs gives the values of a name in a query or form.
func pairs(text, name string) (out []string) {
	for pair := range strings.SplitSeq(text, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if value != "" && formText(key) == name {
			out = append(out, formText(value))
		}
	}
	return out
}

func formText(s string) string { return unescape(strings.ReplaceAll(s, "+", " ")) }

// kubernetesPrefix is how Kubernetes' clients pass a token, base64url once more.
const kubernetesPrefix = "base64url.bearer.authorization.k8s.io."

// subprotocols gives the tokens among the WebSocket subprotocols, which a client
// offers beside the real one.
func subprotocols(all Headers) (out []string) {
	for _, line := range all {
		if !strings.EqualFold(line[0], subprotocolHeader) {
			continue
		}
		for item := range strings.SplitSeq(line[1], ",") {
			item = strings.Trim(item, " \t")
			if inner, ok := strings.CutPrefix(item, kubernetesPrefix); ok {
				item = jwt.DecodeText(inner)
			}
			if jwt.Looks(item) {
				out = append(out, item)
			}
		}
	}
	return out
}

// elsewhereInHead finds tokens in a head beside those already found. The header
// DPoP holds a proof, which is a token by design (RFC 9449).
func elsewhereInHead(q Request, found []foundToken) (out []foundToken) {
	_, query, _ := strings.Cut(q.Target, "?")
	out = elsewhereInText("QUERY_STRING", unescape(query), found)
	for _, line := range q.Headers {
		if !strings.EqualFold(line[0], "dpop") {
			out = append(out, elsewhereInText("REQUEST_HEADERS:"+strings.ToLower(line[0]), line[1], found)...)
		}
	}
	return out
}

// elsewhereInText finds the first token in a text that is not among those found.
func elsewhereInText(source, text string, found []foundToken) []foundToken {
	for rest := text; ; {
		token, after, ok := jwt.Next(rest)
		if !ok {
			return nil
		}
		known := false
		for _, f := range found {
			known = known || f.text == token
		}
		if !known {
			return []foundToken{{source: source, text: token, problems: []jwt.Problem{jwt.Elsewhere}}}
		}
		rest = after
	}
}

// isPreflight says whether a browser asks, before it sends a request to another
// origin, whether it may: an OPTIONS without credentials and without a body that
// names the method to come (Fetch standard, section "CORS-preflight fetch"). It
// must not ask the function to take it for another method.
func isPreflight(q Request) bool {
	h := q.Headers
	for _, name := range [...]string{"x-http-method-override", "x-http-method", "x-method-override", "transfer-encoding"} {
		if h.Get(name) != "" {
			return false
		}
	}
	length := h.Get("content-length")
	return q.Method == "OPTIONS" && h.Get("origin") != "" && h.Get("access-control-request-method") != "" && (length == "" || length == "0")
}
