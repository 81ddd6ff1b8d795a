package main

import (
	"bytes"
	"fmt"
	"strings"
)

// shape is one kind of request.
type shape struct {
	name   string
	method string
	path   string
	header [][2]string
	body   string
	// attack: the filter refuses it; want is the status that is expected.
	attack bool
	want   int
}

// through is the shape as it is sent to a variant.
func (s shape) through(v variant) shape {
	s.want = 200
	if s.attack && (v == tabard || v == unscreened) {
		s.want = 403
	}
	return s
}

// browser are headers that a browser sends with each request.
var browser = [][2]string{
	{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
	{"Accept", "text/html,application/json;q=0.9,*/*;q=0.8"},
	{"Accept-Language", "en-GB,en;q=0.7"},
	{"Host", "api.example.com"}, // a name: CRS notes an address (920350)
}

// shapes are six requests of an ordinary API, none of which a rule of CRS at
// paranoia level 1 objects to, and two attacks.
var shapes = []shape{
	{name: "small GET", method: "GET", path: "/api/items?page=2&sort=price"},
	{name: "GET with JWT and cookies", method: "GET", path: "/api/account/orders?from=2026-01-01", header: [][2]string{
		{"Authorization", "Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjIwMjYifQ." +
			"eyJzdWIiOiI0MiIsImlzcyI6Imh0dHBzOi8vaWQuZXhhbXBsZSIsImF1ZCI6InNob3AiLCJleHAiOjE3OTUwMDAwMDB9." + strings.Repeat("Q2h1bms4", 43)},
		{"Cookie", "session=7f1c9a4b2e6d4f0a9c3b; theme=dark; lang=en; consent=1; cart=b3f1a2c4d5e6"},
	}},
	{name: "login form", method: "POST", path: "/api/login", body: "user=ann%40example.com&password=correct+horse+battery&remember=on",
		header: [][2]string{{"Content-Type", "application/x-www-form-urlencoded"}}},
	{name: "JSON, 2 KB, 63 values", method: "POST", path: "/api/orders", body: jsonBody(),
		header: [][2]string{{"Content-Type", "application/json"}}},
	{name: "form text, 64 KB", method: "POST", path: "/api/comments", body: "text=" + longText(64<<10),
		header: [][2]string{{"Content-Type", "application/x-www-form-urlencoded"}}},
	{name: "multipart with an 8 KB file", method: "POST", path: "/api/upload", body: multipartBody(),
		header: [][2]string{{"Content-Type", "multipart/form-data; boundary=----7d3f9a"}}},
	{name: "SQL injection in the query", method: "GET", path: "/api/items?page=2&sort=1%27%20OR%20%271%27=%271", attack: true},
	{name: "cross-site scripting in the query", method: "GET", path: "/api/items?q=%3Cscript%3Ealert(1)%3C/script%3E", attack: true},
}

// jsonBody has 63 values in 2 KB: 21 lines of an order with 3 values each.
func jsonBody() string {
	var b strings.Builder
	b.WriteString(`{"lines":[`)
	for i := range 21 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"article":"shirt, size %02d, colour blue, organic cotton and linen","quantity":%d,"price":%d.95}`, 34+i, i+1, 10+i)
	}
	b.WriteString(`]}`)
	return b.String()
}

// longText is prose of about n bytes as a form value.
func longText(n int) string {
	words := strings.Fields("the quick brown fox jumps over a lazy dog while nine clerks write down what each of them has seen today")
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		b.WriteString(words[i*7%len(words)])
		b.WriteByte('+')
	}
	return b.String()
}

// multipartBody has a field and a file of 8 KB.
func multipartBody() string {
	return "------7d3f9a\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nholiday\r\n" +
		"------7d3f9a\r\nContent-Disposition: form-data; name=\"file\"; filename=\"photo.png\"\r\nContent-Type: image/png\r\n\r\n" +
		strings.Repeat("\x89PNG 16 bytes..\n", 512) + "\r\n------7d3f9a--\r\n"
}

// bytes is the request as it goes over an HTTP/1.1 connection.
func (s shape) bytes() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", s.method, s.path)
	for _, line := range append(browser[:len(browser):len(browser)], s.header...) {
		fmt.Fprintf(&b, "%s: %s\r\n", line[0], line[1])
	}
	if s.body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(s.body))
	}
	b.WriteString("\r\n" + s.body)
	return b.Bytes()
}
