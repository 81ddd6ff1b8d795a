package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/e2e/function"
)

// grpcMessage frames a message as gRPC does. Its bytes would be an attack if
// somebody took them for text.
func grpcMessage(text string) []byte {
	frame := make([]byte, 5, 5+len(text))
	binary.BigEndian.PutUint32(frame[1:], uint32(len(text)))
	return append(frame, text...)
}

// A stream of messages must flow while both sides are open: a filter that
// waited for the end would wait for ever.
func TestGRPCFlowsInBothDirections(t *testing.T) {
	t.Parallel()
	p := shared(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	before, err := p.Counter(ctx, "wasmcustom.tabard.uninspected_bytes.reason.grpc")
	require.NoError(t, err)
	reader, writer := io.Pipe()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.Addr("sample")+"/echo.Echo/Talk", reader)
	require.NoError(t, err)
	for _, line := range [][2]string{{"Content-Type", "application/grpc"}, {"TE", "trailers"}, {"User-Agent", "grpc-go/1.80"}, {function.CaseHeader, caseOf(t)}} {
		request.Header.Set(line[0], line[1])
	}
	got, err := newClient(true).Do(request)
	require.NoError(t, err)
	defer got.Body.Close()
	require.Equal(t, http.StatusOK, got.StatusCode)
	sent := 0
	for i := range 3 {
		message := grpcMessage(fmt.Sprintf("message %d: <script>alert(1)</script> ' OR '1'='1", i))
		_, err := writer.Write(message)
		require.NoError(t, err)
		echo := make([]byte, len(message))
		_, err = io.ReadFull(got.Body, echo)
		require.NoError(t, err, "the echo of message %d comes while the stream is open", i)
		require.Equal(t, message, echo)
		sent += len(message)
	}
	require.NoError(t, writer.Close())
	_, err = io.ReadAll(got.Body)
	require.NoError(t, err)
	require.Equal(t, "0", got.Trailer.Get("Grpc-Status"))
	require.Len(t, arrivals(t), 1)
	require.NoError(t, p.WaitFor(ctx, func() bool {
		now, err := p.Counter(ctx, "wasmcustom.tabard.uninspected_bytes.reason.grpc")
		return err == nil && now-before >= sent
	}), "bytes that nobody has inspected are counted")
}

// The head of a gRPC call is inspected like any other, and the answer is one
// that a gRPC client understands.
func TestABlockedGRPCCallNeverArrives(t *testing.T) {
	t.Parallel()
	got := clients()[1].send(t, shared(t).Addr("sample"), request{
		path: "/echo.Echo/Talk", body: string(grpcMessage("hello")),
		header: [][2]string{{"Content-Type", "application/grpc"}, {"TE", "trailers"}, {"X-Tenant", jndi}},
	})
	require.Equal(t, http.StatusOK, got.status, "gRPC says it in grpc-status")
	require.Equal(t, "7", got.header.Get("Grpc-Status"), "permission denied")
	require.Empty(t, arrivals(t))
}

// What is not made of gRPC messages goes no further than its head.
func TestABodyThatOnlyCallsItselfGRPCIsRefused(t *testing.T) {
	t.Parallel()
	got := clients()[1].send(t, shared(t).Addr("sample"), request{
		path: "/echo.Echo/Talk", body: `{"q":"' OR '1'='1"}`,
		header: [][2]string{{"Content-Type", "application/grpc"}, {"TE", "trailers"}},
	})
	require.Equal(t, "13", got.header.Get("Grpc-Status"), "400 as Envoy says it in gRPC: internal")
}

// What only calls itself gRPC is inspected: HTTP/1.1 carries none.
func TestAFormThatCallsItselfGRPCIsInspected(t *testing.T) {
	t.Parallel()
	got := clients()[0].send(t, shared(t).Addr("rules"), request{
		path: "/anything", body: "a=1", header: [][2]string{{"Content-Type", "application/grpc"}, {"x-deny", "phase2"}},
	})
	require.NotEqual(t, "0", got.header.Get("Grpc-Status"))
	require.Empty(t, arrivals(t))
}

func TestAWebSocketKeepsWorking(t *testing.T) {
	t.Parallel()
	conn, err := net.DialTimeout("tcp", shared(t).Addr("sample"), patience)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = fmt.Fprintf(conn, "GET /websocket/echo HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n"+
		"%s: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		function.CaseHeader, caseOf(t))
	require.NoError(t, err)
	in := bufio.NewReader(conn)
	got, err := http.ReadResponse(in, &http.Request{Method: http.MethodGet})
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, got.StatusCode)
	require.Len(t, arrivals(t), 1)
	for i := range 3 {
		text := fmt.Sprintf("frame %d: ' OR '1'='1", i)
		_, err = conn.Write(textFrame(text))
		require.NoError(t, err)
		echo := make([]byte, 2+len(text))
		_, err = io.ReadFull(in, echo)
		require.NoError(t, err)
		require.Equal(t, text, string(echo[2:]))
	}
}

// textFrame is one masked text frame of RFC 6455, of less than 126 bytes.
func textFrame(text string) []byte {
	mask := []byte{1, 2, 3, 4}
	frame := append([]byte{0x81, 0x80 | byte(len(text))}, mask...)
	for i := range len(text) {
		frame = append(frame, text[i]^mask[i%len(mask)])
	}
	return frame
}

func TestAnUpgradeWithAnAttackNeverArrives(t *testing.T) {
	t.Parallel()
	raw := fmt.Appendf(nil, "GET /websocket/echo?id=1%%27%%20OR%%20%%271%%27%%3D%%271 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n"+
		"%s: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		function.CaseHeader, caseOf(t))
	got, _, err := sendRaw(shared(t).Addr("sample"), http.MethodGet, raw)
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, got.StatusCode)
	require.Empty(t, arrivals(t))
}

// The function sends one event and then nothing, so whoever reads the event
// has read it before the end of the stream.
func TestServerSentEventsArriveBeforeTheEnd(t *testing.T) {
	eachProtocol(t, "sample", func(t *testing.T, c client, addr string) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		request := request{path: "/events", header: [][2]string{{"Accept", "text/event-stream"}}}.build(t, ctx, addr)
		got, err := c.http.Do(request)
		require.NoError(t, err)
		defer got.Body.Close()
		require.Equal(t, http.StatusOK, got.StatusCode)
		event := make([]byte, len("data: first\n\n"))
		_, err = io.ReadFull(got.Body, event)
		require.NoError(t, err)
		require.True(t, bytes.HasPrefix(event, []byte("data: first")))
	})
}
