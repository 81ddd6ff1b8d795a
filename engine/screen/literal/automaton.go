package literal

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

const (
	// wordBytes is how much of a word the automaton looks for: its rarest
	// window. Longer words cost states and hardly sort out more values.
	wordBytes = 5
	// maxSets is how many conditions of a pattern the automaton looks for.
	maxSets = 3
	// weakShare is above which share of harmless values a condition is not worth
	// looking for: it would be found at every other byte.
	weakShare = 0.5
	// furtherShare is how selective a condition after the first must be to be
	// worth its states.
	furtherShare = 0.02
	// maxStates keeps a state in 16 bits. CRS at paranoia level 4 with all its
	// word lists needs a fifth of that.
	maxStates = math.MaxUint16
	// classes is the number of classes of bytes, 0 being those that occur in no
	// word. A power of two makes a row of the table quick to find; the words of
	// CRS have 94 different bytes.
	classes = 128
)

// Builder collects the conditions of patterns. It is not safe for concurrent use.
type Builder struct {
	patterns int
	needs    []int32           // by pattern: sets that must be seen
	setOf    map[string]uint32 // equal sets are looked for once
	owners   [][]uint32        // by set: the patterns that need it
	words    map[string][]uint32
}

// NewBuilder returns a builder for patterns numbered 0 to patterns-1.
func NewBuilder(patterns int) *Builder {
	return &Builder{
		patterns: patterns,
		needs:    make([]int32, patterns),
		setOf:    map[string]uint32{},
		words:    map[string][]uint32{},
	}
}

// Add says that a pattern can match only values that satisfy all the sets, given
// the most selective first, as Required does. The automaton may look for some of
// them only. Add returns false, and adds nothing, if there is no set or if even
// the best one is satisfied by most values: the pattern must then be checked
// always. Add a pattern once.
func (b *Builder) Add(pattern int, sets []Set) bool {
	if len(sets) == 0 || sets[0].Share() > weakShare {
		return false
	}
	for i, s := range sets {
		if i == maxSets || i > 0 && s.Share() > furtherShare {
			break
		}
		s = s.cut(wordBytes)
		key := strings.Join(s, "\x00")
		id, ok := b.setOf[key]
		if !ok {
			id = uint32(len(b.owners))
			b.setOf[key] = id
			b.owners = append(b.owners, nil)
			for _, w := range s {
				b.words[w] = append(b.words[w], id)
			}
		}
		if slices.Contains(b.owners[id], uint32(pattern)) {
			continue
		}
		b.owners[id] = append(b.owners[id], uint32(pattern))
		b.needs[pattern]++
	}
	return true
}

// Automaton looks for all words at once: the automaton of Aho and Corasick with
// a full transition table over classes of bytes. It is read-only once built and
// safe for concurrent use.
type Automaton struct {
	class   [256]uint8
	next    []uint16   // state*classes + class: the next state
	outputs uint16     // states from this one on have found words
	list    []uint16   // by such state: its entry in lists
	lists   [][]uint32 // sets whose words a state has found
	owners  [][]uint32
	needs   []int32
}

// Build makes the automaton. It fails when the words need more states than fit.
func (b *Builder) Build() (*Automaton, error) {
	words := make([]string, 0, len(b.words))
	for w := range b.words {
		words = append(words, w)
	}
	slices.Sort(words)
	t := newTrie(words)
	for _, w := range words {
		if !t.insert(w, b.words[w]) {
			return nil, fmt.Errorf("the %d literals of the rules need more than %d states: use fewer or shorter words", len(words), maxStates)
		}
	}
	t.link()
	a := &Automaton{class: t.class, owners: b.owners, needs: b.needs}
	a.fill(t)
	return a, nil
}

// trie is the words as a tree, before it becomes a table.
type trie struct {
	class [256]uint8
	nodes []node
	order []uint16 // breadth first
}

type node struct {
	next []uint16 // by class; 0 is the root: no edge yet, or back to the root
	fail uint16
	sets []uint32
}

// newTrie gives the bytes that occur in words classes. Bytes that come when
// all are taken share the last one: their words are found too often, not too
// seldom.
func newTrie(words []string) *trie {
	t := &trie{}
	last := 0
	for _, w := range words {
		for i := range len(w) {
			if c := w[i]; t.class[c] == 0 {
				last = min(last+1, classes-1)
				t.class[c] = uint8(last)
			}
		}
	}
	for c := range t.class {
		t.class[c] = t.class[fold(byte(c))]
	}
	t.grow()
	return t
}

func (t *trie) grow() uint16 {
	t.nodes = append(t.nodes, node{next: make([]uint16, classes)})
	return uint16(len(t.nodes) - 1)
}

// insert adds a word, which finds some sets. It returns false if there are too
// many nodes.
func (t *trie) insert(word string, sets []uint32) bool {
	at := uint16(0)
	for i := range len(word) {
		c := t.class[word[i]]
		if t.nodes[at].next[c] == 0 {
			if len(t.nodes) == maxStates {
				return false
			}
			child := t.grow()
			t.nodes[at].next[c] = child
		}
		at = t.nodes[at].next[c]
	}
	t.nodes[at].sets = append(t.nodes[at].sets, sets...)
	return true
}

// link completes the edges: where a node has none, that of its longest proper
// suffix that is a node. A node finds also what that suffix finds.
func (t *trie) link() {
	t.order = append(t.order, 0)
	for i := 0; i < len(t.order); i++ {
		at := t.order[i]
		n := &t.nodes[at]
		for c, to := range n.next {
			back := uint16(0)
			if at != 0 {
				back = t.nodes[n.fail].next[c]
			}
			if to == 0 {
				n.next[c] = back
				continue
			}
			t.nodes[to].fail = back
			t.nodes[to].sets = append(t.nodes[to].sets, t.nodes[back].sets...)
			t.order = append(t.order, to)
		}
	}
}

// fill numbers the states, those that have found nothing first, and writes the
// table. Near the root comes first, so that a harmless value stays in a small
// part of the table.
func (a *Automaton) fill(t *trie) {
	state := make([]uint16, len(t.nodes))
	count := uint16(0)
	number := func(found bool) {
		for _, at := range t.order {
			if n := &t.nodes[at]; (len(n.sets) > 0) == found {
				state[at] = count
				count++
			}
		}
	}
	number(false)
	a.outputs = count
	number(true)
	a.next = make([]uint16, len(t.nodes)*classes)
	a.list = make([]uint16, len(t.nodes)-int(a.outputs))
	seen := map[string]uint16{}
	for at := range t.nodes {
		n := &t.nodes[at]
		row := a.next[int(state[at])*classes:]
		for c, to := range n.next {
			row[c] = state[to]
		}
		if len(n.sets) > 0 {
			a.list[state[at]-a.outputs] = a.listOf(n.sets, seen)
		}
	}
}

// listOf returns the entry of lists for some sets; equal ones share it.
func (a *Automaton) listOf(sets []uint32, seen map[string]uint16) uint16 {
	slices.Sort(sets)
	sets = slices.Compact(sets)
	key := fmt.Sprint(sets)
	id, ok := seen[key]
	if !ok {
		id = uint16(len(a.lists))
		seen[key] = id
		a.lists = append(a.lists, sets)
	}
	return id
}

// States returns the number of states.
func (a *Automaton) States() int { return len(a.next) / classes }

// Bytes returns the memory of the automaton, in bytes.
func (a *Automaton) Bytes() int {
	n := 256 + 2*len(a.next) + 2*len(a.list) + 4*len(a.needs)
	for _, l := range a.lists {
		n += 24 + 4*len(l)
	}
	for _, l := range a.owners {
		n += 24 + 4*len(l)
	}
	return n
}
