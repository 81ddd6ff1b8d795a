package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/e2e/function"
)

// A caller who tries passwords gets 401 from the function, and no rule matches.
func TestAlertsFollowARunningTabard(t *testing.T) {
	f, err := function.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Stop()) })
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	require.NoError(t, os.WriteFile(policy, []byte(`
alerts:
  principal_header: authorization
  gateway: {header: x-gateway, values: [letmein]}
  rules:
  - {name: guessing, when: denied, by: principal, count: 3}
  - {name: around, when: bypass}
`), 0o644))
	p := run(t, nil, "serve", "--policy", policy, "--listen", "127.0.0.1:0", "--upstream", "http://"+f.Addr())
	addr := p.wait(p.stderr, `listening on (\S+),`)
	get := func(path string, headers ...string) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+addr+path, nil)
		require.NoError(t, err)
		r.Host = "shop.example"
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
	}
	const user = "Basic YW5uYTpndWVzcw==" // anna:guess
	get("/get", "X-Gateway", "letmein", "Authorization", user)
	for range 3 {
		get("/status/401", "X-Gateway", "letmein", "Authorization", user)
	}
	get("/get")
	require.Zero(t, p.stop(syscall.SIGTERM), p.stderr)
	require.Equal(t, 4, strings.Count(p.stdout.String(), "\n"), "an ordinary request is not written down\n%s", p.stdout)

	cmd := exec.Command(program(t), "alerts", "--policy", policy, "--audit", "-")
	cmd.Stdin = strings.NewReader(p.stdout.String())
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(out), "\n"), "%s", out)
	require.Contains(t, string(out), ": 3 answers with status 401 or 403 within 60 s  (last: GET /status/401)")
	require.Contains(t, string(out), "  around  client 127.0.0.1: 1 requests within 60 s did not come through the gateway  (last: GET /get)")
	require.NotContains(t, p.stdout.String()+string(out), "anna")
	require.NotContains(t, p.stdout.String()+string(out), "letmein")
}
