package screen

import (
	"strconv"
	"strings"

	"tabard/engine/screen/bodies"
)

// executeLink asks a link and does what its matches do, look by look as Coraza
// does, so that one sees what the looks before it have done. several says that the
// order of its matches is a matter of chance.
func (x *Exchange) executeLink(i int32, r *rule, n int) (count int, several bool, why Reason) {
	run, l := &x.run, r.links[n]
	switch {
	case l.kind == foreign, l.step.blind:
		return 0, false, RuleForeign
	case l.kind == always:
		return x.takeHits(r, n, l.step.fixed)
	}
	test, why := x.tester(l)
	if why != Hit {
		return 0, false, why
	}
	run.captured = false
	for k := range l.step.looks {
		look := &l.step.looks[k]
		run.hits = run.hits[:0]
		chance := false
		if n == 0 && r.found {
			chance = x.seeFound(i, l, look)
		} else if chance, why = x.see(l, look, test); why != Hit {
			return 0, false, why
		}
		if run.captured && count+len(run.hits) > 0 {
			return 0, false, RuleForeign // what was captured when is not followed
		}
		if chance && r.ordered(n) {
			x.chance = true
			return 0, false, OrderOfMatches
		}
		run.scatter = run.scatter || chance && l.step.capture
		several = several || chance
		took, _, why := x.takeHits(r, n, run.hits)
		if why != Hit {
			return 0, false, why
		}
		count += took
	}
	return count, several, Hit
}

// takeHits does what each of the matches does.
func (x *Exchange) takeHits(r *rule, n int, hits []hit) (count int, several bool, why Reason) {
	if len(hits) > maxHits {
		return 0, false, ManyMatches
	}
	for i := range hits {
		if why := r.links[n].step.why; why != Hit {
			return 0, false, why
		}
		x.takeHit(r, n, hits[i])
	}
	return len(hits), false, Hit
}

// takeHit does what one match does, in Coraza's order: captures, MATCHED_VAR, the
// actions, and then the texts. A SecAction of a chain puts its texts together first.
func (x *Exchange) takeHit(r *rule, n int, h hit) {
	run, l := &x.run, r.links[n]
	s, t := &l.step, told{hit: h}
	speaks := r.ending.tells && (n > 0 || !r.ending.late)
	if speaks && s.early {
		t.message, t.data = x.expand(s.msg), x.expand(s.data)
	}
	if s.capture && !l.negated {
		x.capture(l, h.value)
	}
	run.last = h
	run.matched = append(run.matched, h)
	for i := range s.deeds {
		x.do(&s.deeds[i])
	}
	// Of the further matches no more is shown than that there were some.
	if first := n == 0 && len(run.said) == 0; speaks && !s.early && (first || x.s.detail || !x.spoken()) {
		t.message, t.data = x.expand(s.msg), x.expand(s.data)
	}
	run.said = append(run.said, t)
}

// spoken says whether the rule has its message.
func (x *Exchange) spoken() bool {
	for i := range x.run.said {
		if x.run.said[i].message != "" {
			return true
		}
	}
	return false
}

// tester gives the operator's test, with an argument as it is now.
func (x *Exchange) tester(l *link) (test func(string) bool, why Reason) {
	switch {
	case l.step.arg != nil:
		test = simpleTest(l.step.op, x.expand(l.step.arg))
	case l.check.byInput != nil:
		test = l.check.byInput.of(x)
	default:
		return l.check.test, Hit // nil: there must be nothing to ask about
	}
	if test == nil {
		return nil, RuleForeign
	}
	return test, Hit
}

// see adds what one look matches to the hits.
func (x *Exchange) see(l *link, k *look, test func(string) bool) (several bool, why Reason) {
	run := &x.run
	if k.from == fromRequest {
		return x.seeRequest(l, k, test)
	}
	if test == nil {
		return false, RuleForeign
	}
	switch k.from {
	case fromText:
		x.ask1(l, test, hit{k.name, k.key, k.value})
	case fromTX:
		s := run.slots[k.slots[0]]
		switch {
		case k.count:
			x.ask1(l, test, hit{k.name, k.key, count01(s.set)})
		case s.set:
			x.ask1(l, test, hit{k.name, k.key, s.value})
		}
	case fromTXPattern:
		return x.seePattern(l, k, test), Hit
	case fromMatchedVar:
		x.ask1(l, test, hit{k.name, "", run.last.value})
	case fromMatchedName:
		x.ask1(l, test, hit{k.name, "", run.last.label()})
	case fromMatchedVars, fromMatchedNames:
		for _, m := range run.matched {
			h := hit{k.name, m.label(), m.value}
			if k.from == fromMatchedNames {
				h.value = h.key
			}
			x.ask1(l, test, h)
		}
		return group(run.hits, false), Hit
	}
	return false, Hit
}

// label is how Coraza names what matched.
func (h hit) label() string {
	switch {
	case h.variable == "":
		return "UNKNOWN"
	case h.key == "":
		return h.variable
	}
	return h.variable + ":" + h.key
}

func (x *Exchange) seePattern(l *link, k *look, test func(string) bool) (several bool) {
	run, count := &x.run, 0
	ask := func(name, value string) {
		if count++; !k.count {
			x.ask1(l, test, hit{k.name, name, value})
		}
	}
	for _, i := range k.slots {
		if run.slots[i].set {
			ask(x.s.slotNames[i], run.slots[i].value)
		}
	}
	for _, v := range run.extra {
		if v.set && k.re.MatchString(v.name) {
			ask(v.name, v.value)
		}
	}
	if k.count {
		x.ask1(l, test, hit{k.name, k.key, strconv.Itoa(count)})
	}
	return group(run.hits, false)
}

func (x *Exchange) seeRequest(l *link, k *look, test func(string) bool) (several bool, why Reason) {
	run, count := &x.run, 0
	t := &k.target
	for _, kind := range t.kinds {
		from := len(run.hits)
		x.eachSeen(t, kind, func(e *bodies.Element, value string) {
			if count++; t.count {
				return
			}
			if test == nil {
				why = RuleForeign
				return
			}
			x.ask1(l, test, hit{k.name, e.Key, value})
		})
		several = group(run.hits[from:], kind.CaseSensitive()) || several
	}
	if t.input > 0 {
		for _, e := range x.inputs[t.input-1] {
			if count++; !t.count {
				x.ask1(l, test, hit{k.name, e.Key, e.Value})
			}
		}
	}
	if t.count {
		if test == nil {
			return false, RuleForeign
		}
		x.ask1(l, test, hit{k.name, k.key, strconv.Itoa(count)})
	}
	return several, why
}

// eachSeen visits what the phase sees of a kind.
func (x *Exchange) eachSeen(t *target, kind bodies.Kind, visit func(*bodies.Element, string)) {
	elements := x.parser.Elements()
	if kind.Single() {
		if e := &elements[kind]; t.selects(e) {
			visit(e, x.single(kind))
		}
		return
	}
	for _, i := range x.by[kind] {
		if int(i) >= x.marks[x.run.phase].elements {
			return
		}
		if e := &elements[i]; t.selects(e) {
			visit(e, e.Value)
		}
	}
}

// single is the value of a single kind as the phase sees it (I6).
func (x *Exchange) single(k bodies.Kind) string {
	switch k {
	case bodies.ReqbodyProcessor:
		return x.run.state.RequestProcessor
	case bodies.ResBodyProcessor:
		return x.run.state.ResponseProcessor
	}
	return x.marks[x.run.phase].singles[k]
}

// ask1 asks the operator about one value.
func (x *Exchange) ask1(l *link, test func(string) bool, h hit) {
	if x.run.loses(h.variable, h.key) {
		return
	}
	if l.negated && l.step.capture {
		x.askNegated(l, test, h)
		return
	}
	x.scratch = x.try(l, test, 0, h.value, x.scratch[:0])
	for _, m := range x.scratch {
		x.run.hits = append(x.run.hits, hit{h.variable, h.key, m.value})
	}
}

// askNegated asks a negated operator that captures: it does so where the link does
// not match.
func (x *Exchange) askNegated(l *link, test func(string) bool, h hit) {
	for _, t := range l.transforms {
		h.value, _ = t.Apply(&x.arena, h.value)
	}
	if !test(h.value) {
		x.run.hits = append(x.run.hits, h)
		return
	}
	x.capture(l, h.value)
	x.run.scatter = x.run.scatter || x.run.captured
	x.run.captured = true
}

// seeFound adds those of the known matches of a first link that one look has made.
func (x *Exchange) seeFound(i int32, l *link, k *look) (several bool) {
	run, t := &x.run, &k.target
	elements, matches := x.parser.Elements(), x.matched[i]
	for _, kind := range t.kinds {
		from := len(run.hits)
		for m := 0; m < len(matches); {
			e := &elements[matches[m].element]
			if e.Kind == kind && x.sees(matches[m].element, kind) && t.selects(e) && !run.loses(k.name, e.Key) {
				run.hits = append(run.hits, hit{k.name, e.Key, matches[m].value})
			}
			m += l.selections(e) // each look that selects the element has noted it
		}
		several = group(run.hits[from:], kind.CaseSensitive()) || several
	}
	return several
}

// sees says whether the phase sees the element as it is now.
func (x *Exchange) sees(element int32, kind bodies.Kind) bool {
	if kind.Single() {
		return x.run.phase >= finalIn[kind]
	}
	return int(element) < x.marks[x.run.phase].elements
}

// group puts hits of one name together, as Coraza's collections hold them. several
// says that there is more than one name: their order is Coraza's map's.
func group(hits []hit, mindsCase bool) (several bool) {
	if len(hits) > maxHits {
		return true // takeHits has the last word
	}
	for i := 1; i < len(hits); i++ {
		at := i
		for at > 0 && !sameName(hits[at-1].key, hits[i].key, mindsCase) {
			at--
		}
		if at == i {
			continue
		}
		several = true
		if at > 0 {
			h := hits[i]
			copy(hits[at+1:i+1], hits[at:i])
			hits[at] = h
		}
	}
	return several
}

func sameName(a, b string, mindsCase bool) bool {
	return a == b || !mindsCase && bodies.NameIs(a, strings.ToLower(b))
}
