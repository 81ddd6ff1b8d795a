package bodies

import (
	"fmt"
	"strings"
	"testing"

	"tabard/engine/screen/transform"
)

// browser is what a browser sends along.
var browser = []header{
	{"host", "shop.example.com"},
	{"user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"},
	{"accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
	{"accept-language", "en-US,en;q=0.5"}, {"accept-encoding", "gzip, deflate, br"},
	{"cookie", "session=8f3a21c0ffee; theme=dark; consent=%7B%22ads%22%3Afalse%7D"},
}

// orders is a JSON text with n objects of nine values each.
func orders(n int) string {
	var items []string
	for i := range n {
		items = append(items, fmt.Sprintf(`{"id":%d,"name":"Product number %d","price":%d.99,"tags":["new","sale"],`+
			`"stock":{"berlin":3,"paris":0},"active":true,"note":null}`, i, i, i))
	}
	return `{"customer":"c-1234","items":[` + strings.Join(items, ",") + `]}`
}

func BenchmarkParser(b *testing.B) {
	file := "B|Content-Disposition: form-data; name=\"f\"; filename=\"a.bin\"|Content-Type: application/octet-stream||" +
		strings.Repeat("0123456789abcdef", 512) + "|B--|"
	for _, c := range []struct {
		name string
		x    exchange
	}{
		{"GET", get("/catalog/shoes?page=2&sort=price&color=red")},
		{"GETEncoded", get("/catalog/winter%20shoes?q=caf%C3%A9+%26+more&page=2")},
		{"Form", form("user=alice%40example.com&password=correct+horse&remember=on&csrf=0123456789abcdef")},
		{"JSON2KB", jsonBody(orders(14))},
		{"JSON20KB", jsonBody(orders(110))},
		{"Text64KB", form("text=" + strings.Repeat("The quick brown fox jumps over the lazy dog. ", 1456))},
		{"Multipart8KB", upload(fieldPart + file)},
	} {
		x := c.x
		x.headers = append(append([]header(nil), browser...), x.headers...)
		b.Run(c.name, func(b *testing.B) {
			p := New(wideLimits, &transform.Arena{})
			b.ReportAllocs()
			elements := 0
			for b.Loop() {
				p.Reset()
				p.Connection("192.0.2.7", 4711, "198.51.100.1", 443)
				p.URI(x.uri, x.method, x.protocol)
				for _, h := range x.headers {
					p.RequestHeader(h.name, h.value)
				}
				if len(x.headers) > len(browser) && x.headers[len(browser)].value == "application/json" {
					p.RequestProcessor("JSON")
				}
				if doubt := p.RequestBody(x.body, false); doubt != NoDoubt {
					b.Fatal(doubt)
				}
				elements = len(p.Elements())
			}
			b.ReportMetric(float64(elements), "elements")
		})
	}
}
