package jwt

const (
	// sixBits masks the value of a character in the table below.
	sixBits = 0x3f
	// otherAlphabet marks "+" and "/", which base64 has and base64url has not.
	otherAlphabet = 0x40
	// foreign marks every byte that neither alphabet has.
	foreign = 0xff
)

// alphabet gives the value of each base64url character of RFC 4648, section 5.
// encoding/base64 is no help here: even its Strict mode skips CR and LF inside
// the text.
var alphabet = func() (t [256]byte) {
	for i := range t {
		t[i] = foreign
	}
	for i, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		t[c] = byte(i)
	}
	t['+'] = t['-'] | otherAlphabet
	t['/'] = t['_'] | otherAlphabet
	return t
}()

// strict says whether s is unpadded base64url with zero stray bits, so that no
// second text decodes to the same bytes (RFC 7515, section 2).
func strict(s string) bool {
	for i := range len(s) {
		if alphabet[s[i]] > sixBits {
			return false
		}
	}
	switch len(s) % 4 {
	case 1:
		return false
	case 2:
		return alphabet[s[len(s)-1]]&0x0f == 0
	case 3:
		return alphabet[s[len(s)-1]]&0x03 == 0
	}
	return true
}

// loose gives the longest start of s that a careless decoder, one of either
// alphabet, would read.
func loose(s string) string {
	for i := range len(s) {
		if alphabet[s[i]] == foreign {
			return s[:i]
		}
	}
	return s
}

// decode gives the bytes of s, which must be strict or loose; in room when they
// fit, so that small parts cost no allocation.
func decode(room []byte, s string) []byte {
	dst := room[:0]
	if n := len(s) * 3 / 4; n > cap(dst) {
		dst = make([]byte, 0, n)
	}
	var bits uint32
	for i := range len(s) {
		bits = bits<<6 | uint32(alphabet[s[i]]&sixBits)
		switch i % 4 {
		case 1:
			dst = append(dst, byte(bits>>4))
		case 2:
			dst = append(dst, byte(bits>>2))
		case 3:
			dst = append(dst, byte(bits))
		}
	}
	return dst
}
