package dfa

import (
	"encoding/binary"
	"errors"
	"regexp/syntax"
	"slices"
)

// assertion is a set of zero-width conditions (^ $ \A \z \b \B), in the bits
// of syntax.EmptyOp.
type assertion = syntax.EmptyOp

const (
	lineStart = syntax.EmptyBeginText | syntax.EmptyBeginLine
	wordEdges = syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary
)

// noSet marks a position that waits for an assertion, not for a rune.
const noSet = -1

// maxClosure bounds the positions of all closures of a pattern together: they
// grow with the square of the pattern in (?:a?){1000}. The largest of CRS 4.25
// has 6,000.
const maxClosure = 1 << 18

var errClosure = errors.New("pattern has too many optional parts in a row for a DFA: use the regexp itself")

// position is a place of the pattern at which a match in progress waits.
type position struct {
	set    int16     // rune set it consumes, or noSet
	assert assertion // what must hold, if set is noSet
	needs  assertion // all that may be tested from here without consuming a rune
	next   uint16    // closure that follows
}

// closures is a list of lists of positions, in one piece of memory: what each
// point of the program leads to without consuming a rune or testing an
// assertion.
type closures struct {
	ends      []uint32 // by closure: where its positions end
	positions []uint16
	match     []bool // by closure: the pattern has matched there
}

// at returns a closure's positions, and whether the pattern has matched.
func (c *closures) at(i uint16) (positions []uint16, match bool) {
	first := uint32(0)
	if i > 0 {
		first = c.ends[i-1]
	}
	return c.positions[first:c.ends[i]], c.match[i]
}

func (c *closures) add(positions []uint16, match bool) {
	c.positions = append(c.positions, positions...)
	c.ends = append(c.ends, uint32(len(c.positions)))
	c.match = append(c.match, match)
}

// automaton is a pattern as positions. It is read-only once built.
type automaton struct {
	alphabet  *alphabet
	positions []position
	closures  closures
	begin     []uint16  // positions at the start of the text
	later     []uint16  // positions at which a match may begin anywhere else
	laterNeed assertion // all that may be tested from those
	always    bool      // the pattern matches every text
	asserts   bool      // the pattern has assertions
}

// builder numbers closures and positions as it meets them.
type builder struct {
	code      []instruction
	auto      *automaton
	closureOf map[uint32]uint16 // by point of the program
	pending   []uint32          // point of each numbered closure
	placeOf   map[uint32]uint16
	setOf     map[string]int16
	sets      [][]rune
	stack     []uint32
	seen      []bool
}

// newAutomaton turns a program into positions and closures.
func newAutomaton(p program, mode Mode) (*automaton, error) {
	b := &builder{
		code:      p.code,
		auto:      &automaton{},
		closureOf: map[uint32]uint16{},
		placeOf:   map[uint32]uint16{},
		setOf:     map[string]int16{},
		seen:      make([]bool, len(p.code)),
	}
	b.number(p.start)
	a := b.auto
	for i := 0; i < len(b.pending); i++ {
		positions, match := b.close(b.pending[i])
		a.closures.add(positions, match)
		if len(a.closures.positions) > maxClosure {
			return nil, errClosure
		}
	}
	if err := b.finish(mode); err != nil {
		return nil, err
	}
	return a, nil
}

// onlyAtBegin reports whether a position waits for \A: it is of no use once a
// rune is consumed.
func (a *automaton) onlyAtBegin(p uint16) bool {
	return a.positions[p].assert&syntax.EmptyBeginText != 0
}

// number returns the closure index of a point of the program.
func (b *builder) number(pc uint32) uint16 {
	id, ok := b.closureOf[pc]
	if !ok {
		id = uint16(len(b.pending))
		b.closureOf[pc] = id
		b.pending = append(b.pending, pc)
	}
	return id
}

// close follows jumps and splits from a point of the program.
func (b *builder) close(pc uint32) (positions []uint16, match bool) {
	var visited []uint32
	b.stack = append(b.stack[:0], pc)
	for len(b.stack) > 0 {
		pc := b.stack[len(b.stack)-1]
		b.stack = b.stack[:len(b.stack)-1]
		if b.seen[pc] {
			continue
		}
		b.seen[pc] = true
		visited = append(visited, pc)
		switch in := &b.code[pc]; in.op {
		case opJump:
			b.stack = append(b.stack, in.out)
		case opSplit:
			b.stack = append(b.stack, in.out, in.arg)
		case opAssert, opRune:
			positions = append(positions, b.place(pc))
		case opMatch:
			match = true
		}
	}
	for _, pc := range visited {
		b.seen[pc] = false
	}
	slices.Sort(positions)
	return positions, match
}

// place returns the position of a rune or assertion instruction.
func (b *builder) place(pc uint32) uint16 {
	id, ok := b.placeOf[pc]
	if ok {
		return id
	}
	in := &b.code[pc]
	pos := position{set: noSet, next: b.number(in.out)}
	if in.op == opAssert {
		pos.assert = assertion(in.arg)
		b.auto.asserts = true
	} else {
		pos.set = b.set(in.ranges)
	}
	id = uint16(len(b.auto.positions))
	b.placeOf[pc] = id
	b.auto.positions = append(b.auto.positions, pos)
	return id
}

// set numbers a rune set; equal sets share a number.
func (b *builder) set(ranges []rune) int16 {
	// Not string(ranges): that would map all surrogates to one rune.
	key := make([]byte, 0, 4*len(ranges))
	for _, r := range ranges {
		key = binary.LittleEndian.AppendUint32(key, uint32(r))
	}
	id, ok := b.setOf[string(key)]
	if !ok {
		id = int16(len(b.sets))
		b.setOf[string(key)] = id
		b.sets = append(b.sets, ranges)
	}
	return id
}

// finish computes what depends on the whole graph.
func (b *builder) finish(mode Mode) (err error) {
	a := b.auto
	if a.alphabet, err = newAlphabet(b.sets, a.asserts, mode); err != nil {
		return err
	}
	a.spreadNeeds()
	a.begin, a.always = a.closures.at(0)
	a.later = slices.DeleteFunc(slices.Clone(a.begin), a.onlyAtBegin)
	for _, p := range a.later {
		a.laterNeed |= a.positions[p].needs
	}
	// What appending left over is a third of the memory.
	a.positions = slices.Clone(a.positions)
	a.closures = closures{
		ends:      slices.Clone(a.closures.ends),
		positions: slices.Clone(a.closures.positions),
		match:     slices.Clone(a.closures.match),
	}
	a.begin, _ = a.closures.at(0)
	return nil
}

// spreadNeeds sets needs to the assertions reachable through assertions.
func (a *automaton) spreadNeeds() {
	for i := range a.positions {
		a.positions[i].needs = a.positions[i].assert
	}
	for changed := true; changed; {
		changed = false
		for i := range a.positions {
			p := &a.positions[i]
			if p.set != noSet {
				continue
			}
			needs := p.needs
			follow, _ := a.closures.at(p.next)
			for _, q := range follow {
				needs |= a.positions[q].needs
			}
			changed = changed || needs != p.needs
			p.needs = needs
		}
	}
}

// bytes is the memory of the positions and closures, in bytes.
func (a *automaton) bytes() int {
	c := &a.closures
	return a.alphabet.bytes() + 6*len(a.positions) + 2*len(a.begin) +
		5*len(c.ends) + 2*len(c.positions)
}
