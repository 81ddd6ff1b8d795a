package engine

import (
	"io/fs"
	"time"

	"tabard/engine/operators"
	"tabard/engine/seclang"
)

// RuleSet is what the rules of one route are made of, for tools that explain
// or check them.
type RuleSet struct {
	// Route is the route's name, empty for requests that no route takes.
	Route string
	// Directives are in the order in which Coraza reads them, with variables of
	// TX in the place of our own collections.
	Directives []seclang.Directive
	// Known holds our own operators and the files that rules may name.
	Known seclang.Known

	place func(seclang.Position) seclang.Position
}

// Place gives a place in a text that stands in the policy itself its place in
// the policy's file, and every other place as it is.
func (r RuleSet) Place(pos seclang.Position) seclang.Position { return r.place(pos) }

// RuleSets returns the rule set of each route of a policy, that of no route
// first. The rules are read, not compiled: New says whether Coraza takes them.
// The error, an *seclang.Error, is a mistake of the policy, or the first place
// where text would be dropped, such as an Include that matches nothing, or where
// a collection of ours has no such variable.
func RuleSets(policy Policy, rules fs.FS) ([]RuleSet, error) {
	if err := policy.validate(); err != nil {
		return nil, err
	}
	all := policy.variants()
	c := compiler{policy: &policy, rules: sharedFS{FS: rules, made: new(operators.Shared)}, uses: familiesOf(all)}
	sets := newSetLoader(&policy, rules, time.Now())
	sets.listDatabase = func(string) (string, error) { return "", nil } // New reads them
	if err := sets.named(); err != nil {
		return nil, err
	}
	var out []RuleSet
	for _, s := range all {
		if _, err := sets.uses(s.ip, s.ipPath); err != nil {
			return nil, err
		}
		directives, _, _, err := c.directives(rules, c.sources(s))
		if err != nil {
			return nil, err
		}
		out = append(out, RuleSet{
			Route: s.route, Directives: directives, place: c.policyPosition,
			Known: seclang.Known{Operators: operators.Names(), Files: rules},
		})
	}
	return out, nil
}
