package difftest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Odd returns an exchange that is harmless but out of the ordinary: what limits,
// parsers and the choice of a body processor are about.
func Odd(r *rand.Rand) *Case {
	c := Benign(r)
	c.Name = "odd"
	b := benign{r: r, shape: r}
	switch r.IntN(14) {
	case 0:
		c.Target = Text("/many?" + b.pairs(990+r.IntN(20), "&"))
	case 1:
		setBody(c, "application/x-www-form-urlencoded", b.pairs(990+r.IntN(20), "&"))
	case 2:
		depth := 1000 + r.IntN(40)
		setBody(c, "application/json", strings.Repeat("[", depth)+"1"+strings.Repeat("]", depth))
	case 3:
		setBody(c, "application/json", pick(r, `[1,2]`, `"x"`, `null`, `{}`, `[]`, ` {"a":1} `, `{"a":1,"a":2}`, `{"":1}`, `{"a.b":1,"a":{"b":2}}`, `{"a":1}x`, `{"a":`, "\xef\xbb\xbf{}"))
	case 4:
		setBody(c, pick[Text](r, "APPLICATION/JSON", "application/json;charset=utf-8", "application/json ; a=b", "application/vnd.api+json", "text/json", "application/x-www-form-urlencoded;x", "Application/X-WWW-Form-Urlencoded", ""), b.pairs(2, "&"))
	case 5:
		setBody(c, "application/json", b.json(0))
		c.Headers = append(c.Headers, Field{"Content-Type", pick[Text](r, "application/x-www-form-urlencoded", "text/xml", "application/json")})
	case 6:
		setBody(c, pick[Text](r, "text/xml", "application/xml", "application/soap+xml"), "<a><b c=\"d\">"+b.word()+"</b></a>")
	case 7:
		c.Trailers = append(c.Trailers, Field{pick[Text](r, "Cookie", "X-Checksum", "Content-Type", "Referer"), Text(b.pairs(1, "&"))})
	case 8:
		c.Headers = append(c.Headers, Field{pick[Text](r, "", " ", "Host", "Cookie", "Transfer-Encoding", "Content-Length", "X-\xff"), Text(b.word())})
	case 9:
		c.Headers = append(c.Headers, Field{"Cookie", pick[Text](r, "", ";", "=", "a", "a=b; a=c", "a=b;;c", " a = b ", "a=%41; A=b", "$Version=1; a=b")})
	case 10:
		c.Target = pick[Text](r, "", "/", "//", "/?", "/??a=b", "/a?b?c=d", "/a#b?c=d", "*", "http://shop.example/a?b=c", "/a;b=c?d;e=f", "/%", "/a?%", "/a?=b&&c=&=", "/a?b=c&b=d", "/%2e%2e/x", "/a?b%00=c")
	case 11:
		setBody(c, "text/plain", strings.Repeat(b.word()+" ", 1+r.IntN(3000)))
	case 12:
		boundary := pick(r, "x", "a b", "--", strings.Repeat("y", 80))
		setBody(c, Text("multipart/form-data; boundary="+pick(r, boundary, `"`+boundary+`"`)), b.multipart(boundary))
	default:
		c.Response = b.response()
		c.Response.Headers = append(c.Response.Headers, Field{pick[Text](r, "Content-Type", "Content-Encoding", "Set-Cookie", "Location"), pick[Text](r, "application/json", "gzip", "identity", "text/html", "a=b")})
	}
	return c
}

// setBody gives the case a body of a media type.
func setBody(c *Case, contentType Text, body string) {
	var kept []Field
	for _, f := range c.Headers {
		if name := lowerASCII(string(f[0])); name != "content-type" && name != "content-length" {
			kept = append(kept, f)
		}
	}
	c.Method, c.Body = "POST", Text(body)
	c.Headers = append(kept, Field{"Content-Type", contentType}, Field{"Content-Length", Text(fmt.Sprint(len(body)))})
}
