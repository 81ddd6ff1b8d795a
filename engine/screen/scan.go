package screen

import (
	"tabard/engine/screen/bodies"
	"tabard/engine/screen/transform"
)

// scanHead looks at the single values that are there from the start.
func (x *Exchange) scanHead() {
	for k := range bodies.ArgsGet {
		if settledKinds.Has(k) && k != bodies.ResponseStatus && k != bodies.ResponseProtocol {
			x.scanSingle(k)
		}
	}
}

// scanSingle looks at the value of a single kind, once.
func (x *Exchange) scanSingle(k bodies.Kind) {
	if x.parser.Value(k) != "" {
		x.screen(int32(k))
	}
}

// screenNew looks at the elements that were added since the last time.
func (x *Exchange) screenNew() {
	elements := x.parser.Elements()
	for ; x.screened < len(elements); x.screened++ {
		i := int32(x.screened)
		k := elements[i].Kind
		x.by[k] = append(x.by[k], i)
		x.screen(i)
	}
}

// screen transforms one value in all the ways that the rules want it, and finds
// the rules whose first link matches it (I2).
func (x *Exchange) screen(i int32) {
	e := &x.parser.Elements()[i]
	plan := &x.s.kinds[e.Kind]
	if !plan.scan && len(plan.gates) == 0 {
		return
	}
	x.values = append(x.values[:0], e.Value)
	x.classes = append(x.classes[:0], transform.Classify(e.Value))
	x.at[0] = 0
	for _, n := range plan.nodes {
		x.at[n] = x.transformed(&x.s.nodes[n])
	}
	for _, r := range plan.gates {
		x.tryGate(r, i, e)
	}
	if !plan.scan {
		return
	}
	for v, value := range x.values {
		x.s.automaton.Scan(value, x.hits)
		for _, r := range x.hits.Patterns() {
			x.tryCandidate(r, i, uint16(v), e)
		}
	}
}

// transformed gives the number of the text that a node makes, a new one if it
// is unlike the others.
func (x *Exchange) transformed(n *node) uint16 {
	from := x.at[n.parent]
	if !n.t.Trigger().May(x.classes[from]) {
		return from
	}
	out, _ := n.t.Apply(&x.arena, x.values[from])
	for v, have := range x.values {
		if have == out {
			return uint16(v)
		}
	}
	x.values = append(x.values, out)
	x.classes = append(x.classes, transform.Classify(out))
	return uint16(len(x.values) - 1)
}

// tryGate asks a rule of libinjection, if its gate opens.
func (x *Exchange) tryGate(r, i int32, e *bodies.Element) {
	l := x.s.rules[r].links[0]
	value := x.values[x.at[l.node]]
	if times := l.selections(e); times > 0 && l.check.gate(value) && l.check.test(value) {
		x.note(r, i, value, times)
	}
}

// tryCandidate checks a rule whose literals are in the v-th text.
func (x *Exchange) tryCandidate(r, i int32, v uint16, e *bodies.Element) {
	l := x.s.rules[r].links[0]
	if !l.mask.Has(e.Kind) || x.at[l.node] != v {
		return
	}
	if times := l.selections(e); times > 0 && l.check.test(x.values[v]) {
		x.note(r, i, x.values[v], times)
	}
}

// note keeps a match; an element counts once for each target that has it.
func (x *Exchange) note(r, i int32, value string, times int) {
	if len(x.matched[r]) == 0 {
		x.touched = append(x.touched, r)
	}
	for range times {
		x.matched[r] = append(x.matched[r], match{i, value})
	}
}

// selections counts the link's targets that have the element.
func (l *link) selections(e *bodies.Element) (n int) {
	for i := range l.targets {
		if t := &l.targets[i]; t.mask.Has(e.Kind) && t.selects(e) {
			n++
		}
	}
	return n
}
