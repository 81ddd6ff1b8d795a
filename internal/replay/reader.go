package replay

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Reader yields the entries of one source. Next returns io.EOF behind the last
// one and an *EntryError for one that is broken, after which it may be called
// again; any other error ends the source. A Reader is for one goroutine.
type Reader interface {
	Next() (Entry, error)
}

// Format is a kind of source.
type Format string

const (
	// HAR is the HTTP Archive format, 1.1 and 1.2, as browsers export it.
	HAR Format = "har"
	// NDJSON has one JSON object a line.
	NDJSON Format = "ndjson"
	// AccessLog is the common or combined format of nginx and Apache.
	AccessLog Format = "log"
	// HTTP holds HTTP/1.x request messages, one behind the other.
	HTTP Format = "http"
)

// Formats returns every format, for help texts.
func Formats() []Format { return []Format{HAR, NDJSON, AccessLog, HTTP} }

// ErrUnknownFormat means that a source's start looks like none of the formats.
var ErrUnknownFormat = errors.New("not a format that replay reads: use a HAR file, NDJSON, an access log or raw HTTP requests, or name the format")

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
// gzip is undone, recognised by its first bytes. It returns ErrUnknownFormat
// when the format is to be detected and cannot be.
func NewReader(r io.Reader, name string, o Options) (Reader, error) {
	b := bufio.NewReaderSize(r, detectBytes)
	b, err := gunzip(b)
	if err != nil {
		return nil, err
	}
	if start, err := b.Peek(len(utf8BOM)); err == nil && string(start) == utf8BOM {
		if _, err := b.Discard(len(utf8BOM)); err != nil {
			return nil, err
		}
	}
	format := o.Format
	if format == "" {
		if format, err = detect(b); err != nil {
			return nil, err
		}
	}
	lines := &lineReader{r: b, file: name}
	switch format {
	case HAR:
		return &harReader{json: jsonScanner{r: b}, file: name}, nil
	case NDJSON:
		return &ndjsonReader{lines: lines}, nil
	case AccessLog:
		return &logReader{lines: lines, host: cmp.Or(o.Host, DefaultHost)}, nil
	case HTTP:
		return &httpReader{lines: lines}, nil
	case empty:
		return emptyReader{}, nil
	}
	return nil, fmt.Errorf("unknown format %q: use har, ndjson, log or http", format)
}

// utf8BOM is what some editors and Windows tools put in front of a text.
const utf8BOM = "\xef\xbb\xbf"

// empty is the format of a source without a byte in it.
const empty Format = "empty"

type emptyReader struct{}

func (emptyReader) Next() (Entry, error) { return Entry{}, io.EOF }

// detect looks at the start of a source. It decides by the first line where
// that is enough, so that a stream need not bring more before it is read;
// otherwise by the first detectBytes.
func detect(b *bufio.Reader) (Format, error) {
	for want := 1; ; {
		_, err := b.Peek(want)
		start, _ := b.Peek(b.Buffered()) // there is no error in what is there
		if len(start) == 0 && !errors.Is(err, io.EOF) {
			return "", err // an error behind some text is met again where it is
		}
		start = bytes.TrimLeft(start, " \t\r\n")
		if line, _, whole := bytes.Cut(start, []byte("\n")); whole {
			if f := detectLine(bytes.TrimRight(line, " \t\r")); f != "" {
				return f, nil
			}
		}
		if want = b.Buffered() + 1; err != nil || want > detectBytes {
			return detectText(start)
		}
	}
}

// detectLine tells the format by a first line, or gives "". A raw request is
// known by this line only, because texts about HTTP have such lines, too.
func detectLine(line []byte) Format {
	switch {
	case bytes.HasPrefix(line, []byte("{")) && bytes.HasSuffix(line, []byte("}")):
		if firstKey(line) == "log" {
			return HAR
		}
		return NDJSON
	case isRequestLine(string(line)):
		return HTTP
	case isLogLine(line):
		return AccessLog
	}
	return ""
}

// detectText tells the format by a start whose first line does not. The first
// lines of a log may be cut or not its own. An archive may have something in
// front of its log.
func detectText(start []byte) (Format, error) {
	if len(start) == 0 {
		return empty, nil
	}
	if line := bytes.TrimRight(start, " \t\r\n"); bytes.IndexByte(line, '\n') < 0 && detectLine(line) != "" {
		return detectLine(line), nil // one line without its end
	}
	if start[0] == '{' {
		if firstKey(start) == "log" || bytes.Contains(start, []byte(`"log"`)) && bytes.Contains(start, []byte(`"entries"`)) {
			return HAR, nil
		}
		return NDJSON, nil
	}
	for line := range bytes.Lines(start) {
		if isLogLine(bytes.TrimRight(line, "\r\n")) {
			return AccessLog, nil
		}
	}
	return "", ErrUnknownFormat
}

// firstKey is the first key of a JSON object.
func firstKey(object []byte) string {
	key, _, _ := bytes.Cut(object[1:], []byte(":"))
	return strings.Trim(string(bytes.TrimSpace(key)), `"`)
}

func isLogLine(line []byte) bool {
	_, err := parseLogLine(string(line))
	return err == nil
}

// lineReader reads lines of bounded length.
type lineReader struct {
	r    *bufio.Reader
	file string
	line int
	buf  []byte
}

// next returns a line without its line feed, valid until the next call. A line
// that is too long is skipped and gives errTooLong. The last line may lack a
// line feed.
func (l *lineReader) next() ([]byte, error) {
	l.buf = l.buf[:0]
	l.line++
	long := false
	for {
		part, err := l.r.ReadSlice('\n')
		if long = long || len(l.buf)+len(part) > maxEntryBytes; !long {
			l.buf = append(l.buf, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case long && (err == nil || errors.Is(err, io.EOF)):
			l.buf = nil
			return nil, errTooLong
		case errors.Is(err, io.EOF) && len(l.buf) > 0, err == nil:
			return bytes.TrimSuffix(l.buf, []byte("\n")), nil
		default:
			return nil, err
		}
	}
}

// entry returns the next line that is not blank, without its line end, for
// formats with one entry a line.
func (l *lineReader) entry() ([]byte, Position, error) {
	for {
		line, err := l.next()
		at := Position{File: l.file, Line: l.line}
		if errors.Is(err, errTooLong) {
			return nil, at, &EntryError{at, err.Error()}
		}
		if err != nil {
			return nil, at, err
		}
		if line = bytes.TrimRight(line, "\r"); len(bytes.TrimSpace(line)) > 0 {
			return line, at, nil
		}
	}
}
