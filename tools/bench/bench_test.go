package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWrksReportIsRead(t *testing.T) {
	got, err := parseWrk(`Running 1s test @ http://127.0.0.1:1/
  Latency Distribution
     50%  632.00us
     75%    0.70ms
     90%    0.81ms
     99%    1.21s
  24903 requests in 1.00s, 3.54MB read
Requests/sec:  24871.30
`)
	require.NoError(t, err)
	require.Equal(t, sample{24871.30, 632 * time.Microsecond, 1210 * time.Millisecond}, got)
	_, err = parseWrk("unable to connect")
	require.ErrorContains(t, err, "no rate")
}

func TestABodyKeepsItsBytesInLua(t *testing.T) {
	require.Equal(t, `"a\010\034\255"`, luaString("a\n\"\xff"))
}

func TestAMedianIsTheMiddleOfEachFigure(t *testing.T) {
	require.Equal(t, sample{2, 20, 200}, medians([]sample{{3, 10, 200}, {1, 20, 300}, {2, 30, 100}}))
}

// Each shape goes over a connection and back, so the upstream and the built-in
// generator agree on where a message ends.
func TestTheBuiltInGeneratorAndTheUpstreamUnderstandEachOther(t *testing.T) {
	up, err := startUpstream()
	require.NoError(t, err)
	defer up.Close()
	for _, sh := range shapes {
		for range 2 {
			_, err := sh.through(alone).once(up.Addr().String())
			require.NoError(t, err, sh.name)
		}
	}
	got, err := native{}.run(t.Context(), up.Addr().String(), shapes[0].through(alone), 2, 20*time.Millisecond)
	require.NoError(t, err)
	require.Positive(t, got.perSecond)
}
