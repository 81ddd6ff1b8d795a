package screen

import (
	"encoding/binary"
	"regexp"
	"strconv"

	"tabard/engine/screen/bodies"
	"tabard/engine/screen/dfa"
)

// maxKeyBytes bounds the key: with a longer one the exchange is hardly like any
// other, and the memo would hold few.
const maxKeyBytes = 4 << 10

// weigh adds a rule's part to the key; of one that has to be asked it also notes
// whether it can be left out.
func (x *Exchange) weigh(i int32, bodyDoubt bool) {
	r := x.s.rules[i]
	first := r.links[0]
	// With a body in doubt, only what does not look at it is known.
	known := !bodyDoubt || r.settled
	exact := first.kind == pure || first.kind == opaque
	needKey := x.ask == Hit && r.keyed
	if !known || !needKey && !r.removable {
		return
	}
	matches := x.matched[i]
	if exact && !r.found {
		x.scratch = x.evaluate(first, x.scratch[:0], needKey)
		matches = x.scratch
	}
	if exact && len(matches) == 0 {
		if r.removable {
			x.skips[r.phase] = append(x.skips[r.phase], r.id)
		}
		return
	}
	if needKey {
		x.addRule(i, r, matches)
	}
}

// addRule adds a rule whose first link matches, or may match, to the key (I1).
// What is known to have no effect at all is left out.
func (x *Exchange) addRule(i int32, r *rule, matches []match) {
	if r.local != nil && x.silent(r, matches) {
		return
	}
	start, certain, effect := len(x.key), true, false
	x.key = binary.AppendUvarint(append(x.key, 0xfd), uint64(i))
	for n, l := range r.links {
		switch l.kind {
		case never:
			x.dropWithoutEffect(start, effect)
			return
		case foreign:
			x.ask = RuleForeign
			return
		case opaque:
			if len(x.evaluate(l, x.scratch[:0], false)) > 0 {
				x.ask = RuleForeign
				return
			}
			// There is nothing to ask the operator about.
			x.dropWithoutEffect(start, effect)
			return
		case state, mixed:
			certain = false
			x.addInputs(l.operands)
			x.addInputs(l.targets)
		case pure:
			if n > 0 {
				matches = x.evaluate(l, x.scratch[:0], true)
				x.scratch = matches
			}
			if len(matches) == 0 {
				x.key = append(x.key, 0)
				x.dropWithoutEffect(start, effect)
				return
			}
			if l.check.byInput != nil && l.check.byInput.of(x) == nil {
				x.ask = RuleForeign
				return
			}
			if l.scores {
				x.ask = RuleMatches // I3
				return
			}
			if len(matches) > 1 && r.ordered(n) {
				x.ask, x.chance = OrderOfMatches, true
				return
			}
			x.addMatches(r, l, matches)
		}
		if x.ask = l.hinders(); x.ask != Hit {
			return
		}
		x.addInputs(l.inputs)
		effect = effect || l.effect || l.capture && x.s.staleCaptures
	}
	switch {
	case certain && r.reports:
		x.ask = RuleMatches // I3
	case r.hazard:
		x.ask = RuleFlow // I5
	}
}

// ordered says whether it counts which match of the n-th link is the last.
func (r *rule) ordered(n int) bool {
	for _, l := range r.links[n+1:] {
		if l.readsMatch || l.readsCaptures {
			return true
		}
	}
	return r.links[n].overwrites
}

// hinders says why a match of the link makes the exchange Coraza's.
func (l *link) hinders() Reason {
	switch {
	case l.foreignAct:
		return RuleForeign
	case l.ctl:
		return RuleCtl // I8
	}
	return Hit
}

// dropWithoutEffect takes a chain that does not match out of the key again,
// unless a link of it has written something.
func (x *Exchange) dropWithoutEffect(start int, effect bool) {
	if !effect {
		x.key = x.key[:start]
	}
}

// addMatches adds that a link matched: how often, where the number counts, and
// what, where the rule hands it on.
func (x *Exchange) addMatches(r *rule, l *link, matches []match) {
	x.key = append(x.key, 1)
	if l.counted || r.values {
		x.key = binary.AppendUvarint(x.key, uint64(len(matches)))
	}
	if !r.values {
		return
	}
	for _, m := range matches {
		if r.groups {
			if l.capture {
				x.addGroups(l, m.value)
			}
			continue
		}
		e := &x.parser.Elements()[m.element]
		x.key = appendText(append(x.key, byte(e.Kind)), e.Key)
		x.key = appendText(x.key, m.value)
	}
}

// addGroups adds what an @rx captures, as Coraza does: up to nine groups.
func (x *Exchange) addGroups(l *link, value string) {
	found := l.check.captures.FindStringSubmatchIndex(value)
	for g := 0; g+1 < len(found) && g < 18; g += 2 {
		text := ""
		if found[g] >= 0 {
			text = value[found[g]:found[g+1]]
		}
		x.key = appendText(x.key, text)
	}
}

// addInputs adds all values of targets as they are.
func (x *Exchange) addInputs(targets []target) {
	for i := range targets {
		t := &targets[i]
		n := 0
		at := len(x.key)
		x.each(t, func(element int32, e *bodies.Element) {
			n++
			x.key = appendText(append(x.key, byte(e.Kind)), e.Key)
			x.key = appendText(x.key, e.Value)
		})
		if len(x.key)-at > maxKeyBytes {
			x.ask = KeyTooLong
		}
		x.key = binary.AppendUvarint(append(x.key, 0xfc), uint64(n))
	}
}

// appendText adds a text so that no other text could stand there: its length
// comes first.
func appendText(key []byte, s string) []byte {
	return append(binary.AppendUvarint(key, uint64(len(s))), s...)
}

// each visits the elements of a target.
func (x *Exchange) each(t *target, visit func(int32, *bodies.Element)) {
	if t.input > 0 {
		for i := range x.inputs[t.input-1] {
			visit(countElement, &x.inputs[t.input-1][i])
		}
		return
	}
	elements := x.parser.Elements()
	for _, k := range t.kinds {
		if k.Single() {
			if e := &elements[k]; t.selects(e) {
				visit(int32(k), e)
			}
			continue
		}
		for _, i := range x.by[k] {
			if e := &elements[i]; t.selects(e) {
				visit(i, e)
			}
		}
	}
}

// evaluate adds what a pure link matches to out, or the values of an opaque one;
// unless all is asked for, the first is enough.
func (x *Exchange) evaluate(l *link, out []match, all bool) []match {
	test := l.check.test
	if l.check.byInput != nil {
		test = l.check.byInput.of(x)
	}
	for i := range l.targets {
		t := &l.targets[i]
		if t.count {
			n := 0
			x.each(t, func(int32, *bodies.Element) { n++ })
			if text := strconv.Itoa(n); test == nil || test(text) != l.negated {
				out = append(out, match{element: countElement, value: text})
			}
			continue
		}
		x.each(t, func(element int32, e *bodies.Element) {
			if all || len(out) == 0 {
				out = x.try(l, test, element, e.Value, out)
			}
		})
	}
	return out
}

// countElement stands for a number of values, and for a variable of TX: the
// single element 0, whose kind has no keys.
const countElement = 0

// try shows one value to the operator, or each step of its transformations. An
// operator without a test may say anything.
func (x *Exchange) try(l *link, test func(string) bool, element int32, value string, out []match) []match {
	if test == nil {
		return append(out, match{element: element, value: value})
	}
	if l.multi && test(value) != l.negated {
		out = append(out, match{element: element, value: value})
	}
	for _, t := range l.transforms {
		changed := false
		value, changed = t.Apply(&x.arena, value)
		if l.multi && changed && test(value) != l.negated {
			out = append(out, match{element: element, value: value})
		}
	}
	if !l.multi && test(value) != l.negated {
		out = append(out, match{element: element, value: value})
	}
	return out
}

// capturing compiles the expression for its captured groups. nil: Coraza does
// not use Go's regexp for it.
func capturing(arg string) *regexp.Regexp {
	pattern, mode := dfa.RxPattern(arg)
	if mode != dfa.Runes {
		return nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil
	}
	return re
}
