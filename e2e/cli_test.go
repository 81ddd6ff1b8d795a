package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"tabard/e2e/envoyrun"
	"tabard/e2e/function"
	"tabard/internal/mmdb/mmdbtest"
)

// program is the binary that make build makes.
func program(t *testing.T) string {
	t.Helper()
	root, err := envoyrun.Root()
	require.NoError(t, err)
	path := filepath.Join(root, "dist", "tabard")
	require.FileExists(t, path, "run make build first")
	return path
}

// TestCLI runs the scripts below testdata/cli. Beside testscript's own
// commands they have
//
//	exits CODE ARGS...   run tabard and check its exit code
//	gzip FILE            compress FILE to FILE.gz
//	mmdb FILE CIDR CODE  make a database of one network in one country
//
// and the fixtures below testdata/traffic in their folder traffic.
func TestCLI(t *testing.T) {
	bin := program(t)
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/cli",
		UpdateScripts: os.Getenv("UPDATE_GOLDEN") == "1",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(bin)+string(os.PathListSeparator)+env.Getenv("PATH"))
			// The module's machine code is made once for all scripts.
			env.Setenv("XDG_CACHE_HOME", filepath.Join(filepath.Dir(bin), "cache"))
			return os.CopyFS(filepath.Join(env.WorkDir, "traffic"), os.DirFS("testdata/traffic"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": func(ts *testscript.TestScript, _ bool, args []string) { exits(ts, bin, args) },
			"gzip":  func(ts *testscript.TestScript, _ bool, args []string) { compress(ts, args) },
			"mmdb": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(mmdbtest.Write(ts.MkAbs(args[0]), "GeoLite2-Country", 0, map[string]mmdbtest.Record{args[1]: {Country: args[2]}}))
			},
		},
	})
}

func exits(ts *testscript.TestScript, bin string, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	cmd := exec.Command(bin, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit code %d, not %d\n%s", got, want, out)
	}
}

func compress(ts *testscript.TestScript, args []string) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, ts.ReadFile(args[0]))
	ts.Check(err)
	ts.Check(z.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".gz"), b.Bytes(), 0o644))
}

// process is a running tabard.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *lines
	stderr *lines
}

// lines keeps what a process writes.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// run starts tabard; it is killed at the test's end.
func run(t *testing.T, stdin io.Reader, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program(t), args...), stdout: &lines{}, stderr: &lines{}}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = stdin, p.stdout, p.stderr
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// wait returns the first group of a pattern as soon as the text has it.
func (p *process) wait(text *lines, pattern string) string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	require.Eventually(p.t, func() bool {
		found = re.FindStringSubmatch(text.String())
		return found != nil
	}, patience, 5*time.Millisecond, "%s\n%s", p.stdout, p.stderr)
	return found[len(found)-1]
}

// stop sends a signal and returns the exit code.
func (p *process) stop(signal os.Signal) int {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(signal))
	_ = p.cmd.Wait() // the exit code says it
	return p.cmd.ProcessState.ExitCode()
}

func TestServeIsAReverseProxyWithAPolicy(t *testing.T) {
	f, err := function.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Stop()) })
	p := run(t, nil, "serve", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--upstream", "http://"+f.Addr())
	addr := p.wait(p.stderr, `listening on (\S+),`)
	metrics := p.wait(p.stderr, `metrics on (\S+)`)

	get := func(url string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
		require.NoError(t, err)
		r.Host = "shop.example"
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, string(body)
	}
	status, _ := get("http://" + addr + "/get?q=hello")
	require.Equal(t, 200, status)
	status, body := get("http://" + addr + "/get?q=1%27+OR+%271%27%3D%271")
	require.Equal(t, 403, status)
	require.Contains(t, body, "blocked")
	require.Contains(t, p.wait(p.stdout, `(.*)\n`), `"id":942100`)
	_, text := get(metrics)
	require.Contains(t, text, `tabard_requests_total{outcome="block"} 1`)
	require.Contains(t, text, `tabard_requests_total{outcome="pass"} 1`)

	require.Zero(t, p.stop(syscall.SIGTERM), p.stderr)
}

func TestReplayPrintsWhatIsDoneWhenInterrupted(t *testing.T) {
	in, feed, err := os.Pipe()
	require.NoError(t, err)
	defer feed.Close()
	p := run(t, in, "replay", "--json", "-")
	_, err = io.WriteString(feed, `{"id":"a","method":"GET","path":"/","headers":[["Host","h"]]}`+"\n")
	require.NoError(t, err)
	require.Equal(t, "a", p.wait(p.stdout, `"id":"(a)"`), "a line that is done is written, though the input goes on")
	require.Equal(t, 130, p.stop(os.Interrupt), "its own exit code")
	require.Contains(t, p.stderr.String(), "tabard replay: interrupted; requests done: 1\n")
}

func TestReplayOfAnEndlessStreamNeedsLittleMemory(t *testing.T) {
	in, feed, err := os.Pipe()
	require.NoError(t, err)
	p := run(t, in, "replay", "--policy", filepath.Join("testdata", "traffic", "off.yaml"), "-")
	w := bufio.NewWriter(feed)
	line := `{"id":"a","method":"POST","path":"/","body_b64":"` + strings.Repeat("QUFB", 2500) + `"}` + "\n"
	for range 20_000 { // 200 MB
		_, err = w.WriteString(line)
		require.NoError(t, err)
	}
	require.NoError(t, w.Flush())
	require.NoError(t, feed.Close())
	require.NoError(t, p.cmd.Wait(), p.stderr)
	require.Contains(t, p.stdout.String(), "20000")
	usage, ok := p.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	require.True(t, ok)
	t.Logf("%d KiB resident at most", usage.Maxrss)
	require.Less(t, usage.Maxrss, int64(150<<10), "KiB")
}
