package ipset

import (
	"math"
	"net/netip"
	"sort"
	"strconv"
	"time"
)

const (
	// MaxEntries is how many prefixes one Set may hold: more than the largest
	// public feeds, and some 30 MB, which fit beside the rules into the 1 GiB that
	// Envoy gives a WebAssembly VM.
	MaxEntries = 1 << 21
	// MaxScore bounds an entry's score: the highest threshold of a policy.
	MaxScore = 10000
	// maxTextBytes bounds a category and a source: they are words, not reports.
	maxTextBytes = 128
)

// Builder collects entries. The zero Builder is empty; it is not safe for
// concurrent use.
type Builder struct {
	v4    []entry4
	v6    []entry6
	kinds []kind
	texts []string
	// kindOf and textOf number what has been seen before, lastKind and last
	// remember the latest, because most entries of a text say the same.
	kindOf   map[kind]int
	textOf   map[string]uint32
	last     kind
	lastKind int
	// maxEntries is MaxEntries when 0; tests set less.
	maxEntries int
}

// record is one entry of a text: the prefixes of an address, a network or a
// range, and what is said about them.
type record struct {
	prefix netip.Prefix
	// last, when valid, makes a range of the prefix, which then is an address.
	last             netip.Addr
	score            int
	category, source string
	expires          time.Time // the zero Time for never
}

// add puts a record in.
func (b *Builder) add(r record) *fault {
	number, f := b.kind(r)
	if f != nil {
		return f
	}
	if !r.last.IsValid() {
		return b.addPrefix(r.prefix, number)
	}
	for p := range prefixesOf(r.prefix.Addr(), r.last) {
		if f := b.addPrefix(p, number); f != nil {
			return f
		}
	}
	return nil
}

func (b *Builder) addPrefix(p netip.Prefix, kind int) *fault {
	limit := MaxEntries
	if b.maxEntries > 0 {
		limit = b.maxEntries
	}
	if len(b.v4)+len(b.v6) == limit {
		return &fault{msg: "more than " + strconv.Itoa(limit) + " entries in one set"}
	}
	if p.Addr().Is4() {
		a := p.Addr().As4()
		start := uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3])
		b.v4 = append(b.v4, entry4{start: start, tail: newTail(p.Bits(), kind)})
		return nil
	}
	b.v6 = append(b.v6, entry6{start: wideOf(p.Addr().As16()), tail: newTail(p.Bits(), kind)})
	return nil
}

// kind gives the number of what a record says.
func (b *Builder) kind(r record) (int, *fault) {
	k := kind{score: int32(r.score), category: b.text(r.category), source: b.text(r.source)}
	if !r.expires.IsZero() {
		k.expires = r.expires.Unix()
	}
	if len(b.kinds) > 0 && k == b.last {
		return b.lastKind, nil
	}
	number, ok := b.kindOf[k]
	if !ok {
		if len(b.kinds) == maxKinds {
			return 0, &fault{msg: "more than " + strconv.Itoa(maxKinds) + " different scores, categories, sources and expiries in one set"}
		}
		if b.kindOf == nil {
			b.kindOf = map[kind]int{}
		}
		number = len(b.kinds)
		b.kindOf[k], b.kinds = number, append(b.kinds, k)
	}
	b.last, b.lastKind = k, number
	return number, nil
}

// text gives the number of a text.
func (b *Builder) text(s string) uint32 {
	if n, ok := b.textOf[s]; ok {
		return n
	}
	if b.textOf == nil {
		b.textOf = map[string]uint32{}
	}
	n := uint32(len(b.texts))
	b.textOf[s], b.texts = n, append(b.texts, s)
	return n
}

// Set gives the set of all entries added so far. A prefix that was added twice
// counts once, with the higher score; of equal scores with the later expiry. The
// Builder must not be used afterwards.
func (b *Builder) Set() *Set {
	s := &Set{kinds: b.kinds, texts: b.texts}
	// sort.Sort is slower than slices.SortFunc, and its code is there once for
	// both kinds of entries.
	sort.Sort(byStart4{b})
	sort.Sort(byStart6{b})
	s.v4, s.v6 = newTable4(b.v4), newTable6(b.v6)
	return s
}

// byStart4 sorts IPv4 entries.
type byStart4 struct{ *Builder }

func (s byStart4) Len() int      { return len(s.v4) }
func (s byStart4) Swap(i, j int) { s.v4[i], s.v4[j] = s.v4[j], s.v4[i] }
func (s byStart4) Less(i, j int) bool {
	x, y := s.v4[i], s.v4[j]
	return x.start < y.start || x.start == y.start && s.before(x.tail, y.tail)
}

// byStart6 sorts IPv6 entries.
type byStart6 struct{ *Builder }

func (s byStart6) Len() int      { return len(s.v6) }
func (s byStart6) Swap(i, j int) { s.v6[i], s.v6[j] = s.v6[j], s.v6[i] }
func (s byStart6) Less(i, j int) bool {
	x, y := s.v6[i], s.v6[j]
	return x.start.less(y.start) || x.start == y.start && s.before(x.tail, y.tail)
}

// before puts the shorter prefix first and, of equal ones, the one that is to
// stay.
func (b *Builder) before(x, y tail) bool {
	if x.bits() != y.bits() {
		return x.bits() < y.bits()
	}
	p, q := b.kinds[x.kind()], b.kinds[y.kind()]
	if p.score != q.score {
		return p.score > q.score
	}
	if lasts(p) != lasts(q) {
		return lasts(p) > lasts(q)
	}
	return x.kind() < y.kind()
}

// lasts is how long an entry lasts.
func lasts(k kind) int64 {
	if k.expires == 0 {
		return math.MaxInt64
	}
	return k.expires
}

func newTable4(sorted []entry4) table4 {
	entries := make([]entry4, 0, len(sorted))
	for i, e := range sorted {
		if i == 0 || e.start != sorted[i-1].start || e.tail.bits() != sorted[i-1].tail.bits() {
			entries = append(entries, e)
		}
	}
	n, width := len(entries), indexBits(len(entries))
	t := table4{entries: entries, shift: 32 - width}
	t.index = newIndex(n, 1<<width, func(i int) int { return int(entries[i].start >> t.shift) })
	nest(n, func(i, j int) bool { return entries[i].holds(entries[j].start) }, func(i int, around int32) { entries[i].around = around })
	return t
}

func newTable6(sorted []entry6) table6 {
	entries := make([]entry6, 0, len(sorted))
	for i, e := range sorted {
		if i == 0 || e.start != sorted[i-1].start || e.tail.bits() != sorted[i-1].tail.bits() {
			entries = append(entries, e)
		}
	}
	n, width := len(entries), indexBits(len(entries))
	t := table6{entries: entries, shift: 61 - width}
	t.index = newIndex(n, 2+1<<width, func(i int) int { return index6(entries[i].start.high, t.shift) })
	nest(n, func(i, j int) bool { return entries[i].holds(entries[j].start) }, func(i int, around int32) { entries[i].around = around })
	return t
}

// newIndex gives for each bucket the first of n sorted entries that is in it or
// behind it, with one bucket more at the end.
func newIndex(n, buckets int, bucketOf func(i int) int) []int32 {
	index, at := make([]int32, buckets+1), 0
	for bucket := range index {
		for at < n && bucketOf(at) < bucket {
			at++
		}
		index[bucket] = int32(at)
	}
	return index
}

// nest goes over n sorted prefixes and gives for each the shortest one around it,
// or -1. Prefixes are nested or apart, so that those around one are those that
// are still open when it comes.
func nest(n int, holds func(outer, inner int) bool, set func(i int, around int32)) {
	var open []int32
	for i := range n {
		for len(open) > 0 && !holds(int(open[len(open)-1]), i) {
			open = open[:len(open)-1]
		}
		around := int32(-1)
		if len(open) > 0 {
			around = open[len(open)-1]
		}
		set(i, around)
		open = append(open, int32(i))
	}
}
