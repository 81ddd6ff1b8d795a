package dfa

import (
	"math/bits"
	"regexp/syntax"
)

// context is what the assertions of a state may ask about the rune before it.
type context uint8

const (
	afterOther context = iota
	afterNewline
	afterWord
	atBegin
)

// endOfText is the class that stands for "no rune follows".
const endOfText = -1

// scratch is the working memory of a step, kept so that building a state
// allocates nothing but the state. The DFA's mutex guards it.
type scratch struct {
	work   []uint16 // positions to visit, as a list
	onWork []bool   // and as a set
	next   []uint64 // bit set of the positions reached
	key    []byte
}

func newScratch(positions int) scratch {
	return scratch{onWork: make([]bool, positions), next: make([]uint64, (positions+63)/64)}
}

func (s *scratch) push(p uint16) {
	if !s.onWork[p] {
		s.onWork[p] = true
		s.work = append(s.work, p)
	}
}

func (s *scratch) clear() {
	for _, p := range s.work {
		s.onWork[p] = false
	}
	s.work = s.work[:0]
	clear(s.next)
}

// successor computes where a state goes on a class. If that is a state, its key
// is in d.scratch.key and row is rowUnknown; otherwise row is rowDead or
// rowMatch.
func (d *DFA) successor(key string, class int) (row uint32) {
	s, a := &d.scratch, d.auto
	s.clear()
	for _, p := range a.later {
		s.push(p)
	}
	for i := 1; i+1 < len(key); i += 2 {
		s.push(uint16(key[i]) | uint16(key[i+1])<<8)
	}
	if d.visit(holding(context(key[0]), a.kindOf(class)), class) {
		return rowMatch
	}
	if class == endOfText {
		return rowDead
	}
	needs := d.collect(context(afterOther))
	if len(s.key) == 1 && len(a.later) == 0 {
		return rowDead
	}
	s.key[0] = byte(contextAfter(a.alphabet.kinds[class], needs))
	return rowUnknown
}

// visit goes through the positions on the work list: it passes the assertions
// that hold and consumes the class. It reports whether the pattern has matched.
func (d *DFA) visit(holds assertion, class int) (matched bool) {
	s, a := &d.scratch, d.auto
	var accept []bool
	if class != endOfText {
		accept = a.alphabet.accept(class)
	}
	for i := 0; i < len(s.work); i++ {
		p := &a.positions[s.work[i]]
		next, match := a.closures.at(p.next)
		switch {
		case p.set == noSet:
			if p.assert&^holds != 0 {
				continue
			}
			for _, q := range next {
				s.push(q)
			}
		case class == endOfText || !accept[p.set]:
			continue
		default:
			for _, q := range next {
				s.next[q/64] |= 1 << (q % 64)
			}
		}
		if match {
			return true
		}
	}
	return false
}

// collect writes the key of the state reached, and returns which assertions may
// be tested from it.
func (d *DFA) collect(before context) (needs assertion) {
	s, a := &d.scratch, d.auto
	for _, p := range a.later {
		s.next[p/64] &^= 1 << (p % 64)
	}
	needs = a.laterNeed
	s.key = append(s.key[:0], byte(before))
	for w, word := range s.next {
		for ; word != 0; word &= word - 1 {
			p := w*64 + bits.TrailingZeros64(word)
			if before != atBegin && a.onlyAtBegin(uint16(p)) {
				continue
			}
			needs |= a.positions[p].needs
			s.key = append(s.key, byte(p), byte(p>>8))
		}
	}
	return needs
}

// kindOf returns the kind of a class; the end of the text is like any rune that
// is neither a newline nor a word character, but see holding.
func (a *automaton) kindOf(class int) kind {
	if class == endOfText {
		return kindEnd
	}
	return a.alphabet.kinds[class]
}

// holding returns the assertions that hold between a context and a rune.
func holding(before context, after kind) assertion {
	var holds assertion
	switch before {
	case atBegin:
		holds |= syntax.EmptyBeginText | syntax.EmptyBeginLine
	case afterNewline:
		holds |= syntax.EmptyBeginLine
	}
	switch after {
	case kindEnd:
		holds |= syntax.EmptyEndText | syntax.EmptyEndLine
	case kindNewline:
		holds |= syntax.EmptyEndLine
	}
	if (before == afterWord) != (after == kindWord) {
		return holds | syntax.EmptyWordBoundary
	}
	return holds | syntax.EmptyNoWordBoundary
}

// contextAfter returns the context after a rune, as far as the assertions that
// may be tested from there can tell.
func contextAfter(k kind, needs assertion) context {
	switch {
	case k == kindNewline && needs&syntax.EmptyBeginLine != 0:
		return afterNewline
	case k == kindWord && needs&wordEdges != 0:
		return afterWord
	}
	return afterOther
}
