package compare

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"tabard/engine"
	"tabard/internal/endpoint"
)

const (
	// maxGroups bounds the memory: more differences than that are a new rule set
	// on traffic of all sorts, and nobody reads them one by one.
	maxGroups = 5000
	// maxExamples is how many requests each group keeps: the third shows whether
	// the first two were alike by chance.
	maxExamples = 3
)

// Diff counts the exchanges whose verdict differs. The zero value is ready; it
// is for one goroutine.
type Diff struct {
	// Requests is the number of exchanges with two verdicts.
	Requests int
	// Changed is how many of them differ in action or status.
	Changed int
	// OtherRules is how many have the same verdict by other rules.
	OtherRules int
	// Blocked and Released count the changes to and from a block.
	Blocked, Released int

	groups map[Key]*Group
}

// Key is what changes are grouped by.
type Key struct {
	From engine.Action `json:"from"`
	To   engine.Action `json:"to"`
	// Rule is the id of a rule that matched on one side only; 0 when no rule
	// explains the change, and then Cause does.
	Rule int `json:"rule,omitempty"`
	// Cause says why when it was no rule: a Reason, or CauseSettings.
	Cause string `json:"cause,omitempty"`
	// Route is the policy's route, or the pattern of the path without one.
	Route string `json:"route"`
	// Parameter is what the rule matched; empty when the source does not tell.
	Parameter string `json:"parameter,omitempty"`
}

// CauseSettings: the same rules matched, so that a threshold, a mode or a
// status has changed.
const CauseSettings = "same rules, other settings"

// causeMore is the group of what comes when there are maxGroups.
const causeMore = "more rules and endpoints than are kept apart"

// Group is a number of changes that are alike.
type Group struct {
	Key
	// Requests is how many; one that several rules explain is in several groups.
	Requests int `json:"requests"`
	// Message is the rule's.
	Message string `json:"message,omitempty"`
	// Examples are the first requests.
	Examples []Example `json:"examples"`
}

// Example is one request of a group. Secrets are redacted.
type Example struct {
	ID     string `json:"id"`
	Method string `json:"method,omitempty"`
	Target string `json:"target,omitempty"`
	Value  string `json:"value,omitempty"`
}

// Add takes in the two verdicts on one exchange and says whether they differ.
func (d *Diff) Add(before, after engine.Record) (changed bool) {
	d.Requests++
	if before.Verdict == after.Verdict && before.Status == after.Status {
		if !slices.Equal(ruleIDs(before), ruleIDs(after)) {
			d.OtherRules++
		}
		return false
	}
	d.Changed++
	switch {
	case before.Verdict == after.Verdict: // another status
	case after.Verdict == engine.Block:
		d.Blocked++
	case before.Verdict == engine.Block:
		d.Released++
	}
	key := Key{From: before.Verdict, To: after.Verdict, Route: routeOf(before, after)}
	example := Example{ID: after.TransactionID, Method: after.Method, Target: after.Target}
	causes := explain(before, after)
	for _, m := range causes {
		key, example := key, example
		key.Rule, key.Parameter, example.Value = m.ID, endpoint.Parameter(m.Target), m.Value
		d.add(key, m.Message, example)
	}
	if len(causes) == 0 {
		key.Cause = reasonOf(before, after)
		d.add(key, "", example)
	}
	return true
}

// routeOf names the endpoint by the policy where it has a name for it.
func routeOf(before, after engine.Record) string {
	return cmp.Or(after.Route, before.Route, endpoint.Path(after.Target))
}

// reasonOf is why a verdict changed when no rule is the cause.
func reasonOf(before, after engine.Record) string {
	for _, r := range []engine.Reason{after.Reason, before.Reason} {
		if r != engine.ReasonNone && r != engine.ReasonRule {
			return string(r)
		}
	}
	return CauseSettings
}

// explain returns the matches of rules that only one side has, each rule once:
// those that came, or when none did those that went.
func explain(before, after engine.Record) []engine.RecordMatch {
	if came := only(after, before); len(came) > 0 {
		return came
	}
	return only(before, after)
}

// only are the matches of a whose rule judges and did not match in b.
func only(a, b engine.Record) []engine.RecordMatch {
	theirs := ruleIDs(b)
	return slices.DeleteFunc(a.Judging(), func(m engine.RecordMatch) bool {
		_, found := slices.BinarySearch(theirs, m.ID)
		return found
	})
}

func ruleIDs(r engine.Record) []int {
	ids := make([]int, len(r.Rules))
	for i, m := range r.Rules {
		ids[i] = m.ID
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (d *Diff) add(key Key, message string, example Example) {
	if d.groups == nil {
		d.groups = map[Key]*Group{}
	}
	g := d.groups[key]
	if g == nil && len(d.groups) >= maxGroups {
		key, message = Key{From: key.From, To: key.To, Cause: causeMore}, ""
		g = d.groups[key]
	}
	if g == nil {
		// CRS puts the total score of the first request into some messages.
		message, _, _ = strings.Cut(message, " (Total ")
		g = &Group{Key: key, Message: message}
		d.groups[key] = g
	}
	g.Requests++
	if len(g.Examples) < maxExamples {
		g.Examples = append(g.Examples, example)
	}
}

// heading is what the groups of one rule have in common.
func (k Key) heading() Key { return Key{From: k.From, To: k.To, Rule: k.Rule, Cause: k.Cause} }

// totals are the requests of each heading.
func (d *Diff) totals() map[Key]int {
	out := map[Key]int{}
	for k, g := range d.groups {
		out[k.heading()] += g.Requests
	}
	return out
}

// Groups returns the groups: those that block first, then the rule with the
// most requests, and its largest group. The same exchanges give the same order.
func (d *Diff) Groups() []Group {
	totals := d.totals()
	out := make([]Group, 0, len(d.groups))
	for g := range maps.Values(d.groups) {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b Group) int {
		return cmp.Or(
			severity(b.To)-severity(a.To), severity(a.From)-severity(b.From), totals[b.heading()]-totals[a.heading()],
			a.Rule-b.Rule, strings.Compare(a.Cause, b.Cause),
			b.Requests-a.Requests, strings.Compare(a.Route, b.Route), strings.Compare(a.Parameter, b.Parameter))
	})
	return out
}

func severity(a engine.Action) int {
	return map[engine.Action]int{engine.Detect: 1, engine.Block: 2}[a]
}
