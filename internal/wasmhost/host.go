package wasmhost

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"tabard/filter"
)

// pluginID is the id of the plugin's context; the streams follow.
const pluginID = 1

// maxStderrBytes bounds what is kept of the module's standard error: the
// start of a Go crash says what happened.
const maxStderrBytes = 8 << 10

// Option changes how a module is compiled.
type Option func(*options)

type options struct{ cacheDir string }

// WithCacheDir keeps the machine code in dir, which is made when it is not
// there: the same module starts in a moment the next time.
func WithCacheDir(dir string) Option { return func(o *options) { o.cacheDir = dir } }

// Module is a compiled module. It may be opened any number of times, from any
// goroutine.
type Module struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	cache    wazero.CompilationCache
}

// Compile turns a wasm module into machine code, which takes some CPU seconds
// for the filter unless it comes out of the cache.
func Compile(ctx context.Context, wasm []byte, opts ...Option) (*Module, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	m := &Module{}
	config := wazero.NewRuntimeConfig()
	if o.cacheDir != "" {
		cache, err := wazero.NewCompilationCacheWithDir(o.cacheDir)
		if err != nil {
			return nil, fmt.Errorf("compilation cache %s: %w", o.cacheDir, err)
		}
		m.cache = cache
		config = config.WithCompilationCache(cache)
	}
	m.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	if err := m.prepare(ctx, wasm); err != nil {
		return nil, errors.Join(err, m.Close(ctx))
	}
	return m, nil
}

func (m *Module) prepare(ctx context.Context, wasm []byte) (err error) {
	if _, err = wasi_snapshot_preview1.Instantiate(ctx, m.runtime); err != nil {
		return fmt.Errorf("WASI: %w", err)
	}
	if err = instantiateImports(ctx, m.runtime); err != nil {
		return fmt.Errorf("proxy-wasm functions: %w", err)
	}
	if m.compiled, err = m.runtime.CompileModule(ctx, wasm); err != nil {
		return fmt.Errorf("compile the module: %w", err)
	}
	return nil
}

// Close frees the machine code; Hosts of the module are closed with it.
func (m *Module) Close(ctx context.Context) error {
	err := m.runtime.Close(ctx)
	if m.cache != nil {
		err = errors.Join(err, m.cache.Close(ctx))
	}
	return err
}

// Host is one virtual machine with one configured plugin. It is for one
// goroutine; a caller that wants more makes more.
type Host struct {
	module  api.Module
	owned   *Module // closed with the Host when Open compiled it
	call    map[string]api.Function
	stderr  limitedBuffer
	config  string
	metrics []metric
	stream  *stream // the one that the current callback is for; nil: the plugin
	lastID  uint32
	log     []Entry // of the plugin, outside of streams
	// recorded: the time of day was the last exchange's.
	recorded bool
	dead     error // a trap has ended the machine
}

// Open compiles a module and starts it with that plugin configuration.
func Open(ctx context.Context, wasm []byte, configuration string, opts ...Option) (*Host, error) {
	m, err := Compile(ctx, wasm, opts...)
	if err != nil {
		return nil, err
	}
	h, err := m.Open(ctx, configuration)
	if err != nil {
		return nil, errors.Join(err, m.Close(ctx))
	}
	h.owned = m
	return h, nil
}

// Open starts a virtual machine with that plugin configuration. When the
// module refuses it, the error holds what the module logged.
func (m *Module) Open(ctx context.Context, configuration string) (*Host, error) {
	h := &Host{config: configuration, call: map[string]api.Function{}, lastID: pluginID}
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize").
		WithWalltime(h.walltime, sys.ClockResolution(time.Microsecond)).WithSysNanotime().WithRandSource(rand.Reader).WithStderr(&h.stderr)
	module, err := m.runtime.InstantiateModule(withHost(ctx, h), m.compiled, config)
	if err != nil {
		return nil, fmt.Errorf("start the module: %w%s", err, h.stderr.note())
	}
	h.module = module
	if err := h.start(ctx); err != nil {
		return nil, errors.Join(err, h.Close(ctx))
	}
	return h, nil
}

// walltime is the module's clock: the time of the exchange that is played, if it
// has one, else the system's.
func (h *Host) walltime() (seconds int64, nanoseconds int32) {
	now := time.Now()
	if h.stream != nil && !h.stream.exchange.Conn.Started.IsZero() {
		now = h.stream.exchange.Conn.Started
	}
	return now.Unix(), int32(now.Nanosecond())
}

// callbacks are the functions of the module that are called here.
var callbacks = []string{
	"proxy_on_memory_allocate", "proxy_on_context_create", "proxy_on_vm_start", "proxy_on_configure", "proxy_on_tick",
	"proxy_on_request_headers", "proxy_on_request_body", "proxy_on_request_trailers",
	"proxy_on_response_headers", "proxy_on_response_body", "proxy_on_response_trailers",
	"proxy_on_log", "proxy_on_done", "proxy_on_delete",
}

func (h *Host) start(ctx context.Context) error {
	if h.module.ExportedFunction("proxy_abi_version_0_2_0") == nil && h.module.ExportedFunction("proxy_abi_version_0_2_1") == nil {
		return errors.New("the module is no proxy-wasm 0.2 module: build it with make dist/tabard.wasm")
	}
	for _, name := range callbacks {
		if h.call[name] = h.module.ExportedFunction(name); h.call[name] == nil {
			return fmt.Errorf("the module does not export %s", name)
		}
	}
	if _, err := h.invoke(ctx, "proxy_on_context_create", pluginID, 0); err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		size int
	}{{"proxy_on_vm_start", 0}, {"proxy_on_configure", len(h.config)}} {
		ok, err := h.invoke(ctx, step.name, pluginID, uint64(step.size))
		if err != nil {
			return err
		}
		if ok == 0 {
			return fmt.Errorf("the module refuses the configuration: %s", texts(h.log))
		}
	}
	// Envoy ticks a second after the start; what waits for it need not wait here.
	_, err := h.invoke(ctx, "proxy_on_tick", pluginID)
	return err
}

// texts joins log lines.
func texts(log []Entry) string {
	lines := make([]string, len(log))
	for i, entry := range log {
		lines[i] = entry.Text
	}
	return strings.Join(lines, "\n")
}

// Close ends the virtual machine.
func (h *Host) Close(ctx context.Context) error {
	err := h.module.Close(ctx)
	if h.owned != nil {
		err = errors.Join(err, h.owned.Close(ctx))
	}
	return err
}

// Metrics returns the module's counters by name; a histogram's value is the
// number of values recorded.
func (h *Host) Metrics() map[string]uint64 {
	values := map[string]uint64{}
	for _, m := range h.metrics {
		values[m.name] = m.value
	}
	return values
}

// MemoryBytes is the size of the virtual machine's memory, which never shrinks.
func (h *Host) MemoryBytes() int { return int(h.module.Memory().Size()) }

// PluginLog returns what the module logged outside of exchanges.
func (h *Host) PluginLog() []Entry { return h.log }

// invoke calls one of the module's functions. After a trap the machine is
// dead, as it is in Envoy, and every later call fails with the same error.
func (h *Host) invoke(ctx context.Context, name string, args ...uint64) (uint64, error) {
	if h.dead != nil {
		return 0, h.dead
	}
	results, err := h.call[name].Call(withHost(ctx, h), args...)
	if err != nil {
		h.dead = fmt.Errorf("the module died in %s: %w%s", name, err, h.stderr.note())
		return 0, h.dead
	}
	if len(results) == 0 {
		return 0, nil
	}
	return results[0], nil
}

// limitedBuffer keeps the start of what is written to it.
type limitedBuffer struct{ bytes.Buffer }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), maxStderrBytes-b.Len())])
	return len(p), nil
}

func (b *limitedBuffer) note() string {
	if b.Len() == 0 {
		return ""
	}
	return "\nits standard error: " + b.String()
}

// metric is a counter or histogram of the module.
type metric struct {
	kind  filter.MetricKind
	name  string
	value uint64
}

// hostKey finds the Host in the context of a call.
type hostKey struct{}

func withHost(ctx context.Context, h *Host) context.Context {
	return context.WithValue(ctx, hostKey{}, h)
}

func hostOf(ctx context.Context) *Host { return ctx.Value(hostKey{}).(*Host) }
