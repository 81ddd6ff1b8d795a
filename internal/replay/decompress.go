package replay

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// compressions are what sources may be packed in, known by their first bytes.
var compressions = []struct {
	name, magic string
	open        func(io.Reader) (io.Reader, error)
}{
	// RFC 1952, section 2.3.1. Members that follow each other are one source,
	// as in logs that were rotated and joined.
	{"gzip", "\x1f\x8b", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	// RFC 8878, section 3.1.1; frames that follow each other are one source.
	{"zstd", "\x28\xb5\x2f\xfd", openZstd},
}

// maxZstdWindowBytes bounds what a frame may ask for: zstd's own limit without
// --long, and 16 times what its default level uses.
const maxZstdWindowBytes = 128 << 20

// openZstd decodes without goroutines of its own: judging is the work, and a
// decoder that nobody closes then holds nothing.
func openZstd(r io.Reader) (io.Reader, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxZstdWindowBytes))
}

// decompress undoes a compression when the source begins like one.
func decompress(b *bufio.Reader) (*bufio.Reader, error) {
	for _, c := range compressions {
		start, err := b.Peek(len(c.magic))
		if err != nil || !strings.HasPrefix(string(start), c.magic) {
			continue // a source that cannot be read says so later
		}
		r, err := c.open(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		return bufio.NewReaderSize(r, detectBytes), nil
	}
	return b, nil
}
