// Package coding takes the Content-Encoding off a request body, so that the
// verdict on an HTTP exchange is about what the server will read, and off nothing
// that grows beyond a limit on the way.
package coding

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"
)

// Names are the codings that Decode knows, as a Content-Encoding names them
// (RFC 9110, section 8.4.1).
func Names() []string { return []string{"gzip", "deflate"} }

// The reasons why a body stays what it is.
var (
	// ErrUnknown: a coding that is not known here.
	ErrUnknown = errors.New("a coding that cannot be taken off")
	// ErrSeveral: more than one coding. Nobody does that, and each further layer
	// multiplies what a few bytes can become.
	ErrSeveral = errors.New("more than one coding")
	// ErrBroken: the bytes are not in the coding, or more bytes follow.
	ErrBroken = errors.New("the body is not in its coding")
)

// Coding gives the coding that a Content-Encoding names, in small letters: "" when
// there is none. Several fields are to be joined by a comma.
func Coding(contentEncoding string) (name string, err error) {
	for item := range strings.SplitSeq(contentEncoding, ",") {
		item = strings.ToLower(strings.Trim(item, " \t"))
		switch {
		case item == "" || item == "identity":
		case name != "":
			return "", ErrSeveral
		default:
			name = strings.TrimPrefix(item, "x-") // x-gzip is gzip, RFC 9110, section 8.4.1.3
		}
	}
	return name, nil
}

// Decode takes one coding off. When more than limit bytes come out, the first
// limit and one are returned: the caller sees by their number that the body is
// over its limit.
func Decode(name string, body []byte, limit int) ([]byte, error) {
	in := bytes.NewReader(body)
	r, err := reader(name, in)
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	switch {
	case len(out) > limit:
		return out, nil
	case err != nil, in.Len() > 0:
		return nil, ErrBroken
	}
	return out, nil
}

// reader opens a decoder. in is an io.ByteReader, so that none reads too far.
func reader(name string, in *bytes.Reader) (r io.Reader, err error) {
	switch name {
	case "gzip":
		r, err = gzip.NewReader(in)
	case "deflate":
		if isZlib(in) {
			r, err = zlib.NewReader(in)
		} else {
			// What some clients send under this name, and most servers take.
			r = flate.NewReader(in)
		}
	default:
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, ErrBroken
	}
	return r, nil
}

// isZlib looks for the head of RFC 1950: deflate, and a check sum of two bytes.
func isZlib(in *bytes.Reader) bool {
	var head [2]byte
	if n, _ := in.ReadAt(head[:], 0); n < 2 {
		return false
	}
	return head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0
}
