// Package envoyrun runs a real Envoy with the filter, for tests, demo and
// benchmark: the place where one HTTP exchange meets its verdict in production.
// It starts from the configuration that users get, envoy/envoy.yaml, and
// changes only what a run needs: addresses, the policy, the module.
package envoyrun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startLimit is how long an Envoy may take until it is ready. It needs about
// 5 s of CPU for the filter's code; a busy machine with two cores has others
// to serve meanwhile.
const startLimit = 3 * time.Minute

// stopLimit is how long Envoy may take to end before it is killed.
const stopLimit = 10 * time.Second

// pollEvery is how often the log and the admin interface are looked at.
const pollEvery = 20 * time.Millisecond

// ErrNoEnvoy means that there is no Envoy to run.
var ErrNoEnvoy = errors.New("no Envoy found: run make e2e, which fetches one, or set ENVOY to its path")

// Binary returns the path of the Envoy to run: the one that the variable ENVOY
// names, the one that make has put into the tree, or the one in PATH.
func Binary() (string, error) {
	if named := os.Getenv("ENVOY"); named != "" {
		if _, err := exec.LookPath(named); err != nil {
			return "", fmt.Errorf("ENVOY names no program: %w", err)
		}
		return named, nil
	}
	root, err := Root()
	if fetched := filepath.Join(root, ".tools", "envoy"); err == nil {
		if _, err := os.Stat(fetched); err == nil {
			return fetched, nil
		}
	}
	if installed, err := exec.LookPath("envoy"); err == nil {
		return installed, nil
	}
	return "", ErrNoEnvoy
}

// Root returns the folder of this module's go.mod, in or above the working
// directory.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("not inside the source tree: no go.mod in or above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}

// Envoy is a running proxy. Its methods are safe for concurrent use.
type Envoy struct {
	options Options
	dir     string
	cmd     *exec.Cmd
	keep    io.Closer // closing it ends Envoy
	exited  chan struct{}
	exitErr error
	stop    sync.Once
	started time.Time
	ready   time.Duration

	mu      sync.Mutex
	version int
	sites   map[string]string // host:port by name
	access  accessLog
	audit   auditLog
}

// Start writes the configuration, starts Envoy and waits until it accepts
// connections. The error of an Envoy that ends instead holds what it logged.
func Start(ctx context.Context, o Options) (*Envoy, error) {
	binary, err := Binary()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tabard-envoy-")
	if err != nil {
		return nil, err
	}
	e := &Envoy{options: o, dir: dir, exited: make(chan struct{})}
	if err = e.write(o.Sites); err == nil {
		err = e.launch(binary)
	}
	if err == nil {
		err = e.waitReady(ctx)
	}
	if err != nil {
		err = fmt.Errorf("start Envoy: %w", err)
		return nil, errors.Join(err, e.Stop())
	}
	return e, nil
}

// Validate runs `envoy --mode validate` on the sites' configuration, and
// returns what Envoy wrote.
func Validate(ctx context.Context, o Options) (log string, err error) {
	binary, err := Binary()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "tabard-envoy-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	e := &Envoy{options: o, dir: dir}
	if err := e.write(o.Sites); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, binary, "--mode", "validate", "-c", e.path("envoy.json")).CombinedOutput()
	return string(out), err
}

// supervise starts Envoy and ends it when standard input closes, which it also
// does when the test that started it is killed: no Envoy outlives its test.
const supervise = `exec 3<&0
"$@" </dev/null 3<&- &
echo $! >"$PIDFILE.part" && mv "$PIDFILE.part" "$PIDFILE"
envoy=$!
(cat <&3 >/dev/null; kill $envoy 2>/dev/null) &
wait $envoy`

func (e *Envoy) launch(binary string) error {
	e.cmd = exec.Command("/bin/sh", "-c", supervise, "envoy", binary,
		"-c", e.path("envoy.json"),
		"--admin-address-path", e.path("admin"),
		"--disable-hot-restart",
		"--concurrency", strconv.Itoa(max(1, e.options.Concurrency)),
		"--file-flush-interval-msec", "10",
		"--log-level", "warning",
		"--component-log-level", "wasm:info,config:info")
	e.cmd.Env = append(os.Environ(), "PIDFILE="+e.path("pid"))
	// Out of reach of the terminal's Ctrl-C: whoever started Envoy ends it.
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	access, err := os.Create(e.path(accessFile))
	if err != nil {
		return err
	}
	defer access.Close()
	log, err := os.Create(e.path("envoy.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	e.cmd.Stdout, e.cmd.Stderr = access, log
	if e.keep, err = e.cmd.StdinPipe(); err != nil {
		return err
	}
	e.started = time.Now()
	if err := e.cmd.Start(); err != nil {
		return err
	}
	go func() {
		e.exitErr = e.cmd.Wait()
		close(e.exited)
	}()
	return nil
}

// Stop ends Envoy, waits until it is gone and removes what it wrote. Calling
// it again does nothing.
func (e *Envoy) Stop() (err error) {
	e.stop.Do(func() {
		if e.keep != nil {
			_ = e.keep.Close()
			err = e.waitGone()
		}
		err = errors.Join(err, os.RemoveAll(e.dir))
	})
	return err
}

func (e *Envoy) waitGone() error {
	select {
	case <-e.exited:
		return nil
	case <-time.After(stopLimit):
	}
	pid, err := e.PID()
	if err != nil {
		return err
	}
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Kill()
	}
	<-e.exited
	return errors.Join(fmt.Errorf("Envoy did not end within %s and was killed", stopLimit), err)
}

// PID is Envoy's process id.
func (e *Envoy) PID() (int, error) {
	text, err := os.ReadFile(e.path("pid"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// ReadyAfter is the time from the start of the process until it accepted
// connections.
func (e *Envoy) ReadyAfter() time.Duration { return e.ready }

// Exited is closed when Envoy has ended, wanted or not.
func (e *Envoy) Exited() <-chan struct{} { return e.exited }

// Log returns what Envoy has logged so far, the filter's lines among it.
func (e *Envoy) Log() string { return e.read("envoy.log") }

// AccessLog returns the access log's lines so far; Envoy writes them a little
// after the exchange.
func (e *Envoy) AccessLog() string { return e.read(accessFile) }

func (e *Envoy) path(name string) string { return filepath.Join(e.dir, name) }

func (e *Envoy) read(name string) string {
	text, err := os.ReadFile(e.path(name))
	if err != nil {
		return err.Error()
	}
	return string(text)
}
