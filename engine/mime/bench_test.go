package mime_test

import (
	"testing"

	"tabard/engine/mime"
)

func BenchmarkParseAndMatch(b *testing.B) {
	list, _ := mime.NewAllowList([]string{"application/json", "application/*+json", "multipart/form-data"})
	for name, value := range map[string]string{
		"json":      "application/json",
		"charset":   "application/json; charset=utf-8",
		"multipart": "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
		"quoted":    `multipart/form-data; boundary="a \"b\" c"`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				typ, _ := mime.Parse(value)
				list.Allows(typ)
			}
		})
	}
}
