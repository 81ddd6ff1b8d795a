package openapi_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/internal/openapi"
	"tabard/rules"
)

// policyOf makes the policy of a description below testdata.
func policyOf(t testing.TB, name string, o openapi.Options) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
	require.NoError(t, err)
	policy, _, err := openapi.Policy(text, o)
	require.NoError(t, err)
	return policy
}

func engineOf(t testing.TB, policy []byte) *engine.Engine {
	t.Helper()
	p, err := engine.ParsePolicy("policy.yaml", policy)
	require.NoError(t, err)
	e, err := engine.New(p, rules.FS())
	require.NoError(t, err)
	return e
}

func TestADescriptionBecomesAPolicy(t *testing.T) {
	for _, name := range []string{"petstore", "issues", "chat"} {
		t.Run(name, func(t *testing.T) {
			got := policyOf(t, name, openapi.Options{})
			golden := filepath.Join("testdata", name+".golden")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				require.NoError(t, os.WriteFile(golden, got, 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), string(got))
			require.Empty(t, engineOf(t, got).Reports(), "the fast path takes it")
		})
	}
}

// what is sent to the APIs of testdata.
const (
	jsonType = "application/json"
	token    = "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm4ifQ.1K8F3gxnWqLvC3hJyxjFMx3TnGbs3lqk8i0sT0hHZ9M"
	opaque   = "Bearer 2YotnFZFEjr1zCsicMWpAA"
	basic    = "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"
	file     = "/v1/files/0b9c1f9e-5a0f-4c0b-9d8d-8a3e6c6f3b1a/content"
	cookie   = "session=8f3a21c09d4e55b1a7"
)

func TestRequestsAreHeldToTheDescription(t *testing.T) {
	for api, cases := range map[string][]struct {
		name, method, target, body string
		header                     [][2]string
		status                     int // 0: it passes
		rule                       int
	}{
		"petstore": {
			{"a pet", "POST", "/api/v3/pet", `{"name":"Rex","photoUrls":["https://p.example/1.png"],"status":"sold"}`, [][2]string{{"Authorization", opaque}}, 0, 0},
			{"a pet without a name", "POST", "/api/v3/pet", `{"photoUrls":[]}`, [][2]string{{"Authorization", opaque}}, 400, 100195},
			{"a pet of nobody", "POST", "/api/v3/pet", `{"name":"Rex","photoUrls":[]}`, nil, 400, 100195},
			{"a pet as text", "POST", "/api/v3/pet", `Rex`, [][2]string{{"Authorization", opaque}, {"Content-Type", "text/plain"}}, 415, 100110},
			{"pets by status", "GET", "/api/v3/pet/findByStatus?status=sold", "", nil, 0, 0},
			{"pets by a status that there is not", "GET", "/api/v3/pet/findByStatus?status=lost", "", nil, 400, 100195},
			{"pets by tags", "GET", "/api/v3/pet/findByTags?tags=big&tags=brown", "", nil, 0, 0},
			{"a pet by its number", "GET", "/api/v3/pet/7", "", nil, 0, 0},
			{"a pet by an injection", "GET", "/api/v3/pet/7%20or%201=1", "", nil, 400, 100195},
			{"removal with a key", "DELETE", "/api/v3/pet/7", "", [][2]string{{"api_key", "abcdefgh-1"}}, 0, 0},
			{"removal without a key", "DELETE", "/api/v3/pet/7", "", nil, 400, 100195},
			{"an order", "POST", "/api/v3/store/order", `{"petId":7,"quantity":2,"shipDate":null}`, nil, 0, 0},
			{"an order of too many", "POST", "/api/v3/store/order", `{"petId":7,"quantity":101}`, nil, 400, 100195},
			{"an order with a price of one's own", "POST", "/api/v3/store/order", `{"petId":7,"price":0}`, nil, 400, 100195},
			{"a method that there is not", "PATCH", "/api/v3/pet", "", nil, 405, 0},
			{"a path that there is not", "GET", "/api/v3/admin", "", nil, 404, 0},
			{"a browser's question", "OPTIONS", "/api/v3/pet", "", nil, 0, 0},
			{"the head of what can be got", "HEAD", "/api/v3/pet/7", "", nil, 0, 0},
		},
		"issues": {
			{"an issue", "POST", "/repos/ada/shop/issues", `{"title":"Login fails","labels":["bug",{"name":"ui","color":"ff0000"}]}`, [][2]string{{"Authorization", token}}, 0, 0},
			{"an issue without a token", "POST", "/repos/ada/shop/issues", `{"title":"x"}`, nil, 401, 100210},
			{"an issue with a token that is none", "POST", "/repos/ada/shop/issues", `{"title":"x"}`, [][2]string{{"Authorization", opaque}}, 401, 0},
			{"an issue without a body", "POST", "/repos/ada/shop/issues", "", [][2]string{{"Authorization", token}}, 400, 100195},
			{"a label of another shape", "POST", "/repos/ada/shop/issues", `{"title":"x","labels":[{"color":"ff0000"}]}`, [][2]string{{"Authorization", token}}, 400, 100195},
			{"a list", "GET", "/repos/ada/shop/issues?state=all&labels=bug,ui&per_page=50&filter[a]=x", "", [][2]string{{"Authorization", token}}, 0, 0},
			{"a list too long", "GET", "/repos/ada/shop/issues?per_page=500", "", [][2]string{{"Authorization", token}}, 400, 100195},
			{"a list of two states", "GET", "/repos/ada/shop/issues?state=open&state=closed", "", [][2]string{{"Authorization", token}}, 400, 100195},
			{"an owner that none can be", "GET", "/repos/a..d/shop/issues", "", [][2]string{{"Authorization", token}}, 400, 100195},
			{"a change", "PATCH", "/repos/ada/shop/issues/7", `{"state":"closed","state_reason":null}`, [][2]string{{"Authorization", token}}, 0, 0},
			{"a change of nothing", "PATCH", "/repos/ada/shop/issues/7", `{}`, [][2]string{{"Authorization", token}}, 400, 100195},
			{"what is for everybody", "GET", "/meta", "", nil, 0, 0},
			{"a segment with an ending", "GET", "/repos/ada/shop/contents/a.json", "", [][2]string{{"Authorization", token}}, 0, 0},
		},
		"chat": {
			{"a question", "POST", "/v1/chat/completions", `{"model":"m-1","messages":[{"role":"user","content":"Hello"}],"temperature":null,"stop":["a","b"]}`, [][2]string{{"Authorization", opaque}}, 0, 0},
			{"a question in parts", "POST", "/v1/chat/completions", `{"model":"m-1","messages":[{"role":"user","content":[{"type":"text","text":"Hello"}]}]}`, [][2]string{{"Authorization", opaque}}, 0, 0},
			{"a role that there is not", "POST", "/v1/chat/completions", `{"model":"m-1","messages":[{"role":"root","content":"Hello"}]}`, [][2]string{{"Authorization", opaque}}, 400, 100195},
			{"a bound that is open", "POST", "/v1/chat/completions", `{"model":"m-1","messages":[{"role":"user","content":"a"}],"top_p":0}`, [][2]string{{"Authorization", opaque}}, 400, 100195},
			{"too many alternatives", "POST", "/v1/chat/completions", `{"model":"m-1","messages":[{"role":"user","content":"a"}],"stop":["1","2","3","4","5"]}`, [][2]string{{"Authorization", opaque}}, 400, 100195},
			{"a file", "GET", file, "", [][2]string{{"Authorization", basic}, {"Cookie", cookie}, {"X-Trace", "1,2"}}, 0, 0},
			{"a file with another scheme", "GET", file, "", [][2]string{{"Authorization", opaque}, {"Cookie", cookie}}, 400, 100195},
			{"a file without a session", "GET", file, "", [][2]string{{"Authorization", basic}}, 400, 100195},
			{"a header that is no list of numbers", "GET", file, "", [][2]string{{"Authorization", basic}, {"Cookie", cookie}, {"X-Trace", "1,x"}}, 400, 100195},
		},
	} {
		e := engineOf(t, policyOf(t, api, openapi.Options{}))
		for _, c := range cases {
			t.Run(api+" "+c.name, func(t *testing.T) {
				for range 2 { // the second time, the fast path may know it
					v := send(e, c.method, c.target, c.body, c.header)
					require.NoError(t, v.Err)
					require.Equal(t, c.status, v.Status, v.Matches)
					if c.rule != 0 {
						require.Contains(t, v.IDs(), c.rule)
					}
				}
			})
		}
		require.Zero(t, e.Disagreements())
	}
}

func send(e *engine.Engine, method, target, body string, header [][2]string) engine.Verdict {
	x := e.Begin(engine.Conn{})
	r := engine.Request{Method: method, Target: target, Protocol: "HTTP/2.0", Scheme: "https", Authority: "api.example",
		Headers: engine.Headers{{"User-Agent", "test"}, {"Accept", "*/*"}}}
	if body != "" {
		r.Headers = append(r.Headers, [2]string{"Content-Type", jsonType})
	}
	for _, line := range header {
		if line[0] == "Content-Type" {
			r.Headers[len(r.Headers)-1] = line
			continue
		}
		r.Headers = append(r.Headers, line)
	}
	v := x.RequestHeaders(r, body == "")
	if v.Action != engine.Block && body != "" {
		x.RequestBody([]byte(body), true)
	}
	return x.End()
}

func TestTheBaseAndTheModeCanBeGiven(t *testing.T) {
	got := string(policyOf(t, "petstore", openapi.Options{Base: "/shop/", Mode: "detect"}))
	require.Contains(t, got, "\nmode: detect\n")
	require.Contains(t, got, "path: /shop/pet\n")
}

func TestWhatIsNoDescriptionIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"swagger: '2.0'\ninfo: {title: x, version: '1'}\npaths: {}":                      `descriptions of version 2 (Swagger) have to be converted first`,
		"openapi: 3.0.3\ninfo: {title: x}\npaths: {}":                                    "version",
		"openapi: 3.0.3\ninfo: {title: x, version: '1'}\npaths: {}\nservers: [{url: x}]": `must begin with a slash`,
		"- 1": "cannot construct",
		"openapi: 3.0.3\ninfo: {title: x, version: '1'}\npaths: {/a: {$ref: 'other.yaml'}}": "external reference",
	} {
		_, _, err := openapi.Policy([]byte(text), openapi.Options{})
		require.ErrorContains(t, err, want, strings.SplitN(text, "\n", 2)[0])
	}
}
