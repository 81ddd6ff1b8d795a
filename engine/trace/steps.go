package trace

import (
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"tabard/engine/operators"
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

// Name is the target with the key that was looked at, as an author writes it, such
// as ARGS:q, &REQUEST_HEADERS:host or JWT:claims.sub.
func (t Test) Name() string {
	name, key := t.Target.Variable, t.Key
	if t.Target.Count {
		name, key = "&"+name, t.Target.Key
	}
	if key == "" {
		return name
	}
	return operators.JWT.Shown(name + ":" + key)
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
		origins := originsOf(l, target, look)
		for _, one := range look.tries {
			out.Tests = append(out.Tests, p.test(l, target, origins, one))
		}
	}
	return out
}

// origin is a value of a variable and how it came to be what an operator saw.
type origin struct {
	value
	stages []Stage
	used   bool
}

// originsOf transforms the values of a target once, for all tries: Coraza's
// events tell only what came out. The key is what came out.
func originsOf(l *seclang.Link, target seclang.Target, look look) map[string][]*origin {
	out := map[string][]*origin{}
	if target.Count || len(look.tries) == 0 {
		return out
	}
	takes := selector(target.Selector)
	for _, v := range look.values {
		if !takes(v.key) {
			continue
		}
		stages, known := stagesOf(l, v.text)
		if !known {
			continue
		}
		last := v.text
		if n := len(stages); n > 0 {
			last = stages[n-1].Value
		}
		if !l.MultiMatch {
			out[last] = append(out[last], &origin{value: v, stages: stages})
			continue
		}
		// With multiMatch the value is tried as it came and after each change.
		out[v.text] = append(out[v.text], &origin{value: v})
		for i, s := range stages {
			if s.Changed {
				out[s.Value] = append(out[s.Value], &origin{value: v, stages: stages[:i+1]})
			}
		}
	}
	return out
}

// test finds out which of the variable's values a try was about.
func (p *parts) test(l *seclang.Link, target seclang.Target, origins map[string][]*origin, one try) Test {
	t := Test{Target: target, Value: one.arg, Matched: one.matched, Key: one.key, Captured: one.captured}
	if one.matched && l.Operator != nil {
		t.Part = p.span(l.Operator, one.arg)
	}
	if target.Count {
		t.Raw, t.HasRaw = one.arg, true
		return t
	}
	for _, o := range origins[one.arg] {
		if o.used || one.matched && !strings.EqualFold(o.key, one.key) {
			continue
		}
		o.used = true
		t.Key, t.Raw, t.HasRaw, t.Stages = o.key, o.text, true, o.stages
		return t
	}
	return t
}

// selector says which keys a target takes, exceptions aside: a value that is
// left out is never tried.
func selector(s seclang.Selector) func(key string) bool {
	if s.IsPattern {
		if re, err := regexp.Compile(s.Pattern); err == nil {
			return re.MatchString
		}
	}
	return func(key string) bool { return s.Key == "" || s.IsPattern || strings.EqualFold(s.Key, key) }
}

// stagesOf transforms a value as the link does. known is false for a
// transformation that is the caller's own.
func stagesOf(l *seclang.Link, text string) (stages []Stage, known bool) {
	for _, name := range l.Transformations {
		f, ok := transform.Lookup(name)
		if !ok {
			return nil, false
		}
		next, _ := f(text)
		stages = append(stages, Stage{name, next, next != text})
		text = next
	}
	return stages, true
}
