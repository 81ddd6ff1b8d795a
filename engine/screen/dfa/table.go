package dfa

// A transition is the offset of the next state's row. The first rows are no
// states: they stand for a transition not built yet, for "can no longer match"
// and for "has matched".
const (
	rowUnknown = iota
	rowDead
	rowMatch
	firstState
)

const (
	// firstStates is the room of a new table, in states: patterns whose values
	// hardly ever come near a match stay there.
	firstStates = 8
	// stateOverhead is what a state costs besides its row and its key, in
	// bytes: a map entry, two string headers.
	stateOverhead = 64
)

// table holds the transitions of one generation of states: row after row, one
// entry a class and a last one for the end of the text. Entries are set once,
// atomically, from unknown to known. Rows never move within a generation: a
// larger table begins with a copy of the smaller one.
type table struct {
	gen   *generation
	trans []uint32
	start uint32
}

// generation is the states between two flushes. Its DFA's mutex guards it.
type generation struct {
	keys   []string          // by row: what the state is, see stateKey
	rowOf  map[string]uint32 // the inverse
	bytes  int               // what was taken from the limits
	misses int               // values that found no room
}

// reset starts a new generation that holds the start state only. What it needs
// is counted but not refused. The mutex is held, or nobody knows the DFA yet.
func (d *DFA) reset() {
	released := 0
	if t := d.table.Load(); t != nil {
		released = t.gen.bytes
	}
	rows := firstState + firstStates
	g := &generation{
		keys:  make([]string, firstState, rows),
		rowOf: map[string]uint32{},
		bytes: rows*d.stride*4 + len(d.startKey) + stateOverhead,
	}
	t := &table{gen: g, trans: make([]uint32, rows*d.stride)}
	t.start = d.add(t, d.startKey)
	d.bytes.Add(int64(g.bytes - released))
	d.budget.charge(g.bytes - released)
	d.table.Store(t)
}

// add gives a state the next row of a table that has room.
func (d *DFA) add(t *table, key string) uint32 {
	row := uint32(len(t.gen.keys))
	t.gen.keys = append(t.gen.keys, key)
	t.gen.rowOf[key] = row
	return row * uint32(d.stride)
}

// intern returns the row of a state, adding it where it is new. ok is false
// where the limits leave no room. The current table may be replaced by a larger
// one. The mutex is held.
func (d *DFA) intern(key []byte) (offset uint32, ok bool) {
	t := d.table.Load()
	if row, ok := t.gen.rowOf[string(key)]; ok {
		return row * uint32(d.stride), true
	}
	if len(t.gen.keys)*d.stride == len(t.trans) {
		if t, ok = d.grow(t); !ok {
			return 0, false
		}
	}
	if !d.take(t.gen, len(key)+stateOverhead) {
		return 0, false
	}
	return d.add(t, string(key)), true
}

// grow replaces a full table by one with the same rows and room for half as
// many more, or for what the DFA's limit leaves.
func (d *DFA) grow(t *table) (*table, bool) {
	rowBytes := d.stride * 4
	more := max(len(t.gen.keys)/2, firstStates)
	more = min(more, (d.maxBytes-t.gen.bytes)/(rowBytes+stateOverhead))
	if more <= 0 || !d.take(t.gen, more*rowBytes) {
		return nil, false
	}
	larger := &table{gen: t.gen, trans: make([]uint32, len(t.trans)+more*d.stride), start: t.start}
	copy(larger.trans, t.trans)
	d.table.Store(larger)
	return larger, true
}

// take charges a generation for n more bytes if all limits allow it.
func (d *DFA) take(g *generation, n int) bool {
	if g.bytes+n > d.maxBytes {
		return false
	}
	if !d.budget.take(n) {
		d.refused = true
		return false
	}
	g.bytes += n
	d.bytes.Add(int64(n))
	return true
}
