package screen

import (
	"slices"
	"sync"
	"sync/atomic"
)

// entryBytes is what an entry costs beside its key and its ids: the entry, its
// slots in map and ring, and the header of the key, rounded up.
const entryBytes = 200

// memo stores results by keys. It is bounded by bytes: when full, entries that
// were not asked for since the hand last passed make room (the clock algorithm,
// close to least recently used without a write lock on each hit). It is safe for
// concurrent use.
type memo struct {
	limit int

	mu      sync.RWMutex
	entries map[string]*entry
	ring    []*entry
	hand    int
	bytes   int
}

// entry is one result. What it holds is not changed once it is stored.
type entry struct {
	key     string
	matched []int
	after   State
	used    atomic.Bool
}

func newMemo(limit int) *memo { return &memo{limit: limit, entries: map[string]*entry{}} }

// get returns the result under a key, or nil.
func (m *memo) get(key []byte) *entry {
	m.mu.RLock()
	e := m.entries[string(key)]
	m.mu.RUnlock()
	if e == nil {
		return nil
	}
	if !e.used.Load() {
		e.used.Store(true)
	}
	return e
}

// put stores a result; what is there stays.
func (m *memo) put(key []byte, matched []int, after State) {
	size := len(key) + 8*len(matched) + entryBytes
	if size > m.limit {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries[string(key)] != nil {
		return
	}
	for m.bytes+size > m.limit {
		m.evict()
	}
	e := &entry{key: string(key), matched: slices.Sorted(slices.Values(matched)), after: after}
	m.entries[e.key] = e
	m.ring = append(m.ring, e)
	m.bytes += size
}

// evict makes room; there is an entry.
func (m *memo) evict() {
	for {
		m.hand %= len(m.ring)
		e := m.ring[m.hand]
		if e.used.Swap(false) {
			m.hand++
			continue
		}
		delete(m.entries, e.key)
		m.bytes -= len(e.key) + 8*len(e.matched) + entryBytes
		last := len(m.ring) - 1
		m.ring[m.hand] = m.ring[last]
		m.ring[last] = nil
		m.ring = m.ring[:last]
		return
	}
}

func (m *memo) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries, m.ring, m.hand, m.bytes = map[string]*entry{}, nil, 0, 0
}

func (m *memo) size() (bytes, entries int) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.bytes, len(m.entries)
}
