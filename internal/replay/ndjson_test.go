package replay

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

func TestNDJSON(t *testing.T) {
	for name, c := range map[string]struct {
		line string
		want Entry
	}{
		"all fields are read, headers in their order": {
			`{"id":"a1","source":"x","method":"POST","path":"/a?b=%27","headers":[["Host","shop.example"],["X-A","2"],["X-A","1"]],"body_b64":"dT0x","client_ip":"2001:db8::7","scheme":"HTTPS","response":{"status":200,"headers":[["Content-Type","text/html"]],"body_b64":"aGk="}}`,
			Entry{
				ID: "a1", Source: "x", Conn: engine.Conn{Peer: addrPort("[2001:db8::7]:0"), TLS: true},
				Request: engine.Request{Method: "POST", Target: "/a?b=%27", Protocol: "HTTP/1.1", Scheme: "https", Authority: "shop.example",
					Headers: engine.Headers{{"Host", "shop.example"}, {"X-A", "2"}, {"X-A", "1"}}},
				Body:     []byte("u=1"),
				Response: &Response{Status: 200, Headers: engine.Headers{{"Content-Type", "text/html"}}, Body: []byte("hi")},
				Status:   200,
			},
		},
		"a body of text needs no base64": {
			`{"id":"t","label":"benign","method":"POST","path":"/","body":"{\"a\":\"\u00e9\"}"}`,
			Entry{ID: "t", Label: "benign", Request: engine.Request{Method: "POST", Target: "/", Protocol: "HTTP/1.1", Scheme: "http"},
				Body: []byte(`{"a":"é"}`), Unknown: UnknownClient},
		},
		"method and path are enough": {
			`{"method":"GET","path":"/"}`,
			Entry{ID: "in:1", Request: engine.Request{Method: "GET", Target: "/", Protocol: "HTTP/1.1", Scheme: "http"}, Unknown: UnknownClient},
		},
		"a number as id is kept as it is written": {
			`{"id":12345678901234567890,"method":"GET","path":"/"}`,
			Entry{ID: "12345678901234567890", Request: engine.Request{Method: "GET", Target: "/", Protocol: "HTTP/1.1", Scheme: "http"}, Unknown: UnknownClient},
		},
		"code points up to U+00FF are bytes, others their UTF-8": {
			`{"id":"l","method":"GET","path":"/\u00e9","headers":[["X-\u00fc","caf\u00e9 \u20ac"]]}`,
			Entry{ID: "l", Request: engine.Request{Method: "GET", Target: "/\xe9", Protocol: "HTTP/1.1", Scheme: "http",
				Headers: engine.Headers{{"X-\xfc", "caf\xe9 \xe2\x82\xac"}}}, Unknown: UnknownClient},
		},
		"base64 may lack its padding, and an address may have a port": {
			`{"id":"p","method":"POST","path":"/","body_b64":"dT0xMg","client_ip":"192.0.2.7:4711"}`,
			Entry{ID: "p", Conn: engine.Conn{Peer: addrPort("192.0.2.7:4711")},
				Request: engine.Request{Method: "POST", Target: "/", Protocol: "HTTP/1.1", Scheme: "http"}, Body: []byte("u=12")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := one(t, c.line, NDJSON)
			c.want.Position = Position{File: "in", Line: 1}
			require.Equal(t, c.want, got)
		})
	}
}

func TestABrokenNDJSONLineIsReportedAndTheNextIsRead(t *testing.T) {
	for name, c := range map[string]struct{ line, reason string }{
		"text that is no JSON":         {`{"method":`, "not JSON at byte 10 of the entry: unexpected end of JSON input"},
		"an array":                     {`["GET"]`, "an entry must be an object, not a array"},
		"a path that is a number":      {`{"method":"GET","path":1}`, "path must not be a number"},
		"no method":                    {`{"path":"/"}`, "an entry needs method and path"},
		"headers as an object":         {`{"method":"GET","path":"/","headers":{"Host":"x"}}`, `headers must be a list of ["name", "value"]`},
		"a header of three parts":      {`{"method":"GET","path":"/","headers":[["A","b"],["Host","x","y"]]}`, `header 2 has 3 parts: write it as ["name", "value"]`},
		"a body that is no base64":     {`{"method":"GET","path":"/","body_b64":"*"}`, "body_b64: not base64 of the standard alphabet"},
		"a body in two ways":           {`{"method":"GET","path":"/","body_b64":"YQ","body":"a"}`, "an entry has either body or body_b64"},
		"a response that is no base64": {`{"method":"GET","path":"/","response":{"body_b64":"*"}}`, "response.body_b64: not base64 of the standard alphabet"},
		"an address that is none":      {`{"method":"GET","path":"/","client_ip":"localhost"}`, `client_ip "localhost" is no address`},
		"two objects on one line":      {`{"method":"GET","path":"/"}{}`, "not JSON at byte 28 of the entry: invalid character '{' after top-level value"},
	} {
		t.Run(name, func(t *testing.T) {
			entries, broken := readAll(t, "\n"+c.line+"\r\n\n{\"id\":\"next\",\"method\":\"GET\",\"path\":\"/\"}", NDJSON)
			require.Equal(t, []string{"in:2: " + c.reason}, broken)
			require.Equal(t, "next", entries[0].ID)
		})
	}
}
