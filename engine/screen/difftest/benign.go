package difftest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
)

// Words of a shop, a blog and an API: what harmless values are made of. Some
// of them look like the words of a query language, as they do in real text.
var words = strings.Fields(`apple order basket blue summer shoes price newsletter account profile page item invoice berlin
	lisbon support ticket open closed pending user group admin select table value total search result help contact about
	team blog post comment reply image video track album settings theme dark light mobile desktop code review merge branch
	where from and or not like between drop update insert window document script style class color size width height`)

var clients = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
	"Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
	"okhttp/4.12.0", "MyShop/3.1 iOS", "PostmanRuntime/7.40.0", "axios/1.7.2", "Dart/3.4 dart:io", "ShopSync 2",
}

// benign makes traffic of many clients that no rule of CRS has anything to say
// about, mostly. plain keeps to letters and digits, so that the strictest
// paranoia level has nothing to say either.
type benign struct {
	r     *rand.Rand
	shape *rand.Rand // decides which headers there are
	plain bool
}

// clientCount is how many clients, each with headers of its own, send most of
// the traffic: real traffic repeats header sets and changes values.
const clientCount = 24

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// Benign returns a harmless exchange. Every second has a response.
func Benign(r *rand.Rand) *Case {
	b := benign{r: r, plain: r.IntN(2) == 0, shape: r}
	if r.IntN(16) > 0 {
		b.shape = rand.New(rand.NewPCG(r.Uint64N(clientCount), 1))
	}
	c := &Case{Name: "benign", Peer: b.peer(), Method: "GET", Protocol: pick[Text](r, "HTTP/1.1", "HTTP/1.1", "HTTP/2.0"), Target: b.target()}
	c.Headers = b.headers()
	switch r.IntN(6) {
	case 0, 1:
		b.body(c)
	case 2:
		c.Headers = append(c.Headers, Field{"X-Requested-With", "XMLHttpRequest"})
	}
	if r.IntN(20) == 0 {
		r.Shuffle(len(c.Headers), func(i, j int) { c.Headers[i], c.Headers[j] = c.Headers[j], c.Headers[i] })
	}
	if r.IntN(2) == 0 {
		c.Response = b.response()
	}
	return c
}

func (b benign) peer() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(b.r.IntN(4)), byte(b.r.IntN(256)), byte(1 + b.r.IntN(250))}), uint16(1024+b.r.IntN(60000)))
}

func (b benign) word() string {
	// The words at the end of the list are those that SQL shares.
	if b.plain {
		return words[b.r.IntN(40)]
	}
	return words[b.r.IntN(len(words))]
}

func (b benign) value() string {
	switch n := b.r.IntN(10); {
	case n < 3:
		return strconv.Itoa(b.r.IntN(100000))
	case n < 5:
		return b.word()
	case n < 6:
		return pick(b.r, b.word(), strings.ToUpper(b.word()))
	case n < 7 || b.plain:
		return b.word() + strconv.Itoa(b.r.IntN(1000))
	case n < 8:
		return b.word() + pick(b.r, "+", "+", "++") + b.word() + "+" + b.word()
	case n < 9:
		return fmt.Sprintf("%x-%x", b.r.Uint32(), b.r.Uint32())
	default:
		return b.word() + "." + b.word() + "%40example.com"
	}
}

func (b benign) target() Text {
	var path strings.Builder
	for range 1 + b.r.IntN(3) {
		path.WriteString("/" + b.word())
	}
	if b.r.IntN(3) == 0 {
		path.WriteString("/" + strconv.Itoa(b.r.IntN(10000)))
	} else if b.r.IntN(3) == 0 {
		path.WriteString(pick(b.r, ".html", ".js", ".css", ".png", ".json", ".pdf", ".jpg", ".svg"))
	}
	if b.r.IntN(2) == 0 {
		return Text(path.String())
	}
	return Text(path.String() + "?" + b.pairs(1+b.r.IntN(4), "&"))
}

// pairs gives each name once: names that are repeated make Coraza's verdict a
// matter of chance.
func (b benign) pairs(n int, separator string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = b.word() + strconv.Itoa(i) + "=" + b.value()
	}
	return strings.Join(list, separator)
}

func (b benign) headers() []Field {
	r, shape := b.r, b.shape
	h := []Field{
		{"Host", pick[Text](shape, "shop.example", "www.example.com", "api.example.org", "example.net:8443")},
		{"User-Agent", Text(pick(shape, clients...))},
		{"Accept", pick[Text](shape, "*/*", "application/json", "text/html", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "image/avif,image/webp,*/*;q=0.8")},
	}
	for _, f := range []Field{
		{"Accept-Language", pick[Text](shape, "de", "en-US,en;q=0.5", "es-ES,es;q=0.9", "fr-FR", "pt-BR,pt;q=0.9,en;q=0.8")},
		{"Accept-Encoding", pick[Text](shape, "gzip", "gzip, deflate, br", "gzip, deflate, br, zstd", "identity")},
		{"Connection", pick[Text](shape, "keep-alive", "close")},
		{"Cache-Control", pick[Text](shape, "no-cache", "max-age=0")},
		{"Referer", pick[Text](r, "https://shop.example/", "https://shop.example/apple", "https://other.example/x?y=1")},
		{"Origin", pick[Text](r, "https://shop.example", "https://shop.example", "https://other.example")},
		{"Cookie", Text(b.pairs(1+r.IntN(3), "; "))},
		{"DNT", "1"},
		{"Upgrade-Insecure-Requests", "1"},
		{"Sec-Fetch-Mode", pick[Text](shape, "navigate", "cors", "no-cors")},
		{"Sec-Fetch-Site", pick[Text](shape, "same-origin", "none", "cross-site")},
		{"If-None-Match", Text(fmt.Sprintf(`"%x"`, r.Uint32()))},
		{"X-Request-Id", Text(fmt.Sprintf("%08x%08x", r.Uint32(), r.Uint32()))},
		{"X-Forwarded-For", Text(b.peer().Addr().String())},
		{"Authorization", Text("Bearer " + b.word() + strconv.Itoa(r.IntN(1<<30)))},
	} {
		if shape.IntN(4) == 0 {
			h = append(h, f)
		}
	}
	return h
}

func (b benign) body(c *Case) {
	c.Method = pick[Text](b.r, "POST", "POST", "POST", "POST", "POST", "POST", "POST", "PUT", "PATCH")
	contentType := Text("application/json")
	switch b.r.IntN(5) {
	case 0, 1:
		contentType = "application/x-www-form-urlencoded"
		c.Body = Text(b.pairs(1+b.r.IntN(6), "&"))
	case 2:
		boundary := fmt.Sprintf("----Boundary%08x", b.r.Uint32())
		contentType = Text("multipart/form-data; boundary=" + boundary)
		c.Body = Text(b.multipart(boundary))
	default:
		c.Body = Text(b.json(0))
	}
	c.Headers = append(c.Headers, Field{"Content-Type", contentType}, Field{"Content-Length", Text(strconv.Itoa(len(c.Body)))})
}

func (b benign) json(depth int) string {
	switch n := b.r.IntN(10); {
	case n < 3 && depth > 0:
		return strconv.Quote(strings.ReplaceAll(b.value(), "%40", "@"))
	case n < 4 && depth > 0:
		return pick(b.r, "true", "false", "null", "0", "12.5")
	case n < 6 && depth > 0 || depth > 1:
		return strconv.Itoa(b.r.IntN(1000))
	case n < 7:
		return "[" + b.json(depth+1) + "," + b.json(depth+1) + "]"
	}
	var list []string
	for i := range 1 + b.r.IntN(4) {
		list = append(list, strconv.Quote(b.word()+strconv.Itoa(i))+":"+b.json(depth+1))
	}
	return "{" + strings.Join(list, ",") + "}"
}

func (b benign) multipart(boundary string) string {
	var out strings.Builder
	for i := range 1 + b.r.IntN(3) {
		out.WriteString("--" + boundary + "\r\n")
		fmt.Fprintf(&out, "Content-Disposition: form-data; name=\"%s%d\"", b.word(), i)
		if b.r.IntN(3) == 0 {
			fmt.Fprintf(&out, "; filename=\"%s%d.%s\"\r\nContent-Type: %s", b.word(), b.r.IntN(100), pick(b.r, "txt", "png", "pdf"), pick(b.r, "text/plain", "image/png", "application/octet-stream"))
		}
		out.WriteString("\r\n\r\n" + b.word() + " " + b.value() + "\r\n")
	}
	out.WriteString("--" + boundary + "--\r\n")
	return out.String()
}

func (b benign) response() *Response {
	r := &Response{Status: pick(b.r, 200, 200, 200, 201, 204, 302, 304, 404, 500), Protocol: "HTTP/1.1"}
	contentType, body := Text("text/html; charset=utf-8"), "<html><body><p>"+b.word()+" "+b.word()+" "+b.value()+"</p></body></html>"
	switch b.r.IntN(4) {
	case 0:
		contentType, body = "application/json", b.json(0)
	case 1:
		contentType, body = "text/plain", b.word()+" "+b.word()
	case 2:
		contentType, body = pick[Text](b.r, "image/png", "text/css", "application/javascript"), "\x89PNG "+b.word()
	}
	r.Body = Text(body)
	r.Headers = []Field{{"Content-Type", contentType}, {"Date", "Tue, 24 Nov 2026 12:00:00 GMT"}, {"Content-Length", Text(strconv.Itoa(len(body)))}}
	if b.r.IntN(3) == 0 {
		r.Headers = append(r.Headers, Field{"Set-Cookie", Text("sid=" + b.word() + "; Path=/; HttpOnly")})
	}
	if b.r.IntN(3) == 0 {
		r.Headers = append(r.Headers, Field{"Cache-Control", pick[Text](b.r, "no-store", "max-age=3600")}, Field{"Server", "nginx"})
	}
	return r
}
