package wasmhost_test

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/internal/wasmhost"
	"tabard/rules"
)

// compiled builds and compiles the filter, once for all tests.
var compiled = sync.OnceValues(func() (*wasmhost.Module, error) {
	dir, err := os.MkdirTemp("", "tabard-wasmhost")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "tabard.wasm")
	build := exec.Command("go", "build", "-buildvcs=false", "-tags="+tags()+",tinygo", "-ldflags=-s -w", "-buildmode=c-shared", "-o", file, "tabard/filter/wasm")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, err
	}
	wasm, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return wasmhost.Compile(context.Background(), wasm)
})

// tags are the build tags of this test binary: the filter gets the same.
func tags() string {
	info, _ := debug.ReadBuildInfo()
	for _, setting := range info.Settings {
		if setting.Key == "-tags" {
			return setting.Value
		}
	}
	return "no_fs_access"
}

func open(t *testing.T, policy string) *wasmhost.Host {
	t.Helper()
	if testing.Short() {
		t.Skip("building and compiling the filter takes half a minute: run without -short")
	}
	module, err := compiled()
	require.NoError(t, err)
	host, err := module.Open(t.Context(), policy)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, host.Close(context.Background())) })
	return host
}

func get(target string) wasmhost.Exchange {
	return wasmhost.Exchange{
		Conn: engine.Conn{ID: "tx-1", Peer: netip.MustParseAddrPort("192.0.2.1:4711")},
		Request: engine.Request{
			Method: "GET", Target: target, Protocol: "HTTP/1.1", Scheme: "http", Authority: "shop.example",
			Headers: engine.Headers{{"user-agent", "Mozilla/5.0"}, {"accept", "*/*"}},
		},
	}
}

func post(contentType, body string) wasmhost.Exchange {
	x := get("/form")
	x.Request.Method = "POST"
	x.Request.Headers = append(x.Request.Headers, [2]string{"content-type", contentType})
	x.Body = []byte(body)
	return x
}

func with(x wasmhost.Exchange, change func(*wasmhost.Exchange)) wasmhost.Exchange {
	change(&x)
	return x
}

const form = "application/x-www-form-urlencoded"

var attacksAndTwins = map[string]wasmhost.Exchange{
	"a search":                        get("/search?q=union+of+selects"),
	"SQL injection in the query":      get("/search?q=1'+UNION+SELECT+password+FROM+users--"),
	"XSS in the query":                get("/?x=<script>alert(1)</script>"),
	"a path traversal":                get("/download?file=../../../../etc/passwd"),
	"a form":                          post(form, "name=O'Hara&age=3"),
	"SQL injection in a form":         post(form, "name=1'+UNION+SELECT+password+FROM+users--"),
	"JSON":                            post("application/json", `{"a":{"b":[1,2,"three"]}}`),
	"SQL injection in JSON":           post("application/json", `{"a":{"b":["1' OR '1'='1"]}}`),
	"broken JSON":                     post("application/json", `{"a":`),
	"a form in small pieces":          with(post(form, "name=1'+UNION+SELECT+password+FROM+users--"), func(x *wasmhost.Exchange) { x.ChunkBytes = 5 }),
	"a form with trailers":            with(post(form, "name=O'Hara"), func(x *wasmhost.Exchange) { x.Trailers = engine.Headers{{"x-sum", "1"}} }),
	"an attack before trailers":       with(post(form, "x=<script>alert(1)</script>"), func(x *wasmhost.Exchange) { x.Trailers = engine.Headers{{"x-sum", "1"}} }),
	"a scanner's user agent":          with(get("/"), func(x *wasmhost.Exchange) { x.Request.Headers = engine.Headers{{"user-agent", "sqlmap/1.0"}} }),
	"no Host, by its number a client": with(get("/"), func(x *wasmhost.Exchange) { x.Request.Authority = "192.0.2.7" }),
	"bytes that are no UTF-8":         get("/?q=\xff\xfe"),
	"an answered request": with(get("/"), func(x *wasmhost.Exchange) {
		x.Response = &wasmhost.Response{Status: 200, Headers: engine.Headers{{"content-type", "text/html"}}, Body: []byte("<p>hello</p>")}
	}),
	"a response that leaks SQL errors": with(get("/"), func(x *wasmhost.Exchange) {
		x.Response = &wasmhost.Response{
			Status: 200, Headers: engine.Headers{{"content-type", "text/html"}},
			Body: []byte("You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version"),
		}
	}),
}

const policy = `
crs: {paranoia_level: 1}
response_body: {inspect: true}
routes:
  - {name: form, path: /form, methods: [POST]}
`

// native plays an exchange on the engine itself.
func native(t *testing.T, x wasmhost.Exchange) engine.Verdict {
	p, err := engine.ParsePolicy("policy.yaml", []byte(policy))
	require.NoError(t, err)
	e, err := engine.New(p, rules.FS())
	require.NoError(t, err)
	ex := e.Begin(x.Conn)
	v := ex.RequestHeaders(x.Request, len(x.Body) == 0)
	if len(x.Body) > 0 && v.Action != engine.Block {
		v = ex.RequestBody(x.Body, len(x.Trailers) == 0)
	}
	if len(x.Trailers) > 0 && v.Action != engine.Block {
		v = ex.RequestTrailers(x.Trailers)
	}
	if r := x.Response; r != nil && v.Action != engine.Block {
		v = ex.ResponseHeaders(r.Status, x.Request.Protocol, r.Headers, len(r.Body) == 0)
		if v.Action != engine.Block {
			v = ex.ResponseBody(r.Body, true)
		}
	}
	return ex.End()
}

func TestTheModuleGivesTheEnginesVerdict(t *testing.T) {
	host := open(t, policy)
	blocked := 0
	for name, x := range attacksAndTwins {
		t.Run(name, func(t *testing.T) {
			want := native(t, x)
			got, err := host.Run(t.Context(), x)
			require.NoError(t, err)
			require.Equal(t, want.Action, got.Action)
			require.Equal(t, want.Status, got.Status)
			require.Equal(t, want.Phase, got.Phase)
			require.Equal(t, want.Score, got.Score)
			require.Equal(t, want.IDs(), append([]int{}, got.Rules...))
			require.Equal(t, want.Route, got.Route)
			require.Equal(t, "tx-1", got.TransactionID)
			require.Equal(t, want.Action == engine.Block, got.Reply != nil)
			require.Equal(t, want.Action != engine.Block || want.Phase > 2, got.RequestSent, "a blocked request never goes on")
			require.Equal(t, x.Response != nil && want.Action != engine.Block, got.ResponseSent)
			require.Equal(t, want.Action != engine.Pass, len(got.Log) == 1 && strings.HasPrefix(got.Log[0].Text, `tabard audit {"`), got.Log)
			if want.Action == engine.Block {
				blocked++
			}
		})
	}
	require.EqualValues(t, blocked, host.Metrics()["tabard.requests.outcome.block"])
	require.EqualValues(t, len(attacksAndTwins), host.Metrics()["tabard.exchange_us"])
	require.Greater(t, blocked, 5)
	require.Zero(t, host.Metrics()["tabard.requests.outcome.error"])
}

func TestAWrongPolicyIsRefusedWithItsPlace(t *testing.T) {
	if testing.Short() {
		t.Skip("building and compiling the filter takes half a minute: run without -short")
	}
	module, err := compiled()
	require.NoError(t, err)
	_, err = module.Open(t.Context(), "mode: block\nparanoia: 2\n")
	require.ErrorContains(t, err, `the module refuses the configuration: tabard: plugin configuration:2:1: unknown key "paranoia"`)
}

func TestABodyOverTheLimitIsRefused(t *testing.T) {
	host := open(t, "crs: {enabled: false}\nrequest_body: {limit_bytes: 1000}\n")
	x := post("text/plain", strings.Repeat("x", 1001))
	x.ChunkBytes = 300
	got, err := host.Run(t.Context(), x)
	require.NoError(t, err)
	require.Equal(t, 413, got.Status)
	require.Equal(t, "tabard_body_limit", got.Reply.Details)
	require.False(t, got.RequestSent)

	x.Body = x.Body[:1000]
	got, err = host.Run(t.Context(), x)
	require.NoError(t, err)
	require.True(t, got.RequestSent)
}

func TestManyExchangesUseOneMachine(t *testing.T) {
	host := open(t, "crs: {enabled: false}\n")
	for range 1000 {
		got, err := host.Run(t.Context(), post(form, strings.Repeat("a=b&", 100)))
		require.NoError(t, err)
		require.Equal(t, engine.Pass, got.Action)
	}
	require.EqualValues(t, 1000, host.Metrics()["tabard.requests.outcome.pass"])
	require.Empty(t, host.PluginLog())
}

// What the policy lists and the filter cannot do is said once, when it loads, and
// refused with the status of what is not listed.
func TestTheFilterSaysThatItDoesNotTakeBrotliOff(t *testing.T) {
	host := open(t, "crs: {enabled: false}\nrequest_body: {encodings: [gzip, br]}\n")
	require.Len(t, host.PluginLog(), 1)
	require.Contains(t, host.PluginLog()[0].Text, "request_body.encodings lists br, which the filter does not take off")
	coded := func(name string) wasmhost.Exchange {
		return with(post(form, "\x0b\x01\x80a=b\x03"), func(x *wasmhost.Exchange) {
			x.Request.Headers = append(x.Request.Headers, [2]string{"content-encoding", name})
		})
	}
	for _, name := range []string{"br", "zstd"} {
		got, err := host.Run(t.Context(), coded(name))
		require.NoError(t, err)
		require.Equal(t, 415, got.Status, name)
		require.False(t, got.RequestSent, name)
	}
	got, err := host.Run(t.Context(), coded("identity"))
	require.NoError(t, err)
	require.True(t, got.RequestSent)
}

func TestAClosedMachineRefusesToRun(t *testing.T) {
	host := open(t, "crs: {enabled: false}\n")
	require.NoError(t, host.Close(context.Background()))
	_, err := host.Run(t.Context(), get("/"))
	require.ErrorContains(t, err, "the module died in proxy_on_context_create")
	_, again := host.Run(t.Context(), get("/"))
	require.Equal(t, err, again)
}

func TestWhatIsNoFilterIsRefused(t *testing.T) {
	_, err := wasmhost.Open(t.Context(), []byte("nothing"), "")
	require.ErrorContains(t, err, "compile the module")
	_, err = wasmhost.Open(t.Context(), []byte("\x00asm\x01\x00\x00\x00"), "", wasmhost.WithCacheDir(t.TempDir()))
	require.ErrorContains(t, err, "no proxy-wasm 0.2 module")
}
