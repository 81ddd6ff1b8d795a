package replay

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
)

// Reader yields the records of one source. Next returns io.EOF behind the last
// one and an *EntryError for one that cannot be cut out, after which it may be
// called again; any other error ends the source. A Reader is for one goroutine.
type Reader interface {
	Next() (Record, error)
}

// ErrUnknownFormat means that a source's start looks like none of the formats.
var ErrUnknownFormat = errors.New("not a format that replay reads; tabard help replay lists them, and --format names one")

// Options say how sources are read.
type Options struct {
	// Format is taken for every source; each is detected by its content when
	// it is empty.
	Format Format
	// Host is the Host header of requests whose source cannot know it;
	// DefaultHost when empty.
	Host string
	// Stdin is what the path "-" reads.
	Stdin io.Reader
}

// DefaultHost stands for a host that an access log does not tell; without one
// CRS would call every line a protocol violation (rule 920280). The top-level
// domain is reserved by RFC 2606, so no policy has a route for it by accident.
const DefaultHost = "replay.invalid"

// detectBytes is how much of a source is looked at to tell its format: the
// first lines of a log with the longest targets that servers take.
const detectBytes = 64 << 10

// NewReader returns a Reader of one source; name is what positions call it.
// gzip and zstd are undone, recognised by their first bytes. It returns ErrUnknownFormat
// when the format is to be detected and cannot be.
func NewReader(r io.Reader, name string, o Options) (Reader, error) {
	b := bufio.NewReaderSize(r, detectBytes)
	b, err := decompress(b)
	if err != nil {
		return nil, err
	}
	skipBOM(b)
	format := o.Format
	if format == "" {
		if format, err = detect(b); err != nil {
			return nil, err
		}
	}
	kind, ok := kindOf(format)
	if !ok {
		return nil, fmt.Errorf("unknown format %q: use %s", format, formatNames())
	}
	return kind.open(source{b, name, cmp.Or(o.Host, DefaultHost)})
}

func skipBOM(b *bufio.Reader) {
	if start, err := b.Peek(len(utf8BOM)); err == nil && string(start) == utf8BOM {
		_, _ = b.Discard(len(utf8BOM)) // what was peeked is there
	}
}

// utf8BOM is what some editors and Windows tools put in front of a text.
const utf8BOM = "\xef\xbb\xbf"
