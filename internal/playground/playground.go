// Package playground is what runs inside of the playground's page: rules, a
// policy and one HTTP exchange's request go in as text, and out come what is
// wrong with the rules, the verdict and why.
//
// The page asks in steps, each of which is useful by itself and takes longer
// than the one before: [Check], [Explain], [FastPath]. A [Session] keeps
// between them what has been compiled, so that a change of the request alone
// is judged at once. Nothing here knows of a browser: the folder wasm has the
// program for it, the folder page the page.
package playground

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"tabard/engine"
	"tabard/engine/seclang"
	"tabard/internal/explain"
	"tabard/internal/lint"
	"tabard/internal/report"
	"tabard/internal/textfs"
	"tabard/rules"
)

// The names that messages call the three texts by; policies name the first.
const (
	RulesFile   = "rules.conf"
	PolicyFile  = "policy.yaml"
	RequestFile = "request"
)

// Limits of the texts. They bound what a page has to compile at each pause of
// the typist; files of one's own go through tabard check and tabard explain.
const (
	// maxRulesBytes: the longest file of CRS, 932, has about 110 KB.
	maxRulesBytes = 256 << 10
	// maxPolicyBytes: a policy of a thousand routes is no longer.
	maxPolicyBytes = 256 << 10
	// maxRequestBytes has room for a head and for a body of the policy's default
	// limit, 128 KiB, and one byte more to see what happens then.
	maxRequestBytes = 256 << 10
)

// Step is what a question asks for.
type Step string

const (
	// StepCheck asks for mistakes in the rules.
	StepCheck Step = "check"
	// StepExplain asks for the verdict and why.
	StepExplain Step = "explain"
	// StepFastPath asks what part the fast path has.
	StepFastPath Step = "fast_path"
)

// Question is what the page sends.
type Question struct {
	Step Step `json:"step"`
	Case Case `json:"case"`
	// Rule is the id of a rule of which StepExplain says what became of it; 0
	// for none.
	Rule int `json:"rule"`
}

// Answer is what it gets. Which fields are set depends on the step.
type Answer struct {
	// Findings are what is wrong with the texts, in their order.
	Findings []Finding `json:"findings,omitempty"`
	// Notes say what became of the request on its way in.
	Notes []string `json:"notes,omitempty"`
	// View is nil when the texts could not be judged.
	View *explain.View `json:"view,omitempty"`
	// Near are rules that nearly matched.
	Near []explain.RuleView `json:"near,omitempty"`
	// Why is what became of the rule that was asked for, or WhyNot why that
	// cannot be said.
	Why    []explain.RuleView `json:"why,omitempty"`
	WhyNot string             `json:"why_not,omitempty"`
	// FastPath is a sentence.
	FastPath string `json:"fast_path,omitempty"`
}

// Finding is something wrong at a place of a text.
type Finding struct {
	File    string       `json:"file"`
	Line    int          `json:"line"`
	Col     int          `json:"col"`
	Level   report.Level `json:"level"`
	Check   string       `json:"check,omitempty"`
	Message string       `json:"message"`
	Hint    string       `json:"hint,omitempty"`
	// Snippet is the line, and a caret below the word.
	Snippet string `json:"snippet,omitempty"`
}

// Session answers questions one after the other. It is for one goroutine.
type Session struct {
	key       string
	explainer *explain.Explainer
	err       error
}

// AnswerJSON answers a Question in JSON with an Answer in JSON. The error is a
// question that cannot be read.
func (s *Session) AnswerJSON(text []byte) ([]byte, error) {
	var q Question
	if err := json.Unmarshal(text, &q); err != nil {
		return nil, fmt.Errorf("read the question: %w", err)
	}
	a, err := s.Answer(q)
	if err != nil {
		return nil, err
	}
	return json.Marshal(a)
}

// Answer answers a question. What is wrong with the texts is a finding; the
// error is an unknown step.
func (s *Session) Answer(q Question) (Answer, error) {
	if long := q.Case.tooLong(); len(long) > 0 {
		return Answer{Findings: long}, nil
	}
	switch q.Step {
	case StepCheck:
		return Answer{Findings: q.Case.check()}, nil
	case StepExplain:
		return s.explain(q), nil
	case StepFastPath:
		return s.fastPath(q.Case), nil
	}
	return Answer{}, fmt.Errorf("unknown step %q: use %s, %s or %s", q.Step, StepCheck, StepExplain, StepFastPath)
}

// tooLong reports texts over their limits.
func (c Case) tooLong() (found []Finding) {
	for _, t := range []struct {
		file, text string
		limit      int
	}{{RulesFile, c.Rules, maxRulesBytes}, {PolicyFile, c.Policy, maxPolicyBytes}, {RequestFile, c.Request, maxRequestBytes}} {
		if len(t.text) > t.limit {
			found = append(found, Finding{
				File: t.file, Level: report.Error,
				Message: fmt.Sprintf("%d bytes are more than the %d that a page takes", len(t.text), t.limit),
				Hint:    "use tabard check and tabard explain for longer texts",
			})
		}
	}
	return found
}

// check lints the rules behind CRS, or alone where the policy has none.
func (c Case) check() []Finding {
	policy, err := engine.ParsePolicy(PolicyFile, []byte(c.Policy))
	if err != nil {
		return c.mistake(err)
	}
	if strings.TrimSpace(c.Rules) == "" {
		return nil
	}
	found, err := lint.Folder{
		Root: c.files(), Files: []string{RulesFile}, Source: c.source, Disk: func(name string) string { return name },
		Alone: policy.CRS.Enabled != nil && !*policy.CRS.Enabled,
	}.Findings()
	if err != nil {
		return c.mistake(err)
	}
	return c.findings(found)
}

// files are the rules of the page over the built-in ones.
func (c Case) files() fs.FS { return rules.Overlay(textfs.FS{RulesFile: c.Rules}) }

// source gives a text of the page.
func (c Case) source(file string) (string, bool) {
	switch file {
	case RulesFile:
		return c.Rules, true
	case PolicyFile:
		return c.Policy, true
	case RequestFile:
		return c.Request, true
	}
	return "", false
}

// mistake is the finding for what keeps a text from being used.
func (c Case) mistake(err error) []Finding {
	var at *seclang.Error
	if errors.As(err, &at) {
		return c.findings([]report.Finding{lint.Broken(at)})
	}
	return []Finding{{File: PolicyFile, Level: report.Error, Message: err.Error()}}
}

func (c Case) findings(all []report.Finding) []Finding {
	out := make([]Finding, len(all))
	for i, f := range all {
		var text strings.Builder
		// A strings.Builder fails no write.
		_ = report.WriteText(&text, []report.Finding{f}, c.source)
		_, snippet, _ := strings.Cut(text.String(), "\n")
		out[i] = Finding{
			File: f.Pos.File, Line: f.Pos.Line, Col: f.Pos.Col, Level: f.Level, Check: f.Check,
			Message: f.Message, Hint: f.Hint, Snippet: strings.TrimRight(snippet, "\n"),
		}
	}
	return out
}

// explain judges the request and says why.
func (s *Session) explain(q Question) Answer {
	r, wrong := s.ready(q.Case)
	if wrong != nil {
		return Answer{Findings: wrong}
	}
	x := s.explainer.Trace(r.play)
	view := x.View()
	a := Answer{Notes: r.notes, View: &view, Near: x.NearViews()}
	if q.Rule != 0 {
		var err error
		if a.Why, err = x.WhyView(q.Rule); err != nil {
			a.WhyNot = err.Error()
		}
	}
	return a
}

// fastPath says what part the fast path has in the request.
func (s *Session) fastPath(c Case) Answer {
	r, wrong := s.ready(c)
	if wrong != nil {
		return Answer{Findings: wrong}
	}
	return Answer{FastPath: s.explainer.FastPath(r.play).Text}
}

// ready compiles the rules, if they are others than the last time, and reads
// the request.
func (s *Session) ready(c Case) (request, []Finding) {
	if key := c.Policy + "\x00" + c.Rules; s.key != key || s.explainer == nil {
		// The old one may be let go before the new one needs the memory.
		s.key, s.explainer = key, nil
		s.explainer, s.err = c.compile()
	}
	if s.err != nil {
		return request{}, c.mistake(s.err)
	}
	r, err := parseRequest(c.Request)
	if err != nil {
		return request{}, c.mistake(err)
	}
	return r, nil
}

// compile compiles the policy with the rules of the page in it.
func (c Case) compile() (*explain.Explainer, error) {
	policy, err := engine.ParsePolicy(PolicyFile, []byte(c.Policy))
	if err != nil {
		return nil, err
	}
	if !namesRules(policy) {
		policy.Directives = append(policy.Directives, engine.Directives{File: RulesFile})
	}
	return explain.New(policy, c.files())
}

// namesRules says whether a policy says itself where the rules of the page go.
func namesRules(p engine.Policy) bool {
	all := p.Directives
	for _, r := range p.Routes {
		all = append(all[:len(all):len(all)], r.Directives...)
	}
	return slices.ContainsFunc(all, func(d engine.Directives) bool { return d.File == RulesFile })
}
