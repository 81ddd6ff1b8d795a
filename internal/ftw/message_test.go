package ftw_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/internal/ftw"
)

func TestMessageIsWhatGoFTWSends(t *testing.T) {
	form := []ftw.Header{{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}}
	for name, row := range map[string]struct {
		in      ftw.Input
		headers []ftw.Header
		body    string
	}{
		"a GET is complete but for Connection": {
			ftw.Input{Method: "GET", AutocompleteHeaders: true}, []ftw.Header{{"Connection", "close"}}, ""},
		"a body gets type and length": {
			ftw.Input{Method: "POST", Data: []byte("a=b"), AutocompleteHeaders: true},
			[]ftw.Header{{"Content-Type", "application/x-www-form-urlencoded"}, {"Connection", "close"}, {"Content-Length", "3"}}, "a=b"},
		"a POST without a body gets a length": {
			ftw.Input{Method: "POST", AutocompleteHeaders: true}, []ftw.Header{{"Connection", "close"}, {"Content-Length", "0"}}, ""},
		"what is there stays, in any case of letters": {
			ftw.Input{Method: "PUT", Headers: []ftw.Header{{"content-length", "9"}, {"CONNECTION", "x"}}, AutocompleteHeaders: true},
			[]ftw.Header{{"content-length", "9"}, {"CONNECTION", "x"}}, ""},
		"nothing is added when the test does not want": {
			ftw.Input{Method: "POST", Data: []byte("a=<b>")}, nil, "a=<b>"},
		"a form is encoded, name by name and value by value": {
			ftw.Input{Method: "POST", Headers: form, Data: []byte("a=1 2&<b>&c=d=e"), AutocompleteHeaders: true},
			[]ftw.Header{{"Content-Type", "application/x-www-form-urlencoded"}, {"Connection", "close"}, {"Content-Length", "21"}}, "a=1+2&%3Cb%3E&c=d%3De"},
		"one that is encoded already is not": {
			ftw.Input{Method: "POST", Headers: form, Data: []byte("a=%3C&b=<"), AutocompleteHeaders: true},
			[]ftw.Header{{"Content-Type", "application/x-www-form-urlencoded"}, {"Connection", "close"}, {"Content-Length", "9"}}, "a=%3C&b=<"},
		"a form of another charset is left alone": {
			ftw.Input{Method: "POST", Headers: []ftw.Header{{"Content-Type", "application/x-www-form-urlencoded; charset=x"}}, Data: []byte("a=<"), AutocompleteHeaders: true},
			[]ftw.Header{{"Content-Type", "application/x-www-form-urlencoded; charset=x"}, {"Connection", "close"}, {"Content-Length", "3"}}, "a=<"},
		"the lines of a multipart body end in CRLF": {
			ftw.Input{Method: "POST", Headers: []ftw.Header{{"Content-Type", "multipart/form-data; boundary=x"}}, Data: []byte("--x\nA: b\n\nc\n--x--")},
			[]ftw.Header{{"Content-Type", "multipart/form-data; boundary=x"}}, "--x\r\nA: b\r\n\r\nc\r\n--x--"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := row.in.Message()
			require.NoError(t, err)
			require.Equal(t, row.headers, m.Headers)
			require.Equal(t, row.body, string(m.Body))
		})
	}
}

func TestMessageOfAnEncodedRequest(t *testing.T) {
	raw := "POST /a HTTP/1.0\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n"
	m, err := ftw.Input{EncodedRequest: []byte(raw)}.Message()
	require.NoError(t, err)
	require.Equal(t, "POST", m.Method)
	require.Equal(t, "HTTP/1.0", m.Protocol)
	require.Equal(t, []ftw.Header{{"Host", ""}, {"Transfer-Encoding", "chunked"}}, m.Headers)
	require.Equal(t, "abc", string(m.Body))
	require.Equal(t, []ftw.Header{{"X", "y"}}, m.Trailers)
	require.Equal(t, raw, string(m.Bytes()))

	_, err = ftw.Input{EncodedRequest: []byte("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc")}.Message()
	require.EqualError(t, err, "the body should have 5 bytes and 3 follow")
}

func TestMessageBytes(t *testing.T) {
	in := ftw.Input{Method: "PUT", URI: "/x y", Version: "HTTP/1.1", Headers: []ftw.Header{{"Host", "h"}}, Data: []byte("b")}
	m, err := in.Message()
	require.NoError(t, err)
	require.Equal(t, "PUT /x y HTTP/1.1\r\nHost: h\r\nX-Case: 7\r\n\r\nb", string(m.Bytes(ftw.Header{Name: "X-Case", Value: "7"})))
	m, err = ftw.Input{EncodedRequest: []byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n")}.Message()
	require.NoError(t, err)
	require.Equal(t, "GET / HTTP/1.1\r\nHost: h\r\nX-Case: 7\r\n\r\n", string(m.Bytes(ftw.Header{Name: "X-Case", Value: "7"})))
}

func TestBackendAnswersLikeAlbedo(t *testing.T) {
	for name, row := range map[string]struct {
		method, target, body string
		want                 ftw.Response
	}{
		"anything else is an empty 200":      {"GET", "/get?x=1", "", ftw.Response{Status: 200}},
		"GET /reflect reflects nothing":      {"GET", "/reflect", `{"status":418}`, ftw.Response{Status: 200}},
		"what is asked for":                  {"POST", "/reflect?x", `{"status":302,"headers":{"B":"2","A":"1"}}`, ftw.Response{Status: 302, Headers: []ftw.Header{{"A", "1"}, {"B", "2"}}}},
		"a body has a type":                  {"POST", "/reflect/more", `{"body":"<html>"}`, ftw.Response{Status: 200, Headers: []ftw.Header{{"Content-Type", "text/html; charset=utf-8"}}, Body: []byte("<html>")}},
		"the type that is asked for":         {"POST", "/reflect", `{"body":"x","headers":{"content-type":"a/b"}}`, ftw.Response{Status: 200, Headers: []ftw.Header{{"content-type", "a/b"}}, Body: []byte("x")}},
		"an encoded body":                    {"POST", "/reflect", `{"encodedBody":"AQI="}`, ftw.Response{Status: 200, Headers: []ftw.Header{{"Content-Type", "application/octet-stream"}}, Body: []byte{1, 2}}},
		"a body that is no JSON is refused":  {"POST", "/reflect", `body`, ftw.Response{Status: 400, Headers: []ftw.Header{{"Content-Type", "text/plain; charset=utf-8"}}, Body: []byte("Invalid JSON in request body")}},
		"a status that is none is refused":   {"POST", "/reflect", `{"status":42}`, ftw.Response{Status: 400, Headers: []ftw.Header{{"Content-Type", "text/plain; charset=utf-8"}}, Body: []byte("Invalid status code")}},
		"a target that is no URL is no path": {"POST", "/reflect%zz", `{"status":418}`, ftw.Response{Status: 200}},
	} {
		t.Run(name, func(t *testing.T) {
			got := ftw.Backend(ftw.Message{Method: row.method, Target: row.target, Body: []byte(row.body)})
			require.Equal(t, row.want, got)
		})
	}
}
