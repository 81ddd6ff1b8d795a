package replay

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

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

// lineRecords reads the formats with one entry a line.
type lineRecords struct {
	lines *lineReader
	parse func(text []byte, at Position) (Entry, error)
}

// Next implements Reader.
func (r *lineRecords) Next() (Record, error) {
	line, at, err := r.lines.entry()
	if err != nil {
		return Record{}, err
	}
	return Record{Position: at, text: bytes.Clone(line), parse: r.parse, bytes: len(line)}, nil
}
