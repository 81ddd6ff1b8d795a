package trace

import (
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"tabard/engine/screen/transform"
	"tabard/engine/seclang"
)

// Step is one evaluation of a rule.
type Step struct {
	Rule  *seclang.Rule
	Phase int
	// Links are those that ran: all that matched and the one that did not.
	Links []Link
	// Fired means that every link matched, so that the rule acted.
	Fired bool
	// Changes are what the rule did to TX.
	Changes []Change
}

// Link is one evaluation of a link.
type Link struct {
	Link    *seclang.Link
	Matched bool
	// Tests are empty for a SecAction, and when no target had a value.
	Tests []Test
}

// Test is one use of the operator.
type Test struct {
	Target seclang.Target
	// Key is the key of the value, such as q of ARGS:q; HasRaw says that it and
	// Raw are known.
	Key    string
	Raw    string
	HasRaw bool
	// Stages are the transformations in order, with what each made of the value.
	Stages []Stage
	// Value is what the operator saw.
	Value   string
	Matched bool
	// Part is where in Value the operator matched, when that can be told.
	Part Span
	// Captured is what a rule with the action capture keeps as TX:0: the part
	// that matched or, of @detectSQLi, the fingerprint of the injection.
	Captured string
}

// Span is a stretch of a value. The zero Span is none.
type Span struct{ From, To int }

// Stage is a value after a transformation.
type Stage struct {
	Transformation, Value string
	Changed               bool
}

// Name is the target with the key that was looked at, such as ARGS:q or
// &REQUEST_HEADERS:host.
func (t Test) Name() string {
	name, key := t.Target.Variable, t.Key
	if t.Target.Count {
		name, key = "&"+name, t.Target.Key
	}
	if key == "" {
		return name
	}
	return name + ":" + key
}

// Score is what the rule has added to CRS's anomaly scores of all paranoia
// levels, inbound and outbound.
func (s Step) Score() int {
	sum := 0
	for _, c := range s.Changes {
		if isScore(c.Key) {
			before, _ := strconv.Atoi(c.Before)
			after, _ := strconv.Atoi(c.After)
			sum += after - before
		}
	}
	return sum
}

// isScore knows the variables in which CRS counts, one for each paranoia level.
func isScore(key string) bool {
	level, ok := strings.CutPrefix(key, "inbound_anomaly_score_pl")
	if !ok {
		level, ok = strings.CutPrefix(key, "outbound_anomaly_score_pl")
	}
	return ok && len(level) == 1
}

// Steps gives the rules that ran, in order. table must be that of the rule set
// that the transaction ran in; files are where its operators find their data.
func (t *Trace) Steps(table *seclang.Table, files fs.FS) []Step {
	rules := byID(table)
	p := parts{files: files}
	var steps []Step
	for _, r := range t.runs {
		rule := rules[r.rule]
		link := linkOf(rule, r.link)
		if link == nil {
			continue
		}
		if r.link == 0 {
			steps = append(steps, Step{Rule: rule, Phase: r.phase, Fired: r.fired, Changes: r.changes})
		}
		s := &steps[len(steps)-1]
		s.Links = append(s.Links, p.link(link, r))
	}
	return steps
}

// linkOf gives the n-th link of a rule, or nil.
func byID(table *seclang.Table) map[int]*seclang.Rule {
	rules := map[int]*seclang.Rule{}
	for _, r := range table.Rules {
		if r.ID != 0 {
			rules[r.ID] = r
		}
	}
	return rules
}

// Outcome is one evaluation of a link without its values' way there.
type Outcome struct {
	Rule *seclang.Rule
	// Link counts from 0, the rule itself.
	Link    int
	Matched bool
	// Fired, at link 0, means that every link matched.
	Fired bool
	// Values are those that the operator matched, after the transformations.
	Values []string
}

// Outcomes gives what Steps does, in the same order, for those who count: it
// leaves out what takes most of the time, the stages of each value.
func (t *Trace) Outcomes(table *seclang.Table) []Outcome {
	rules := byID(table)
	out := make([]Outcome, 0, len(t.runs))
	for _, r := range t.runs {
		rule := rules[r.rule]
		if linkOf(rule, r.link) == nil {
			continue
		}
		o := Outcome{Rule: rule, Link: r.link, Matched: r.matched, Fired: r.fired}
		for _, l := range r.looks {
			for _, one := range l.tries {
				if one.matched {
					o.Values = append(o.Values, one.arg)
				}
			}
		}
		out = append(out, o)
	}
	return out
}

func linkOf(r *seclang.Rule, n int) *seclang.Link {
	switch {
	case r == nil || n > len(r.Chain):
		return nil
	case n == 0:
		return &r.Link
	}
	return r.Chain[n-1]
}

func (p *parts) link(l *seclang.Link, r run) Link {
	out := Link{Link: l, Matched: r.matched}
	for i, look := range r.looks {
		target := seclang.Target{Variable: look.variable}
		// The table lists the targets as Coraza holds them.
		if i < len(l.Targets) && l.Targets[i].Variable == look.variable {
			target = l.Targets[i]
		}
		used := make([]bool, len(look.values))
		for _, one := range look.tries {
			out.Tests = append(out.Tests, p.test(l, target, look.values, used, one))
		}
	}
	return out
}

// test finds out which of the variable's values a try was about: Coraza's
// events tell what the transformations have made of it only.
func (p *parts) test(l *seclang.Link, target seclang.Target, values []value, used []bool, one try) Test {
	t := Test{Target: target, Value: one.arg, Matched: one.matched, Key: one.key, Captured: one.captured}
	if one.matched && l.Operator != nil {
		t.Part = p.span(l.Operator, one.arg)
	}
	if target.Count {
		t.Raw, t.HasRaw = one.arg, true
		return t
	}
	for i, v := range values {
		if used[i] || !selects(target.Selector, v.key) || one.matched && !strings.EqualFold(v.key, one.key) {
			continue
		}
		stages, ok := stagesTo(l, v.text, one.arg)
		if !ok {
			continue
		}
		// With multiMatch one value is tried several times.
		used[i] = !l.MultiMatch
		t.Key, t.Raw, t.HasRaw, t.Stages = v.key, v.text, true, stages
		return t
	}
	return t
}

// selects says whether a target takes a key, exceptions aside: a value that is
// left out is never tried.
func selects(s seclang.Selector, key string) bool {
	switch {
	case s.Key == "":
		return true
	case s.IsPattern:
		re, err := regexp.Compile(s.Pattern)
		return err != nil || re.MatchString(key)
	}
	return strings.EqualFold(s.Key, key)
}

// stagesTo transforms a value as the link does. ok says that the result is want
// or, with multiMatch, that want comes up on the way.
func stagesTo(l *seclang.Link, text, want string) (stages []Stage, ok bool) {
	if l.MultiMatch && text == want {
		return nil, true
	}
	for _, name := range l.Transformations {
		f, known := transform.Lookup(name)
		if !known {
			return nil, false
		}
		next, _ := f(text)
		stages = append(stages, Stage{name, next, next != text})
		text = next
		if l.MultiMatch && text == want {
			return stages, true
		}
	}
	return stages, text == want
}
