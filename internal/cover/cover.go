// Package cover counts what tests show of rules: each test sends one HTTP
// exchange in, and what no verdict that comes out depends on is not tested.
//
// Of a rule it counts the tests that say it must match and those that say it
// must not, as a person would count them in the files. Of the links of a chain
// and of the alternatives in a regular expression, which tests do not name, it
// counts what Coraza was seen to do.
package cover

import (
	"cmp"
	"slices"
	"sync"

	"tabard/engine/operators"
	"tabard/engine/seclang"
	"tabard/engine/trace"
	"tabard/internal/ftw"
)

// Rule is what the tests show of one rule.
type Rule struct {
	ID  int
	Pos seclang.Position
	Msg string
	// Match and Quiet count the tests that passed and of which an output expects
	// the rule, or expects it not to match.
	Match, Quiet int
	// Fired counts the exchanges in which it matched, expected or not.
	Fired int
	// Links are the rule itself and what is chained to it.
	Links []Link
}

// Link is one SecRule of a chain, or of a chain of one.
type Link struct {
	Pos seclang.Position
	// Matched and Failed count the exchanges in which it did.
	Matched, Failed int
	// Alternatives are those of an @rx that is not negated, at every depth.
	Alternatives []Alternative

	split *alternatives
}

// Alternative is one of the parts between the bars of a regular expression.
type Alternative struct {
	Text string
	// Matched counts the values in whose match it had a part.
	Matched int
}

// Collector adds up what tests show. It is safe for concurrent use.
type Collector struct {
	mu    sync.Mutex
	takes func(file string) bool
	rules map[int]*Rule
}

// NewCollector returns one for the rules in the files that takes accepts.
func NewCollector(takes func(file string) bool) *Collector {
	return &Collector{takes: takes, rules: map[int]*Rule{}}
}

// Rules returns the rules in the order of their files and lines.
func (c *Collector) Rules() []*Rule {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*Rule
	for _, r := range c.rules {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b *Rule) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), a.Pos.Line-b.Pos.Line, a.ID-b.ID)
	})
	return out
}

// add takes in the rules of a table that tell people something: those with a
// message. What only sets a variable or jumps has none.
func (c *Collector) add(table *seclang.Table, place func(seclang.Position) seclang.Position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range table.Rules {
		pos := place(r.Directive.Pos)
		if r.Msg == "" || r.ID == 0 || c.rules[r.ID] != nil || !c.takes(pos.File) {
			continue
		}
		rule := &Rule{ID: r.ID, Pos: pos, Msg: operators.JWT.Shown(r.Msg)}
		for _, l := range append([]*seclang.Link{&r.Link}, r.Chain...) {
			rule.Links = append(rule.Links, newLink(l, place))
		}
		c.rules[r.ID] = rule
	}
}

func newLink(l *seclang.Link, place func(seclang.Position) seclang.Position) Link {
	out := Link{Pos: place(l.Directive.Pos)}
	if op := l.Operator; op != nil && op.Name == "rx" && !op.Negated {
		if out.split = splitAlternatives(op.Arg); out.split != nil {
			for _, text := range out.split.texts {
				out.Alternatives = append(out.Alternatives, Alternative{Text: text})
			}
		}
	}
	return out
}

// observe takes in what Coraza did in one exchange.
func (c *Collector) observe(outcomes []trace.Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range outcomes {
		r := c.rules[o.Rule.ID]
		if r == nil {
			continue
		}
		if o.Fired {
			r.Fired++
		}
		r.Links[o.Link].observe(o)
	}
}

func (l *Link) observe(o trace.Outcome) {
	if !o.Matched {
		l.Failed++
		return
	}
	l.Matched++
	if l.split == nil {
		return
	}
	for _, value := range o.Values {
		l.split.matched(value, func(i int) { l.Alternatives[i].Matched++ })
	}
}

// Add takes in the result of a test: what one that failed says is not shown.
func (c *Collector) Add(r ftw.Result) {
	if r.Outcome != ftw.Passed && r.Outcome != ftw.Overridden {
		return
	}
	match, quiet := map[int]bool{}, map[int]bool{}
	for i, stage := range r.Stages {
		o := r.Override.Apply(i, stage).Output
		for _, id := range o.ExpectIDs {
			match[id] = true
		}
		for _, id := range o.NoExpectIDs {
			quiet[id] = true
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range match {
		if rule := c.rules[id]; rule != nil {
			rule.Match++
		}
	}
	for id := range quiet {
		if rule := c.rules[id]; rule != nil {
			rule.Quiet++
		}
	}
}
