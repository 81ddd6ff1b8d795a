package explain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tabard/engine/seclang"
	"tabard/engine/trace"
)

// View is an explanation in parts that are ready to be shown: Text prints
// them, and a page lays them out. Values are printable and cut, as on a
// terminal. The keys are read by the playground's page.
type View struct {
	Action   string `json:"action"`
	Headline string `json:"headline"`
	// Notes are the scores beside what blocks, and an internal error.
	Notes []string `json:"notes"`
	// FastPath is a sentence; empty as long as it was not asked for.
	FastPath string `json:"fast_path,omitempty"`
	// Scores are the points by rule.
	Scores []ScoreView `json:"scores"`
	// Rules are those that made the verdict.
	Rules []RuleView `json:"rules"`
}

// ScoreView is what a rule added.
type ScoreView struct {
	Points  int    `json:"points"`
	Rule    int    `json:"rule"`
	Message string `json:"message"`
}

// RuleView is a rule and what became of it.
type RuleView struct {
	ID       int    `json:"id"`
	Phase    int    `json:"phase"`
	Severity string `json:"severity,omitempty"`
	Score    int    `json:"score,omitempty"`
	Message  string `json:"message"`
	// Place is file:line:col.
	Place string `json:"place"`
	// Links are those that were tried.
	Links []LinkView `json:"links,omitempty"`
	// Says is what the rule's logdata tells that the values do not show, cut.
	Says string `json:"says,omitempty"`
	// Note is one sentence on what became of the rule, or empty.
	Note string `json:"note,omitempty"`
	// Near is where a pattern stopped to match.
	Near *NearView `json:"near,omitempty"`
}

// LinkView is one link of a rule.
type LinkView struct {
	// Title numbers the links of a chain.
	Title   string `json:"title,omitempty"`
	Matched bool   `json:"matched"`
	// Values are those that decided, each as the lines of its way; More counts
	// those that are left out.
	Values [][]Line `json:"values,omitempty"`
	More   int      `json:"more,omitempty"`
	// Operator is as written, cut.
	Operator string `json:"operator,omitempty"`
	// Found is what the operator says that it found, where no part can be shown.
	Found string `json:"found,omitempty"`
	// Note stands for the values where there are none.
	Note string `json:"note,omitempty"`
}

// NearView is where a pattern stopped to match.
type NearView struct {
	Value   []Line `json:"value"`
	Matched string `json:"matched"`
	Lacks   string `json:"lacks"`
}

// Line is a value, or what a transformation made of it.
type Line struct {
	// Label is the target, or the transformation behind "t:". A line without
	// Shown has only a label.
	Label string `json:"label"`
	Shown bool   `json:"shown"`
	Text  string `json:"text"`
	// From and To are the runes of Text that the operator matched; both 0 for
	// none.
	From int `json:"from"`
	To   int `json:"to"`
}

// View gives the explanation in parts.
func (x Explanation) View() View {
	v := View{Action: string(x.Verdict.Action), Headline: x.headline(), Notes: x.notes(), FastPath: x.FastPath.Text, Scores: []ScoreView{}, Rules: []RuleView{}}
	for _, s := range x.Hits() {
		if score := s.Score(); score != 0 {
			v.Scores = append(v.Scores, ScoreView{score, s.Rule.ID, x.message(s.Rule)})
		}
		v.Rules = append(v.Rules, x.ruleView(s))
	}
	return v
}

// ruleView shows one step: the rule and, for each link, what it looked at.
func (x Explanation) ruleView(s trace.Step) RuleView {
	v := x.untried(s.Rule, s.Phase)
	v.Score = s.Score()
	for i, l := range s.Links {
		one := linkView(l)
		if len(s.Rule.Chain) > 0 {
			one.Title = fmt.Sprintf("link %d of %d%s", i+1, len(s.Rule.Chain)+1, choose(l.Matched, "", " does not match"))
		}
		v.Links = append(v.Links, one)
	}
	if data := x.data(s.Rule.ID); data != "" {
		v.Says = printable(data, around(len(data), trace.Span{})).text
	}
	return v
}

// untried is a rule without what became of it.
func (x Explanation) untried(r *seclang.Rule, phase int) RuleView {
	v := RuleView{ID: r.ID, Phase: phase, Message: x.message(r), Place: x.place(&r.Link).String()}
	if r.Severity != seclang.SeverityUnset {
		v.Severity = severities[r.Severity]
	}
	return v
}

// severities are in the order of their numbers.
var severities = []string{"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"}

// linkView shows the tests of a link that decided: the matches or, when there
// is none, all.
func linkView(l trace.Link) LinkView {
	v := LinkView{Matched: l.Matched}
	if l.Link.Operator == nil {
		v.Note = "an action without condition"
		return v
	}
	v.Operator = operator(l.Link.Operator)
	tests := l.Tests
	if l.Matched {
		tests = slices.DeleteFunc(slices.Clone(tests), func(t trace.Test) bool { return !t.Matched })
	}
	if len(tests) == 0 {
		v.Note = "none of its targets has a value: " + targets(l.Link)
		return v
	}
	slices.SortStableFunc(tests, func(a, b trace.Test) int {
		return strings.Compare(a.Name()+"\x00"+a.Raw, b.Name()+"\x00"+b.Raw)
	})
	for _, t := range tests[:min(len(tests), maxTests)] {
		v.Values = append(v.Values, valueLines(t))
	}
	v.More, v.Found = len(tests)-len(v.Values), captured(tests[0])
	return v
}

// valueLines show a value on its way to the operator:
//
//	ARGS:q             1%27 or 1=1
//	  t:urlDecodeUni   1' or 1=1
//	                      ^^^^^^
//	  not changed by lowercase, trim
func valueLines(t trace.Test) []Line {
	rows := []row{{label: t.Name(), value: t.Raw, shown: t.HasRaw}}
	if !t.HasRaw {
		rows[0] = row{label: t.Name(), value: t.Value, shown: true}
	}
	for _, s := range t.Stages {
		last := &rows[len(rows)-1]
		switch {
		case s.Changed:
			rows = append(rows, row{label: "t:" + s.Transformation, value: s.Value, shown: true})
		case last.shown:
			rows = append(rows, row{label: "not changed by " + s.Transformation})
		default:
			last.label += ", " + s.Transformation
		}
	}
	return layOut(rows, t.Part)
}

// row is a line of a test; one that is not shown changes nothing.
type row struct {
	label, value string
	shown        bool
}

// layOut makes the values printable and finds the part in the last of them.
func layOut(rows []row, part trace.Span) []Line {
	final := 0
	for i, r := range rows {
		if r.shown {
			final = i
		}
	}
	var lines []Line
	for i, r := range rows {
		if !r.shown {
			lines = append(lines, Line{Label: r.label})
			continue
		}
		at := window{0, min(len(r.value), maxValueBytes)}
		if i == final {
			at = around(len(r.value), part)
		}
		shown := printable(r.value, at)
		line := Line{Label: r.label, Shown: true, Text: shown.text}
		if i == final && part != (trace.Span{}) {
			line.From = shown.column(part.From)
			line.To = max(shown.column(part.To), line.From+1)
		}
		lines = append(lines, line)
	}
	return lines
}

// nearView shows where a pattern stops to match.
func nearView(l trace.Link, n trace.Near) *NearView {
	t := l.Tests[n.Test]
	return &NearView{layOut([]row{{label: t.Name(), value: t.Value, shown: true}}, n.Part), cut(n.Matched), cut(n.Rest)}
}

// WhyView says what became of one rule, once for each time that it ran; see
// Why.
func (x Explanation) WhyView(id int) ([]RuleView, error) {
	rule := x.find(id)
	if rule == nil {
		return nil, fmt.Errorf("no rule has the id %d%s", id, x.nearestID(id))
	}
	var views []RuleView
	for _, s := range x.Steps {
		if s.Rule.ID == id {
			views = append(views, x.outcome(s))
		}
	}
	if len(views) == 0 {
		views = []RuleView{x.untried(rule, rule.Phase)}
		views[0].Note = "did not run: " + x.absence(rule)
	}
	return views, nil
}

// outcome says whether a rule matched and, if not, how far the pattern that
// did not match went along.
func (x Explanation) outcome(s trace.Step) RuleView {
	v := x.ruleView(s)
	if s.Fired {
		v.Note = "it matched"
		return v
	}
	v.Note = "it did not match"
	last := s.Links[len(s.Links)-1]
	if n, ok := last.Nearest(); ok {
		v.Near = nearView(last, n)
	}
	return v
}

// NearViews list the rules that nearly matched: chains of which only a later
// link did not, and patterns the greater part of which did. The nearest come
// first.
func (x Explanation) NearViews() []RuleView {
	views := []RuleView{}
	for _, m := range x.misses() {
		v := x.untried(m.step.Rule, m.step.Phase)
		last := m.step.Links[len(m.step.Links)-1]
		if m.links > 0 {
			v.Note = strconv.Itoa(m.links) + " of " + strconv.Itoa(len(m.step.Rule.Chain)+1) + " links match, then this one does not:"
		}
		if m.near.Matched != "" {
			v.Near = nearView(last, m.near)
		} else {
			v.Links = []LinkView{linkView(last)}
		}
		views = append(views, v)
	}
	return views
}
