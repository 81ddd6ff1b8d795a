// Package wordset is a set of words that may also claim a word it was not
// given, but never denies one: a Bloom filter of 4 KiB, for the SQL keywords
// that the gate must not overlook in a value.
package wordset

// bits is the size of a filter. A thousand words with two bits each leave a
// word that was not given one chance in 270 to be claimed.
const bits = 1 << 15

// Set is the filter. The zero value is empty. It is safe to read concurrently.
type Set [bits / 64]uint64

// Hash is the hash of a word, built up byte by byte. The zero value is that of
// no bytes.
type Hash uint32

// Add returns the hash of the word with one more byte, a-z counting as A-Z.
func (h Hash) Add(c byte) Hash {
	if 'a' <= c && c <= 'z' {
		c -= 'a' - 'A'
	}
	return (h + Hash(c) + 1) * 0x9e3779b1
}

// split returns the two bits of a word.
func (h Hash) split() (a, b uint32) {
	x := uint32(h)
	x ^= x >> 15
	return x % bits, (x>>17)%bits ^ x*0x85ebca6b>>17
}

// Add puts a word into the set.
func (s *Set) Add(word string) {
	var h Hash
	for i := range len(word) {
		h = h.Add(word[i])
	}
	a, b := h.split()
	s[a/64] |= 1 << (a % 64)
	s[b/64] |= 1 << (b % 64)
}

// Has reports whether the word with this hash may be in the set.
func (s *Set) Has(h Hash) bool {
	a, b := h.split()
	return s[a/64]>>(a%64)&1 != 0 && s[b/64]>>(b%64)&1 != 0
}
