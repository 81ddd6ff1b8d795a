package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// sendH2 writes the request as HTTP/2 frames with the fields that it has and no
// others: Go's client would add its own.
func sendH2(addr string, x exchange) (status int, err error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		return 0, err
	}
	framer := http2.NewFramer(conn, conn)
	if err := framer.WriteSettings(); err != nil {
		return 0, err
	}
	head := http2.HeadersFrameParam{StreamID: 1, BlockFragment: h2Head(x), EndHeaders: true, EndStream: len(x.body) == 0}
	if err := framer.WriteHeaders(head); err != nil {
		return 0, err
	}
	if len(x.body) > 0 {
		if err := framer.WriteData(1, true, x.body); err != nil {
			return 0, err
		}
	}
	return readH2Status(framer)
}

func h2Head(x exchange) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	field := func(name, value string) { _ = encoder.WriteField(hpack.HeaderField{Name: name, Value: value}) }
	field(":method", x.request.Method)
	field(":scheme", "http")
	field(":authority", x.request.Authority)
	field(":path", x.request.Target)
	for _, line := range asEnvoySees(x.request).Headers {
		field(line[0], line[1])
	}
	return block.Bytes()
}

// readH2Status reads frames until the answer to stream 1 begins.
func readH2Status(framer *http2.Framer) (int, error) {
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return 0, err
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			return strconv.Atoi(strings.TrimSpace(f.PseudoValue("status")))
		case *http2.RSTStreamFrame:
			return 0, fmt.Errorf("stream reset: %s", f.ErrCode)
		case *http2.GoAwayFrame:
			return 0, errors.New("connection closed: " + f.ErrCode.String())
		}
	}
}
