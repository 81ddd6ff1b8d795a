package jwt

import "math/bits"

// nat is a natural number in 64-bit limbs, the lowest first. All numbers below
// one modulus have as many limbs as it.
type nat []uint64

// modulus is an odd number to compute by, in Montgomery's form. It takes any time
// that the numbers make it take: signatures and public keys are no secrets. It
// is safe for concurrent use.
type modulus struct {
	m    nat
	k0   uint64 // -1/m[0] modulo 2^64
	one  nat    // R modulo m, where R is 2^(64 len(m))
	r2   nat    // R² modulo m
	size int    // of m, in bytes
}

// newModulus takes a number in big-endian bytes without leading zeros. ok is
// false for an even one and for 1.
func newModulus(b []byte) (m *modulus, ok bool) {
	if len(b) == 0 || b[0] == 0 || b[len(b)-1]&1 == 0 || len(b) == 1 && b[0] == 1 {
		return nil, false
	}
	m = &modulus{m: limbs(b, (len(b)+7)/8), size: len(b)}
	inverse := uint64(1)
	for range 6 { // each step doubles the number of right bits
		inverse *= 2 - m.m[0]*inverse
	}
	m.k0 = -inverse
	n := len(m.m)
	power := make(nat, n)
	power[0] = 1
	for i := range 2 * 64 * n {
		if i == 64*n {
			m.one = append(nat{}, power...)
		}
		m.add(power, power, power)
	}
	m.r2 = power
	return m, true
}

// limbs reads big-endian bytes into n limbs, which must be enough.
func limbs(b []byte, n int) nat {
	out := make(nat, n)
	for i, c := range b {
		at := len(b) - 1 - i
		out[at/8] |= uint64(c) << (at % 8 * 8)
	}
	return out
}

// bytes gives x in size big-endian bytes.
func (x nat) bytes(size int) []byte {
	out := make([]byte, size)
	for i := range out {
		at := size - 1 - i
		if at/8 < len(x) {
			out[i] = byte(x[at/8] >> (at % 8 * 8))
		}
	}
	return out
}

func (x nat) isZero() bool {
	for _, l := range x {
		if l != 0 {
			return false
		}
	}
	return true
}

func (x nat) equal(y nat) bool {
	for i := range x {
		if x[i] != y[i] {
			return false
		}
	}
	return true
}

// less says whether x is below y, which has as many limbs.
func (x nat) less(y nat) bool {
	for i := len(x) - 1; i >= 0; i-- {
		if x[i] != y[i] {
			return x[i] < y[i]
		}
	}
	return false
}

// read gives big-endian bytes as a number below the modulus; ok is false for one
// that is not below.
func (m *modulus) read(b []byte) (x nat, ok bool) {
	if len(b) > 8*len(m.m) {
		return nil, false
	}
	x = limbs(b, len(m.m))
	return x, x.less(m.m)
}

// reduce gives big-endian bytes modulo the modulus, which must not be much
// shorter: it subtracts until the rest is below.
func (m *modulus) reduce(b []byte) nat {
	x := limbs(b, len(m.m))
	for !x.less(m.m) {
		subtract(x, x, m.m)
	}
	return x
}

// subtract sets z to x-y and gives the borrow.
func subtract(z, x, y nat) (borrow uint64) {
	for i := range z {
		z[i], borrow = bits.Sub64(x[i], y[i], borrow)
	}
	return borrow
}

// add sets z to x+y modulo m.
func (m *modulus) add(z, x, y nat) {
	carry := uint64(0)
	for i := range z {
		z[i], carry = bits.Add64(x[i], y[i], carry)
	}
	if carry != 0 || !z.less(m.m) {
		subtract(z, z, m.m)
	}
}

// sub sets z to x-y modulo m.
func (m *modulus) sub(z, x, y nat) {
	if subtract(z, x, y) == 0 {
		return
	}
	carry := uint64(0)
	for i := range z {
		z[i], carry = bits.Add64(z[i], m.m[i], carry)
	}
}

// mul sets z to x·y/R modulo m: Montgomery's product, limb by limb (CIOS, in
// "Analyzing and Comparing Montgomery Multiplication Algorithms", 1996). t has
// two limbs more than m.
func (m *modulus) mul(z, x, y, t nat) {
	n := len(m.m)
	clear(t)
	for _, d := range y {
		carry := addProduct(t, x, d)
		t[n], carry = bits.Add64(t[n], carry, 0)
		t[n+1] = carry
		// Adding a multiple of m makes the lowest limb zero, which is dropped.
		carry = dropLimb(t, m.m, t[0]*m.k0)
		t[n-1], carry = bits.Add64(t[n], carry, 0)
		t[n] = t[n+1] + carry
	}
	copy(z, t)
	if t[n] != 0 || !z.less(m.m) {
		subtract(z, z, m.m)
	}
}

// addProduct adds x·d to t and gives what goes over.
func addProduct(t, x nat, d uint64) (over uint64) {
	t = t[:len(x)]
	for i, l := range x {
		high, low := bits.Mul64(l, d)
		low, carry := bits.Add64(low, t[i], 0)
		high += carry
		t[i], carry = bits.Add64(low, over, 0)
		over = high + carry
	}
	return over
}

// dropLimb adds m·d, which makes t[0] zero, moves the limbs down by one and gives
// what goes over.
func dropLimb(t, m nat, d uint64) (over uint64) {
	t = t[:len(m)]
	high, low := bits.Mul64(m[0], d)
	_, carry := bits.Add64(low, t[0], 0)
	over = high + carry
	for i := 1; i < len(m); i++ {
		high, low := bits.Mul64(m[i], d)
		low, carry := bits.Add64(low, t[i], 0)
		high += carry
		t[i-1], carry = bits.Add64(low, over, 0)
		over = high + carry
	}
	return over
}

// scratch is room for mul.
func (m *modulus) scratch() nat { return make(nat, len(m.m)+2) }

// enter gives x in Montgomery's form, x·R, and leave takes it out of it.
func (m *modulus) enter(x nat) nat {
	out := make(nat, len(m.m))
	m.mul(out, x, m.r2, m.scratch())
	return out
}

func (m *modulus) leave(x nat) nat {
	out, one := make(nat, len(m.m)), make(nat, len(m.m))
	one[0] = 1
	m.mul(out, x, one, m.scratch())
	return out
}

// exp gives x to the power of big-endian bytes; both numbers are in Montgomery's
// form.
func (m *modulus) exp(x nat, power []byte) nat {
	out, t := append(nat{}, m.one...), m.scratch()
	for _, b := range power {
		for bit := 7; bit >= 0; bit-- {
			m.mul(out, out, out, t)
			if b>>bit&1 == 1 {
				m.mul(out, out, x, t)
			}
		}
	}
	return out
}

// inverse gives 1/x for a prime modulus, by Fermat; both are in Montgomery's form.
func (m *modulus) inverse(x nat) nat {
	power := append(nat{}, m.m...)
	two := make(nat, len(power))
	two[0] = 2
	subtract(power, power, two)
	return m.exp(x, power.bytes(m.size))
}

// modSmall gives the modulus modulo a small number.
func (m *modulus) modSmall(d uint64) (rest uint64) {
	for _, b := range m.m.bytes(m.size) {
		rest = (rest<<8 | uint64(b)) % d
	}
	return rest
}
