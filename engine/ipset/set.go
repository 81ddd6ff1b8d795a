package ipset

import (
	"math"
	"math/bits"
	"net/netip"
	"time"
)

// Set is a set of prefixes with what is said about each. It is immutable and
// safe for concurrent use; the zero Set is empty.
//
// It is a sorted array of prefixes, each with the number of the shortest one
// around it: an address is found by going back from the last prefix that begins
// before it to those around that. An IPv4 prefix takes 12 bytes and an IPv6 one
// 24, with up to 2 bytes of index; a trie (bart.Table) takes 69.
type Set struct {
	v4    table4
	v6    table6
	kinds []kind
	texts []string
}

// kind is what an entry says besides its prefix; entries that say the same
// share one.
type kind struct {
	expires          int64 // in Unix seconds; never when 0
	score            int32
	category, source uint32 // indexes of texts
}

// Match is the entry that decides about an address.
type Match struct {
	// Prefix is the longest prefix that holds the address, IPv4 as IPv4.
	Prefix netip.Prefix
	// Score is the entry's own, or the default of its text.
	Score int
	// Category and Source are the entry's own or the defaults of its text.
	Category, Source string
}

// Len gives the number of prefixes.
func (s *Set) Len() int { return len(s.v4.entries) + len(s.v6.entries) }

// SizeBytes is the memory that the set takes.
func (s *Set) SizeBytes() int {
	n := 12*cap(s.v4.entries) + 24*cap(s.v6.entries) + 4*cap(s.v4.index) + 4*cap(s.v6.index) + 24*cap(s.kinds)
	for _, text := range s.texts {
		n += 16 + len(text)
	}
	return n
}

// Lookup gives the entry with the longest prefix that holds the address and has
// not expired at now; ok is false when there is none. An IPv4 address mapped into
// IPv6 counts as IPv4, and a zone does not count at all.
func (s *Set) Lookup(addr netip.Addr, now time.Time) (m Match, ok bool) {
	addr = addr.Unmap()
	if addr.Is4() {
		a := addr.As4()
		return s.find4(uint32(a[0])<<24|uint32(a[1])<<16|uint32(a[2])<<8|uint32(a[3]), now)
	}
	if !addr.IsValid() {
		return Match{}, false
	}
	return s.find6(wideOf(addr.As16()), now)
}

func (s *Set) find4(addr uint32, now time.Time) (Match, bool) {
	for i := s.v4.last(addr); i >= 0; {
		e := &s.v4.entries[i]
		if e.holds(addr) && !s.expired(e.tail, now) {
			at := netip.AddrFrom4([4]byte{byte(e.start >> 24), byte(e.start >> 16), byte(e.start >> 8), byte(e.start)})
			return s.match(at, e.tail), true
		}
		i = e.around
	}
	return Match{}, false
}

func (s *Set) find6(addr wide, now time.Time) (Match, bool) {
	for i := s.v6.last(addr); i >= 0; {
		e := &s.v6.entries[i]
		if e.holds(addr) && !s.expired(e.tail, now) {
			return s.match(e.start.addr(), e.tail), true
		}
		i = e.around
	}
	return Match{}, false
}

func (s *Set) expired(t tail, now time.Time) bool {
	at := s.kinds[t.kind()].expires
	return at != 0 && now.Unix() >= at
}

func (s *Set) match(start netip.Addr, t tail) Match {
	k := s.kinds[t.kind()]
	return Match{
		Prefix: netip.PrefixFrom(start, t.bits()), Score: int(k.score),
		Category: s.texts[k.category], Source: s.texts[k.source],
	}
}

// tail is the length of a prefix in the lowest byte and the number of its kind
// above it.
type tail uint32

// maxKinds is what fits above the length.
const maxKinds = 1 << 24

func newTail(bits, kind int) tail { return tail(kind)<<8 | tail(bits) }

func (t tail) bits() int { return int(t & 0xff) }

func (t tail) kind() int { return int(t >> 8) }

// entry4 is an IPv4 prefix. What is looked at together lies together: a search
// that leaves the processor's cache once costs more than all its comparisons.
type entry4 struct {
	start  uint32
	tail   tail
	around int32 // the shortest prefix around, or -1
}

func (e *entry4) holds(addr uint32) bool { return (e.start^addr)&mask4(e.tail.bits()) == 0 }

// entry6 is an IPv6 prefix.
type entry6 struct {
	start  wide
	tail   tail
	around int32
}

func (e *entry6) holds(addr wide) bool { return addr.masked(e.tail.bits()) == e.start }

// table4 holds IPv4 prefixes, sorted by start and then by length.
type table4 struct {
	entries []entry4
	index   []int32 // by the highest bits of an address: the first prefix that begins there
	shift   int
}

// last gives the last prefix that begins at or before the address, or -1.
func (t *table4) last(addr uint32) int32 {
	if len(t.entries) == 0 {
		return -1
	}
	bucket := addr >> t.shift
	low, high := t.index[bucket], t.index[bucket+1]
	for low < high {
		middle := int32(uint32(low+high) >> 1)
		if t.entries[middle].start <= addr {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low - 1
}

// table6 holds IPv6 prefixes likewise.
type table6 struct {
	entries []entry6
	index   []int32
	shift   int
}

func (t *table6) last(addr wide) int32 {
	if len(t.entries) == 0 {
		return -1
	}
	bucket := index6(addr.high, t.shift)
	low, high := t.index[bucket], t.index[bucket+1]
	for low < high {
		middle := int32(uint32(low+high) >> 1)
		if !addr.less(t.entries[middle].start) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low - 1
}

// mask4 has the first n bits set.
func mask4(n int) uint32 { return ^uint32(0) << (32 - n) }

// wide is an IPv6 address as a number.
type wide struct{ high, low uint64 }

func wideOf(a [16]byte) (w wide) {
	for i := range 8 {
		w.high = w.high<<8 | uint64(a[i])
		w.low = w.low<<8 | uint64(a[8+i])
	}
	return w
}

func (w wide) addr() netip.Addr {
	var a [16]byte
	for i := range 8 {
		a[i], a[8+i] = byte(w.high>>(56-8*i)), byte(w.low>>(56-8*i))
	}
	return netip.AddrFrom16(a)
}

func (w wide) less(other wide) bool {
	return w.high < other.high || w.high == other.high && w.low < other.low
}

func (w wide) masked(n int) wide {
	if n <= 64 {
		return wide{w.high & (math.MaxUint64 << (64 - n)), 0}
	}
	return wide{w.high, w.low & (math.MaxUint64 << (128 - n))}
}

// maxIndexBits is the size of an index: 4 MB for a set that holds a million
// prefixes, a tenth of what they take themselves.
const maxIndexBits = 18

// indexBits is how many bits the index of n prefixes has: about four prefixes
// share an entry.
func indexBits(n int) int { return min(max(bits.Len(uint(n))-2, 0), maxIndexBits) }

// index6 is the bucket of an address. All addresses in use are in 2000::/3
// (IANA), so that its bits would tell nothing; the few others share two buckets.
func index6(high uint64, shift int) int {
	const first, span = uint64(0x2000) << 48, uint64(0x2000) << 48
	switch {
	case high < first:
		return 0
	case high-first >= span:
		return 1 + int(span>>shift)
	}
	return 1 + int((high-first)>>shift)
}
