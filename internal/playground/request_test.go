package playground

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

func TestARequestInATextField(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		head    engine.Request
		body    string
		notes   []string
		headers engine.Headers
	}{
		"a head alone": {
			text: "GET /a?q=1 HTTP/1.1\nHost: h\nx-a:  b  c \n", head: engine.Request{Method: "GET", Target: "/a?q=1", Protocol: "HTTP/1.1", Authority: "h"},
			headers: engine.Headers{{"Host", "h"}, {"x-a", "b  c"}},
		},
		"a target with blanks, line ends of a network, no host": {
			text: "GET /a b<script> HTTP/2\r\nX: y\r\n\r\n", head: engine.Request{Method: "GET", Target: "/a b<script>", Protocol: "HTTP/2"},
			headers: engine.Headers{{"X", "y"}}, notes: []string{"the request has no Host header"},
		},
		"a body gets its length": {
			text: "POST / HTTP/1.1\nHost: h\n\na=1\n\nb\n\n", head: engine.Request{Method: "POST", Target: "/", Protocol: "HTTP/1.1", Authority: "h"},
			headers: engine.Headers{{"Host", "h"}, {"Content-Length", "6"}}, body: "a=1\n\nb", notes: []string{"Content-Length: 6 was added"},
		},
		"a length that does not fit stays": {
			text: "POST / HTTP/1.1\nHost: h\nContent-Length: 9\n\na=1", head: engine.Request{Method: "POST", Target: "/", Protocol: "HTTP/1.1", Authority: "h"},
			headers: engine.Headers{{"Host", "h"}, {"Content-Length", "9"}}, body: "a=1", notes: []string{"Content-Length says 9, and the body has 3 bytes"},
		},
		"chunks are not written": {
			text: "POST / HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\na=1", head: engine.Request{Method: "POST", Target: "/", Protocol: "HTTP/1.1", Authority: "h"},
			headers: engine.Headers{{"Host", "h"}, {"Transfer-Encoding", "chunked"}}, body: "a=1",
			notes: []string{"the body goes in as it stands: it is taken as what the chunks hold"},
		},
		"multipart has line ends of a network": {
			text: "POST / HTTP/1.1\nHost: h\nContent-Type: Multipart/form-data; boundary=b\n\n--b\nContent-Disposition: form-data; name=a\n\n1\n--b--\n",
			head: engine.Request{Method: "POST", Target: "/", Protocol: "HTTP/1.1", Authority: "h"},
			headers: engine.Headers{
				{"Host", "h"}, {"Content-Type", "Multipart/form-data; boundary=b"}, {"Content-Length", "57"},
			},
			body:  "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--b--\r\n",
			notes: []string{"the lines of the multipart body end in CRLF", "Content-Length: 57 was added"},
		},
		"a folded line, a line without colon": {
			text: "GET / HTTP/1.1\nHost: h\nX: a\n \t b\nodd", head: engine.Request{Method: "GET", Target: "/", Protocol: "HTTP/1.1", Authority: "h"},
			headers: engine.Headers{{"Host", "h"}, {"X", "a b"}, {"odd", ""}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := parseRequest(c.text)
			require.NoError(t, err)
			c.head.Scheme, c.head.Headers = "http", c.headers
			require.Equal(t, c.head, r.head)
			require.Equal(t, c.body, string(r.body))
			require.Equal(t, c.notes, r.notes)
		})
	}
}

func TestARequestThatNoTextFieldKeepsIsRefused(t *testing.T) {
	head := engine.Request{Method: "POST", Target: "/a", Protocol: "HTTP/1.1", Authority: "h"}
	text, err := FormatRequest(head, []byte("a=1"))
	require.NoError(t, err)
	require.Equal(t, "POST /a HTTP/1.1\nHost: h\n\na=1", text)

	for name, body := range map[string]string{"bytes that are no text": "\xff\xfe", "line ends of both kinds": "a\r\nb\nc", "line ends behind it": "a\n"} {
		_, err := FormatRequest(head, []byte(body))
		require.EqualError(t, err, "the request to /a holds bytes that a text field does not keep: use tabard explain", name)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("POST /a b HTTP/1.1\nHost: h\n\n\nx\r\ny")
	f.Add("GET  HTTP/1.1\n \n")
	f.Add("POST / HTTP/1.1\nContent-Type: multipart/x\n\n--\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRequest(text)
		if err != nil {
			return
		}
		again, err := FormatRequest(r.head, r.body)
		if err != nil {
			return // it says that it cannot be kept
		}
		second, err := parseRequest(again)
		require.NoError(t, err)
		require.Equal(t, string(r.body), string(second.body))
		require.Equal(t, r.head.Target, second.head.Target)
	})
}
