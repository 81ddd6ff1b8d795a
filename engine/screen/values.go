package screen

import (
	"hash/maphash"
	"strings"
	"sync/atomic"

	"tabard/engine/screen/bodies"
)

const (
	// valueSlots is how many values are remembered: the headers, paths and names
	// of some hundred kinds of clients.
	valueSlots = 2048
	// maxValueBytes bounds one of them with its name and what it matches, so that
	// all together stay within 3 MB. Tokens and cookies mostly fit.
	maxValueBytes = 1536
)

// values remembers which rules a value matches, by kind, name and exact bytes: a
// client sends most of its headers again with each request. A slot holds one
// value, the last that came twice; so it is bounded, and safe for concurrent use
// without a lock.
type values struct {
	seed  maphash.Seed
	slots [valueSlots]atomic.Pointer[seenValue]
	// once holds the hashes of values that have come once: those that never
	// return, such as ids, cost no memory.
	once [valueSlots]atomic.Uint64
}

// seenValue is a value and what it matches; it is not changed.
type seenValue struct {
	bodies.Element
	notes []note
}

// note is a rule whose first link matches a value.
type note struct {
	rule   int32
	match  match
	copies int32 // how many of the link's targets have the value
}

func newValues() *values { return &values{seed: maphash.MakeSeed()} }

// hash spreads the elements; two that share one are told apart by find.
func (v *values) hash(e *bodies.Element) uint64 {
	h := maphash.String(v.seed, e.Value)
	if e.Key != "" {
		h = h*31 + maphash.String(v.seed, e.Key)
	}
	return h*131 + uint64(e.Kind) | 1 // 0 is an empty place in once
}

// find returns what is known of an element, or nil, and its hash for put.
func (v *values) find(e *bodies.Element) (*seenValue, uint64) {
	h := v.hash(e)
	have := v.slots[h>>32%valueSlots].Load()
	if have == nil || have.Element != *e {
		return nil, h
	}
	return have, h
}

// put remembers what an element matches if it has come before.
func (v *values) put(h uint64, e *bodies.Element, notes []note) {
	size := len(e.Key) + len(e.Value)
	for i := range notes {
		size += len(notes[i].match.value)
	}
	at := h >> 32 % valueSlots
	if size > maxValueBytes || v.once[at].Swap(h) != h {
		return
	}
	kept := &seenValue{Element: bodies.Element{Kind: e.Kind, Key: strings.Clone(e.Key), Value: strings.Clone(e.Value)}}
	for _, n := range notes {
		n.match.value = strings.Clone(n.match.value)
		kept.notes = append(kept.notes, n)
	}
	v.slots[at].Store(kept)
}

func (v *values) clear() {
	for i := range v.slots {
		v.slots[i].Store(nil)
	}
}
