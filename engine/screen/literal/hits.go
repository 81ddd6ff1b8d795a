package literal

// Hits is the outcome of a scan and its working memory: one for each goroutine,
// used again for each value. Make it by NewHits.
type Hits struct {
	found   []int32  // the outcome
	scan    uint32   // number of the present scan; a mark of another one is old
	lists   []uint32 // by list: the scan that saw it last
	sets    []uint32 // by set: likewise
	started []uint32 // by pattern: the scan for which missing is valid
	missing []int32  // by pattern: sets not seen yet
}

// NewHits returns working memory for scans of the automaton.
func (a *Automaton) NewHits() *Hits {
	return &Hits{
		found:   make([]int32, 0, len(a.needs)),
		lists:   make([]uint32, len(a.lists)),
		sets:    make([]uint32, len(a.owners)),
		started: make([]uint32, len(a.needs)),
		missing: make([]int32, len(a.needs)),
	}
}

// Patterns returns the patterns whose conditions the value scanned last
// satisfies, in no order. The slice is valid until the next scan.
func (h *Hits) Patterns() []int32 { return h.found }

// reset begins a scan.
func (h *Hits) reset() {
	h.found = h.found[:0]
	h.scan++
	if h.scan == 0 { // after 2^32 scans old marks would look new
		clear(h.lists)
		clear(h.sets)
		clear(h.started)
		h.scan = 1
	}
}

// Scan finds the patterns that may match a value: those whose every condition
// it satisfies. It allocates nothing. Patterns without conditions are not found.
func (a *Automaton) Scan(value string, h *Hits) {
	h.reset()
	next := a.next
	state := uint32(0)
	for i := range len(value) {
		state = uint32(next[state*classes+uint32(a.class[value[i]])])
		if state >= uint32(a.outputs) {
			if l := a.list[state-uint32(a.outputs)]; h.lists[l] != h.scan {
				h.lists[l] = h.scan
				a.count(a.lists[l], h)
			}
		}
	}
}

// count marks sets as seen and reports the patterns that miss none any more.
func (a *Automaton) count(sets []uint32, h *Hits) {
	for _, s := range sets {
		if h.sets[s] == h.scan {
			continue
		}
		h.sets[s] = h.scan
		for _, p := range a.owners[s] {
			if h.started[p] != h.scan {
				h.started[p] = h.scan
				h.missing[p] = a.needs[p]
			}
			if h.missing[p]--; h.missing[p] == 0 {
				h.found = append(h.found, int32(p))
			}
		}
	}
}
