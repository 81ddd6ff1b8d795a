//go:build !tinygo

package coding

import (
	"bytes"
	"io"

	"github.com/andybalholm/brotli"
)

// takesBrotli says that this build can take br off. The filter's cannot:
// RATIONALE.md has what it would cost.
const takesBrotli = true

// maxWindowBits is the largest window that is taken, 4 MiB: what encoders choose
// when nobody asks for another. Ten bytes are enough to have a decoder make its
// window, and RFC 7932 allows 16 MiB.
const maxWindowBits = 22

// brotliReader opens a decoder for RFC 7932.
func brotliReader(in *bytes.Reader) (io.Reader, error) {
	var head [2]byte
	n, _ := in.ReadAt(head[:], 0)
	if bits := windowBits(head[:n]); bits == 0 || bits > maxWindowBits {
		return nil, ErrBroken
	}
	return brotli.NewReader(in), nil
}

// windowBits reads the size of the window from a stream's head, RFC 7932, section
// 9.1: 0 for none, and for the large windows that are no part of it.
func windowBits(head []byte) int {
	if len(head) == 0 {
		return 0
	}
	first := int(head[0])
	switch {
	case first&1 == 0:
		return 16
	case first>>1&7 != 0:
		return 17 + first>>1&7
	case first>>4&7 == 0:
		return 17
	case first>>4&7 == 1:
		return 0
	}
	return 8 + first>>4&7
}
