package replay

import (
	"bufio"
	"compress/gzip"
	"fmt"
)

// gzipMagic starts every gzip member (RFC 1952, section 2.3.1).
const gzipMagic = "\x1f\x8b"

// gunzip undoes gzip when the source begins like it. Members that follow each
// other are one source, as in logs that were rotated and joined.
func gunzip(b *bufio.Reader) (*bufio.Reader, error) {
	if start, err := b.Peek(len(gzipMagic)); err != nil || string(start) != gzipMagic {
		return b, nil // a source that cannot be read says so later
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	return bufio.NewReaderSize(z, detectBytes), nil
}
