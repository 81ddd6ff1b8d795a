package jwt

import "encoding/hex"

// curve is a NIST curve, y² = x³ - 3x + b, with the algorithm that is bound to it
// (RFC 7518, section 3.4). Points and b are in Montgomery's form.
type curve struct {
	alg       string
	bytes     int // of a coordinate, and of r and s
	p         *modulus
	n         *modulus // the order of the group
	b         nat
	generator point
}

// curves are those of FIPS 186-4, appendix D.1.2: p, n, b and the generator.
var curves = map[string]*curve{
	"P-256": newCurve("ES256", [...]string{
		"ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
		"5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
		"6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
		"4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
	}),
	"P-384": newCurve("ES384", [...]string{
		"fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
		"ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
		"b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
		"aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
		"3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
	}),
	"P-521": newCurve("ES512", [...]string{
		"01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
		"0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
		"00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66",
		"011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650",
	}),
}

func newCurve(alg string, hexes [5]string) *curve {
	var v [5][]byte
	for i, text := range hexes {
		v[i], _ = hex.DecodeString(text)
	}
	c := &curve{alg: alg, bytes: len(v[0])}
	c.p, _ = newModulus(v[0])
	c.n, _ = newModulus(v[1])
	c.b = c.p.enter(c.p.reduce(v[2]))
	c.generator = point{c.p.enter(c.p.reduce(v[3])), c.p.enter(c.p.reduce(v[4])), c.p.one}
	return c
}

// point is one in Jacobian coordinates: (x/z², y/z³), or infinity when z is 0.
type point struct{ x, y, z nat }

// read makes a point of its coordinates; ok is false when it is not on the curve.
func (c *curve) read(x, y []byte) (q point, ok bool) {
	px, okX := c.p.read(x)
	py, okY := c.p.read(y)
	if !okX || !okY {
		return q, false
	}
	q = point{c.p.enter(px), c.p.enter(py), c.p.one}
	g := c.newGroup()
	left, right := g.room(), g.room()
	g.mul(left, q.y, q.y)
	g.mul(right, q.x, q.x)
	three := g.room()
	for range 3 {
		g.add(three, three, c.p.one)
	}
	g.sub(right, right, three)
	g.mul(right, right, q.x)
	g.add(right, right, c.b)
	return q, left.equal(right)
}

// verify is FIPS 186-5, section 6.4.2.
func (c *curve) verify(key point, digest, signature []byte) bool {
	if len(signature) != 2*c.bytes {
		return false
	}
	r, okR := c.n.read(signature[:c.bytes])
	s, okS := c.n.read(signature[c.bytes:])
	if !okR || !okS || r.isZero() || s.isZero() {
		return false
	}
	// No digest of RFC 7518 has more bits than its curve's order.
	e, t := c.n.reduce(digest), c.n.scratch()
	inverse := c.n.inverse(c.n.enter(s))
	u1, u2 := make(nat, len(r)), make(nat, len(r))
	c.n.mul(u1, e, inverse, t) // leaves Montgomery's form
	c.n.mul(u2, r, inverse, t)
	sum := c.newGroup().combine(u1, c.generator, u2, key)
	if sum.z.isZero() {
		return false
	}
	zInverse, x := c.p.inverse(sum.z), make(nat, len(sum.x))
	t = c.p.scratch()
	c.p.mul(x, sum.x, zInverse, t)
	c.p.mul(x, x, zInverse, t)
	return c.n.reduce(c.p.leave(x).bytes(c.bytes)).equal(r)
}

// group computes with points of a curve; it is for one goroutine.
type group struct {
	*modulus
	t    nat
	temp [8]nat
}

func (c *curve) newGroup() *group {
	g := &group{modulus: c.p, t: c.p.scratch()}
	for i := range g.temp {
		g.temp[i] = g.room()
	}
	return g
}

func (g *group) room() nat { return make(nat, len(g.m)) }

func (g *group) mul(z, x, y nat) { g.modulus.mul(z, x, y, g.t) }

// combine gives u1·p1 + u2·p2, both bit by bit at once.
func (g *group) combine(u1 nat, p1 point, u2 nat, p2 point) point {
	out := point{g.room(), g.room(), g.room()}
	both := point{g.room(), g.room(), g.room()}
	g.plus(&both, p1, p2)
	for i := 64*len(u1) - 1; i >= 0; i-- {
		g.double(&out, out)
		switch u1[i/64]>>(i%64)&1 | u2[i/64]>>(i%64)&1<<1 {
		case 1:
			g.plus(&out, out, p1)
		case 2:
			g.plus(&out, out, p2)
		case 3:
			g.plus(&out, out, both)
		}
	}
	return out
}

// double sets z to 2a (dbl-2001-b of the Explicit-Formulas Database).
func (g *group) double(z *point, a point) {
	delta, gamma, beta, alpha, t := g.temp[0], g.temp[1], g.temp[2], g.temp[3], g.temp[4]
	g.mul(delta, a.z, a.z)
	g.mul(gamma, a.y, a.y)
	g.mul(beta, a.x, gamma)
	g.sub(alpha, a.x, delta)
	g.add(t, a.x, delta)
	g.mul(t, t, alpha)
	g.add(alpha, t, t)
	g.add(alpha, alpha, t) // 3 (x-delta) (x+delta)
	g.add(t, a.y, a.z)
	g.mul(z.z, t, t)
	g.sub(z.z, z.z, gamma)
	g.sub(z.z, z.z, delta)
	g.add(beta, beta, beta)
	g.add(beta, beta, beta)
	g.mul(z.x, alpha, alpha)
	g.sub(z.x, z.x, beta)
	g.sub(z.x, z.x, beta)
	g.sub(t, beta, z.x)
	g.mul(gamma, gamma, gamma)
	for range 3 {
		g.add(gamma, gamma, gamma)
	}
	g.mul(z.y, alpha, t)
	g.sub(z.y, z.y, gamma)
}

// plus sets z to a+b (add-1998-cmo-2), which may be equal, opposite or infinite.
func (g *group) plus(z *point, a, b point) {
	switch {
	case a.z.isZero():
		z.set(b)
		return
	case b.z.isZero():
		z.set(a)
		return
	}
	u1, u2, s1, s2, aa, bb := g.temp[0], g.temp[1], g.temp[2], g.temp[3], g.temp[4], g.temp[5]
	g.mul(aa, a.z, a.z)
	g.mul(bb, b.z, b.z)
	g.mul(u1, a.x, bb)
	g.mul(u2, b.x, aa)
	g.mul(s1, a.y, b.z)
	g.mul(s1, s1, bb)
	g.mul(s2, b.y, a.z)
	g.mul(s2, s2, aa)
	g.sub(u2, u2, u1) // H
	g.sub(s2, s2, s1) // R
	if u2.isZero() {
		if s2.isZero() {
			g.double(z, a)
		} else {
			clear(z.z)
		}
		return
	}
	g.mul(z.z, a.z, b.z)
	g.mul(z.z, z.z, u2)
	g.mul(aa, u2, u2) // H²
	g.mul(bb, aa, u2) // H³
	g.mul(u1, u1, aa) // V
	g.mul(s1, s1, bb)
	g.mul(z.x, s2, s2)
	g.sub(z.x, z.x, bb)
	g.sub(z.x, z.x, u1)
	g.sub(z.x, z.x, u1)
	g.sub(u1, u1, z.x)
	g.mul(z.y, s2, u1)
	g.sub(z.y, z.y, s1)
}

func (z *point) set(a point) {
	copy(z.x, a.x)
	copy(z.y, a.y)
	copy(z.z, a.z)
}
