package serve

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// shown is an upstream that shows the head it got.
func shown(w http.ResponseWriter, r *http.Request) {
	_ = json.NewEncoder(w).Encode(map[string]any{"target": r.RequestURI, "host": r.Host, "headers": r.Header})
}

// seesContentType and seesHost are policies that log what the rules get.
const (
	seesContentType = `crs: {enabled: false}
directives: [{inline: 'SecRule REQUEST_HEADERS:Content-Type "@rx ." "id:1,phase:1,log,pass"'}]`
	seesHost = `crs: {enabled: false}
directives: [{inline: 'SecRule REQUEST_HEADERS:Host|SERVER_NAME "@rx ." "id:1,phase:1,log,pass,multiMatch"'}]`
)

func TestOnlyAWebSocketSwitchesProtocols(t *testing.T) {
	for _, protocol := range []string{"h2c", "tls/1.3", "websocket, h2c"} {
		t.Run(protocol+" is not asked for upstream", func(t *testing.T) {
			s := start(t, setup{handler: shown})
			answer := s.raw("GET /?see=1 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nHTTP2-Settings: AAMAAABk\r\nUpgrade: " + protocol + "\r\n\r\n")
			require.Contains(t, answer, "HTTP/1.1 200 ")
			require.NotContains(t, answer, "Upgrade")
		})
		t.Run(protocol+" is not let through when the upstream switches all the same", func(t *testing.T) {
			s := start(t, setup{handler: func(w http.ResponseWriter, r *http.Request) {
				r.Header.Set("Upgrade", protocol)
				upgrade(w, r)
			}})
			answer := s.raw("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: " + protocol + "\r\n\r\n")
			require.Contains(t, answer, "HTTP/1.1 502 ")
		})
	}
}

func TestWhatConnectionNamesIsNeitherJudgedNorSent(t *testing.T) {
	s := start(t, setup{policy: seesContentType, handler: shown})
	answer := s.raw("POST / HTTP/1.1\r\nHost: h\r\nConnection: close, content-type\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
	require.Contains(t, answer, "HTTP/1.1 200 ")
	require.NotContains(t, answer, "application/json")
	require.Empty(t, s.audit.String())
	answer = s.raw("POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
	require.Contains(t, answer, "application/json")
	require.Contains(t, s.audit.String(), "application/json")
}

func TestATargetWithoutAPathIsRefused(t *testing.T) {
	s := start(t, setup{handler: shown})
	for _, target := range []string{"foo:bar?x", "http:/admin", "http:///admin", "*"} {
		require.Contains(t, s.raw("GET "+target+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), "HTTP/1.1 400 ", target)
	}
	require.Zero(t, s.arrived.Load())
}

func TestTheAuthorityIsJudgedAndSentNotAHostBesideIt(t *testing.T) {
	s := start(t, setup{policy: seesHost, handler: shown, http2: true})
	c, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) //nolint:gosec // a test server
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, http2.ClientPreface)
	require.NoError(t, err)
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, kv := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "real.example"}, {":path", "/"}, {"host", "other.example"}} {
		require.NoError(t, encoder.WriteField(hpack.HeaderField{Name: kv[0], Value: kv[1]}))
	}
	framer := http2.NewFramer(c, bufio.NewReader(c))
	require.NoError(t, framer.WriteSettings())
	require.NoError(t, framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}))
	for {
		frame, err := framer.ReadFrame()
		require.NoError(t, err)
		if data, ok := frame.(*http2.DataFrame); ok {
			require.Contains(t, string(data.Data()), `"host":"real.example"`)
			break
		}
	}
	require.Contains(t, s.audit.String(), "real.example")
	require.NotContains(t, s.audit.String(), "other.example")
}

func TestASecretInTheQueryIsNotLoggedWhenTheUpstreamIsGone(t *testing.T) {
	s := start(t, setup{handler: shown})
	s.upstream.Close()
	res, _ := s.do("GET", "/x?pin=s3cr3t", nil)
	require.Equal(t, 502, res.StatusCode)
	require.Contains(t, s.log.String(), "GET /x: upstream: ")
	require.NotContains(t, s.log.String(), "s3cr3t")
}

func TestTwoTrustedProxiesMayHaveOneAddress(t *testing.T) {
	s := start(t, setup{policy: testPolicy + "client_address: {trusted_hops: 2}\n", handler: shown})
	res, _ := s.do("GET", "/", nil, "X-Forwarded-For", "192.0.2.1, 203.0.113.9, 127.0.0.1")
	require.Equal(t, 403, res.StatusCode, "the client is 203.0.113.9, whatever stands left of it")
	require.Equal(t, "203.0.113.9", s.lastAudit()["client"])
}

func TestAClientThatWaitsForContinueGetsItOnce(t *testing.T) {
	s := start(t, setup{handler: echo})
	c := s.dial()
	_, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\na=b")
	require.NoError(t, err)
	text, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(text), "100 Continue"))
	require.Contains(t, string(text), "HTTP/1.1 200 ")
}

func TestAClientThatHasGoneGetsNoAnswerOfSuccess(t *testing.T) {
	release := make(chan struct{})
	s := start(t, setup{handler: func(http.ResponseWriter, *http.Request) { <-release }})
	defer close(release)
	c := s.dial()
	_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, c.(interface{ CloseWrite() error }).CloseWrite())
	text, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Empty(t, string(text))
}
