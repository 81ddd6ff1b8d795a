//go:build tinygo

package coding

import (
	"bytes"
	"io"
)

// takesBrotli says that the filter cannot take br off: the decoder is 108 KB of
// code, which every Envoy would compile at its start.
const takesBrotli = false

func brotliReader(*bytes.Reader) (io.Reader, error) { return nil, ErrNotHere }
