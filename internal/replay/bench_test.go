package replay

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/rules"
)

func BenchmarkRunAccessLog(b *testing.B) {
	e, err := engine.New(engine.Policy{}, rules.FS())
	require.NoError(b, err)
	judges := make([]Judge, runtime.GOMAXPROCS(0))
	for i := range judges {
		judges[i] = Native{Engine: e}
	}
	var text strings.Builder
	for i := range b.N {
		fmt.Fprintf(&text, `192.0.2.%d - - [17/May/2015:10:05:03 +0000] "GET /items/%d?page=%d HTTP/1.1" 200 203 "https://shop.example/" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"`+"\n", i%250, i%100, i)
	}
	r, err := NewReader(strings.NewReader(text.String()), "in", Options{})
	require.NoError(b, err)
	b.ResetTimer()
	var s Summary
	require.NoError(b, Run(context.Background(), r.Next, judges, func(r Result) error { s.Add(r); return nil }, nil))
	b.StopTimer()
	require.Equal(b, b.N, s.Requests)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}
