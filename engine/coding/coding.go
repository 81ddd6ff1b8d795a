// Package coding takes the Content-Encoding off a request body, so that the
// verdict on an HTTP exchange is about what the server will read, and off nothing
// that grows beyond a limit on the way.
package coding

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"strings"
)

// Names are the codings that a policy may list, as a Content-Encoding names them
// (RFC 9110, section 8.4.1). Decode knows all of them but the Refused ones.
func Names() []string { return []string{"gzip", "deflate", "br"} }

// Refused are those of them that this build cannot take off, so that Decode says
// ErrNotHere: br in the filter that Envoy loads.
func Refused() []string {
	if takesBrotli {
		return nil
	}
	return []string{"br"}
}

// The reasons why a body stays what it is.
var (
	// ErrUnknown: a coding that is not known here.
	ErrUnknown = errors.New("a coding that cannot be taken off")
	// ErrSeveral: more than one coding. Nobody does that, and each further layer
	// multiplies what a few bytes can become.
	ErrSeveral = errors.New("more than one coding")
	// ErrNotHere: a coding that the policy may list, but not for this build.
	ErrNotHere = errors.New("the filter does not take br off; gzip and deflate it does")
	// ErrBroken: the bytes are not in the coding, or more bytes follow, or they are in
	// it in two ways.
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
		case item == "x-gzip": // RFC 9110, section 8.4.1.3
			name = "gzip"
		default:
			name = item
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
	headed := name == "deflate" && isZlib(body)
	switch {
	case headed && isRaw(body, limit):
		return nil, ErrBroken
	case len(out) > limit:
		return out, nil
	case err != nil, headed && !endsInSum(in, out), in.Len() > 0:
		return nil, ErrBroken
	}
	return out, nil
}

// isRaw says whether a body with the head of RFC 1950 can be read as one without:
// the head is then that of a block that is stored as it is, of which 15 bits are
// spare. A server that looks for a head last reads another text than we do.
func isRaw(body []byte, limit int) bool {
	const lengths = 5
	if len(body) < lengths || body[1] != ^body[3] || body[2] != ^body[4] {
		return false // the length of the block and its complement, RFC 1951, section 3.2.4
	}
	_, err := io.Copy(io.Discard, io.LimitReader(flate.NewReader(bytes.NewReader(body)), int64(limit)+1))
	return err == nil
}

// reader opens a decoder. in is an io.ByteReader, so that none reads too far.
func reader(name string, in *bytes.Reader) (io.Reader, error) {
	switch name {
	case "gzip":
		r, err := gzip.NewReader(in)
		if err != nil {
			return nil, ErrBroken
		}
		return r, nil
	case "deflate":
		// Without the head of RFC 1950 it is what some clients send under this name,
		// and most servers take. Not compress/zlib, which is 11 KB of code.
		var head [zlibHeadBytes]byte
		if _, err := in.ReadAt(head[:], 0); err == nil && isZlib(head[:]) {
			_, _ = in.Seek(zlibHeadBytes, io.SeekStart)
		}
		return flate.NewReader(in), nil
	case "br":
		return brotliReader(in)
	}
	return nil, ErrUnknown
}

// zlibHeadBytes is the head of RFC 1950 without a dictionary.
const zlibHeadBytes = 2

// isZlib looks for that head: deflate, no dictionary, and a check of two bytes.
func isZlib(body []byte) bool {
	return len(body) >= zlibHeadBytes && body[0]&0x0f == 8 && body[1]&0x20 == 0 && (int(body[0])<<8|int(body[1]))%31 == 0
}

// endsInSum reads the Adler-32 sum that ends a body with the head of RFC 1950,
// and says whether it is that of out.
func endsInSum(in *bytes.Reader, out []byte) bool {
	const prime = 65521
	a, b := uint32(1), uint32(0)
	for _, c := range out {
		a = (a + uint32(c)) % prime
		b = (b + a) % prime
	}
	var sum [4]byte
	n, _ := io.ReadFull(in, sum[:])
	return n == len(sum) && sum == [4]byte{byte(b >> 8), byte(b), byte(a >> 8), byte(a)}
}
