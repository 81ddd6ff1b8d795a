package replay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// jsonScanner cuts single values out of a stream of JSON without parsing them:
// encoding/json's Decoder would read a value of any length into memory, and
// would not go on behind one that is wrong. It looks at brackets and strings
// only; what it returns may still be no JSON.
type jsonScanner struct {
	r      *bufio.Reader
	offset int64 // of the next byte
}

// jsonFault is text that is no JSON, in a source that can be read.
type jsonFault string

func (f jsonFault) Error() string { return string(f) }

// errCut is a source that ends inside of its JSON.
const errCut = jsonFault("the file ends inside of its JSON text")

// next returns the next byte that is not blank, without consuming it.
func (s *jsonScanner) next() (byte, error) {
	for {
		c, err := s.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return 0, errCut
		}
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, s.r.UnreadByte()
		}
		s.offset++
	}
}

// expect consumes one byte that is not blank.
func (s *jsonScanner) expect(want byte) error {
	c, err := s.next()
	if err != nil {
		return err
	}
	if c != want {
		return jsonFault(fmt.Sprintf("%q where %q belongs", c, want))
	}
	s.offset++
	_, err = s.r.ReadByte()
	return err
}

// value consumes one value and returns its text. A value over limit bytes is
// consumed, too, and gives errTooLong; with limit 0 that is how to skip one.
func (s *jsonScanner) value(limit int) ([]byte, error) {
	if _, err := s.next(); err != nil {
		return nil, err
	}
	var (
		out   []byte
		state valueState
		start = s.offset
	)
	for ended := false; !ended; {
		if _, err := s.r.Peek(1); errors.Is(err, io.EOF) {
			return nil, errCut
		} else if err != nil {
			return nil, err
		}
		// What Peek has buffered is there to be looked at.
		buffered, err := s.r.Peek(s.r.Buffered())
		if err != nil {
			return nil, err
		}
		var n int
		n, ended = state.scan(buffered)
		if len(out)+n <= limit {
			out = append(out, buffered[:n]...)
		}
		s.offset += int64(n)
		if _, err := s.r.Discard(n); err != nil {
			return nil, err
		}
	}
	switch length := s.offset - start; {
	case length == 0:
		return nil, jsonFault("a value is missing")
	case length > int64(limit):
		return nil, errTooLong
	}
	return out, nil
}

// valueState follows one value byte by byte.
type valueState struct {
	depth           int
	text, backslash bool // inside a string, and behind its backslash
}

// scan takes bytes in up to the end of the value, and says how many.
func (v *valueState) scan(text []byte) (n int, ended bool) {
	for i, c := range text {
		if v.endsBefore(c) {
			return i, true
		}
		if v.endsWith(c) {
			return i + 1, true
		}
	}
	return len(text), false
}

// endsBefore says that c is behind a number or a word, which have no end of
// their own.
func (v *valueState) endsBefore(c byte) bool {
	if v.depth > 0 || v.text {
		return false
	}
	switch c {
	case ',', ']', '}', ':', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}

// endsWith takes c in and says whether the value is complete.
func (v *valueState) endsWith(c byte) bool {
	switch {
	case v.backslash:
		v.backslash = false
	case v.text && c == '\\':
		v.backslash = true
	case c == '"':
		v.text = !v.text
		return !v.text && v.depth == 0
	case v.text:
	case c == '{' || c == '[':
		v.depth++
	case c == '}' || c == ']':
		v.depth--
		return v.depth == 0
	}
	return false
}
