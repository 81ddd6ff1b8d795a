package lint

import (
	"slices"
	"strconv"
	"strings"

	"tabard/engine/seclang"
	"tabard/internal/report"
)

// flow are checks of what becomes of a rule among the others.
var flow = []Check{
	{"unreachable", "no request comes to a rule", report.Warning, nil, (*pass).unreachable},
	{"impossible-chain", "the links of a chain exclude each other", report.Warning, nil, (*pass).impossibleChain},
	{"shadowed-rule", "an exclusion leaves nothing of a rule", report.Warning, nil, (*pass).shadowed},
}

// always says whether a rule fires on every request: one without condition.
func always(r *seclang.Rule) bool {
	if len(r.Chain) > 0 || r.Marker != "" {
		return false
	}
	return r.Operator == nil || r.Operator.Name == "unconditionalMatch" && !r.Operator.Negated && !slices.ContainsFunc(r.Targets, func(t seclang.Target) bool {
		v := seclang.VariableInfo{}
		for _, known := range seclang.Variables {
			if known.Name == t.Variable {
				v = known
			}
		}
		return v.Selectable && !t.Count
	})
}

// barrier is a rule that keeps all requests from those behind it.
type barrier struct {
	rule   *seclang.Rule
	marker string // up to which; "" for the rest of the phase
	count  int    // how many rules of the phase, for skip
	all    bool   // later phases, too
}

// barrierOf gives what an unconditional rule keeps requests from, or nil.
func (p *pass) barrierOf(r *seclang.Rule) *barrier {
	if !always(r) {
		return nil
	}
	if r.SkipAfter != "" {
		return &barrier{rule: r, marker: r.SkipAfter}
	}
	if r.Skip > 0 {
		return &barrier{rule: r, count: r.Skip}
	}
	a, ok := r.Disruptive()
	if !ok {
		return nil
	}
	engine, _ := p.table.Setting("secruleengine")
	switch {
	case a.Name == "allow":
		return &barrier{rule: r, all: a.Arg == ""}
	case slices.Contains([]string{"deny", "drop", "redirect"}, a.Name) && equalFold(engine.Value, "On"):
		return &barrier{rule: r, all: true}
	}
	return nil
}

func (p *pass) unreachable() {
	var stop *barrier // of all later phases
	for phase := 1; phase <= 5; phase++ {
		if phase == 5 && stop != nil && stop.rule.Phase < 5 {
			break // the logging phase always runs
		}
		here := stop
		for _, r := range p.table.Rules {
			switch {
			case r.Marker != "":
				if here != nil && here.marker == r.Marker {
					here = nil
				}
				continue
			case r.Phase != phase:
				continue
			case here == nil:
				here = p.barrierOf(r)
				if here != nil && here.all {
					stop = here
				}
				continue
			}
			p.add(r.Directive.Pos, "no request comes to "+name(&r.Link), "the rule at "+p.Place(here.rule.Directive.Pos).String()+" has no condition and "+p.does(here))
			if here.count > 0 {
				if here.count--; here.count == 0 {
					here = nil
				}
			}
		}
	}
}

// does says what a barrier does.
func (p *pass) does(b *barrier) string {
	switch {
	case b.marker != "":
		return "jumps to " + b.marker
	case b.count > 0 || b.rule.Skip > 0:
		return "skips it"
	}
	a, _ := b.rule.Disruptive()
	if a.Name == "allow" {
		return "allows all"
	}
	return "ends all requests"
}

// impossibleChain looks for two links that exclude each other: one value that
// is to equal two texts, a count of none and a value of it, and links on
// variables that have no value in the phase.
func (p *pass) impossibleChain() {
	for _, r := range p.table.Rules {
		if len(r.Chain) == 0 {
			continue
		}
		equals, none := map[string]*seclang.Link{}, map[string]*seclang.Link{}
		for _, l := range links(r) {
			if l.Operator == nil || len(l.Targets) != 1 {
				continue
			}
			t, op := l.Targets[0], l.Operator
			key := t.Variable + ":" + t.Key
			switch {
			case t.Count && op.Name == "eq" && op.Arg == "0" && !op.Negated:
				none[key] = l
			case !t.Count && none[key] != nil:
				p.add(l.Operator.Pos, "this link never matches", "the link at "+p.Place(none[key].Directive.Pos).String()+" wants no "+trimColon(key))
			case !t.Count && single(t) && op.Name == "streq" && !op.Negated && !strings.Contains(op.Arg, "%{"):
				if other := equals[key]; other != nil && other.Operator.Arg != op.Arg && len(other.Transformations)+len(l.Transformations) == 0 {
					p.add(op.Pos, "this link never matches", "the link at "+p.Place(other.Directive.Pos).String()+" wants "+trimColon(key)+" to be "+strconv.Quote(other.Operator.Arg))
				}
				equals[key] = l
			}
		}
	}
}

func trimColon(key string) string { return strings.TrimSuffix(key, ":") }

// single says whether a target is one value at most.
func single(t seclang.Target) bool {
	for _, v := range seclang.Variables {
		if v.Name == t.Variable {
			return !v.Selectable
		}
	}
	return false
}

// shadowed looks at rules that a removal takes away and at those all of whose
// targets an update leaves out.
func (p *pass) shadowed() {
	kept := map[int]bool{}
	for _, r := range p.table.Rules {
		kept[r.ID] = true
		if r.Marker == "" && len(r.Targets) > 0 && !slices.ContainsFunc(r.Targets, func(t seclang.Target) bool { return !excluded(t) }) {
			p.add(r.Directive.Pos, "all targets of "+name(&r.Link)+" are left out by exceptions, so that it never matches", "remove the rule or an exception")
		}
	}
	for _, d := range p.Directives {
		if id, ok := d.RuleID(); ok && !kept[id] {
			p.add(d.Pos, "rule "+strconv.Itoa(id)+" is removed again", p.remover(id))
		}
	}
	p.ctlShadows()
}

// excluded says whether an exception leaves nothing of a target.
func excluded(t seclang.Target) bool {
	return slices.ContainsFunc(t.Except, func(s seclang.Selector) bool {
		return !s.IsPattern && (s.Key == "" || strings.EqualFold(s.Key, t.Key) && !t.IsPattern)
	})
}

// remover names the directive that removes a rule.
func (p *pass) remover(id int) string {
	for _, d := range p.Directives {
		if !strings.HasPrefix(strings.ToLower(d.Name), "secruleremoveby") {
			continue
		}
		without, _ := seclang.Parse(slices.DeleteFunc(slices.Clone(p.Directives), func(o seclang.Directive) bool { return o.Pos == d.Pos }), p.Known)
		if slices.ContainsFunc(without.Rules, func(r *seclang.Rule) bool { return r.ID == id }) {
			return "by " + d.Name + " at " + p.Place(d.Pos).String()
		}
	}
	return "by a removal"
}

// ctlShadows looks at rules that an unconditional rule before them removes from
// every request.
func (p *pass) ctlShadows() {
	removed := map[int]*seclang.Rule{}
	phases := map[int]int{}
	for _, r := range p.table.Rules {
		if by := removed[r.ID]; by != nil && phases[r.ID] <= r.Phase {
			p.add(r.Directive.Pos, name(&r.Link)+" is removed from every request", "by ctl in the rule at "+p.Place(by.Directive.Pos).String())
		}
		if !always(r) {
			continue
		}
		for _, a := range r.Actions {
			if a.Ctl != nil && a.Ctl.Option == "ruleRemoveById" {
				if id, err := strconv.Atoi(a.Ctl.Value); err == nil && removed[id] == nil {
					removed[id], phases[id] = r, r.Phase
				}
			}
		}
	}
}
