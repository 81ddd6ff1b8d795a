package explain

import (
	"tabard/engine"
	"tabard/engine/operators"
	"tabard/engine/trace"
)

// Document is an explanation for programs. Its keys are a contract; values are
// as JSON strings, in which bytes that are no UTF-8 are replaced.
type Document struct {
	Verdict       engine.Action `json:"verdict"`
	Status        int           `json:"status,omitempty"`
	Phase         int           `json:"phase,omitempty"`
	Rule          int           `json:"rule,omitempty"`
	Reason        engine.Reason `json:"reason,omitempty"`
	Route         string        `json:"route,omitempty"`
	Score         int           `json:"score"`
	OutboundScore int           `json:"outbound_score"`
	FastPath      struct {
		Answers bool   `json:"answers"`
		Reason  string `json:"reason,omitempty"`
	} `json:"fast_path"`
	Rules []RuleStep `json:"rules"`
}

// RuleStep is a rule that ran.
type RuleStep struct {
	ID      int        `json:"id"`
	File    string     `json:"file"`
	Line    int        `json:"line"`
	Phase   int        `json:"phase"`
	Message string     `json:"message,omitempty"`
	Matched bool       `json:"matched"`
	Score   int        `json:"score,omitempty"`
	Links   []LinkStep `json:"links"`
	// Absent is why the rule did not run.
	Absent string `json:"absent,omitempty"`
}

// LinkStep is one link of a rule.
type LinkStep struct {
	Line     int         `json:"line"`
	Operator string      `json:"operator,omitempty"`
	Matched  bool        `json:"matched"`
	Tests    []ValueTest `json:"tests"`
}

// ValueTest is one value that a rule looked at. Part is where in Value the
// operator matched, in bytes.
type ValueTest struct {
	Target  string  `json:"target"`
	Raw     *string `json:"raw"`
	Stages  []stage `json:"stages,omitempty"`
	Value   string  `json:"value"`
	Matched bool    `json:"matched"`
	Part    *[2]int `json:"part,omitempty"`
}

type stage struct {
	Transformation string `json:"transformation"`
	Value          string `json:"value"`
}

// Document gives the explanation of the rules that made the verdict and, when
// id is not 0, of that rule instead.
func (x Explanation) Document(id int) Document {
	v := x.Verdict
	d := Document{
		Verdict: v.Action, Status: v.Status, Phase: v.Phase, Rule: v.Rule, Reason: v.Reason, Route: v.Route,
		Score: v.Score, OutboundScore: v.OutboundScore, Rules: []RuleStep{},
	}
	d.FastPath.Answers, d.FastPath.Reason = x.FastPath.Answers, x.FastPath.Reason
	steps := x.Hits()
	if id != 0 {
		steps = nil
		for _, s := range x.Steps {
			if s.Rule.ID == id {
				steps = append(steps, s)
			}
		}
	}
	for _, s := range steps {
		d.Rules = append(d.Rules, x.ruleStep(s))
	}
	if rule := x.find(id); rule != nil && len(steps) == 0 {
		one := x.ruleStep(trace.Step{Rule: rule, Phase: rule.Phase})
		one.Absent = x.absence(rule)
		d.Rules = append(d.Rules, one)
	}
	return d
}

func (x Explanation) ruleStep(s trace.Step) RuleStep {
	at := x.place(&s.Rule.Link)
	out := RuleStep{ID: s.Rule.ID, File: at.File, Line: at.Line, Phase: s.Phase, Message: x.message(s.Rule), Matched: s.Fired, Score: s.Score()}
	for _, l := range s.Links {
		out.Links = append(out.Links, LinkStep{x.place(l.Link).Line, fullOperator(l), l.Matched, valueTests(l)})
	}
	return out
}

func fullOperator(l trace.Link) string {
	op := l.Link.Operator
	if op == nil {
		return ""
	}
	return choose(op.Negated, "!@", "@") + op.Name + choose(op.Arg == "", "", " "+operators.JWT.Shown(op.Arg))
}

func valueTests(l trace.Link) []ValueTest {
	out := []ValueTest{}
	for _, t := range l.Tests {
		one := ValueTest{Target: t.Name(), Value: t.Value, Matched: t.Matched}
		if t.HasRaw {
			one.Raw = &t.Raw
		}
		for _, s := range t.Stages {
			one.Stages = append(one.Stages, stage{s.Transformation, s.Value})
		}
		if t.Part != (trace.Span{}) {
			one.Part = &[2]int{t.Part.From, t.Part.To}
		}
		out = append(out, one)
	}
	return out
}
