package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/e2e/function"
)

// patience bounds each exchange, so that a stream that hangs fails its own
// test. It is long, because two cores may serve much else at the same time.
const patience = 60 * time.Second

// client speaks one protocol with Envoy.
type client struct {
	protocol string
	http     *http.Client
}

// clients are one for HTTP/1.1 and one for HTTP/2 without TLS.
func clients() []client {
	return []client{{"HTTP1", newClient(false)}, {"HTTP2", newClient(true)}}
}

func newClient(two bool) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!two)
	protocols.SetUnencryptedHTTP2(two)
	return &http.Client{
		Transport:     &http.Transport{Protocols: protocols, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// request is what a test sends.
type request struct {
	method string // GET, or POST when there is a body
	path   string
	header [][2]string
	body   string
	// pieces are sent one after another without a Content-Length.
	pieces  []string
	trailer [][2]string
}

// response is what came back.
type response struct {
	status  int
	header  http.Header
	body    string
	trailer http.Header
}

// send sends a request under the test's own case, so that arrivals can count
// it, and reads the whole response.
func (c client) send(t *testing.T, addr string, r request) response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got, err := c.http.Do(r.build(t, ctx, addr))
	require.NoError(t, err)
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	return response{got.StatusCode, got.Header, string(body), got.Trailer}
}

func (r request) build(t *testing.T, ctx context.Context, addr string) *http.Request {
	t.Helper()
	method := r.method
	if method == "" {
		method = http.MethodGet
		if r.body != "" || len(r.pieces) > 0 {
			method = http.MethodPost
		}
	}
	var body io.Reader
	switch {
	case len(r.pieces) > 0 || r.trailer != nil:
		body = &inPieces{pieces: append([]string{r.body}, r.pieces...)}
	case r.body != "":
		body = bytes.NewReader([]byte(r.body))
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+addr+r.path, body)
	require.NoError(t, err)
	request.Host = "shop.example" // CRS minds an address for a name
	request.Header.Set("User-Agent", "Mozilla/5.0 (e2e)")
	request.Header.Set("Accept", "*/*")
	request.Header.Set(function.CaseHeader, caseOf(t))
	for _, line := range r.header {
		if http.CanonicalHeaderKey(line[0]) == "Host" {
			request.Host = line[1]
			continue
		}
		request.Header.Add(line[0], line[1])
	}
	for _, line := range r.trailer {
		if request.Trailer == nil {
			request.Trailer = http.Header{}
		}
		request.Trailer.Add(line[0], line[1])
	}
	return request
}

// inPieces gives one piece a Read, with a pause in between, so that each one
// is a chunk or a frame of its own.
type inPieces struct{ pieces []string }

func (p *inPieces) Read(b []byte) (int, error) {
	for len(p.pieces) > 0 && p.pieces[0] == "" {
		p.pieces = p.pieces[1:]
		time.Sleep(5 * time.Millisecond)
	}
	if len(p.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.pieces[0])
	p.pieces[0] = p.pieces[0][n:]
	return n, nil
}

// caseOf names a test in the case header, in letters that no rule minds.
func caseOf(t *testing.T) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(t.Name()))
	return fmt.Sprintf("case-%x", h.Sum64())
}

// arrivals are this test's requests that the function has seen.
func arrivals(t *testing.T) []function.Arrival {
	t.Helper()
	return shared(t).function.Arrived(caseOf(t))
}

// sendRaw writes bytes as they are and reads one response to a request of the
// given method. A connection that is closed without one is an error.
func sendRaw(addr, method string, raw []byte) (*http.Response, []byte, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, nil, err
	}
	if _, err := conn.Write(raw); err != nil {
		return nil, nil, err
	}
	got, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return nil, nil, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	return got, body, err
}
