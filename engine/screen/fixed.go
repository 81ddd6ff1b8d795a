package screen

import (
	"slices"
	"strings"

	"tabard/engine/seclang"
)

// Fixed is what comes of a rule set in every exchange, whatever is in it.
type Fixed struct {
	// Idle are the ids of rules that never match: those of higher paranoia levels,
	// most of all.
	Idle []int
	// Settled are those of rules that always match and only pass over idle rules
	// or set variables of TX, before any other rule looks at these; Variables are
	// what they set. Who sets the variables before phase 1 need not run the rules.
	Settled   []int
	Variables []TXVar
}

// Fix finds what comes of the rules in every exchange. Without the idle and the
// settled rules a rule set gives the same verdicts, in less time and memory. Only
// rules that may be left out are looked for; nothing is fixed where the table
// holds what is not understood.
func Fix(t *seclang.Table, o Options, may func(*seclang.Rule) bool) Fixed {
	if len(t.Unmodelled) > 0 {
		return Fixed{}
	}
	f := fixer{compiler: newCompiler(t, o)}
	for phase := 1; phase <= 5; phase++ {
		never := func(i int) { f.note(&f.idle, i, phase, may) }
		f.stroll(phase, visitor{passedOver: never, unmatched: never,
			matched: func(i int) { f.note(&f.settled, i, phase, may) },
			// What comes after it may be another rule's than the constants say.
			dynamic: func(i int) { f.steered = f.steered || f.hazardous(i, phase) },
		})
	}
	f.find()
	return f.result()
}

// fixer collects rules by where they stand.
type fixer struct {
	*compiler
	idle, settled []spot
	steered       bool      // a dynamic rule may pass over rules that set the constants
	mentions      []mention // by index in the table
}

// spot is a place in the walk over all phases: phase and index in the table.
type spot struct{ phase, at int }

func (s spot) before(other spot) bool {
	return s.phase < other.phase || s.phase == other.phase && s.at < other.at
}

func (f *fixer) note(list *[]spot, i, phase int, may func(*seclang.Rule) bool) {
	if r := f.table.Rules[i]; r.Marker == "" && !f.counted[i] && !f.steered && may(r) {
		*list = append(*list, spot{phase, i})
	}
}

// find takes away what only seems to be fixed.
func (f *fixer) find() {
	wakes := f.removers()
	f.idle = slices.DeleteFunc(f.idle, func(s spot) bool {
		// A ctl that takes away static rules that write or steer wakes an idle rule,
		// unless it takes that away, too.
		return slices.ContainsFunc(wakes, func(ctl *seclang.Ctl) bool { return !aims(ctl, "ruleRemove", f.table.Rules[s.at]) })
	})
	if f.readsLeftovers() {
		f.settled = nil
	}
	f.settled = slices.DeleteFunc(f.settled, func(s spot) bool {
		return s.phase == 5 || !onlySets(f.table.Rules[s.at]) || !f.passesOverNothing(s) || len(f.sets(s)) > 0 && f.mayBeRemoved(s)
	})
	for _, r := range f.table.Rules {
		f.mentions = append(f.mentions, mentionOf(r))
	}
	for n := -1; n != len(f.settled); {
		n = len(f.settled)
		f.settled = slices.DeleteFunc(f.settled, f.isSeenEarlier)
	}
}

func (f *fixer) result() (out Fixed) {
	for _, s := range f.idle {
		out.Idle = append(out.Idle, f.table.Rules[s.at].ID)
	}
	for _, s := range f.settled {
		out.Settled = append(out.Settled, f.table.Rules[s.at].ID)
		for _, name := range f.sets(s) {
			v := TXVar{name, f.constants[name]}
			if !slices.Contains(out.Variables, v) {
				out.Variables = append(out.Variables, v)
			}
		}
	}
	return out
}

// removers are the ctls that take away static rules that write or steer.
func (c *compiler) removers() (out []*seclang.Ctl) {
	for _, ctl := range c.ctls {
		if c.removesConstants(ctl) {
			out = append(out, ctl)
		}
	}
	return out
}

// passesOverNothing says whether all rules that a match passes over are idle.
func (f *fixer) passesOverNothing(s spot) bool {
	end := f.landing(s.at, s.phase)
	if end > len(f.table.Rules) {
		return false
	}
	for i := s.at + 1; i < end; i++ {
		if r := f.table.Rules[i]; inPhase(r, s.phase) && r.Marker == "" && !slices.Contains(f.idle, spot{s.phase, i}) {
			return false
		}
	}
	return true
}

// onlySets says whether a match of the rule does nothing, going on elsewhere
// apart, but to set variables whose names are written out.
func onlySets(r *seclang.Rule) bool {
	if reports(r) || r.Severity != seclang.SeverityUnset {
		return false
	}
	for n := range 1 + len(r.Chain) {
		for _, a := range linkOf(r, n).Actions {
			if a.Ctl != nil || a.SetVar != nil && (a.SetVar.Remove || hasMacro(a.SetVar.Key)) {
				return false
			}
		}
	}
	return true
}

// mayBeRemoved says whether a ctl can take the rule away before it runs.
func (f *fixer) mayBeRemoved(s spot) bool {
	r := f.table.Rules[s.at]
	for i, other := range f.table.Rules {
		if s.before(spot{other.Phase, i}) {
			continue
		}
		for n := range 1 + len(other.Chain) {
			for _, a := range linkOf(other, n).Actions {
				if a.Ctl != nil && aims(a.Ctl, "ruleRemove", r) {
					return true
				}
			}
		}
	}
	return false
}

// readsLeftovers says whether some rule looks at what the last rule that matched
// has left behind.
func (f *fixer) readsLeftovers() bool {
	return slices.ContainsFunc(f.table.Rules, func(r *seclang.Rule) bool {
		return slices.ContainsFunc(r.Targets, func(t seclang.Target) bool {
			return strings.HasPrefix(t.Variable, "MATCHED_") || t.Variable == "RULE"
		})
	})
}

// sets names the variables that a rule sets.
func (f *fixer) sets(s spot) (names []string) {
	r := f.table.Rules[s.at]
	for n := range 1 + len(r.Chain) {
		for _, a := range linkOf(r, n).Actions {
			if a.SetVar != nil {
				names = append(names, writerOf(s.at, a.SetVar).name)
			}
		}
	}
	return names
}

// isSeenEarlier says whether a rule that stays, and stands before, could tell
// that one of the variables has its value already, or whether a rule that stays
// sets it as well.
func (f *fixer) isSeenEarlier(s spot) bool {
	for _, name := range f.sets(s) {
		for i, r := range f.table.Rules {
			stays := !slices.ContainsFunc(f.settled, func(other spot) bool { return other.at == i })
			if stays && r.Marker == "" && f.mentions[i].of(name) && (spot{r.Phase, i}.before(s) || f.writesToo(i, name)) {
				return true
			}
		}
	}
	return false
}

// writesToo says whether a static rule, which may run before or after, sets the
// variable. What a dynamic rule makes of it later is its own affair.
func (f *fixer) writesToo(i int, name string) bool {
	return f.static[i] && !slices.ContainsFunc(f.idle, func(s spot) bool { return s.at == i }) &&
		slices.ContainsFunc(f.writers, func(w writer) bool { return w.rule == i && w.name == name })
}

// hasName says whether a name stands somewhere in a text and does not go on there.
func hasName(text, name string) bool {
	for {
		i := strings.Index(text, name)
		if i < 0 {
			return false
		}
		if text = text[i+len(name):]; text == "" || !isNameByte(text[0]) {
			return true
		}
	}
}

// mention is what a rule may read or write of TX: names that stand in text, in
// lower case, or several variables at once.
type mention struct {
	text    string
	several bool
}

// mentionOf looks at the whole chain. It is done once a rule: settled rules are
// compared with all others, by each name that they set.
func mentionOf(r *seclang.Rule) (m mention) {
	var texts []string
	for n := range 1 + len(r.Chain) {
		l := linkOf(r, n)
		for _, t := range l.Targets {
			if t.Variable == "TX" {
				m.several = m.several || t.IsPattern || t.Key == ""
				texts = append(texts, t.Key)
			}
		}
		texts = append(texts, l.Msg, l.LogData)
		if l.Operator != nil {
			texts = append(texts, l.Operator.Arg)
		}
		for _, a := range l.Actions {
			texts = append(texts, a.Arg)
		}
	}
	m.text = strings.ToLower(strings.Join(texts, "\n"))
	return m
}

func (m mention) of(name string) bool { return m.several || hasName(m.text, name) }
