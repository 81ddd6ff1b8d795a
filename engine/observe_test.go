package engine

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/rules"
)

func TestAPrincipalStaysTheSameWhenItsTokenIsRenewed(t *testing.T) {
	// Two tokens of one subject, one of another; no signature is looked at.
	jwtOf := func(claims string) string {
		enc := func(s string) string { return strings.TrimRight(b64(s), "=") }
		return enc(`{"alg":"HS256","typ":"JWT"}`) + "." + enc(claims) + "." + enc("signature")
	}
	first, second := jwtOf(`{"iss":"i","sub":"anna","exp":1}`), jwtOf(`{"iss":"i","sub":"anna","exp":2}`)
	same := [][2]string{
		{"Bearer " + first, "bearer  " + second},
		{"Basic " + b64("anna:old"), "basic " + b64("anna:new")},
		{"key-1", "key-1"},
	}
	for _, pair := range same {
		require.Equal(t, principalOf(pair[0]), principalOf(pair[1]), pair)
		require.Len(t, principalOf(pair[0]), 2*principalBytes)
	}
	require.NotEqual(t, principalOf("Bearer "+first), principalOf("Bearer "+jwtOf(`{"iss":"i","sub":"bob"}`)))
	require.NotEqual(t, principalOf("Bearer "+first), principalOf("Bearer "+jwtOf(`{"iss":"j","sub":"anna"}`)))
	require.NotEqual(t, principalOf("Basic "+b64("anna:x")), principalOf("Basic "+b64("bob:x")))
	require.NotEqual(t, principalOf("Basic ###"), principalOf("Basic ##"))
	require.Empty(t, principalOf(""))
}

func TestABypassIsARequestThatDoesNotShowTheGateway(t *testing.T) {
	header := Gateway{Header: "X-Gateway", Values: []string{"s3cr3t-1", "s3cr3t-2"}}
	mutual := Gateway{Identities: []string{"spiffe://mesh/gateway", "CN=gateway,O=x"}}
	for name, c := range map[string]struct {
		gateway Gateway
		headers Headers
		want    bool
	}{
		"no gateway is set":               {Gateway{}, nil, false},
		"the header is there":             {header, Headers{{"x-gateway", "s3cr3t-2"}}, false},
		"no header":                       {header, nil, true},
		"a guess":                         {header, Headers{{"X-Gateway", "guess"}}, true},
		"a guess beside the real one":     {header, Headers{{"X-Gateway", "s3cr3t-1"}, {"X-Gateway", "guess"}}, true},
		"any value will do":               {Gateway{Header: "X-Gateway"}, Headers{{"X-Gateway", "1"}}, false},
		"an empty one will not":           {Gateway{Header: "X-Gateway"}, Headers{{"X-Gateway", ""}}, true},
		"the gateway's URI":               {mutual, Headers{{"X-Forwarded-Client-Cert", `By=spiffe://mesh/us;Hash=1;URI=spiffe://mesh/gateway`}}, false},
		"the gateway's subject, quoted":   {mutual, Headers{{"x-forwarded-client-cert", `Hash=1;Subject="CN=gateway,O=x"`}}, false},
		"another identity":                {mutual, Headers{{"x-forwarded-client-cert", `URI=spiffe://mesh/other`}}, true},
		"only the last element is ours":   {mutual, Headers{{"x-forwarded-client-cert", `URI=spiffe://mesh/gateway,URI=spiffe://mesh/other`}}, true},
		"the identity in another's value": {mutual, Headers{{"x-forwarded-client-cert", `By=spiffe://mesh/gateway;Hash="URI=spiffe://mesh/gateway"`}}, true},
		"no certificate":                  {mutual, nil, true},
		"header and identity, one wrong":  {Gateway{Header: "X-Gateway", Identities: mutual.Identities}, Headers{{"X-Gateway", "1"}}, true},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, c.gateway.bypassed(c.headers)) })
	}
}

const alertPolicy = `
crs: {enabled: false}
geo: {country_header: x-country}
alerts:
  principal_header: x-user
  gateway: {header: x-gateway, values: [s3cr3t]}
  rules:
  - {name: guessing, when: denied}
  - {name: slow down, when: throttled}
  - {name: around, when: bypass}
  - {name: abroad, when: new_country}
`

func TestAnExchangeThatAlertsAreAboutIsWrittenDown(t *testing.T) {
	policy, err := ParsePolicy("p", []byte(alertPolicy))
	require.NoError(t, err)
	e, err := New(policy, rules.FS())
	require.NoError(t, err)
	through := [2]string{"X-Gateway", "s3cr3t"}
	for _, c := range []struct {
		name    string
		headers Headers
		status  int
		want    string // a part of the line; empty for no line
	}{
		{"an ordinary one", Headers{through}, 200, ""},
		{"a 401", Headers{through}, 401, `"response_status":401`},
		{"a 403", Headers{through}, 403, `"response_status":403`},
		{"a 404", Headers{through}, 404, ""},
		{"a 429", Headers{through}, 429, `"response_status":429`},
		{"around the gateway", nil, 200, `"bypassed":true`},
		{"a principal's country", Headers{through, {"X-User", "anna"}, {"X-Country", "nl"}}, 200, `"country":"NL"`},
		{"the same again", Headers{through, {"X-User", "anna"}, {"X-Country", "NL"}}, 200, ""},
		{"another country", Headers{through, {"X-User", "anna"}, {"X-Country", "DE"}}, 200, `"country":"DE"`},
	} {
		x := e.Begin(Conn{})
		x.RequestHeaders(Request{Method: "GET", Target: "/", Protocol: "HTTP/1.1", Authority: "h", Headers: c.headers}, true)
		x.ResponseHeaders(c.status, "HTTP/1.1", nil, true)
		x.End()
		line, ok := x.AuditLine()
		require.Equal(t, c.want != "", ok, "%s: %s", c.name, line)
		require.Contains(t, string(line), c.want, c.name)
		require.NotContains(t, string(line), "s3cr3t", c.name)
		require.NotContains(t, string(line), "anna", c.name)
		if ok {
			require.True(t, json.Valid(line))
		}
	}
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
