package dfa

import (
	"encoding/binary"
	"errors"
	"slices"
	"sort"
	"unicode"
	"unicode/utf8"
)

// maxClasses keeps a class in one byte, with one value to spare for "first
// byte of a longer rune". CRS patterns need at most 65.
const maxClasses = 255

// wide is the class of a byte that only starts a rune: decode, then look up.
const wide = 255

var errClasses = errors.New("pattern tells more than 255 classes of characters apart: use the regexp itself")

// kind is what assertions need to know about a rune.
type kind uint8

const (
	kindOther   kind = iota
	kindNewline      // '\n', for (?m)^ and (?m)$
	kindWord         // [0-9A-Za-z_], for \b and \B
	kindEnd          // no rune: the end of the text
)

func kindOf(r rune) kind {
	switch {
	case r == '\n':
		return kindNewline
	case r == '_', '0' <= r && r <= '9', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z':
		return kindWord
	}
	return kindOther
}

// alphabet maps runes to classes: two runes share a class when every rune set
// of the pattern, and every assertion in it, treats them alike.
type alphabet struct {
	ofByte  [256]uint8
	bounds  []rune  // first rune of each interval above ASCII
	ofBound []uint8 // its class
	kinds   []kind  // by class
	sets    int
	accepts []bool // class*sets + set: the set contains the class
}

func (a *alphabet) classes() int { return len(a.kinds) }

// ofRune returns the class of a rune that is not ASCII.
func (a *alphabet) ofRune(r rune) uint8 {
	lo, hi := 0, len(a.bounds)
	for lo+1 < hi {
		if m := int(uint(lo+hi) >> 1); a.bounds[m] <= r {
			lo = m
		} else {
			hi = m
		}
	}
	return a.ofBound[lo]
}

// accept returns, for one class, which sets contain it.
func (a *alphabet) accept(class int) []bool {
	return a.accepts[class*a.sets : (class+1)*a.sets]
}

// newAlphabet finds the classes for rune sets given as sorted pairs. asserts
// says that the pattern has assertions that look at runes.
func newAlphabet(sets [][]rune, asserts bool, mode Mode) (*alphabet, error) {
	bounds := boundaries(sets, asserts, mode)
	words := (len(sets) + 63) / 64
	member := make([]uint64, len(bounds)*words)
	for s, pairs := range sets {
		for j := 0; j+1 < len(pairs); j += 2 {
			first := sort.Search(len(bounds), func(i int) bool { return bounds[i] >= pairs[j] })
			for i := first; i < len(bounds) && bounds[i] <= pairs[j+1]; i++ {
				member[i*words+s/64] |= 1 << (s % 64)
			}
		}
	}
	a := &alphabet{sets: len(sets)}
	seen := map[string]uint8{}
	classOf := make([]uint8, len(bounds))
	for i, r := range bounds {
		row := member[i*words : (i+1)*words]
		k := kindOther
		if asserts {
			k = kindOf(r)
		}
		key := []byte{byte(k)}
		for _, w := range row {
			key = binary.LittleEndian.AppendUint64(key, w)
		}
		c, ok := seen[string(key)]
		if !ok {
			if len(seen) == maxClasses {
				return nil, errClasses
			}
			c = uint8(len(seen))
			seen[string(key)] = c
			a.kinds = append(a.kinds, k)
			for s := range sets {
				a.accepts = append(a.accepts, row[s/64]>>(s%64)&1 != 0)
			}
		}
		classOf[i] = c
	}
	a.kinds, a.accepts = slices.Clone(a.kinds), slices.Clone(a.accepts)
	a.fill(bounds, classOf, mode)
	return a, nil
}

// boundaries returns the sorted first runes of the intervals that the sets cut
// the runes into. It starts with 0.
func boundaries(sets [][]rune, asserts bool, mode Mode) []rune {
	last := rune(unicode.MaxRune)
	if mode == Bytes {
		last = 0xff
	}
	bounds := []rune{0}
	if mode == Runes {
		bounds = append(bounds, utf8.RuneSelf)
	}
	add := func(lo, hi rune) {
		if lo <= last {
			bounds = append(bounds, lo)
		}
		if hi < last {
			bounds = append(bounds, hi+1)
		}
	}
	for _, pairs := range sets {
		for j := 0; j+1 < len(pairs); j += 2 {
			add(pairs[j], pairs[j+1])
		}
	}
	if asserts {
		add('\n', '\n')
		add('0', '9')
		add('A', 'Z')
		add('_', '_')
		add('a', 'z')
	}
	slices.Sort(bounds)
	return slices.Compact(bounds)
}

// fill writes the look-up tables from the intervals' classes.
func (a *alphabet) fill(bounds []rune, classOf []uint8, mode Mode) {
	direct := 256
	if mode == Runes {
		direct = utf8.RuneSelf
	}
	i := 0
	for b := range direct {
		for i+1 < len(bounds) && bounds[i+1] <= rune(b) {
			i++
		}
		a.ofByte[b] = classOf[i]
	}
	for b := direct; b < 256; b++ {
		a.ofByte[b] = wide
	}
	for i, r := range bounds {
		if r >= utf8.RuneSelf && mode == Runes {
			a.bounds = append(a.bounds, r)
			a.ofBound = append(a.ofBound, classOf[i])
		}
	}
}

// bytes is the memory of the tables, in bytes.
func (a *alphabet) bytes() int {
	return 256 + 5*len(a.bounds) + len(a.kinds) + len(a.accepts)
}
