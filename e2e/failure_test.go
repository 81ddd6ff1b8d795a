package e2e

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/e2e/envoyrun"
)

// breaking is an Envoy with the filter that fails on demand (e2e/breaking),
// once refusing what it cannot judge and once letting it pass.
var breaking = sync.OnceValues(func() (*proxy, error) {
	root, err := envoyrun.Root()
	if err != nil {
		return nil, err
	}
	module := filepath.Join(root, "dist", "e2e", "breaking.wasm")
	return startKept(envoyrun.Options{Sites: []envoyrun.Site{
		{Name: "closed", Module: module, Policy: "mode: block\n"},
		{Name: "open", Module: module, Policy: "internal_errors: open\n"},
	}})
})

// startBreaking starts it for one test after the other.
func startBreaking(t *testing.T) *proxy {
	t.Helper()
	p, err := breaking()
	requireEnvoy(t, err)
	return p
}

func TestAnInternalErrorEndsInThePolicysOutcome(t *testing.T) {
	p := startBreaking(t)
	for _, tc := range []struct {
		how        string
		send       request
		arriveOpen int
	}{
		{"panic-headers", request{path: "/anything"}, 1},
		{"panic-headers", request{path: "/anything", header: [][2]string{formType}, body: "a=1"}, 1},
		{"panic-body", request{path: "/anything", header: [][2]string{formType}, body: "a=1"}, 1},
		{"panic-body", request{path: "/anything", header: [][2]string{formType}, pieces: []string{"a=", "1"}}, 1},
		{"panic-response", request{path: "/anything"}, 1},
	} {
		for _, c := range clients() {
			send := tc.send
			send.header = append([][2]string{{"x-break", tc.how}}, send.header...)
			t.Run(tc.how+" "+c.protocol+" closed", func(t *testing.T) {
				got := c.send(t, p.Addr("closed"), send)
				require.Equal(t, http.StatusInternalServerError, got.status)
				require.Contains(t, got.body, "blocked", "the answer is the filter's, not the function's")
				if tc.how != "panic-response" {
					require.Empty(t, p.function.Arrived(caseOf(t)))
				}
			})
			t.Run(tc.how+" "+c.protocol+" open", func(t *testing.T) {
				got := c.send(t, p.Addr("open"), send)
				require.Equal(t, http.StatusOK, got.status)
				require.Len(t, p.function.Arrived(caseOf(t)), tc.arriveOpen)
			})
		}
	}
	require.Contains(t, p.Log(), "internal error (panic): ")
	require.Contains(t, p.Log(), "internal_errors: closed")
	require.Contains(t, p.Log(), "internal_errors: open")
	n, err := p.Counter(t.Context(), "wasmcustom.tabard.internal_errors.kind.panic")
	require.NoError(t, err)
	require.Positive(t, n)
}

// The other stream is in the middle of its body when its neighbour panics.
func TestAPanicInOneStreamLeavesTheOthersAlive(t *testing.T) {
	p := startBreaking(t)
	for _, c := range clients() {
		t.Run(c.protocol, func(t *testing.T) {
			gate, first := make(chan struct{}), make(chan struct{})
			done := make(chan response, 1)
			go func() {
				done <- sendGated(t, c, p.Addr("closed"), first, gate)
			}()
			<-first
			broken := c.send(t, p.Addr("closed"), request{path: "/anything", header: [][2]string{{"x-break", "panic-headers"}}})
			require.Equal(t, http.StatusInternalServerError, broken.status)
			close(gate)
			got := <-done
			require.Equal(t, http.StatusForbidden, got.status, "the stream goes on, and its attack is seen")
			require.Empty(t, p.function.Arrived(caseOf(t)))
			again := c.send(t, p.Addr("closed"), request{path: "/anything"})
			require.Equal(t, http.StatusOK, again.status)
		})
	}
}

// sendGated sends the first half of an attack, waits for the gate and sends
// the other half.
func sendGated(t *testing.T, c client, addr string, first chan<- struct{}, gate <-chan struct{}) response {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	template := request{path: "/anything", header: [][2]string{formType}, pieces: []string{"x"}}.build(t, ctx, addr)
	body := &gatedBody{first: first, gate: gate}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, template.URL.String(), body)
	if err != nil {
		return response{body: err.Error()}
	}
	r.Header = template.Header
	got, err := c.http.Do(r)
	if err != nil {
		return response{body: err.Error()}
	}
	defer got.Body.Close()
	return response{status: got.StatusCode}
}

// gatedBody is an attack in two halves.
type gatedBody struct {
	first chan<- struct{}
	gate  <-chan struct{}
	step  int
}

func (b *gatedBody) Read(p []byte) (int, error) {
	b.step++
	switch b.step {
	case 1:
		return copy(p, "user=1%27+OR+"), nil
	case 2:
		time.AfterFunc(50*time.Millisecond, func() { close(b.first) })
		<-b.gate
		return copy(p, "%271%27%3D%271"), nil
	default:
		return 0, io.EOF
	}
}

// After a stack overflow the virtual machine is dead. Nothing passes
// uninspected, and Envoy builds a new one (failure_policy: FAIL_RELOAD).
func TestALostVirtualMachineIsRebuiltAndNothingPassesMeanwhile(t *testing.T) {
	p := startBreaking(t)
	c := clients()[0]
	got := c.send(t, p.Addr("closed"), request{path: "/anything", header: [][2]string{{"x-break", "trap"}}})
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	require.Empty(t, p.function.Arrived(caseOf(t)))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, p.WaitFor(ctx, func() bool {
		attack := c.send(t, p.Addr("closed"), request{path: inQuery})
		require.Contains(t, []int{http.StatusForbidden, http.StatusServiceUnavailable}, attack.status)
		return attack.status == http.StatusForbidden
	}), "the filter is back")
	require.Empty(t, p.function.Arrived(caseOf(t)))
	require.Equal(t, http.StatusOK, c.send(t, p.Addr("closed"), request{path: "/anything"}).status)
}

func TestAWrongPolicyFailsTheLoadWithItsPlaceInEnvoysLog(t *testing.T) {
	t.Parallel()
	log, err := envoyrun.Validate(t.Context(), envoyrun.Options{Upstream: "127.0.0.1:1", Sites: []envoyrun.Site{
		{Name: "wrong", Policy: "mode: block\ncrs:\n  paranoia_level: 1\n  paranoia_levl: 2\n"},
	}})
	requireEnvoy(t, onlyNoEnvoy(err))
	require.Error(t, err)
	require.Contains(t, log, `plugin configuration:4:3: unknown key "paranoia_levl" in crs, did you mean "paranoia_level"?`)
}

// onlyNoEnvoy keeps the error that means that there is nothing to run.
func onlyNoEnvoy(err error) error {
	if errors.Is(err, envoyrun.ErrNoEnvoy) {
		return err
	}
	return nil
}

func TestAfterAWrongReconfigurationTheLastGoodPolicyStays(t *testing.T) {
	t.Parallel()
	site := func(policy string) envoyrun.Site { return envoyrun.Site{Name: "one", Policy: policy} }
	rule := func(name, status string) string {
		return `crs: {enabled: false}
directives:
- inline: SecRule REQUEST_HEADERS:x-deny "@streq ` + name + `" "id:1,phase:1,deny,status:` + status + `"
`
	}
	p := own(t, envoyrun.Options{Dynamic: true, Concurrency: 2, Sites: []envoyrun.Site{site(rule("first", "451"))}})
	status := func(name string) int {
		got := clients()[1].send(t, p.Addr("one"), request{path: "/anything", header: [][2]string{{"x-deny", name}}})
		return got.status
	}
	counter := func(name string) int {
		n, err := p.Counter(t.Context(), "listener_manager.lds."+name)
		require.NoError(t, err)
		return n
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.Equal(t, 451, status("first"))

	require.NoError(t, p.Reconfigure(site("mode: blok\n")))
	require.NoError(t, p.WaitFor(ctx, func() bool { return counter("update_rejected") == 1 }))
	require.Contains(t, p.Log(), `plugin configuration:1:7: mode cannot be "blok"`)
	for range 10 {
		require.Equal(t, 451, status("first"), "the last good policy stays")
		require.Equal(t, 200, status("second"))
	}

	require.NoError(t, p.Reconfigure(site(rule("second", "418"))))
	require.NoError(t, p.WaitFor(ctx, func() bool { return counter("update_success") == 2 }))
	require.NoError(t, p.WaitFor(ctx, func() bool { return status("second") == 418 }), "a good one replaces it")
	require.NotContains(t, p.Log(), "Plugin configured to fail open", strings.TrimSpace(p.Log()))
}

// A setting that is easily forgotten: without it Envoy keeps bodies from the
// filter. The filter notices, and says what to write.
func TestWhereEnvoyKeepsBodiesFromTheFilterRequestsFailAndTheLogSaysWhy(t *testing.T) {
	t.Parallel()
	p := own(t, envoyrun.Options{Sites: []envoyrun.Site{{Name: "forgotten", Policy: "crs: {enabled: false}\n", Adjust: func(manager envoyrun.Tree) {
		delete(manager.At("http_filters", 0, "typed_config", "config"), "allow_on_headers_stop_iteration")
	}}}})
	for _, c := range clients() {
		got := c.send(t, p.Addr("forgotten"), request{path: "/anything", header: [][2]string{formType}, body: "a=1"})
		require.Equal(t, http.StatusInternalServerError, got.status, got.body)
		require.Equal(t, http.StatusOK, c.send(t, p.Addr("forgotten"), request{path: "/anything"}).status, "a request without a body does not need it")
	}
	require.Contains(t, p.Log(), "allow_on_headers_stop_iteration: true")
}
