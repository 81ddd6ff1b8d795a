package transform

import (
	"crypto/fips140"
	"crypto/md5"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
)

// lowercase is strings.ToLower, with all that Unicode says about it.
func lowercase(a *Arena, s string) (string, bool) {
	first := len(s)
	for i := range len(s) {
		class := classes[s[i]]
		if class == High {
			out := strings.ToLower(s)
			return out, out != s
		}
		if class == Upper && first == len(s) {
			first = i
		}
	}
	if first == len(s) {
		return s, false
	}
	out := append(a.work(len(s)), s...)
	for i, c := range out[first:] {
		if classes[c] == Upper {
			out[first+i] = c + 'a' - 'A'
		}
	}
	return a.String(out), true
}

// uppercase is strings.ToUpper.
func uppercase(_ *Arena, s string) (string, bool) {
	out := strings.ToUpper(s)
	return out, out != s
}

// length returns the number of bytes in decimal.
func length(a *Arena, s string) (string, bool) {
	return a.settle(strconv.AppendInt(a.work(20), int64(len(s)), 10), s), true
}

func hexEncode(a *Arena, s string) (string, bool) {
	out := a.work(2 * len(s))
	for i := range len(s) {
		out = append(out, lowerHex[s[i]>>4], lowerHex[s[i]&15])
	}
	return a.settle(out, s), true
}

// hexDecode fails on a value that is not hexadecimal as a whole, and then keeps it.
func hexDecode(a *Arena, s string) (string, bool) {
	out, err := hex.AppendDecode(a.work(len(s)), []byte(s))
	if err != nil {
		return s, false
	}
	return a.settle(out, s), true
}

func base64Encode(a *Arena, s string) (string, bool) {
	return a.settle(base64.StdEncoding.AppendEncode(a.work(base64.StdEncoding.EncodedLen(len(s))), []byte(s)), s), true
}

// base64Decode decodes up to the first byte that is not base64, padding included. Line ends do not count.
func base64Decode(a *Arena, s string) (string, bool) { return decodeBase64(a, s, false), true }

// base64DecodeExt skips what is not base64 instead of ending there, and knows the URL alphabet.
func base64DecodeExt(a *Arena, s string) (string, bool) { return decodeBase64(a, s, true), true }

func decodeBase64(a *Arena, s string, lenient bool) string {
	out := a.work(len(s))
	var bits uint32
	n := 0
	for i := range len(s) {
		c := s[i]
		if c == '\r' || c == '\n' {
			continue
		}
		if c == '=' {
			break
		}
		digit := base64Digit(c, lenient)
		if digit < 0 {
			if lenient {
				continue
			}
			break
		}
		bits = bits<<6 | uint32(digit)
		if n++; n == 4 {
			out = append(out, byte(bits>>16), byte(bits>>8), byte(bits))
			bits, n = 0, 0
		}
	}
	switch n {
	case 2:
		out = append(out, byte(bits>>4))
	case 3:
		out = append(out, byte(bits>>10), byte(bits>>2))
	}
	return a.settle(out, s)
}

// base64Digit returns the value of c in the standard alphabet, or -1; urlToo adds - and _.
func base64Digit(c byte, urlToo bool) int {
	switch {
	case c >= 'A' && c <= 'Z':
		return int(c - 'A')
	case c >= 'a' && c <= 'z':
		return int(c-'a') + 26
	case c >= '0' && c <= '9':
		return int(c-'0') + 52
	case c == '+' || urlToo && c == '-':
		return 62
	case c == '/' || urlToo && c == '_':
		return 63
	}
	return -1
}

// md5Digest returns the digest as 16 raw bytes. In FIPS 140-3 mode Coraza refuses, and the value stays.
func md5Digest(a *Arena, s string) (string, bool) {
	if fips140.Enabled() {
		return s, false
	}
	sum := md5.Sum([]byte(s))
	return a.settle(sum[:], s), true
}

// sha1Digest returns the digest as 20 raw bytes, under the condition of md5Digest.
func sha1Digest(a *Arena, s string) (string, bool) {
	if fips140.Enabled() {
		return s, false
	}
	sum := sha1.Sum([]byte(s))
	return a.settle(sum[:], s), true
}
