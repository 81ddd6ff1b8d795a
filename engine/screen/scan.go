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
	if x.parser.Value(k) != "" || len(x.s.kinds[k].tries) > 0 {
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

// screen finds the rules whose first link matches one value (I2), unless it is
// known.
func (x *Exchange) screen(i int32) {
	e := &x.parser.Elements()[i]
	plan := &x.s.kinds[e.Kind]
	if !plan.scan && len(plan.gates)+len(plan.tries) == 0 {
		return
	}
	known, hash := x.s.values.find(e)
	if known != nil {
		x.take(i, known.notes)
		return
	}
	x.notes = x.notes[:0]
	x.match(plan, e)
	x.s.values.put(hash, e, x.notes)
	x.take(i, x.notes)
}

// take keeps what an element matches; it counts once for each target that has it.
func (x *Exchange) take(i int32, notes []note) {
	for n := range notes {
		r, m := notes[n].rule, notes[n].match
		m.element = i
		if len(x.matched[r]) == 0 {
			x.touched = append(x.touched, r)
		}
		for range notes[n].copies {
			x.matched[r] = append(x.matched[r], m)
		}
	}
}

// match transforms a value in all the ways that the rules want it, and notes
// those whose first link matches it. It looks at nothing but the element.
func (x *Exchange) match(plan *kindPlan, e *bodies.Element) {
	x.values = append(x.values[:0], e.Value)
	x.classes = append(x.classes[:0], transform.Classify(e.Value))
	x.at[0] = 0
	for _, n := range plan.nodes {
		x.at[n] = x.transformed(&x.s.nodes[n])
	}
	for _, r := range plan.gates {
		x.tryGate(r, e)
	}
	for _, r := range plan.tries {
		x.tryAlways(r, e)
	}
	if !plan.scan {
		return
	}
	for v, value := range x.values {
		x.s.automaton.Scan(value, x.hits)
		for _, r := range x.hits.Patterns() {
			x.tryCandidate(r, uint16(v), e)
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
func (x *Exchange) tryGate(r int32, e *bodies.Element) {
	l := x.s.rules[r].links[0]
	value := x.values[x.at[l.node]]
	if times := l.selections(e); times > 0 && l.check.gate(value) && l.check.test(value) {
		x.note(r, value, times)
	}
}

// tryAlways asks a rule that nothing cheaper finds.
func (x *Exchange) tryAlways(r int32, e *bodies.Element) {
	l := x.s.rules[r].links[0]
	times := l.selections(e)
	switch {
	case times == 0:
	case l.multi:
		x.scratch = x.try(l, l.check.test, 0, e.Value, x.scratch[:0])
		for _, m := range x.scratch {
			x.note(r, m.value, times)
		}
	case l.check.test(x.values[x.at[l.node]]) != l.negated:
		x.note(r, x.values[x.at[l.node]], times)
	}
}

// tryCandidate checks a rule whose literals are in the v-th text.
func (x *Exchange) tryCandidate(r int32, v uint16, e *bodies.Element) {
	l := x.s.rules[r].links[0]
	if !l.mask.Has(e.Kind) || x.at[l.node] != v {
		return
	}
	if times := l.selections(e); times > 0 && l.check.test(x.values[v]) {
		x.note(r, x.values[v], times)
	}
}

func (x *Exchange) note(i int32, value string, times int) {
	r := x.s.rules[i]
	silent := r.local != nil && !x.passes(r.local, r.links[0].check.captures, value)
	x.notes = append(x.notes, note{i, match{value: value, silent: silent}, int32(times)})
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
