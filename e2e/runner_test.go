package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tabard/e2e/envoyrun"
	"tabard/e2e/function"
	"tabard/engine"
	"tabard/internal/wasmhost"
	"tabard/rules"
)

// exchange is one request as every runner plays it.
type exchange struct {
	name    string // unique; the case header says it
	policy  string // a key of policies
	request engine.Request
	body    []byte
}

// verdict is what runners are compared by.
type verdict struct {
	Action engine.Action
	Status int // of a block
	Score  int
	Rules  []int
}

// runner plays an exchange somewhere.
type runner interface {
	Run(ctx context.Context, x exchange) (verdict, error)
}

// errNotTaken means that the proxy refused the bytes itself: it is no HTTP
// request to it, so no rule sees it.
var errNotTaken = errors.New("refused by Envoy itself")

// firstResponseRule starts CRS's rules about responses. The runners here have
// different ones, or none.
const firstResponseRule = 950000

func aboutRequest(ids []int) (out []int) {
	for _, id := range ids {
		if id < firstResponseRule || id >= 960000 {
			out = append(out, id)
		}
	}
	return out
}

// perPolicy makes one of something a policy, when it is first asked for.
type perPolicy[T any] struct {
	mu    sync.Mutex
	made  map[string]T
	build func(policy string) (T, error)
}

func (p *perPolicy[T]) get(name string) (T, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one, ok := p.made[name]; ok {
		return one, nil
	}
	one, err := p.build(name)
	if err == nil {
		if p.made == nil {
			p.made = map[string]T{}
		}
		p.made[name] = one
	}
	return one, err
}

// engineRunner is the engine in this process.
type engineRunner struct{ engines perPolicy[*engine.Engine] }

func newEngineRunner(policies map[string]string) *engineRunner {
	return &engineRunner{perPolicy[*engine.Engine]{build: func(name string) (*engine.Engine, error) {
		policy, err := engine.ParsePolicy(name, []byte(policies[name]))
		if err != nil {
			return nil, err
		}
		return engine.New(policy, rules.FS())
	}}}
}

// peer is the client that every runner sees.
var peer = netip.MustParseAddrPort("127.0.0.1:40000")

func (r *engineRunner) Run(_ context.Context, x exchange) (verdict, error) {
	e, err := r.engines.get(x.policy)
	if err != nil {
		return verdict{}, err
	}
	ex := e.Begin(engine.Conn{Peer: peer})
	ex.RequestHeaders(x.request, len(x.body) == 0)
	if ex.HoldRequest() {
		ex.RequestBody(x.body, true)
	}
	v := ex.End()
	return verdict{v.Action, v.Status, v.Score, aboutRequest(v.IDs())}, v.Err
}

// wasmRunner is dist/tabard.wasm under wazero. One exchange runs at a time.
type wasmRunner struct {
	mu    sync.Mutex
	hosts perPolicy[*wasmhost.Host]
}

func newWasmRunner(ctx context.Context, policies map[string]string) (*wasmRunner, error) {
	root, err := envoyrun.Root()
	if err != nil {
		return nil, err
	}
	binary, err := os.ReadFile(filepath.Join(root, "dist", "tabard.wasm"))
	if err != nil {
		return nil, err
	}
	module, err := wasmhost.Compile(ctx, binary, wasmhost.WithCacheDir(filepath.Join(root, "dist", "wazero")))
	if err != nil {
		return nil, err
	}
	return &wasmRunner{hosts: perPolicy[*wasmhost.Host]{build: func(name string) (*wasmhost.Host, error) {
		return module.Open(ctx, policies[name])
	}}}, nil
}

func (r *wasmRunner) Run(ctx context.Context, x exchange) (verdict, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	host, err := r.hosts.get(x.policy)
	if err != nil {
		return verdict{}, err
	}
	got, err := host.Run(ctx, wasmhost.Exchange{Conn: engine.Conn{Peer: peer}, Request: asEnvoySees(x.request), Body: x.body})
	return verdict{got.Action, got.Status, got.Score, aboutRequest(got.Rules)}, err
}

// asEnvoySees has the Host as a pseudo-header and names in lower case.
func asEnvoySees(r engine.Request) engine.Request {
	headers := engine.Headers{}
	for _, line := range r.Headers {
		if name := strings.ToLower(line[0]); name != "host" {
			headers = append(headers, [2]string{name, line[1]})
		}
	}
	r.Headers = headers
	return r
}

// envoyRunner is a real Envoy, with a site a policy.
type envoyRunner struct{ *proxy }

// arrivedThough is an error that no runner may make.
type arrivedThough struct{ name string }

func (e arrivedThough) Error() string {
	return e.name + " was blocked and reached the function all the same"
}

func (r envoyRunner) Run(ctx context.Context, x exchange) (verdict, error) {
	send := sendH1
	if strings.HasPrefix(x.request.Protocol, "HTTP/2") {
		send = sendH2
	}
	x.request.Headers = append(slices.Clone(x.request.Headers), [2]string{function.CaseHeader, x.name})
	status, err := send(r.Addr(x.policy), x)
	if err != nil {
		return verdict{}, fmt.Errorf("%w: %w", errNotTaken, err)
	}
	line, err := r.accessLineOf(ctx, x.name, status)
	if err != nil {
		return verdict{}, err
	}
	if line["verdict"] == nil {
		return verdict{}, fmt.Errorf("%w: %v", errNotTaken, line["details"])
	}
	v := verdict{Action: engine.Action(fmt.Sprint(line["verdict"])), Score: number(line["score"])}
	if v.Action == engine.Block {
		v.Status = status
		if len(r.function.Arrived(x.name)) > 0 {
			return v, arrivedThough{x.name}
		}
	}
	if text, ok := line["rules"].(string); ok {
		for _, id := range strings.Split(text, ",") {
			v.Rules = append(v.Rules, number(id))
		}
	}
	v.Rules = aboutRequest(v.Rules)
	return v, nil
}

// accessLineOf waits for the line about an exchange. Where Envoy could not read
// the head, the line does not name the case.
func (r envoyRunner) accessLineOf(ctx context.Context, name string, status int) (map[string]any, error) {
	wait := patience
	if status == http.StatusBadRequest || status == http.StatusRequestHeaderFieldsTooLarge {
		wait = refusalPatience
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	line, err := r.AccessLine(ctx, name)
	if err != nil && wait == refusalPatience {
		return nil, fmt.Errorf("%w: status %d", errNotTaken, status)
	}
	return line, err
}

// number reads filter state; what is not set is 0.
func number(value any) int {
	text, _ := value.(string)
	n, _ := strconv.Atoi(text)
	return n
}

// sendH1 writes the request's bytes as they are.
func sendH1(addr string, x exchange) (status int, err error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", x.request.Method, x.request.Target)
	for _, line := range x.request.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", line[0], line[1])
	}
	b.WriteString("\r\n" + string(x.body))
	got, _, err := sendRaw(addr, x.request.Method, []byte(b.String()))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, err
	}
	return got.StatusCode, nil
}
