package jwt

import (
	"math/big"

	"filippo.io/nistec"
)

// curve is a NIST curve with the algorithm that is bound to it (RFC 7518,
// section 3.4).
type curve struct {
	alg    string
	bytes  int // of a coordinate, and of r and s
	on     func(point []byte) bool
	verify func(point, digest, signature []byte) bool
}

// The orders of the curves' groups (FIPS 186-4, appendix D.1.2).
var curves = map[string]*curve{
	"P-256": newCurve("ES256", 32, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", nistec.NewP256Point),
	"P-384": newCurve("ES384", 48, "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973", nistec.NewP384Point),
	"P-521": newCurve("ES512", 66, "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409", nistec.NewP521Point),
}

// point is what the three types of nistec have in common.
type point[P any] interface {
	SetBytes([]byte) (P, error)
	SetGenerator() P
	ScalarMult(P, []byte) (P, error)
	Add(P, P) P
	BytesX() ([]byte, error)
}

func newCurve[P point[P]](alg string, bytes int, order string, newPoint func() P) *curve {
	n, _ := new(big.Int).SetString(order, 16)
	return &curve{
		alg: alg, bytes: bytes,
		on: func(key []byte) bool {
			_, err := newPoint().SetBytes(key)
			return err == nil
		},
		verify: func(key, digest, signature []byte) bool {
			return verifyECDSA(newPoint, n, bytes, key, digest, signature)
		},
	}
}

// verifyECDSA is FIPS 186-5, section 6.4.2. crypto/ecdsa would do, but brings the
// code for signing and for every curve: see RATIONALE.md.
func verifyECDSA[P point[P]](newPoint func() P, order *big.Int, size int, key, digest, signature []byte) bool {
	if len(signature) != 2*size {
		return false
	}
	r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
	if r.Sign() == 0 || s.Sign() == 0 || r.Cmp(order) >= 0 || s.Cmp(order) >= 0 {
		return false
	}
	// No digest of RFC 7518 has more bits than its curve's order.
	e := new(big.Int).SetBytes(digest)
	inverse := new(big.Int).ModInverse(s, order)
	scalar := func(v *big.Int) []byte {
		v.Mul(v, inverse)
		return v.Mod(v, order).FillBytes(make([]byte, size))
	}
	q, err := newPoint().SetBytes(key)
	if err != nil {
		return false
	}
	sum, err := newPoint().ScalarMult(newPoint().SetGenerator(), scalar(e))
	if err != nil {
		return false
	}
	if q, err = newPoint().ScalarMult(q, scalar(new(big.Int).Set(r))); err != nil {
		return false
	}
	x, err := sum.Add(sum, q).BytesX()
	if err != nil {
		return false // the point at infinity
	}
	v := new(big.Int).SetBytes(x)
	return v.Mod(v, order).Cmp(r) == 0
}
