package screen

import (
	"sync"
	"sync/atomic"

	"tabard/engine/screen/bodies"
	"tabard/engine/screen/literal"
	"tabard/engine/screen/transform"
	"tabard/engine/seclang"
)

// Screener is a compiled rule set. It is safe for concurrent use.
type Screener struct {
	rules     []*rule
	asked     [5][]int32 // by phase, 1 to 4: rules that are asked each time
	found     [5][]int32 // likewise: rules that their values find
	kinds     [64]kindPlan
	values    *values
	nodes     []node
	automaton *literal.Automaton
	limits    bodies.Limits
	inputs    []string // names of the variables that the engine sets
	keyed     []int    // those that go into every key
	memo      *memo
	telling   map[int]bool // rules by id whose match is seen: in a log, a block or a score
	noMemo    *seclang.Error
	// staleCaptures: some rule reads what another may have captured.
	staleCaptures bool
	// distinct: in each phase a rule goes first that keeps Coraza from confusing
	// the values of a name.
	distinct bool
	// transformed are the kinds of which some rule that is asked each time looks
	// at transformed values.
	transformed bodies.Set
	// movesLimit: a rule may change the limit of bodies.
	movesLimit bool
	pool       sync.Pool
	// What the executor needs beside the rules: the variables of TX that differ
	// between exchanges, what rules that never differ do and leave (by phase), and
	// how an exchange begins.
	slots      map[string]int32
	slotNames  []string
	inputSlots []int32 // by index in inputs
	fixed      [6][]fixedDeed
	settled    [6][]settled
	constants  [6]map[string]string
	initial    State
	captures   capturers
	staleReads uint16 // captures that are read but not by who has captured them
	tableLen   int
	detects    bool // the engine's mode is DetectionOnly
	noExecutor bool
	detail     bool // all that a rule says is kept, for tests
	eager      bool // what is not in the memo is executed, for tests
	counts     [reasonCount]atomic.Uint64
}

// node is a list of transformations: those of its parent, and one more.
type node struct {
	parent int32
	t      *transform.Transformation
}

// kindPlan says what becomes of each value of a kind.
type kindPlan struct {
	nodes []int32 // to transform it by, parents first
	scan  bool    // the automaton looks at it
	gates []int32 // rules whose gate looks at it
	tries []int32 // rules that look at it themselves
}

// scannedKinds are those whose values stay once they are there, so that rules
// can be found when the value comes.
var scannedKinds = settledKinds | bodies.SetOf(bodies.ArgsPost, bodies.ArgsPostNames, bodies.Files, bodies.FilesNames,
	bodies.FilesSizes, bodies.MultipartFilename, bodies.MultipartName, bodies.MultipartPartHeaders,
	bodies.RequestBody, bodies.ResponseArgs, bodies.ResponseBody)

// finalIn is the phase from which on a single kind keeps its value; without an
// entry that is the first.
var finalIn = map[bodies.Kind]int{bodies.RequestBody: 2, bodies.ResponseStatus: 3, bodies.ResponseProtocol: 3, bodies.ResponseBody: 4}

// final says whether rules of a phase see the values that remain.
func final(mask bodies.Set, phase int) bool {
	for k, from := range finalIn {
		if mask.Has(k) && phase < from {
			return false
		}
	}
	return true
}

// place decides how a rule is found: by the automaton, a gate or itself when a
// value that it looks at comes in, or by asking it each time.
func (c *compiler) place(i int32, r *rule, b *literal.Builder) {
	s, first := c.s, r.links[0]
	if !findable(first) {
		s.asked[r.phase] = append(s.asked[r.phase], i)
		return
	}
	gated := first.check.gate != nil
	plain := !first.negated && !first.multi
	scanned := plain && !gated && len(first.check.sets) > 0 && b.Add(int(i), first.check.sets)
	// What the automaton or a gate finds is no empty value, so that it does not
	// matter when the value comes.
	if !scanned && !(plain && gated) && !final(first.mask, r.phase) {
		s.asked[r.phase] = append(s.asked[r.phase], i)
		return
	}
	r.found = true
	s.found[r.phase] = append(s.found[r.phase], i)
	first.node = c.node(first.transforms)
	for k := range s.kinds {
		if !first.mask.Has(bodies.Kind(k)) {
			continue
		}
		plan := &s.kinds[k]
		switch {
		case scanned:
			plan.scan = true
		case plain && gated:
			plan.gates = append(plan.gates, i)
		default:
			plan.tries = append(plan.tries, i)
		}
		for n := first.node; n > 0; n = s.nodes[n].parent {
			plan.add(n)
		}
	}
}

// findable says whether it depends on single values alone whether a link
// matches.
func findable(l *link) bool {
	if l.kind != pure || l.check.test == nil || l.mask&^scannedKinds != 0 {
		return false
	}
	for _, t := range l.targets {
		if t.count || t.input > 0 {
			return false
		}
	}
	return true
}

func (p *kindPlan) add(n int32) {
	for _, have := range p.nodes {
		if have == n {
			return
		}
	}
	p.nodes = append(p.nodes, n)
}

// node gives the number of a list of transformations; 0 is the empty one.
func (c *compiler) node(list []*transform.Transformation) int32 {
	at, name := int32(0), ""
	for _, t := range list {
		name += "," + t.Name()
		n, ok := c.nodes[name]
		if !ok {
			n = int32(len(c.s.nodes))
			c.s.nodes = append(c.s.nodes, node{parent: at, t: t})
			c.nodes[name] = n
		}
		at = n
	}
	return at
}

// NoMemo says why no result is stored for this rule set, so that only skip lists
// are left, and where; it is nil if results are stored.
func (s *Screener) NoMemo() *seclang.Error { return s.noMemo }

// Clear forgets all stored results, for a caller that has found one to differ.
func (s *Screener) Clear() {
	s.memo.clear()
	s.values.clear()
}

// Stats is what a screener has done.
type Stats struct {
	// Phases counts phases by the reason of their outcome.
	Phases [reasonCount]uint64
	// MemoBytes and MemoEntries are the memo's present size.
	MemoBytes, MemoEntries int
	// Rules are the compiled rules, Found those of them that need not be asked
	// each time, Removable those that Coraza may be told to leave out.
	Rules, Found, Removable int
}

// Stats returns the counts so far.
func (s *Screener) Stats() (out Stats) {
	for i := range s.counts {
		out.Phases[i] = s.counts[i].Load()
	}
	out.MemoBytes, out.MemoEntries = s.memo.size()
	for _, r := range s.rules {
		out.Rules++
		if r.found {
			out.Found++
		}
		if r.removable {
			out.Removable++
		}
	}
	return out
}
