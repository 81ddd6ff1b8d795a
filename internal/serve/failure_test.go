package serve

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

func TestAPanicCostsItsOwnExchangeOnly(t *testing.T) {
	var broken atomic.Bool
	s := start(t, setup{handler: echo, options: []engine.Option{engine.WithIDs(func() string {
		if broken.Load() {
			panic("boom")
		}
		return "id"
	})}})
	for _, c := range []struct {
		broken bool
		status int
	}{{false, 200}, {true, 500}, {false, 200}} {
		broken.Store(c.broken)
		res, text := s.do("GET", "/", nil)
		require.Equal(t, c.status, res.StatusCode)
		require.NotContains(t, text, "boom")
	}
	require.EqualValues(t, 2, s.arrived.Load())
	require.Contains(t, s.log.String(), "boom")
	require.Equal(t, "1", s.metric("tabard_internal_errors_total"))
}

// failingAudit panics, as a step of our own after the verdict.
type failingAudit struct{}

func (failingAudit) Write([]byte) (int, error) { panic("disk on fire") }

func TestAPanicAfterTheVerdictAnswersWith500(t *testing.T) {
	s := start(t, setup{handler: echo})
	s.proxy.audit = failingAudit{}
	res, _ := s.do("GET", "/?see=1", nil) // the audit line is written with the response's head
	require.Equal(t, 500, res.StatusCode)
	res, _ = s.do("GET", "/", nil)
	require.Equal(t, 200, res.StatusCode)
}

func TestAnUpstreamThatIsDownIsABadGateway(t *testing.T) {
	eachProtocol(t, setup{handler: echo}, func(t *testing.T, s *site) {
		s.upstream.Close()
		res, text := s.do("GET", "/", nil)
		require.Equal(t, 502, res.StatusCode)
		require.Equal(t, "Bad Gateway\n", text)
		require.Equal(t, "1", s.metric("tabard_upstream_errors_total"))
	})
}

func TestAnUpstreamThatBreaksOffCutsTheAnswer(t *testing.T) {
	for name, contentType := range map[string]string{"held": "text/html", "not held": "image/png"} {
		t.Run(name, func(t *testing.T) {
			s := start(t, setup{handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", contentType)
				_, _ = io.WriteString(w, "part")
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}})
			res, err := s.client.Get(s.url)
			require.NoError(t, err)
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if name == "held" {
				require.NoError(t, err)
				require.Equal(t, 502, res.StatusCode)
				require.NotContains(t, string(body), "part")
				return
			}
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		})
	}
}

func TestAClientThatGoesAwayReachesNobody(t *testing.T) {
	s := start(t, setup{handler: echo})
	c := s.dial()
	_, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\npart")
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.Eventually(t, func() bool { return s.metric(`tabard_requests_total{outcome="aborted"}`) == "1" }, 10*time.Second, time.Millisecond)
	require.Zero(t, s.arrived.Load())
}

func TestABodyThatTakesTooLongIsRefused(t *testing.T) {
	s := start(t, setup{handler: echo})
	s.proxy.holdLimit = 20 * time.Millisecond
	require.Contains(t, s.raw("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\npart"), "HTTP/1.1 408 ")
	require.Zero(t, s.arrived.Load())
}

func TestABrokenChunkIsABadRequest(t *testing.T) {
	s := start(t, setup{handler: echo})
	require.Contains(t, s.raw("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"), "HTTP/1.1 400 ")
	require.Zero(t, s.arrived.Load())
}

func TestAHeldResponseThatTakesTooLongIsATimeout(t *testing.T) {
	release := make(chan struct{})
	s := start(t, setup{handler: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "part")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}})
	defer close(release)
	s.proxy.holdLimit = 20 * time.Millisecond
	res, text := s.do("GET", "/", nil)
	require.Equal(t, 504, res.StatusCode)
	require.NotContains(t, text, "part")
}

func TestMetricsOfRulesAreBounded(t *testing.T) {
	m := newMetrics(nil)
	for id := range maxRuleMetrics + 5 {
		m.exchange(engine.Verdict{Action: engine.Detect, Matches: []engine.Match{{ID: id + 1}}}, false, 0)
	}
	m.exchange(engine.Verdict{Action: engine.Block, Phase: 2, Matches: []engine.Match{{ID: 1}}}, false, 2*time.Second)
	m.exchange(engine.Verdict{Action: engine.Block, Reason: engine.ReasonInternalError}, false, time.Millisecond)
	var b strings.Builder
	m.write(&b)
	for _, line := range []string{
		`tabard_rule_hits_total{rule="1"} 2`, `tabard_rule_hits_total{rule="other"} 5`, `tabard_blocked_total{phase="2"} 1`,
		`tabard_requests_total{outcome="error"} 1`, "# TYPE tabard_inspection_seconds histogram",
		`tabard_inspection_seconds_bucket{le="0.0001"} 205`, `tabard_inspection_seconds_bucket{le="0.001"} 206`,
		`tabard_inspection_seconds_bucket{le="1"} 206`, `tabard_inspection_seconds_bucket{le="+Inf"} 207`, "tabard_inspection_seconds_count 207",
	} {
		require.Contains(t, b.String(), line+"\n")
	}
}

func TestTheServerFinishesWhatRunsAndStops(t *testing.T) {
	running, release := make(chan struct{}), make(chan struct{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(running)
			<-release
			_, _ = io.WriteString(w, "done")
		}), nil, log.New(io.Discard, "", 0))
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	require.NoError(t, err)
	<-running
	cancel()
	require.Eventually(t, func() bool {
		late, err := net.Dial("tcp", l.Addr().String())
		if err == nil {
			_ = late.Close()
		}
		return err != nil
	}, 10*time.Second, time.Millisecond, "nothing new is taken")
	close(release)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, "done", string(body))
	require.NoError(t, <-ended)
}

func TestTheServerSpeaksHTTP2WithAndWithoutTLS(t *testing.T) {
	forTLS := httptest.NewUnstartedServer(nil)
	forTLS.StartTLS() // for its certificate
	t.Cleanup(forTLS.Close)
	for scheme, secure := range map[string]*tls.Config{
		"http":  nil,
		"https": {Certificates: forTLS.TLS.Certificates},
	} {
		t.Run(scheme, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				ended <- Serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.WriteString(w, r.Proto+" "+r.RequestURI)
				}), secure, log.New(io.Discard, "", 0))
			}()
			transport := forTLS.Client().Transport.(*http.Transport).Clone()
			transport.Protocols = new(http.Protocols)
			transport.Protocols.SetUnencryptedHTTP2(true)
			transport.Protocols.SetHTTP2(true)
			r, err := http.NewRequest("OPTIONS", scheme+"://"+l.Addr().String(), nil)
			require.NoError(t, err)
			r.URL.Opaque = "*"
			res, err := (&http.Client{Transport: transport}).Do(r)
			require.NoError(t, err)
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			require.Equal(t, "HTTP/2.0 *", string(body))
			transport.CloseIdleConnections()
			cancel()
			require.NoError(t, <-ended)
		})
	}
}
