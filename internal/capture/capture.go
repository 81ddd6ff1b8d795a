// Package capture turns a packet capture into what its TCP connections said:
// the bytes of an HTTP exchange go in as packets, and come out in the order in
// which they were sent, so that a reader can give the exchange a verdict.
package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/gopacket/gopacket/reassembly"
)

// Magics are the first bytes of captures: pcap with micro- and nanoseconds in
// both byte orders, and pcapng.
var Magics = []string{"\xd4\xc3\xb2\xa1", "\xa1\xb2\xc3\xd4", "\x4d\x3c\xb2\xa1", "\xa1\xb2\x3c\x4d", "\x0a\x0d\x0d\x0a"}

const (
	// idle is how long a connection may be silent before it counts as ended:
	// twice what servers keep an idle connection open for.
	idle = 2 * time.Minute
	// flushEvery is how many packets pass between looking for idle connections.
	flushEvery = 4096
	// maxPages bounds the packets that wait for a lost one, of 2 KiB each: per
	// connection a window of 2 MiB, 64 MiB in all.
	maxPagesOfConnection, maxPages = 1 << 10, 32 << 10
)

// Connection gets what one TCP connection carries.
type Connection interface {
	// Data is called with the bytes of one direction in their order. fromClient
	// is that of whoever opened the connection, or who sent the first captured
	// packet when the capture begins later. lost says that bytes before these are not in
	// the capture. data is the callee's.
	Data(fromClient bool, data []byte, at time.Time, lost bool)
	// Close is called once, at the end of the connection or of the capture.
	Close()
}

// Reader reads a capture. It is for one goroutine.
type Reader struct {
	packets   packets
	open      func(client, server netip.AddrPort) Connection
	pool      *reassembly.StreamPool
	assembler *reassembly.Assembler
	count     int
	ended     bool
}

// packets is what pcapgo's readers have in common.
type packets interface {
	ReadPacketData() ([]byte, gopacket.CaptureInfo, error)
	LinkType() layers.LinkType
}

// NewReader reads the head of a pcap or pcapng capture; open is called for each
// connection when its first packet comes.
func NewReader(r *bufio.Reader, open func(client, server netip.AddrPort) Connection) (*Reader, error) {
	start, err := r.Peek(4)
	if err != nil {
		return nil, err
	}
	c := &Reader{open: open}
	if string(start) == Magics[len(Magics)-1] {
		if err := checkBlock(r); err != nil {
			return nil, err
		}
		c.packets, err = pcapgo.NewNgReader(r, pcapgo.NgReaderOptions{SkipUnknownVersion: true})
	} else {
		c.packets, err = pcapgo.NewReader(r)
	}
	if err != nil {
		return nil, fmt.Errorf("not a packet capture: %w", err)
	}
	c.pool = reassembly.NewStreamPool(factory{c})
	c.assembler = reassembly.NewAssembler(c.pool)
	c.assembler.MaxBufferedPagesPerConnection, c.assembler.MaxBufferedPagesTotal = maxPagesOfConnection, maxPages
	return c, nil
}

// maxHeadBytes bounds the first block of pcapng, which has a few short texts;
// pcapgo would take memory for whatever length it claims.
const maxHeadBytes = 64 << 10

func checkBlock(r *bufio.Reader) error {
	head, err := r.Peek(12)
	if err != nil {
		return err
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[8] == 0x1a {
		order = binary.BigEndian
	}
	if n := order.Uint32(head[4:]); n > maxHeadBytes {
		return fmt.Errorf("not a packet capture: its first block claims %d bytes", n)
	}
	return nil
}

// Count is the number of packets read so far.
func (c *Reader) Count() int { return c.count }

// Step reads one packet, which may call connections. Behind the last one it
// closes all connections and returns io.EOF; so it does with the error of a
// capture that is broken or cut.
func (c *Reader) Step() (err error) {
	if c.ended {
		return io.EOF
	}
	defer func() {
		// A capture holds what attackers sent; a decoder that panics ends it.
		if p := recover(); p != nil {
			c.ended, err = true, fmt.Errorf("packet %d cannot be decoded: %v", c.count, p)
		}
	}()
	data, info, err := c.packets.ReadPacketData()
	if err != nil {
		c.ended = true
		c.assembler.FlushAll()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return io.EOF
		}
		return fmt.Errorf("behind packet %d: %w", c.count, err)
	}
	if c.count++; c.count%flushEvery == 0 {
		c.assembler.FlushCloseOlderThan(info.Timestamp.Add(-idle))
	}
	packet := gopacket.NewPacket(data, c.packets.LinkType(), gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	tcp, ok := packet.Layer(layers.LayerTypeTCP).(*layers.TCP)
	if network := packet.NetworkLayer(); ok && network != nil {
		c.assembler.AssembleWithContext(network.NetworkFlow(), tcp, moment(info))
	}
	return nil
}

// moment is the context of a packet.
type moment gopacket.CaptureInfo

// GetCaptureInfo implements reassembly.AssemblerContext.
func (m moment) GetCaptureInfo() gopacket.CaptureInfo { return gopacket.CaptureInfo(m) }

// factory makes a stream of each connection.
type factory struct{ *Reader }

// New implements reassembly.StreamFactory.
func (f factory) New(network, _ gopacket.Flow, tcp *layers.TCP, _ reassembly.AssemblerContext) reassembly.Stream {
	from, to := address(network.Src(), tcp.SrcPort), address(network.Dst(), tcp.DstPort)
	s := &stream{}
	if s.reversed = tcp.SYN && tcp.ACK; s.reversed {
		from, to = to, from // the answer to a SYN that is not in the capture
	}
	s.connection = f.open(from, to)
	return s
}

func address(e gopacket.Endpoint, port layers.TCPPort) netip.AddrPort {
	a, _ := netip.AddrFromSlice(e.Raw())
	return netip.AddrPortFrom(a.Unmap(), uint16(port))
}

// stream hands the bytes of one connection on.
type stream struct {
	connection Connection
	reversed   bool // the first packet came from the server
	closed     bool
}

// Accept implements reassembly.Stream. Connections that began before the
// capture are taken as well.
func (s *stream) Accept(_ *layers.TCP, _ gopacket.CaptureInfo, _ reassembly.TCPFlowDirection, _ reassembly.Sequence, start *bool, _ reassembly.AssemblerContext) bool {
	*start = true
	return true
}

// ReassembledSG implements reassembly.Stream.
func (s *stream) ReassembledSG(sg reassembly.ScatterGather, _ reassembly.AssemblerContext) {
	direction, _, _, skip := sg.Info()
	length, _ := sg.Lengths()
	if length == 0 && skip <= 0 {
		return
	}
	data := append([]byte(nil), sg.Fetch(length)...)
	fromClient := direction == reassembly.TCPDirClientToServer != s.reversed
	s.connection.Data(fromClient, data, sg.CaptureInfo(0).Timestamp, skip > 0)
}

// ReassemblyComplete implements reassembly.Stream.
func (s *stream) ReassemblyComplete(reassembly.AssemblerContext) bool {
	if !s.closed {
		s.closed = true
		s.connection.Close()
	}
	return true
}
