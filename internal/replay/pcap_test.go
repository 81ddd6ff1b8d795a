package replay

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"tabard/internal/capture"
)

// segment is what one side of a connection sends at once.
type segment struct {
	fromClient bool
	data       string
}

// connection writes the packets of a TCP connection.
type connection struct {
	client, server netip.AddrPort
	opened         bool // with a handshake
	segments       []segment
	// order, when not nil, is the order of the packets with data, by the
	// numbers of segments: some may be missing or come twice.
	order  []int
	closed bool
}

var (
	clientAddress = netip.MustParseAddrPort("192.0.2.7:4711")
	serverAddress = netip.MustParseAddrPort("198.51.100.1:80")
)

// packets are the bytes of each packet.
func (c connection) packets(t testing.TB) (out [][]byte) {
	seq := map[bool]uint32{true: 1000, false: 5000}
	packet := func(fromClient bool, sequence uint32, data string, flags func(*layers.TCP)) {
		from, to := c.client, c.server
		if !fromClient {
			from, to = to, from
		}
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: from.Addr().AsSlice(), DstIP: to.Addr().AsSlice()}
		tcp := &layers.TCP{SrcPort: layers.TCPPort(from.Port()), DstPort: layers.TCPPort(to.Port()), Seq: sequence, Window: 65535, ACK: true}
		flags(tcp)
		require.NoError(t, tcp.SetNetworkLayerForChecksum(ip))
		b := gopacket.NewSerializeBuffer()
		require.NoError(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
			&layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4}, ip, tcp, gopacket.Payload(data)))
		out = append(out, bytes.Clone(b.Bytes()))
	}
	if c.opened {
		packet(true, seq[true]-1, "", func(t *layers.TCP) { t.SYN, t.ACK = true, false })
		packet(false, seq[false]-1, "", func(t *layers.TCP) { t.SYN = true })
	}
	starts := make([]uint32, len(c.segments))
	for i, s := range c.segments {
		starts[i] = seq[s.fromClient]
		seq[s.fromClient] += uint32(len(s.data))
		if c.order == nil {
			packet(s.fromClient, starts[i], s.data, func(t *layers.TCP) { t.PSH = true })
		}
	}
	for _, i := range c.order {
		packet(c.segments[i].fromClient, starts[i], c.segments[i].data, func(t *layers.TCP) { t.PSH = true })
	}
	if c.closed {
		packet(true, seq[true], "", func(t *layers.TCP) { t.FIN = true })
		packet(false, seq[false], "", func(t *layers.TCP) { t.FIN = true })
	}
	return out
}

// captureOf writes connections, one packet of each in turn, as pcap or pcapng.
func captureOf(t testing.TB, ng bool, connections ...connection) string {
	var b bytes.Buffer
	var write func(gopacket.CaptureInfo, []byte) error
	flush := func() error { return nil }
	if ng {
		w, err := pcapgo.NewNgWriter(&b, layers.LinkTypeEthernet)
		require.NoError(t, err)
		write, flush = w.WritePacket, w.Flush
	} else {
		w := pcapgo.NewWriter(&b)
		require.NoError(t, w.WriteFileHeader(65536, layers.LinkTypeEthernet))
		write = w.WritePacket
	}
	var queues [][][]byte
	for _, c := range connections {
		queues = append(queues, c.packets(t))
	}
	at := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)
	for left := true; left; {
		left = false
		for i, q := range queues {
			if len(q) == 0 {
				continue
			}
			left, queues[i] = true, q[1:]
			require.NoError(t, write(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(q[0]), Length: len(q[0])}, q[0]))
			at = at.Add(time.Millisecond)
		}
	}
	require.NoError(t, flush())
	return b.String()
}

func plain(segments ...segment) connection {
	return connection{client: clientAddress, server: serverAddress, opened: true, segments: segments, closed: true}
}

func TestCaptures(t *testing.T) {
	get := segment{true, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"}
	ok := segment{false, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"}
	for name, c := range map[string]struct {
		connection connection
		want       []string // target, body, response, or the error
	}{
		"a request and its response": {plain(get, ok), []string{"/a  200 hi"}},
		"no response":                {plain(get), []string{"/a  0 "}},
		"a connection that the capture begins within, at the server's end": {
			connection{client: clientAddress, server: serverAddress, segments: []segment{{false, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"}, get, ok}}, []string{"/a  200 hi"}},
		"packets out of order and twice": {
			connection{client: clientAddress, server: serverAddress, opened: true, closed: true, order: []int{1, 0, 0, 2, 4, 3, 1},
				segments: []segment{{true, "POST /b HTTP/1.1\r\nContent-Le"}, {true, "ngth: 3\r\n\r\na=1"}, {false, "HTTP/1.1 404 Not"}, {false, " Found\r\nContent-Length: 1\r\n"}, {false, "\r\n-"}}},
			[]string{"/b a=1 404 -"}},
		"requests one behind the other, answered in their order": {plain(
			segment{true, "GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=1\r"}, segment{true, "\n0\r\nX: y\r\n\r\nHEAD /3 HTTP/1.1\r\n\r\n"},
			segment{false, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"}),
			[]string{"/1  204 ", "/2 a=1 200 a", "/3  200 "}},
		"a response that ends with its connection": {plain(get, segment{false, "HTTP/1.0 200 OK\r\n\r\nall of "}, segment{false, "it"}), []string{"/a  200 all of it"}},
		"a request line of many packets": {plain(segment{true, "GET /" + strings.Repeat("x", 50)}, segment{true, " HTTP/1.1\r\n"}, segment{true, "\r\n"}, ok),
			[]string{"/" + strings.Repeat("x", 50) + "  200 hi"}},
		"a request that is cut": {plain(segment{true, "POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"}),
			[]string{"error 192.0.2.7:4711 to 198.51.100.1:80: the connection ends inside of a request"}},
		"an upgrade to WebSocket": {plain(segment{true, "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"}, segment{false, "HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x01a"}, segment{true, "GET / HTTP/1.1\r\n\r\n"}),
			[]string{"/ws  101 "}},
		"TLS": {plain(segment{true, "\x16\x03\x01\x00\x05hello"}), []string{"error 1 connections are encrypted (TLS): what they carried is not read"}},
		"another protocol": {plain(segment{false, "220 mail ESMTP\r\n"}, segment{true, "HELO x\r\n"}),
			[]string{"error 1 connections speak no HTTP or have lost their beginning: what they carried is not read"}},
		"a packet of a request is missing, and the next request is found": {
			connection{client: clientAddress, server: serverAddress, opened: true, closed: true, order: []int{0, 2, 3, 4},
				segments: []segment{{true, "POST /1 HTTP/1.1\r\nContent-Length: 90\r\n\r\n"}, {true, strings.Repeat("x", 45)}, {true, strings.Repeat("y", 45)}, get, ok}},
			[]string{"error 192.0.2.7:4711 to 198.51.100.1:80: bytes of a request are not in the capture", "/a  200 hi"}},
		"a chunk that is wrong": {plain(segment{true, "POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"}),
			[]string{`error 192.0.2.7:4711 to 198.51.100.1:80: a request: not the size of a chunk: "xyz"; the rest of the connection is not read`}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, ng := range []bool{false, true} {
				require.Equal(t, c.want, exchanges(t, captureOf(t, ng, c.connection)))
			}
		})
	}
}

// exchanges reads a capture, in which client and server are as above.
func exchanges(t *testing.T, text string) (got []string) {
	t.Helper()
	r, err := NewReader(strings.NewReader(text), "in", Options{})
	require.NoError(t, err)
	for {
		record, err := r.Next()
		if err == io.EOF {
			return got
		}
		var e Entry
		if err == nil {
			e, err = record.Entry()
		}
		if err != nil {
			_, reason, _ := strings.Cut(err.Error(), ": entry ")
			_, reason, _ = strings.Cut(reason, ": ")
			got = append(got, "error "+reason)
			continue
		}
		require.Equal(t, clientAddress, e.Conn.Peer)
		require.Equal(t, serverAddress, e.Conn.Server)
		require.False(t, e.Time.IsZero())
		require.Zero(t, e.Unknown)
		text := e.Request.Target + " " + string(e.Body)
		if e.Response == nil {
			got = append(got, text+" 0 ")
			continue
		}
		got = append(got, text+" "+strconv.Itoa(e.Status)+" "+string(e.Response.Body))
	}
}

func TestConnectionsAtTheSameTimeDoNotMix(t *testing.T) {
	var all []connection
	for i := range 50 {
		c := plain(segment{true, "GET /" + strconv.Itoa(i)}, segment{true, " HTTP/1.1\r\n\r\n"}, segment{false, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"}, segment{false, "\r\n" + strconv.Itoa(10+i)})
		c.client = netip.AddrPortFrom(clientAddress.Addr(), uint16(5000+i))
		all = append(all, c)
	}
	entries, broken := readAll(t, captureOf(t, true, all...), Pcap)
	require.Empty(t, broken)
	require.Len(t, entries, 50)
	for i, e := range entries {
		require.Equal(t, "/"+strconv.Itoa(i), e.Request.Target)
		require.Equal(t, strconv.Itoa(10+i), string(e.Response.Body))
		require.EqualValues(t, 5000+i, e.Conn.Peer.Port())
	}
}

// recorder keeps what passes a connection.
type recorder struct {
	net.Conn
	mu       *sync.Mutex
	segments *[]segment
}

func (r recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	*r.segments = append(*r.segments, segment{true, string(p)})
	r.mu.Unlock()
	return r.Conn.Write(p)
}

func (r recorder) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	if n > 0 {
		*r.segments = append(*r.segments, segment{false, string(p[:n])})
	}
	return n, err
}

// TestARealConversationOfEitherVersionIsTheSameExchange has Go's client and
// server talk HTTP/1.1 and HTTP/2 without TLS, and reads what they said.
func TestARealConversationOfEitherVersionIsTheSameExchange(t *testing.T) {
	var both http.Protocols
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true)
	server := http.Server{Protocols: &both, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Target", r.RequestURI)
		w.WriteHeader(201)
		_, _ = w.Write(append([]byte("echo "), body...))
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(listener) }()
	defer server.Close()

	for _, version := range []string{"HTTP/1.1", "HTTP/2"} {
		var segments []segment
		var mu sync.Mutex
		dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, listener.Addr().String())
			return recorder{c, &mu, &segments}, err
		}
		var one http.Protocols
		one.SetHTTP1(version == "HTTP/1.1")
		one.SetUnencryptedHTTP2(version == "HTTP/2")
		transport := &http.Transport{DialContext: dial, DisableCompression: true, Protocols: &one}
		for _, body := range []string{"", "a=1&b=%27", strings.Repeat("long ", 20000)} {
			request, err := http.NewRequestWithContext(t.Context(), "POST", "http://shop.example/x?q=1", strings.NewReader(body))
			require.NoError(t, err)
			request.Header.Set("Cookie", "a=1; b=2")
			response, err := transport.RoundTrip(request)
			require.NoError(t, err)
			_, err = io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
		}
		mu.Lock()
		c := plain(split(segments, 1400)...)
		mu.Unlock()
		entries, broken := readAll(t, captureOf(t, false, c), "")
		require.Empty(t, broken)
		require.Len(t, entries, 3)
		for i, e := range entries {
			body := []string{"", "a=1&b=%27", strings.Repeat("long ", 20000)}[i]
			require.Equal(t, version, e.Request.Protocol)
			require.Equal(t, "POST /x?q=1 shop.example", e.Request.Method+" "+e.Request.Target+" "+e.Request.Authority)
			require.Equal(t, "a=1; b=2", e.Request.Headers.Get("cookie"))
			require.Equal(t, body, string(e.Body))
			require.Equal(t, 201, e.Response.Status)
			require.Equal(t, "/x?q=1", e.Response.Headers.Get("x-target"))
			require.Equal(t, "echo "+body, string(e.Response.Body))
		}
	}
}

// split cuts segments as a network does.
func split(segments []segment, most int) (out []segment) {
	for _, s := range segments {
		for len(s.data) > most {
			out = append(out, segment{s.fromClient, s.data[:most]})
			s.data = s.data[most:]
		}
		out = append(out, s)
	}
	return out
}

func TestACaptureThatIsCutIsReportedAndItsExchangesAreRead(t *testing.T) {
	whole := captureOf(t, false, plain(segment{true, "GET /a HTTP/1.1\r\n\r\n"}, segment{false, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"}))
	entries, broken := readAll(t, whole[:len(whole)-9], Pcap)
	require.Len(t, entries, 1)
	require.Equal(t, []string{"in: entry 2 at packet 5: behind packet 5: unexpected EOF; nothing behind it is read"}, broken)
	_, err := NewReader(strings.NewReader("no capture at all"), "in", Options{Format: Pcap})
	require.ErrorContains(t, err, "not a packet capture")
}

// A header block that repeats an entry of the table a thousand times is short
// on the wire; a capture has what attackers sent.
func TestABombOfHeaderFieldsEndsItsConnection(t *testing.T) {
	var block bytes.Buffer
	require.NoError(t, hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: "x", Value: strings.Repeat("x", 4000)}))
	block.Write(bytes.Repeat([]byte{0x80 | 62}, 10_000)) // the newest entry, RFC 7541, section 2.3.3
	var frames bytes.Buffer
	f := http2.NewFramer(&frames, nil)
	require.NoError(t, f.WriteSettings())
	require.NoError(t, f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true}))
	require.Equal(t, []string{"error 192.0.2.7:4711 to 198.51.100.1:80: HTTP/2: the header fields of one message are longer than 1 MiB; the rest of the connection is not read"},
		exchanges(t, captureOf(t, false, plain(split([]segment{{true, http2Preface + frames.String()}}, 1400)...))))
}

func FuzzPcap(f *testing.F) {
	get := segment{true, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"}
	ok := segment{false, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"}
	fuzzReader(f, Pcap, captureOf(f, false, plain(get, ok)), captureOf(f, true, plain(get, ok)))
}

// FuzzConversation has both sides say anything, in packets of any length.
func FuzzConversation(f *testing.F) {
	f.Add("GET /a HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", uint8(3))
	f.Add(http2Preface+"\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x03\x01\x05\x00\x00\x00\x01\x82\x84\x86", "\x00\x00\x01\x01\x05\x00\x00\x00\x01\x88", uint8(7))
	f.Fuzz(func(t *testing.T, client, server string, most uint8) {
		r := &pcapReader{file: "in", ended: true, packets: &capture.Reader{}}
		c := &conversation{reader: r}
		for len(client)+len(server) > 0 {
			n := min(int(most)+1, len(client))
			if n > 0 {
				c.Data(true, []byte(client[:n]), time.Time{}, false)
			}
			client = client[n:]
			if n = min(int(most)+1, len(server)); n > 0 {
				c.Data(false, []byte(server[:n]), time.Time{}, false)
			}
			server = server[n:]
		}
		c.Close()
		for len(r.ready) > 0 {
			record, err := r.Next()
			if err == nil {
				_, err = record.Entry()
			}
			if err != nil && !strings.HasPrefix(err.Error(), "in: entry ") {
				t.Fatal(err)
			}
		}
	})
}
