package dfa

import (
	"sync"
	"sync/atomic"
)

// reclaimMisses is how many values may miss, over all DFAs of a full Budget,
// before every table is thrown away. It bounds the rebuilding that an adversary
// can cause to a share of the work it sends, and the time for which the states
// of yesterday's traffic keep out those of today's.
const reclaimMisses = 4096

// Budget is a limit of bytes that several DFAs share. A nil *Budget has no
// limit. It is safe for concurrent use.
type Budget struct {
	limit  int64
	used   atomic.Int64
	misses atomic.Int64
	mu     sync.Mutex
	dfas   []*DFA
}

// NewBudget returns a budget of so many bytes. The fixed part of each DFA and
// its smallest table are counted but never refused, so that every DFA works.
func NewBudget(bytes int) *Budget { return &Budget{limit: int64(bytes)} }

// Used returns how many bytes the DFAs of the budget hold.
func (b *Budget) Used() int { return int(b.used.Load()) }

// take asks for n bytes.
func (b *Budget) take(n int) bool {
	if b == nil {
		return true
	}
	if b.used.Add(int64(n)) <= b.limit {
		return true
	}
	b.used.Add(-int64(n))
	return false
}

// charge counts n bytes that cannot be refused; negative n gives back.
func (b *Budget) charge(n int) {
	if b != nil {
		b.used.Add(int64(n))
	}
}

func (b *Budget) register(d *DFA) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dfas = append(b.dfas, d)
}

// miss counts a value that found the budget full. After reclaimMisses of them
// all tables are emptied. The caller holds no lock of a DFA.
func (b *Budget) miss() {
	if b.misses.Add(1) < reclaimMisses {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.misses.Load() < reclaimMisses {
		return // another goroutine has just done it
	}
	for _, d := range b.dfas {
		d.Flush()
	}
	b.misses.Store(0)
}
