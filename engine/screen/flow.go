package screen

import (
	"slices"
	"strconv"
	"strings"

	"tabard/engine/seclang"
)

// inPhase says whether Coraza walks over the rule in the phase.
func inPhase(r *seclang.Rule, phase int) bool { return r.Phase == 0 || r.Phase == phase }

// writes says whether a rule has an action that writes TX or changes settings.
func writes(r *seclang.Rule) bool {
	for n := range 1 + len(r.Chain) {
		for _, a := range linkOf(r, n).Actions {
			if a.SetVar != nil || a.Ctl != nil {
				return true
			}
		}
	}
	return false
}

// hazardous says whether a rule at index at of the table, when it matches,
// makes Coraza pass over a static rule in such a way that the constants, or the
// rules that are passed over, are no longer those of the walk.
func (c *compiler) hazardous(at, phase int) bool {
	r := c.table.Rules[at]
	if a, ok := r.Disruptive(); ok && a.Name == "allow" {
		return true
	}
	if steersUnknown(&r.Link) {
		return true
	}
	if r.Skip == 0 && r.SkipAfter == "" {
		return false
	}
	end := c.landing(at, phase)
	for i := at + 1; i < end; i++ {
		next := c.table.Rules[i]
		if !c.static[i] || !inPhase(next, phase) {
			continue
		}
		if writes(next) || c.landing(i, phase) > end {
			return true
		}
	}
	return end > len(c.table.Rules)
}

// steersUnknown says whether the link has a flow action of a plugin.
func steersUnknown(l *seclang.Link) bool {
	return slices.ContainsFunc(l.Actions, func(a seclang.Action) bool {
		return a.Kind == seclang.Flow && a.Name != "chain" && a.Name != "skip" && a.Name != "skipAfter"
	})
}

// landing is the index at which Coraza goes on after a match of the rule: past
// the end of the table when that is in the next phase.
func (c *compiler) landing(at, phase int) int {
	r := c.table.Rules[at]
	left, waiting := r.Skip, r.SkipAfter != ""
	i := at + 1
	for ; i < len(c.table.Rules) && (left > 0 || waiting); i++ {
		switch next := c.table.Rules[i]; {
		case !inPhase(next, phase):
		case waiting:
			waiting = next.Marker != r.SkipAfter
		default:
			left--
		}
	}
	if waiting {
		// A marker that never comes is waited for in the next phase.
		return len(c.table.Rules) + 1
	}
	return i
}

// windows marks the rules that skip:N may count: they are never left out (I5),
// since Coraza does not count what has been removed. A rule that a ctl may
// remove makes the window one longer.
func (c *compiler) windows() {
	c.counted = make([]bool, len(c.table.Rules))
	for at, r := range c.table.Rules {
		left := r.Skip
		for i := at + 1; left > 0 && i < len(c.table.Rules); i++ {
			if next := c.table.Rules[i]; inPhase(next, r.Phase) {
				c.counted[i] = true
				if !c.removable(next) {
					left--
				}
			}
		}
	}
}

// removable says whether some ctl of the rule set can remove the rule.
func (c *compiler) removable(r *seclang.Rule) bool { return c.concerned(r, "ruleRemove") }

// losesTargets says whether some ctl can take targets away from the rule.
func (c *compiler) losesTargets(r *seclang.Rule) bool { return c.concerned(r, "ruleRemoveTarget") }

func (c *compiler) concerned(r *seclang.Rule, prefix string) bool {
	return slices.ContainsFunc(c.ctls, func(ctl *seclang.Ctl) bool { return aims(ctl, prefix, r) })
}

// aims says whether a ctl of the family is about the rule.
func aims(ctl *seclang.Ctl, prefix string, r *seclang.Rule) bool {
	by, ok := strings.CutPrefix(ctl.Option, prefix)
	return ok && (by == "ById" && inRange(r.ID, ctl.Value) || by == "ByTag" && slices.Contains(r.Tags, ctl.Value) || by == "ByMsg" && r.Msg == ctl.Value)
}

// removesConstants says whether a ctl removes a static rule that writes or
// steers, or one that a skip:N may count.
func (c *compiler) removesConstants(ctl *seclang.Ctl) bool {
	for i, r := range c.table.Rules {
		if aims(ctl, "ruleRemove", r) && (c.counted[i] || c.static[i] && (writes(r) || r.Skip > 0 || r.SkipAfter != "")) {
			return true
		}
	}
	return false
}

func inRange(id int, text string) bool {
	first, last, ok := strings.Cut(text, "-")
	if !ok {
		last = first
	}
	from, err1 := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	return err1 != nil || err2 != nil || from <= id && id <= to
}
