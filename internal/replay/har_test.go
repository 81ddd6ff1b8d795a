package replay

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

// archive wraps entries as browsers do.
func archive(entries ...string) string {
	return `{"log":{"version":"1.2","creator":{"name":"t","version":"1"},"pages":[],"entries":[` + strings.Join(entries, ",\n") + `]}}`
}

func TestHARRequests(t *testing.T) {
	for name, c := range map[string]struct {
		entry   string
		want    engine.Request
		body    string
		unknown Unknown
	}{
		"Chrome's HTTP/2: pseudo-headers say what was sent": {
			`{"request":{"method":"GET","url":"https://shop.example/a%20b?q=1#top","httpVersion":"h2","headersSize":-1,"bodySize":0,
			  "headers":[{"name":":authority","value":"shop.example"},{"name":":method","value":"GET"},{"name":":path","value":"/a b?q=1"},{"name":":scheme","value":"https"},{"name":"accept","value":"*/*"}],"cookies":[]}}`,
			engine.Request{Method: "GET", Target: "/a b?q=1", Protocol: "HTTP/2", Scheme: "https", Authority: "shop.example", Headers: engine.Headers{{"accept", "*/*"}}},
			"", UnknownClient,
		},
		"Firefox's HTTP/2: a Host header, and a body as text": {
			`{"request":{"bodySize":7,"method":"POST","url":"https://shop.example/login","httpVersion":"HTTP/2.0","headers":[{"name":"Host","value":"shop.example"},{"name":"Content-Type","value":"application/x-www-form-urlencoded"}],
			  "postData":{"mimeType":"application/x-www-form-urlencoded","params":[{"name":"u","value":"a b"}],"text":"u=a%20b"}}}`,
			engine.Request{Method: "POST", Target: "/login", Protocol: "HTTP/2", Scheme: "https", Authority: "shop.example",
				Headers: engine.Headers{{"Host", "shop.example"}, {"Content-Type", "application/x-www-form-urlencoded"}}},
			"u=a%20b", UnknownClient,
		},
		"Safari's lower-case protocol, a URL without path": {
			`{"request":{"method":"GET","url":"http://shop.example?a=1","httpVersion":"http/1.1","headers":[{"name":"Accept","value":"*/*"}]}}`,
			engine.Request{Method: "GET", Target: "/?a=1", Protocol: "HTTP/1.1", Scheme: "http", Authority: "shop.example", Headers: engine.Headers{{"Accept", "*/*"}}},
			"", UnknownClient,
		},
		"a WebSocket, a name in the URL, HTTP/3": {
			`{"request":{"method":"GET","url":"wss://u:p@shop.example:8443/ws","httpVersion":"h3-29","headers":[]}}`,
			engine.Request{Method: "GET", Target: "/ws", Protocol: "HTTP/3", Scheme: "https", Authority: "shop.example:8443"},
			"", UnknownClient,
		},
		"cookies that no header has": {
			`{"request":{"method":"GET","url":"http://h/","httpVersion":"unknown","headers":[],"cookies":[{"name":"a","value":"1"},{"name":"b","value":"2"}]}}`,
			engine.Request{Method: "GET", Target: "/", Protocol: "HTTP/1.1", Scheme: "http", Authority: "h", Headers: engine.Headers{{"Cookie", "a=1; b=2"}}},
			"", UnknownClient,
		},
		"fields of a form without text, decoded or not": {
			`{"request":{"method":"POST","url":"http://h/","headers":[],"postData":{"mimeType":"application/x-www-form-urlencoded; charset=UTF-8","params":[{"name":"q","value":"1' OR 1=1&x"},{"name":"p%5B%5D","value":"50% é"}]}}}`,
			engine.Request{Method: "POST", Target: "/", Protocol: "HTTP/1.1", Scheme: "http", Authority: "h"},
			"q=1'+OR+1%3D1%26x&p%5B%5D=50%25+%C3%A9", UnknownClient,
		},
		"fields of a multipart form without text": {
			`{"request":{"method":"POST","url":"http://h/","headers":[{"name":"content-type","value":"multipart/form-data; boundary=xyz"}],"postData":{"mimeType":"multipart/form-data","params":[{"name":"a\"b","value":"1"},{"name":"f","fileName":"c.txt","contentType":"text/plain","value":"hi"}]}}}`,
			engine.Request{Method: "POST", Target: "/", Protocol: "HTTP/1.1", Scheme: "http", Authority: "h", Headers: engine.Headers{{"content-type", "multipart/form-data; boundary=xyz"}}},
			"--xyz\r\nContent-Disposition: form-data; name=\"a%22b\"\r\n\r\n1\r\n" +
				"--xyz\r\nContent-Disposition: form-data; name=\"f\"; filename=\"c.txt\"\r\nContent-Type: text/plain\r\n\r\nhi\r\n--xyz--\r\n", UnknownClient,
		},
		"fields of a form that names no boundary are not known as a body": {
			`{"request":{"method":"POST","url":"http://h/","headers":[],"postData":{"mimeType":"multipart/form-data","params":[{"name":"a","value":"1"}]}}}`,
			engine.Request{Method: "POST", Target: "/", Protocol: "HTTP/1.1", Scheme: "http", Authority: "h"},
			"", UnknownClient | UnknownBody,
		},
		"a body that the browser left out": {
			`{"request":{"method":"POST","url":"http://h/","headers":[],"bodySize":296,"postData":{"mimeType":"text/plain"}}}`,
			engine.Request{Method: "POST", Target: "/", Protocol: "HTTP/1.1", Scheme: "http", Authority: "h"},
			"", UnknownClient | UnknownBody,
		},
		"a body in base64": {
			`{"request":{"method":"POST","url":"http://h/","headers":null,"bodySize":null,"postData":{"mimeType":"x","text":"AP8=","encoding":"base64"}}}`,
			engine.Request{Method: "POST", Target: "/", Protocol: "HTTP/1.1", Scheme: "http", Authority: "h"},
			"\x00\xff", UnknownClient,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := one(t, archive(c.entry), HAR)
			require.Equal(t, c.want, got.Request)
			require.Equal(t, c.body, string(got.Body))
			require.Equal(t, c.unknown, got.Unknown)
			require.Nil(t, got.Response)
			require.Equal(t, "in#1", got.ID)
			require.Equal(t, c.want.Scheme == "https", got.Conn.TLS)
		})
	}
}

func TestHARResponses(t *testing.T) {
	for name, c := range map[string]struct {
		response string
		want     *Response
		unknown  Unknown
	}{
		"text": {
			`{"status":200,"headers":[{"name":"Content-Type","value":"text/html"}],"content":{"size":2,"text":"hé"}}`,
			&Response{Status: 200, Headers: engine.Headers{{"Content-Type", "text/html"}}, Body: []byte("hé")}, 0,
		},
		"base64, a pseudo-header, cookies that Chrome has joined": {
			`{"status":200.0,"headers":[{"name":":status","value":"200"},{"name":"set-cookie","value":"a=1\nb=2"}],"content":{"size":1,"text":"/w==","encoding":"base64"}}`,
			&Response{Status: 200, Headers: engine.Headers{{"set-cookie", "a=1"}, {"set-cookie", "b=2"}}, Body: []byte("\xff")}, 0,
		},
		"content that was left out": {
			`{"status":404,"headers":[],"content":{"size":512,"mimeType":"text/html"}}`,
			&Response{Status: 404, Body: []byte{}}, UnknownResponseBody,
		},
		"none, since the request was aborted": {`{"status":0,"statusText":"","content":{"size":0}}`, nil, 0},
		"null":                                {`null`, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := one(t, archive(`{"request":{"method":"GET","url":"http://h/"},"response":`+c.response+`}`), HAR)
			require.Equal(t, c.want, got.Response)
			require.Equal(t, UnknownClient|c.unknown, got.Unknown)
		})
	}
}

func TestABrokenHAREntryIsReportedAndTheNextIsRead(t *testing.T) {
	const good = `{"request":{"method":"GET","url":"http://h/ok"}}`
	for name, c := range map[string]struct{ entry, reason string }{
		"a number":                     {`7`, "an entry must be an object, not a number"},
		"a method that is a list":      {`{"request":{"method":["GET"],"url":"http://h/"}}`, "request.method must not be a array"},
		"no request":                   {`{}`, `request.url is not HTTP: ":"`},
		"no method":                    {`{"request":{"url":"http://h/"}}`, "request.method is missing"},
		"a URL inside of the page":     {`{"request":{"method":"GET","url":"data:image/png;base64,AAAA"}}`, `request.url is not HTTP: "data:"`},
		"a body that is no base64":     {`{"request":{"method":"GET","url":"http://h/","postData":{"text":"*","encoding":"base64"}}}`, "request.postData.text: not base64, as its encoding says"},
		"a response that is no base64": {`{"request":{"method":"GET","url":"http://h/"},"response":{"status":200,"content":{"text":"*","encoding":"base64"}}}`, "response.content.text: not base64, as its encoding says"},
		"text that is no JSON":         {`{"request":{method:"GET"}}`, "not JSON at byte 13 of the entry: invalid character 'm' looking for beginning of object key string"},
	} {
		t.Run(name, func(t *testing.T) {
			entries, broken := readAll(t, archive(good, c.entry, good), HAR)
			require.Equal(t, []string{"in: entry 2 at byte 133: " + c.reason}, broken)
			require.Len(t, entries, 2)
			require.Equal(t, "in#3", entries[1].ID)
		})
	}
}

func TestAnArchiveThatEndsEarlyIsReadAsFarAsItGoes(t *testing.T) {
	const good = `{"request":{"method":"GET","url":"http://h/ok"}}`
	whole := archive(good, good)
	for name, c := range map[string]struct {
		text    string
		entries int
		broken  string
	}{
		"inside of an entry":   {whole[:len(whole)-9], 1, "in: entry 2 at byte 133: the file ends inside of its JSON text; nothing behind it is read"},
		"between entries":      {whole[:len(whole)-3-len(good)], 1, "in: entry 1 at byte 133: the file ends inside of its JSON text; nothing behind it is read"},
		"no comma":             {strings.Replace(whole, ",\n", " ", 1), 1, `in: entry 1 at byte 132: '{' where ',' belongs; nothing behind it is read`},
		"a missing value":      {archive(good, "", good), 1, "in: entry 2 at byte 133: a value is missing; nothing behind it is read"},
		"no entries":           {`{"log":{"version":"1.2"}}`, 0, "in: entry 0 at byte 23: not an HTTP archive: there is no entries; nothing behind it is read"},
		"an object of entries": {`{"log":{"entries":{}}}`, 0, "in: entry 0 at byte 18: '{' where '[' belongs; nothing behind it is read"},
	} {
		t.Run(name, func(t *testing.T) {
			entries, broken := readAll(t, c.text, HAR)
			require.Len(t, entries, c.entries)
			require.Equal(t, []string{c.broken}, broken)
		})
	}
}

func TestBracketsAndQuotesInStringsDoNotEndAValue(t *testing.T) {
	got := one(t, archive(`{"comment":"}]\"\\","request":{"method":"GET","url":"http://h/]}","headers":[{"name":"A","value":"{\\"}]}}`), HAR)
	require.Equal(t, "/]}", got.Request.Target)
	require.Equal(t, `{\`, got.Request.Headers.Get("A"))
}
