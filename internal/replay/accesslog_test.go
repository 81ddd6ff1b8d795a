package replay

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

func TestAccessLog(t *testing.T) {
	const known = UnknownHeaders | UnknownBody
	agent := [2]string{"User-Agent", "curl/8"}
	for name, c := range map[string]struct {
		line    string
		client  string
		request engine.Request
		unknown Unknown
	}{
		"a combined line": {
			`192.0.2.7 - frank [17/May/2015:10:05:03 +0000] "GET /a?b=1 HTTP/1.1" 200 203 "http://r.example/" "curl/8"`,
			"192.0.2.7:0",
			engine.Request{Method: "GET", Target: "/a?b=1", Protocol: "HTTP/1.1", Authority: DefaultHost,
				Headers: engine.Headers{{"Host", DefaultHost}, agent, {"Referer", "http://r.example/"}}},
			known | UnknownHost,
		},
		"a common line": {
			`2001:db8::7 - - [17/May/2015:10:05:03 +0000] "HEAD / HTTP/2.0" 304 -`,
			"[2001:db8::7]:0",
			engine.Request{Method: "HEAD", Target: "/", Protocol: "HTTP/2.0", Authority: DefaultHost, Headers: engine.Headers{{"Host", DefaultHost}}},
			known | UnknownHost,
		},
		"a virtual host in front is the Host header": {
			`shop.example:443 192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 "-" "curl/8"`,
			"192.0.2.7:0",
			engine.Request{Method: "GET", Target: "/", Protocol: "HTTP/1.1", Authority: "shop.example:443", Headers: engine.Headers{{"Host", "shop.example:443"}, agent}},
			known,
		},
		"a user with a blank in the name, and further fields behind": {
			`192.0.2.7 - John Doe [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 "-" "curl/8" "203.0.113.9" 0.004`,
			"192.0.2.7:0",
			engine.Request{Method: "GET", Target: "/", Protocol: "HTTP/1.1", Authority: DefaultHost, Headers: engine.Headers{{"Host", DefaultHost}, agent}},
			known | UnknownHost,
		},
		"a client by name has no address": {
			`host.example - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1`,
			"",
			engine.Request{Method: "GET", Target: "/", Protocol: "HTTP/1.1", Authority: DefaultHost, Headers: engine.Headers{{"Host", DefaultHost}}},
			known | UnknownHost | UnknownClient,
		},
		"escapes of nginx and Apache, and blanks in the target": {
			`192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET /a b\"c\x22\xC3\xa9\\d\te\q HTTP/1.1" 400 1 "-" "a\"b"`,
			"192.0.2.7:0",
			engine.Request{Method: "GET", Target: "/a b\"c\"\xc3\xa9\\d\te\\q", Protocol: "HTTP/1.1", Authority: DefaultHost,
				Headers: engine.Headers{{"Host", DefaultHost}, {"User-Agent", `a"b`}}},
			known | UnknownHost,
		},
		"a POST gets a length, which every client sends": {
			`192.0.2.7 - - [17/May/2015:10:05:03 +0000] "POST /a HTTP/1.1" 200 1`,
			"192.0.2.7:0",
			engine.Request{Method: "POST", Target: "/a", Protocol: "HTTP/1.1", Authority: DefaultHost,
				Headers: engine.Headers{{"Host", DefaultHost}, {"Content-Length", "0"}}},
			known | UnknownHost,
		},
		"HTTP/0.9 has no protocol": {
			`192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET /a" 200 1`,
			"192.0.2.7:0",
			engine.Request{Method: "GET", Target: "/a", Protocol: "HTTP/0.9", Authority: DefaultHost, Headers: engine.Headers{{"Host", DefaultHost}}},
			known | UnknownHost,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := one(t, c.line+"\r\n", AccessLog)
			require.Contains(t, c.line, `" `+strconv.Itoa(got.Status))
			got.Status = 0
			c.request.Scheme = "http"
			want := Entry{ID: "in:1", Position: Position{File: "in", Line: 1}, Request: c.request, Unknown: c.unknown,
				Time: time.Date(2015, 5, 17, 10, 5, 3, 0, time.UTC)}
			if c.client != "" {
				want.Conn.Peer = addrPort(c.client)
			}
			require.Equal(t, want, got)
		})
	}
}

func TestALogLineWithoutARequestIsReported(t *testing.T) {
	for name, c := range map[string]struct{ line, reason string }{
		"another text":              {"worker process 7 exited", errNoLogLine.Error()},
		"a line that is cut":        {`192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET / HT`, errNoLogLine.Error()},
		"no status":                 {`192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" - 1`, errNoLogLine.Error()},
		"too few fields":            {`192.0.2.7 - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1`, errNoLogLine.Error()},
		"no request, a time-out":    {`192.0.2.7 - - [17/May/2015:10:05:03 +0000] "-" 408 -`, `the logged request is no HTTP request: "-"`},
		"a TLS hello":               {`192.0.2.7 - - [17/May/2015:10:05:03 +0000] "\x16\x03\x01" 400 1`, `the logged request is no HTTP request: "\x16\x03\x01"`},
		"a first word that is none": {`192.0.2.7 - - [17/May/2015:10:05:03 +0000] "G{}T / HTTP/1.1" 400 1`, `the logged request is no HTTP request: "G{}T / HTTP/1.1"`},
	} {
		t.Run(name, func(t *testing.T) {
			entries, broken := readAll(t, c.line+"\n"+sampleLog, AccessLog)
			require.Equal(t, []string{"in:1: " + c.reason}, broken)
			require.Equal(t, "in:2", entries[0].ID)
		})
	}
}
