package dfa

import (
	"fmt"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// DefaultMaxBytes is the limit of one DFA's states. After 37,000 values of real
// and of hostile requests, each run through every pattern of CRS, the largest
// DFA holds 576 KB, all 298 together 9 MB; most stay below 50 KB.
const DefaultMaxBytes = 768 << 10

// dfaOverhead is what a DFA holds in fixed parts, in bytes: the struct, the map
// of its states.
const dfaOverhead = 1 << 10

// Options say how to compile a pattern. The zero value is right for a lone
// pattern of Go's regexp.
type Options struct {
	Mode     Mode
	MaxBytes int     // limit of the states; 0 is DefaultMaxBytes
	Budget   *Budget // limit shared with other DFAs; nil is none
}

// DFA matches one pattern. Make it by Compile; it is safe for concurrent use.
type DFA struct {
	auto     *automaton
	mode     Mode
	stride   int // entries of a row
	startKey string
	maxBytes int
	fixed    int // bytes besides the states
	budget   *Budget
	bytes    atomic.Int64
	table    atomic.Pointer[table]

	mu      sync.Mutex // held while states are built
	scratch scratch
	refused bool // the shared budget had no room in the current step
	flushes int
}

// Compile makes the DFA of a pattern. The error is that of the pattern's own
// syntax package, or says which bound of this package the pattern is over; the
// caller then uses the real regexp.
func Compile(pattern string, o Options) (*DFA, error) {
	return CompileAny([]string{pattern}, o)
}

// CompileAny makes one DFA that matches a value if any of the patterns does. It
// answers for patterns that have no literals to look for, in one pass over the
// value instead of one for each. It has more states than each, so give it a
// larger limit.
func CompileAny(patterns []string, o Options) (*DFA, error) {
	programs := make([]program, len(patterns))
	for i, pattern := range patterns {
		var err error
		if programs[i], err = parse(pattern, o.Mode); err != nil {
			return nil, fmt.Errorf("compile pattern %q: %w", pattern, err)
		}
	}
	prog, err := unite(programs)
	if err != nil {
		return nil, fmt.Errorf("compile pattern %q: %w", patterns, err)
	}
	auto, err := newAutomaton(prog, o.Mode)
	if err != nil {
		return nil, fmt.Errorf("compile pattern %q: %w", patterns, err)
	}
	d := &DFA{
		auto:     auto,
		mode:     o.Mode,
		stride:   auto.alphabet.classes() + 1,
		maxBytes: o.MaxBytes,
		budget:   o.Budget,
		scratch:  newScratch(len(auto.positions)),
	}
	if d.maxBytes == 0 {
		d.maxBytes = DefaultMaxBytes
	}
	d.startKey = d.start()
	d.fixed = auto.bytes() + len(auto.positions)*9/8 + dfaOverhead
	d.bytes.Store(int64(d.fixed))
	d.budget.register(d)
	d.budget.charge(d.fixed)
	d.reset()
	return d, nil
}

// start returns the key of the state before the first rune.
func (d *DFA) start() string {
	a := d.auto
	for _, p := range a.begin {
		d.scratch.next[p/64] |= 1 << (p % 64)
	}
	key := []byte{byte(afterOther)}
	if needs := d.collect(atBegin); needs&lineStart != 0 {
		key[0] = byte(atBegin)
	}
	return string(append(key, d.scratch.key[1:]...))
}

// Match reports whether the pattern matches anywhere in s. ok is false when the
// limits left no room for a state that s needs: ask the real regexp then.
func (d *DFA) Match(s string) (matched, ok bool) {
	if d.auto.always {
		return true, true
	}
	t := d.table.Load()
	trans, at := t.trans, t.start
	class := &d.auto.alphabet.ofByte
	last := uint32(rowMatch * d.stride)
	for i := 0; i < len(s); {
		c := uint32(class[s[i]])
		if c == wide {
			r, width := utf8.DecodeRuneInString(s[i:])
			c = uint32(d.auto.alphabet.ofRune(r))
			i += width
		} else {
			i++
		}
		next := load(trans, at+c)
		if next <= last {
			if next == rowUnknown {
				if t, next, ok = d.step(t, at, int(c)); !ok {
					return false, false
				}
				trans = t.trans
			}
			if next <= last {
				return next == last, true
			}
		}
		at = next
	}
	end := load(trans, at+uint32(d.stride-1))
	if end == rowUnknown {
		if _, end, ok = d.step(t, at, endOfText); !ok {
			return false, false
		}
	}
	return end == last, true
}

// step builds the transition of the state at a row of t on a class. It returns
// the current table, which may be of another generation, and a row of it.
func (d *DFA) step(t *table, at uint32, class int) (now *table, next uint32, ok bool) {
	d.mu.Lock()
	d.refused = false
	key := t.gen.keys[at/uint32(d.stride)]
	next, ok = d.build(t, key, at, class)
	if !ok && d.missed() {
		next, ok = d.build(t, key, at, class)
	}
	refused := d.refused
	now = d.table.Load()
	d.mu.Unlock()
	if refused {
		d.budget.miss()
	}
	return now, next, ok
}

// build is step with the mutex held, for a table t that may be out of date.
func (d *DFA) build(t *table, key string, at uint32, class int) (next uint32, ok bool) {
	if now := d.table.Load(); t.gen != now.gen {
		if at, ok = d.intern(append(d.scratch.key[:0], key...)); !ok {
			return 0, false
		}
	}
	entry := at + uint32(class)
	if class == endOfText {
		entry = at + uint32(d.stride-1)
	}
	if next = d.table.Load().trans[entry]; next != rowUnknown {
		return next, true
	}
	row := d.successor(key, class)
	next = row * uint32(d.stride)
	if row == rowUnknown {
		if next, ok = d.intern(d.scratch.key); !ok {
			return 0, false
		}
	}
	atomic.StoreUint32(&d.table.Load().trans[entry], next)
	return next, true
}

// missed counts a value that found no room. It empties the table, and says so,
// once that has happened as often as the table has states: see the package
// comment. The mutex is held.
func (d *DFA) missed() (emptied bool) {
	g := d.table.Load().gen
	g.misses++
	if g.misses < len(g.keys)-firstState {
		return false
	}
	d.reset()
	d.flushes++
	return true
}

// Flush throws all states away, to give their memory back. Matches that are
// running go on with the old ones.
func (d *DFA) Flush() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reset()
	d.flushes++
}

// Stats describes a DFA's memory.
type Stats struct {
	States  int // built since the last flush
	Classes int // of characters
	Bytes   int // all memory, as counted against the limits
	Flushes int // how often the states were thrown away
}

// Stats returns the DFA's present size.
func (d *DFA) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Stats{
		States:  len(d.table.Load().gen.keys) - firstState,
		Classes: d.auto.alphabet.classes(),
		Bytes:   d.Bytes(),
		Flushes: d.flushes,
	}
}

// Bytes returns the memory that the DFA holds, in bytes.
func (d *DFA) Bytes() int { return int(d.bytes.Load()) }
