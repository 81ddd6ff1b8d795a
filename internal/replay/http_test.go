package replay

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

func TestRawRequests(t *testing.T) {
	for name, c := range map[string]struct {
		text     string
		request  engine.Request
		body     string
		trailers engine.Headers
	}{
		"order and case of headers, blanks inside of values": {
			text: "GET /a HTTP/1.1\r\nhOsT: h\r\nX-B:  b  c \t\r\nx-a:\r\nX-B: 2\r\n\r\n",
			request: engine.Request{Method: "GET", Target: "/a", Protocol: "HTTP/1.1", Authority: "h",
				Headers: engine.Headers{{"hOsT", "h"}, {"X-B", "b  c"}, {"x-a", ""}, {"X-B", "2"}}},
		},
		"line feeds alone, and no end of the head": {
			text:    "get /a HTTP/1.0\nHost: h",
			request: engine.Request{Method: "get", Target: "/a", Protocol: "HTTP/1.0", Authority: "h", Headers: engine.Headers{{"Host", "h"}}},
		},
		"a target with blanks, an odd protocol": {
			text:    "GET  /a b<script> c HTTP/9.7\r\n\r\n",
			request: engine.Request{Method: "GET", Target: " /a b<script> c", Protocol: "HTTP/9.7"},
		},
		"an absolute target names the host": {
			text:    "GET http://h:81/a HTTP/1.1\r\n\r\n",
			request: engine.Request{Method: "GET", Target: "http://h:81/a", Protocol: "HTTP/1.1", Authority: "h:81"},
		},
		"a folded line, a line without colon, a blank before the colon": {
			text: "GET / HTTP/1.1\r\nX: a\r\n \t b\r\nodd\r\nHost : h\r\n\r\n",
			request: engine.Request{Method: "GET", Target: "/", Protocol: "HTTP/1.1",
				Headers: engine.Headers{{"X", "a b"}, {"odd", ""}, {"Host ", "h"}}},
		},
		"bytes that are no text": {
			text:    "GET /\xff\x00 HTTP/1.1\r\nX\x01: \xe9\r\n\r\n",
			request: engine.Request{Method: "GET", Target: "/\xff\x00", Protocol: "HTTP/1.1", Headers: engine.Headers{{"X\x01", "\xe9"}}},
		},
		"a body by its length": {
			text: "POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\na=1\r\n&b=2\r\n",
			request: engine.Request{Method: "POST", Target: "/", Protocol: "HTTP/1.1",
				Headers: engine.Headers{{"Content-Length", "11"}}},
			body: "a=1\r\n&b=2\r\n"[:11],
		},
		"chunks with extensions and trailers, against a length": {
			text: "POST / HTTP/1.1\r\nContent-Length: 3\r\ntransfer-encoding: gzip, Chunked\r\n\r\n3;x=y\r\na=1\r\nA\r\n&b=2345678\r\n0\r\nX-Sum: 7\r\n\r\n",
			request: engine.Request{Method: "POST", Target: "/", Protocol: "HTTP/1.1",
				Headers: engine.Headers{{"Content-Length", "3"}, {"transfer-encoding", "gzip, Chunked"}}},
			body:     "a=1&b=2345678",
			trailers: engine.Headers{{"X-Sum", "7"}},
		},
		"a body that no header announces": {
			text: "POST / HTTP/1.1\nHost: h\n\na=1\n&b=2\n\n",
			request: engine.Request{Method: "POST", Target: "/", Protocol: "HTTP/1.1", Authority: "h",
				Headers: engine.Headers{{"Host", "h"}}},
			body: "a=1\n&b=2",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := one(t, c.text, HTTP)
			c.request.Scheme = "http"
			require.Equal(t, c.request, got.Request)
			require.Equal(t, c.body, string(got.Body))
			require.Equal(t, c.trailers, got.Trailers)
			require.Equal(t, Position{File: "in", Line: 1}, got.Position)
		})
	}
}

func TestPipelinedRequestsAreReadOneByOne(t *testing.T) {
	entries, broken := readAll(t, "\r\nGET /1 HTTP/1.1\r\n\r\n\r\n"+
		"POST /2 HTTP/1.1\r\nContent-Length: 15\r\n\r\nGET /x HTTP/1.1\r\n"+
		"POST /3 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"+
		"POST /4 HTTP/1.1\r\n\r\nunframed\r\nGET /5 HTTP/1.1\r\n\r\n", HTTP)
	require.Empty(t, broken)
	var got []string
	for _, e := range entries {
		got = append(got, e.ID+" "+e.Request.Target+" "+string(e.Body))
	}
	require.Equal(t, []string{"in:2 /1 ", "in:5 /2 GET /x HTTP/1.1", "in:9 /3 a", "in:16 /4 unframed", "in:19 /5 "}, got)
}

func TestABrokenRawRequestIsReportedAndTheNextIsFound(t *testing.T) {
	for name, c := range map[string]struct{ text, reason string }{
		"text":                     {"Hello\nworld\n", `not a request line: "Hello"`},
		"a response":               {"HTTP/1.1 200 OK\r\nX: y\r\n\r\n", `not a request line: "HTTP/1.1 200 OK"`},
		"a chunk without size":     {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", `not the size of a chunk: "xyz"`},
		"a chunk that is too long": {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", `a chunk is longer than its size says: "bc"`},
		"a chunk of a huge size":   {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\nabc\r\n", errTooLong.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			entries, broken := readAll(t, c.text+sampleHTTP, HTTP)
			require.Equal(t, []string{"in:1: " + c.reason}, broken)
			require.Equal(t, "/", entries[0].Request.Target)
		})
	}
}

func TestARawBodyThatIsCutIsReported(t *testing.T) {
	for text, reason := range map[string]string{
		"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc":                   "the body should have 9 bytes and 3 follow",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc":     "the body should have 9 bytes and 3 follow",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n": "the chunked body has no end",
	} {
		entries, broken := readAll(t, text, HTTP)
		require.Empty(t, entries)
		require.Equal(t, []string{"in:1: " + reason}, broken)
	}
}
