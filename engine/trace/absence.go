package trace

import (
	"strconv"
	"strings"

	"tabard/engine/seclang"
)

// Kind is why a rule did not run.
type Kind string

const (
	// Ran: it did run, or it is a part of no phase that ran.
	Ran Kind = ""
	// Unknown: the rule set has no such rule.
	Unknown Kind = "unknown"
	// Jumped: a rule jumped over it to a marker.
	Jumped Kind = "jumped"
	// Removed: a rule removed it from this transaction with ctl.
	Removed Kind = "removed"
	// TooLate: a rule ended the transaction before.
	TooLate Kind = "too_late"
	// NoPhase: its phase has not come, as that of a response without one.
	NoPhase Kind = "no_phase"
)

// Absence is why a rule did not run. By is the rule that is the cause, 0 when
// that is not known, and Marker where it jumped to.
type Absence struct {
	Kind   Kind
	By     int
	Marker string
}

// Absence says why a rule of the table did not run.
func (t *Trace) Absence(id int, table *seclang.Table) Absence {
	rule := find(table, id)
	if rule == nil {
		return Absence{Kind: Unknown}
	}
	last, stopped := 0, 0
	for _, r := range t.runs {
		if r.rule == id {
			return Absence{}
		}
		last = max(last, r.phase)
		if r.fired && stops(find(table, r.rule)) {
			stopped = r.rule
		}
	}
	for _, s := range t.skips {
		if s.rule == id && s.after != "" {
			return Absence{Jumped, s.by, s.after}
		}
		if s.rule == id {
			return Absence{Kind: Removed, By: t.remover(id, table)}
		}
	}
	switch {
	case stopped != 0:
		return Absence{Kind: TooLate, By: stopped}
	case rule.Phase > last:
		return Absence{Kind: NoPhase}
	}
	return Absence{Kind: Jumped}
}

func find(table *seclang.Table, id int) *seclang.Rule {
	for _, r := range table.Rules {
		if r.ID == id && r.Marker == "" {
			return r
		}
	}
	return nil
}

// stops says whether a rule ends the transaction when it fires.
func stops(r *seclang.Rule) bool {
	if r == nil {
		return false
	}
	a, ok := r.Disruptive()
	return ok && (a.Name == "deny" || a.Name == "drop" || a.Name == "redirect")
}

// remover finds the rule whose ctl removed another one.
func (t *Trace) remover(id int, table *seclang.Table) int {
	for _, run := range t.runs {
		l := linkOf(find(table, run.rule), run.link)
		if l == nil || !run.matched {
			continue
		}
		for _, a := range l.Actions {
			if a.Ctl != nil && removes(a.Ctl, find(table, id)) {
				return run.rule
			}
		}
	}
	return 0
}

// removes says whether a ctl removes a whole rule.
func removes(c *seclang.Ctl, r *seclang.Rule) bool {
	switch c.Option {
	case "ruleRemoveById":
		from, to, ranged := strings.Cut(c.Value, "-")
		if !ranged {
			to = from
		}
		first, err := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		return err == nil && err2 == nil && first <= r.ID && r.ID <= last
	case "ruleRemoveByTag":
		for _, tag := range r.Tags {
			if tag == c.Value {
				return true
			}
		}
	case "ruleRemoveByMsg":
		return r.Msg == c.Value
	}
	return false
}
