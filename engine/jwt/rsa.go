package jwt

import (
	"bytes"
	"encoding/binary"
	"hash"
)

// rsaKey is a public key.
type rsaKey struct {
	n *modulus
	e []byte // big-endian, without leading zeros
}

// open gives the encoded message that was signed, as long as the modulus: RFC
// 8017, section 5.2.2.
func (k *rsaKey) open(signature []byte) (message []byte, ok bool) {
	if len(signature) != k.n.size {
		return nil, false
	}
	s, ok := k.n.read(signature)
	if !ok {
		return nil, false
	}
	return k.n.leave(k.n.exp(k.n.enter(s), k.e)).bytes(k.n.size), true
}

// digestInfo is how PKCS #1 v1.5 begins a digest: its algorithm and length in
// DER (RFC 8017, section 9.2, note 1), by the digest's size.
var digestInfo = map[int]string{
	32: "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
	48: "\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
	64: "\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
}

// verifyPKCS1 is RSASSA-PKCS1-V1_5-VERIFY of RFC 8017, section 8.2.2: it makes the
// encoded message again and compares, rather than to read the one that was sent.
func (k *rsaKey) verifyPKCS1(digest, signature []byte) bool {
	got, ok := k.open(signature)
	if !ok {
		return false
	}
	want := append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, len(got)-3-len(digestInfo[len(digest)])-len(digest))...)
	want = append(append(want, 0), digestInfo[len(digest)]...)
	return bytes.Equal(got, append(want, digest...))
}

// verifyPSS is RSASSA-PSS-VERIFY of RFC 8017, section 8.1.2, with a salt as long as
// the digest (RFC 7518, section 3.5).
func (k *rsaKey) verifyPSS(newHash func() hash.Hash, digest, signature []byte) bool {
	em, ok := k.open(signature)
	if !ok {
		return false
	}
	// The encoded message has one bit less than the modulus.
	unused := 0
	for top := k.n.m.bytes(k.n.size)[0]; top>>unused > 1; unused++ {
	}
	if unused == 0 {
		if em[0] != 0 {
			return false
		}
		em, unused = em[1:], 8
	}
	size := len(digest)
	if len(em) < 2*size+2 || em[len(em)-1] != 0xbc || em[0]>>unused != 0 {
		return false
	}
	db, h := em[:len(em)-size-1], em[len(em)-size-1:len(em)-1]
	mask(db, newHash, h)
	if unused < 8 {
		db[0] &= 1<<unused - 1
	}
	zeros, salt := db[:len(db)-size-1], db[len(db)-size:]
	if !isZero(zeros) || db[len(db)-size-1] != 1 {
		return false
	}
	m := newHash()
	m.Write(make([]byte, 8))
	m.Write(digest)
	m.Write(salt)
	return bytes.Equal(m.Sum(nil), h)
}

// mask is MGF1 of RFC 8017, appendix B.2.1, put over data.
func mask(data []byte, newHash func() hash.Hash, seed []byte) {
	for block := uint32(0); len(data) > 0; block++ {
		h := newHash()
		h.Write(seed)
		h.Write(binary.BigEndian.AppendUint32(nil, block))
		pad := h.Sum(nil)
		n := min(len(pad), len(data))
		for i := range n {
			data[i] ^= pad[i]
		}
		data = data[n:]
	}
}
