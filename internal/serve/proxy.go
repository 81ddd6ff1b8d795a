package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"tabard/engine"
)

// Options say what a Proxy works with.
type Options struct {
	// Engine judges the exchanges.
	Engine *engine.Engine
	// Upstream is http, https or h2c (HTTP/2 without TLS) with a host and,
	// optionally, a path to put in front of each request's.
	Upstream *url.URL
	// Audit gets one line of JSON for each exchange that was blocked, scored or
	// failed.
	Audit io.Writer
	// Log gets what an operator has to know.
	Log *log.Logger
	// Sources show in the metrics; nil for none.
	Sources Sources
}

// Sources are the sets of addresses and databases that change while the proxy
// runs. They are safe for concurrent use.
type Sources interface {
	// States says how old each is and what is in it.
	States() []engine.FeedState
	// Fetches counts the fetches and reads that have ended well, and the others.
	Fetches() (good, bad uint64)
}

const (
	// holdLimit is how long a body may take while it is held: a client that
	// sends a byte now and then must not keep memory and a goroutine for ever.
	// nginx's client_body_timeout has the same length.
	holdLimit = 60 * time.Second
	// writeLimit is how long a client may leave one write unread.
	writeLimit = 60 * time.Second
	// upstreamHeaderLimit is how long the upstream may take to begin its answer,
	// as nginx's proxy_read_timeout.
	upstreamHeaderLimit = 60 * time.Second
	// upstreamIdleConns is how many unused connections to the upstream are kept:
	// more than net/http's 2, which make most requests wait for a handshake.
	upstreamIdleConns = 256
	// chunkBytes is how much of a held body is read at once.
	chunkBytes = 32 << 10
)

// Proxy is an http.Handler that judges each exchange and forwards what passes.
type Proxy struct {
	engine    *engine.Engine
	base      *url.URL
	log       *log.Logger
	forward   *httputil.ReverseProxy
	metrics   *metrics
	holdLimit time.Duration

	auditLock sync.Mutex
	audit     io.Writer
}

// New returns a Proxy, or an error when the upstream's URL is of no use.
func New(o Options) (*Proxy, error) {
	base := *o.Upstream
	protocols := new(http.Protocols)
	switch base.Scheme {
	case "http":
		protocols.SetHTTP1(true)
	case "https":
		protocols.SetHTTP1(true)
		protocols.SetHTTP2(true)
	case "h2c":
		base.Scheme = "http"
		protocols.SetUnencryptedHTTP2(true)
	}
	if protocols.String() == "{}" || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("upstream %q: write it as http://host:port, https://host or h2c://host:port, with a path when it needs one", o.Upstream)
	}
	p := &Proxy{
		engine: o.Engine, base: &base, log: o.Log, audit: o.Audit,
		metrics: newMetrics(o.Sources), holdLimit: holdLimit,
	}
	p.forward = &httputil.ReverseProxy{
		Rewrite: p.rewrite, ModifyResponse: p.judgeResponse, ErrorHandler: p.forwardFailed,
		// Each piece goes to the client at once: server-sent events and gRPC
		// streams wait for nothing.
		FlushInterval: -1,
		ErrorLog:      o.Log,
		Transport: &http.Transport{
			Protocols: protocols, MaxIdleConnsPerHost: upstreamIdleConns, IdleConnTimeout: 90 * time.Second,
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: upstreamHeaderLimit,
			// The client's Accept-Encoding is the upstream's: a body is not to be
			// unpacked behind the engine's back.
			DisableCompression: true,
		},
	}
	return p, nil
}

// ServeHTTP implements http.Handler. A panic costs its own exchange only.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect:
		http.Error(w, "this is no forward proxy", http.StatusMethodNotAllowed)
		return
	case !strings.HasPrefix(r.RequestURI, "/") && r.URL.Host == "":
		// "x:y", "http:/y" or "*": it would be judged as one path and sent as another.
		http.Error(w, "the request target has no path", http.StatusBadRequest)
		return
	}
	out := &patientWriter{ResponseWriter: w, control: http.NewResponseController(w)}
	x := &exchange{proxy: p}
	defer x.finish()
	defer func() {
		if cause := recover(); cause != nil {
			x.panicked(out, cause)
		}
	}()
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	x.cancel = cancel
	r = r.WithContext(context.WithValue(ctx, exchangeKey{}, x))
	if x.judgeRequest(out, r) {
		p.forward.ServeHTTP(out, r)
	}
}

// exchangeKey finds the exchange in a request's context.
type exchangeKey struct{}

func exchangeOf(r *http.Request) *exchange { return r.Context().Value(exchangeKey{}).(*exchange) }

// trusts says whether the policy takes the peer of a request for a proxy. What
// any other peer says of the client does not reach the upstream.
func (p *Proxy) trusts(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && p.engine.TrustsPeer(peer.Addr())
}

// errBlocked ends a response that the verdict keeps from the client.
var errBlocked = errors.New("the response is blocked")

// judgeResponse is called with the upstream's response, before anything of it
// goes to the client. An error makes the ReverseProxy close it.
func (p *Proxy) judgeResponse(res *http.Response) error {
	return exchangeOf(res.Request).judgeResponse(res)
}

// forwardFailed answers the client in place of the upstream.
func (p *Proxy) forwardFailed(w http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(r)
	if errors.Is(err, errBlocked) {
		x.answer(w)
		return
	}
	if errors.Is(err, errFraming) {
		x.step(x.ex.RefuseBody)
		x.answer(w)
		return
	}
	status := http.StatusBadGateway
	var timeout net.Error
	switch {
	case errors.Is(r.Context().Err(), context.Canceled) && !errors.Is(context.Cause(r.Context()), errHeldTooLong):
		x.aborted = true // by the client; without the panic net/http would answer 200
		panic(http.ErrAbortHandler)
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(context.Cause(r.Context()), errHeldTooLong):
		status = http.StatusGatewayTimeout
	}
	p.metrics.add("tabard_upstream_errors_total")
	path, _, _ := strings.Cut(r.RequestURI, "?") // a query may hold secrets
	p.log.Printf("%s %s: upstream: %v", r.Method, path, err)
	http.Error(w, http.StatusText(status), status)
}

// writeAudit writes one line.
func (p *Proxy) writeAudit(line []byte) {
	p.auditLock.Lock()
	defer p.auditLock.Unlock()
	if _, err := p.audit.Write(append(line, '\n')); err != nil {
		p.log.Printf("audit line: %v", err)
	}
}

// patientWriter gives each write to the client a time limit of its own, since
// a stream has none as a whole. Between writes there is no limit: an event
// stream may be silent.
type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	begun   bool // a final head has been written
}

// WriteHeader notes the final head.
func (w *patientWriter) WriteHeader(status int) {
	w.begun = w.begun || status >= 200 || status == http.StatusSwitchingProtocols
	w.ResponseWriter.WriteHeader(status)
}

func (w *patientWriter) Write(b []byte) (n int, err error) {
	w.begun = true
	w.limited(func() { n, err = w.ResponseWriter.Write(b) })
	return n, err
}

// FlushError sends what has been written.
func (w *patientWriter) FlushError() (err error) {
	w.limited(func() { err = w.control.Flush() })
	return err
}

// Unwrap lets http.ResponseController find Hijack.
func (w *patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *patientWriter) limited(write func()) {
	// A writer that knows no deadlines, as in tests, writes without one.
	_ = w.control.SetWriteDeadline(time.Now().Add(writeLimit))
	write()
	_ = w.control.SetWriteDeadline(time.Time{})
}
