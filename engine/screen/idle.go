package screen

import (
	"slices"

	"tabard/engine/seclang"
)

// Idle lists the ids of rules that match in no exchange whatever, because of what
// the rules set to the same value each time: those of higher paranoia levels, most
// of all. A rule set without them gives the same verdicts and needs less time and
// memory. There are none where the table holds what is not understood.
func Idle(t *seclang.Table, o Options) (ids []int) {
	if len(t.Unmodelled) > 0 {
		return nil
	}
	c := newCompiler(t, o)
	var idle []*seclang.Rule
	steered := false
	note := func(i int) {
		if r := t.Rules[i]; r.Marker == "" && !c.counted[i] && !steered {
			idle = append(idle, r)
		}
	}
	for phase := 1; phase <= 5; phase++ {
		c.stroll(phase, visitor{passedOver: note, unmatched: note, dynamic: func(i int) {
			// What comes after it may be another rule's than the constants say.
			steered = steered || c.jumps(i) && c.hazardous(i, phase)
		}})
	}
	for _, r := range idle {
		if c.staysIdle(r) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// jumps says whether a rule has an action that passes over others.
func (c *compiler) jumps(at int) bool {
	r := c.table.Rules[at]
	return r.Skip != 0 || r.SkipAfter != "" || steersUnknown(&r.Link)
}

// staysIdle says whether no ctl can wake an idle rule: one that takes away static
// rules that write or steer must take it away, too.
func (c *compiler) staysIdle(r *seclang.Rule) bool {
	return !slices.ContainsFunc(c.ctls, func(ctl *seclang.Ctl) bool {
		return c.removesConstants(ctl) && !aims(ctl, "ruleRemove", r)
	})
}
