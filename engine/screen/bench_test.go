package screen

import (
	"fmt"
	"strings"
	"testing"

	"github.com/corazawaf/coraza-coreruleset/v4"
)

// shapes are the requests that performance.md measures.
func shapes() []struct {
	name string
	q    request
} {
	common := [][2]string{
		{"Host", "api.example.com"}, {"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"},
		{"Accept", "application/json, text/plain, */*"}, {"Accept-Encoding", "gzip, deflate, br"},
	}
	with := func(more ...[2]string) [][2]string { return append(common[:len(common):len(common)], more...) }
	post := func(contentType, body string) request {
		return request{method: "POST", uri: "/api/orders", protocol: "HTTP/1.1", body: body,
			headers: with([2]string{"Content-Type", contentType}, [2]string{"Content-Length", fmt.Sprint(len(body))})}
	}
	jwt := "Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiYWRtaW4iOnRydWUsImlhdCI6MTUxNjIzOTAyMn0.NHVaYe26MbtOYhSKkoKYdFVomg4i8ZJd8_-RU8VNbftc4TSMb4bXP3l3YlNWACwyXPGffz5aXHc6lty1Y2t4SWRqGteragsVdZufDn5BlnJl9pdR_kdVFUsra2rWKEofkZeIC4yWytE58sMIihvo9H1ScmmVwBcQP6XETqYd0aSHp1gOa9RdUPDvoXQ5oqygTqVtxaDr6wUFKrKItgBMzWIdNZ6y7O9E0DhEPTbE9rfBo6KTFsHAZnMg4k68CDp2woYIaXbmYTWcvbzIuHO7_37GT79XdIwkm95QJ7hYC9RiwrV7mesbY4PAahERJawntho0my942XheVLmGwLMBkQ"
	var items []string
	for i := range 20 {
		items = append(items, fmt.Sprintf(`{"sku":"item-%d","name":"A pleasant thing %d","price":%d.5}`, i, i, i))
	}
	json := `{"customer":{"name":"Jane Doe","email":"jane.doe@example.org"},"items":[` + strings.Join(items, ",") + `]}`
	prose := strings.Repeat("The quick brown fox jumps over the lazy dog and reads on about its day. ", 900)
	return []struct {
		name string
		q    request
	}{
		{"GET", request{method: "GET", uri: "/products/42?color=blue&page=2", protocol: "HTTP/1.1", headers: common}},
		{"GET+JWT", request{method: "GET", uri: "/v1/accounts/123/orders?limit=20&sort=date", protocol: "HTTP/1.1",
			headers: with([2]string{"Authorization", jwt}, [2]string{"Cookie", "session=9f86d081884c7d659a2feaa0c55ad015; theme=dark; lang=en"})}},
		{"form", post("application/x-www-form-urlencoded", "username=jane&password=correct+horse+battery&remember=1")},
		{"JSON", post("application/json", json)},
		{"text", post("application/x-www-form-urlencoded", "text="+strings.ReplaceAll(prose[:64000], " ", "+"))},
		{"SQLi", request{method: "GET", uri: "/products?id=1%27%20OR%20%271%27=%271%27--%20-", protocol: "HTTP/1.1", headers: common}},
		{"XSS", post("application/x-www-form-urlencoded", "comment=<script>alert(1)</script>&x=1")},
	}
}

func BenchmarkShapes(b *testing.B) {
	p := newPair(b, crsText(1), coreruleset.FS, Options{})
	for _, shape := range shapes() {
		b.Run(shape.name+"/plain", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.plain(shape.q)
			}
		})
		b.Run(shape.name+"/screened", func(b *testing.B) {
			p.screenedRun(shape.q)
			_, reasons, _ := p.screenedRun(shape.q)
			b.Log(reasons)
			b.ReportAllocs()
			for b.Loop() {
				p.screenedRun(shape.q)
			}
		})
	}
}
