package bodies

import "hash/maphash"

// repeats finds names that occur more than once in a kind: an open hash table of indexes of elements, sized
// for the exchange and reused. The seed keeps clients from choosing names that collide.
type repeats struct {
	seed  maphash.Seed
	slots []uint32 // index of an element plus one, 0 for a free slot
	used  int
	kinds Set
	// nameless are the kinds among them with two empty names.
	nameless Set
}

// minSlots is enough for the headers and arguments of most requests, so that most never grow the table.
const minSlots = 256

func newRepeats() repeats {
	return repeats{seed: maphash.MakeSeed(), slots: make([]uint32, minSlots)}
}

func (r *repeats) reset() {
	clear(r.slots)
	r.used, r.kinds, r.nameless = 0, 0, 0
}

// note takes the element of the kind that was added last; its name element may be behind it.
func (r *repeats) note(elements []Element, k Kind) {
	at := len(elements) - 1
	for elements[at].Kind != k {
		at--
	}
	r.noteAt(elements, at)
}

// noteAll takes the elements from start on.
func (r *repeats) noteAll(elements []Element, start int) {
	for at := start; at < len(elements); at++ {
		r.noteAt(elements, at)
	}
}

func (r *repeats) noteAt(elements []Element, at int) {
	if 2*(r.used+1) > len(r.slots) {
		r.grow(elements)
	}
	if r.insert(elements, at) {
		r.kinds |= 1 << elements[at].Kind
		if elements[at].Key == "" {
			r.nameless |= 1 << elements[at].Kind
		}
	}
}

// insert puts the element into the table and reports whether its name was there already.
func (r *repeats) insert(elements []Element, at int) bool {
	e := &elements[at]
	mask := uint64(len(r.slots) - 1)
	for h := maphash.String(r.seed, e.Key) + uint64(e.Kind); ; h++ {
		slot := &r.slots[h&mask]
		if *slot == 0 {
			*slot = uint32(at + 1)
			r.used++
			return false
		}
		if other := &elements[*slot-1]; other.Kind == e.Kind && other.Key == e.Key {
			return true
		}
	}
}

func (r *repeats) grow(elements []Element) {
	old := r.slots
	r.slots = make([]uint32, 2*len(old))
	r.used = 0
	for _, slot := range old {
		if slot != 0 {
			r.insert(elements, int(slot-1))
		}
	}
}
