// Package function is what stands behind the proxy in tests, demo and
// benchmark: the upstream that must never see a blocked exchange, so it counts
// every request that arrives.
package function

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/mccutchen/go-httpbin/v2/httpbin"

	"tabard/e2e/envoyrun"
)

// CaseHeader names the request header whose value a request is counted under.
const CaseHeader = envoyrun.CaseHeader

// Function is a running upstream that speaks HTTP/1.1 and HTTP/2 without TLS.
// Its methods are safe for concurrent use.
type Function struct {
	listener net.Listener
	server   *http.Server
	extra    *http.ServeMux

	mu      sync.Mutex
	total   int
	arrived map[string][]Arrival
}

// Arrival is what the function saw of one request.
type Arrival struct {
	// Request is the head; its body is read and gone.
	Request *http.Request
	// Body is filled when the handler has read the body to its end.
	Body []byte
}

// Start starts a function on a free port of the loopback: go-httpbin with a
// few paths of our own (addOwn).
func Start() (*Function, error) {
	f, err := StartWith(httpbin.New().Handler())
	if err == nil {
		f.addOwn()
	}
	return f, err
}

// StartWith starts a function that is a handler and nothing else.
func StartWith(h http.Handler) (*Function, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the function: %w", err)
	}
	f := &Function{listener: listener, extra: http.NewServeMux(), arrived: map[string][]Arrival{}}
	f.extra.Handle("/", h)
	f.server = &http.Server{Handler: http.HandlerFunc(f.serve), Protocols: new(http.Protocols)}
	f.server.Protocols.SetHTTP1(true)
	f.server.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = f.server.Serve(listener) }()
	return f, nil
}

// Handle adds a path; the pattern is http.ServeMux's. Call it before the first
// request.
func (f *Function) Handle(pattern string, h http.HandlerFunc) { f.extra.HandleFunc(pattern, h) }

// Addr returns host:port.
func (f *Function) Addr() string { return f.listener.Addr().String() }

// Stop ends the function and all its connections.
func (f *Function) Stop() error { return f.server.Close() }

// Total returns how many requests have arrived.
func (f *Function) Total() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.total
}

// Arrived returns the requests that came with the case header.
func (f *Function) Arrived(name string) []Arrival {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Arrival(nil), f.arrived[name]...)
}

// serve counts a request at its head, before anything can go wrong with it.
func (f *Function) serve(w http.ResponseWriter, r *http.Request) {
	name := r.Header.Get(CaseHeader)
	f.mu.Lock()
	f.total++
	index := len(f.arrived[name])
	f.arrived[name] = append(f.arrived[name], Arrival{Request: r})
	f.mu.Unlock()
	if r.Body != nil && name != "" {
		r.Body = &recorder{ReadCloser: r.Body, done: func(body []byte) {
			f.mu.Lock()
			f.arrived[name][index].Body = body
			f.mu.Unlock()
		}}
	}
	f.extra.ServeHTTP(w, r)
}

// recorder keeps what a handler reads of a body.
type recorder struct {
	io.ReadCloser
	body []byte
	done func([]byte)
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.body = append(r.body, p[:n]...)
	if errors.Is(err, io.EOF) {
		r.done(r.body)
	}
	return n, err
}

// addOwn adds the paths that httpbin does not have.
func (f *Function) addOwn() {
	// A database error, as PHP programs show it: CRS calls that a leak.
	f.Handle("/leak", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, Leak)
	})
	// The same in pieces, with a pause in which a proxy could let some of it out.
	f.Handle("/leak/slowly", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		for _, b := range []byte(Leak) {
			_, _ = w.Write([]byte{b})
			_ = http.NewResponseController(w).Flush()
			time.Sleep(time.Millisecond)
		}
	})
	f.Handle("/events", serveEvents)
	// A gRPC service that says what it hears.
	f.Handle("/echo.Echo/", serveEcho)
}

// Leak is a page with a database error that CRS rule 951230 knows.
const Leak = `<p><b>Warning</b>: mysql_query(): You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax to use near '1' at line 1</p>`

// serveEvents sends one event and then nothing until the client goes, so a
// client that sees the event has seen it before the end of the stream.
func serveEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, "data: first\n\n")
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// serveEcho sends each piece of a body back as it comes, and the status in a
// trailer, as gRPC does.
func serveEcho(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status")
	defer w.Header().Set("Grpc-Status", "0")
	control := http.NewResponseController(w)
	_ = control.Flush()
	piece := make([]byte, 4096)
	for {
		n, err := r.Body.Read(piece)
		if n > 0 {
			_, _ = w.Write(piece[:n])
			_ = control.Flush()
		}
		if err != nil {
			return
		}
	}
}
