package replay

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// wire cuts HTTP/1 messages out of one direction of a connection while its
// bytes come. It follows RFC 9112, section 6.3, as a server does, and leaves
// what a message says to its parser.
type wire struct {
	buf      []byte
	scanned  int // of buf, in search of the end of the head
	head     int // the head's length, 0 while it is not complete
	body     framing
	length   int // the message's length so far: all of it, or up to the next chunk
	trailers bool
}

// framing is how the end of a body is known.
type framing int

const (
	framedByLength framing = iota
	framedByChunks
	framedByClose
)

var errMessageTooLong = errors.New(errTooLong.Error())

// feed adds bytes.
func (w *wire) feed(data []byte) { w.buf = append(w.buf, data...) }

// next returns the next message when it is complete; nil when it is not.
// frame tells the framing and, by length, the body's length from the head.
// closed says that no more bytes come.
func (w *wire) next(closed bool, frame func(head []byte) (framing, int)) ([]byte, error) {
	if w.head == 0 && !w.findHead(frame) {
		if len(w.buf) > maxEntryBytes {
			return nil, errMessageTooLong
		}
		return nil, nil
	}
	whole, err := w.complete(closed)
	switch {
	case err != nil:
		return nil, err
	case w.length > maxEntryBytes || !whole && len(w.buf) > maxEntryBytes:
		return nil, errMessageTooLong
	case !whole:
		return nil, nil
	}
	message := w.buf[:w.length:w.length]
	*w = wire{buf: append([]byte(nil), w.buf[w.length:]...)}
	return message, nil
}

// findHead looks for the empty line behind a head. Empty lines before it are
// dropped (section 2.2).
func (w *wire) findHead(frame func(head []byte) (framing, int)) bool {
	if w.scanned == 0 {
		w.buf = bytes.TrimLeft(w.buf, "\r\n")
	}
	for i := max(w.scanned-3, 0); ; {
		end := bytes.IndexByte(w.buf[i:], '\n')
		if end < 0 {
			w.scanned = len(w.buf)
			return false
		}
		i += end + 1
		rest := w.buf[i:]
		if n := lineEnd(rest); n > 0 {
			w.head = i + n
			break
		}
		if len(rest) == 0 || string(rest) == "\r" {
			w.scanned = len(w.buf)
			return false
		}
	}
	length := 0
	w.body, length = frame(w.buf[:w.head])
	w.length = w.head + length
	return true
}

// lineEnd is the length of a line end at the start of b, 0 for none.
func lineEnd(b []byte) int {
	switch {
	case bytes.HasPrefix(b, []byte("\n")):
		return 1
	case bytes.HasPrefix(b, []byte("\r\n")):
		return 2
	}
	return 0
}

// complete says whether the body is there, and follows chunks as far as they
// are.
func (w *wire) complete(closed bool) (bool, error) {
	switch w.body {
	case framedByClose:
		w.length = len(w.buf)
		return closed, nil
	case framedByChunks:
		return w.chunks()
	}
	return len(w.buf) >= w.length, nil
}

// chunks moves length behind each chunk that has come.
func (w *wire) chunks() (bool, error) {
	for {
		if w.length > len(w.buf) {
			return false, nil
		}
		end := bytes.IndexByte(w.buf[w.length:], '\n')
		if end < 0 {
			return false, nil
		}
		line := strings.TrimRight(string(w.buf[w.length:w.length+end]), "\r")
		if w.trailers {
			if w.length += end + 1; line == "" {
				return true, nil
			}
			continue
		}
		size, _, _ := strings.Cut(line, ";")
		n, err := strconv.ParseUint(strings.Trim(size, " \t"), 16, 63)
		if err != nil || n > maxEntryBytes {
			return false, errors.New("not the size of a chunk: " + quoteShort(line))
		}
		if w.length += end + 1; n == 0 {
			w.trailers = true
			continue
		}
		w.length += int(n)
		if w.length >= len(w.buf) {
			w.length -= int(n) + end + 1 // look again when it is there
			return false, nil
		}
		if skip := lineEnd(w.buf[w.length:]); skip > 0 {
			w.length += skip
		} else if len(w.buf)-w.length < 2 {
			w.length -= int(n) + end + 1
			return false, nil
		} else {
			return false, errors.New("a chunk is longer than its size says")
		}
	}
}

// field returns the value of a header field in the bytes of a head, "" for
// none; of several the last.
func field(head []byte, name string) (value string) {
	for line := range bytes.Lines(head) {
		n, v, ok := strings.Cut(string(line), ":")
		if ok && strings.EqualFold(strings.Trim(n, " \t"), name) {
			value = strings.Trim(v, " \t\r\n")
		}
	}
	return value
}

// requestFraming: a request without framing has no body.
func requestFraming(head []byte) (framing, int) {
	if strings.Contains(strings.ToLower(field(head, "transfer-encoding")), "chunked") {
		return framedByChunks, 0
	}
	return framedByLength, contentLength(head)
}

// responseFraming depends on the request's method and the status, too.
func responseFraming(method string) func(head []byte) (framing, int) {
	return func(head []byte) (framing, int) {
		status := statusOf(head)
		switch {
		case method == "HEAD" || status < 200 || status == 204 || status == 304 || method == "CONNECT" && status < 300:
			return framedByLength, 0
		case strings.Contains(strings.ToLower(field(head, "transfer-encoding")), "chunked"):
			return framedByChunks, 0
		case field(head, "content-length") != "":
			return framedByLength, contentLength(head)
		}
		return framedByClose, 0
	}
}

// contentLength is 0 when there is none; what is over the bound ends up there.
func contentLength(head []byte) int {
	n, err := strconv.ParseUint(field(head, "content-length"), 10, 63)
	if err != nil {
		return 0
	}
	return int(min(n, maxEntryBytes+1))
}

// statusOf is the status of a response's first line, 0 when there is none.
func statusOf(head []byte) int {
	line, _, _ := strings.Cut(string(head), "\n")
	words := strings.Fields(line)
	if len(words) < 2 || !strings.HasPrefix(words[0], "HTTP/") || !isStatus(words[1]) {
		return 0
	}
	status, _ := strconv.Atoi(words[1])
	return status
}
