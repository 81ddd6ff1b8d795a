package replay

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
)

// Shard is a part of the traffic that can be read apart from the rest: a file,
// or the lines of one that begin within a range of bytes. The shards of a file
// have each of its entries once.
type Shard struct {
	Path string
	// InFolder says that the path was found in a folder, where files may be no
	// traffic.
	InFolder bool
	// Options are those of the run; Format is set where To is.
	Format Format
	Host   string
	// From and To are bytes of the file; To is 0 for all of it.
	From, To int64
}

// Split cuts a file into shards of about shardBytes. r is its beginning, by
// which the format is told, and size its length. Only formats with an entry a
// line can be cut, and only when they are not compressed.
func Split(r io.Reader, path string, inFolder bool, size, shardBytes int64, o Options) []Shard {
	whole := Shard{Path: path, InFolder: inFolder, Format: o.Format, Host: o.Host}
	b := bufio.NewReaderSize(r, detectBytes)
	plain, err := decompress(b)
	if err != nil || plain != b || shardBytes <= 0 || size <= shardBytes {
		return []Shard{whole}
	}
	format := o.Format
	if format == "" {
		skipBOM(b)
		if format, err = detect(b); err != nil {
			return []Shard{whole} // whoever reads it says what is wrong
		}
	}
	if k, ok := kindOf(format); !ok || !k.lines {
		return []Shard{whole}
	}
	var shards []Shard
	for from := int64(0); from < size; from += shardBytes {
		s := whole
		s.Format, s.From, s.To = format, from, min(from+shardBytes, size)
		shards = append(shards, s)
	}
	return shards
}

// Reader reads the shard from r, which begins at the file's first byte. When r
// can seek, what stands before the shard is not read.
func (s Shard) Reader(r io.Reader) (Reader, error) {
	if s.To == 0 {
		return NewReader(r, s.Path, Options{Format: s.Format, Host: s.Host})
	}
	lines, err := newLineRange(r, s.From, s.To)
	if err != nil {
		return nil, err
	}
	if s.From == 0 {
		return NewReader(lines, s.Path, Options{Format: s.Format, Host: s.Host})
	}
	k, ok := kindOf(s.Format)
	if !ok {
		return nil, fmt.Errorf("unknown format %q: use %s", s.Format, formatNames())
	}
	return k.open(source{bufio.NewReaderSize(lines, detectBytes), s.String(), cmp.Or(s.Host, DefaultHost)})
}

// lineRange yields the lines that begin within a range of bytes.
type lineRange struct {
	r    *bufio.Reader
	at   int64 // of the next byte
	to   int64
	ends bool // the last byte that was read ended a line
}

func newLineRange(r io.Reader, from, to int64) (*lineRange, error) {
	// The byte before tells whether a line begins with the range.
	l := &lineRange{at: max(from-1, 0), to: to, ends: true}
	seeker, ok := r.(io.Seeker)
	if ok {
		if _, err := seeker.Seek(l.at, io.SeekStart); err != nil {
			return nil, err
		}
	} else if _, err := io.CopyN(io.Discard, r, l.at); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	l.r = bufio.NewReaderSize(r, detectBytes)
	for first := from > 0; first; {
		part, err := l.r.ReadSlice('\n')
		l.at += int64(len(part))
		if errors.Is(err, io.EOF) {
			break
		}
		if first = errors.Is(err, bufio.ErrBufferFull); err != nil && !first {
			return nil, err
		}
	}
	return l, nil
}

// Read implements io.Reader.
func (l *lineRange) Read(p []byte) (int, error) {
	if l.at >= l.to && l.ends || len(p) == 0 {
		return 0, map[bool]error{true: io.EOF}[len(p) > 0]
	}
	if l.at < l.to {
		n, err := l.r.Read(p[:min(int64(len(p)), l.to-l.at)])
		l.take(p[:n])
		return n, err
	}
	// Behind the range: the rest of its last line.
	if _, err := l.r.Peek(1); err != nil {
		return 0, err
	}
	part, err := l.r.Peek(min(l.r.Buffered(), len(p)))
	if err != nil {
		return 0, err
	}
	if end := bytes.IndexByte(part, '\n'); end >= 0 {
		part = part[:end+1]
	}
	n := copy(p, part)
	_, err = l.r.Discard(n)
	l.take(p[:n])
	return n, err
}

func (l *lineRange) take(read []byte) {
	if n := len(read); n > 0 {
		l.at, l.ends = l.at+int64(n), read[n-1] == '\n'
	}
}
