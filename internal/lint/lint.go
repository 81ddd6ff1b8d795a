// Package lint finds what is wrong with the rules that decide about an HTTP
// exchange before one comes: what Coraza refuses, with the place that its
// errors lack, what it accepts and does not do, and what is likely another
// rule than its author meant.
//
// Each check is one entry of [Checks] and one page below docs/checks, whose
// examples are its tests. A finding can be excused in the rule file, with a
// reason:
//
//	# tabard: allow missing-phase, because it is for both runners
//	SecRule ...
package lint

import (
	"slices"
	"strconv"
	"strings"

	"tabard/engine/operators"
	"tabard/engine/seclang"
	"tabard/internal/report"
)

// Config is what is to be checked.
type Config struct {
	// Directives are the whole configuration, in order.
	Directives []seclang.Directive
	Known      seclang.Known
	// Elsewhere are directives that these rules will stand beside, such as CRS,
	// when they are read alone: their ids and tags exist. May be nil.
	Elsewhere []seclang.Directive
	// Own says which files findings are wanted for: CRS, around them, is not for
	// the user to change. Nil means all.
	Own func(file string) bool
	// Place moves a position for the reader; see engine.RuleSet. Nil keeps it.
	Place func(seclang.Position) seclang.Position
	// Source gives the text of a file as Place names it, for exemptions.
	Source func(file string) (text string, ok bool)
	// FirstID and LastID are the ids that own rules may have; 0 stands for
	// DefaultFirstID and DefaultLastID.
	FirstID, LastID int
}

// The ids that ModSecurity's reference keeps for local use.
const (
	DefaultFirstID = 1
	DefaultLastID  = 99_999
)

// Check is one thing that is looked for.
type Check struct {
	// Name is what findings and exemptions call it, and its page.
	Name    string
	Summary string
	Level   report.Level
	// kinds are the mistakes of seclang that it stands for.
	kinds []seclang.Kind
	// run finds the rest; nil for none.
	run func(*pass)
}

// Page is where the check is explained, below the root of the tree.
func (c Check) Page() string { return "docs/checks/" + c.Name + ".md" }

// Checks are all checks, by name.
func Checks() []Check {
	all := append(slices.Clone(spelling), slices.Concat(meaning, patterns, flow)...)
	slices.SortFunc(all, func(a, b Check) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Rules gives the checks as a report lists them.
func Rules() []report.Rule {
	var out []report.Rule
	for _, c := range Checks() {
		out = append(out, report.Rule{Check: c.Name, Summary: c.Summary, Page: c.Page()})
	}
	return out
}

// spelling are the checks of what Coraza refuses or ignores; seclang finds it.
var spelling = []Check{
	{"syntax", "Coraza refuses the text", report.Error, []seclang.Kind{seclang.Refused}, nil},
	{"missing-id", "a rule has no id", report.Error, []seclang.Kind{seclang.NoID}, nil},
	{"duplicate-id", "two rules have one id", report.Error, []seclang.Kind{seclang.TakenID}, nil},
	{"include-nothing", "an Include matches no file", report.Error, []seclang.Kind{seclang.NoFile}, nil},
	{"no-effect", "Coraza reads it and does nothing", report.Warning, []seclang.Kind{seclang.NoEffect}, nil},
	{"always-matches", "an operator matches whatever it is given", report.Warning, []seclang.Kind{seclang.AlwaysMatches}, nil},
	{"bad-address", "an address or network is left out", report.Warning, []seclang.Kind{seclang.BadAddress}, nil},
	{"removes-nothing", "an exclusion names a rule or tag that does not exist", report.Warning, []seclang.Kind{seclang.RemovesNothing}, (*pass).ctlOfNothing},
	{"open-chain", "a chain has no next link", report.Warning, []seclang.Kind{seclang.OpenChain}, nil},
	{"skip-nowhere", "a skipAfter has no marker behind it", report.Warning, []seclang.Kind{seclang.SkipNowhere}, nil},
	{"dead-block", "a block does nothing", report.Warning, []seclang.Kind{seclang.DeadBlock}, nil},
	{"open-quote", "a quote takes in the actions behind it", report.Warning, []seclang.Kind{seclang.OpenQuote}, nil},
	{"misread-selector", "Coraza reads a selector in another way than it looks", report.Warning, []seclang.Kind{seclang.MisreadSelector}, nil},
	{"transformed-count", "a count is transformed", report.Warning, []seclang.Kind{seclang.CountTransformed}, nil},
	{"overwritten-dataset", "a dataset replaces another one", report.Warning, []seclang.Kind{seclang.Overwritten}, nil},
	{"ignored-text", "Coraza does not look at some words", report.Warning, []seclang.Kind{seclang.IgnoredText}, nil},
	{exemptionCheck, "an exemption is without reason or without use", report.Warning, nil, nil},
}

// pass is one run of all checks.
type pass struct {
	Config
	table    *seclang.Table
	others   []*seclang.Rule // of Elsewhere
	findings []report.Finding
	check    *Check
}

// Run gives what there is to say, sorted by place. Findings that an exemption
// excuses are left out.
func Run(c Config) []report.Finding {
	if c.Own == nil {
		c.Own = func(string) bool { return true }
	}
	if c.Place == nil {
		c.Place = func(p seclang.Position) seclang.Position { return p }
	}
	if c.FirstID == 0 {
		c.FirstID, c.LastID = DefaultFirstID, DefaultLastID
	}
	p := &pass{Config: c}
	var checked []*seclang.Error
	p.table, _ = seclang.Parse(c.Directives, c.Known)
	if c.Elsewhere != nil {
		elsewhere, _ := seclang.Parse(c.Elsewhere, c.Known)
		p.others = elsewhere.Rules
	}
	checked = append(checked, seclang.Check(c.Directives, c.Known)...)
	broken := len(checked) > 0
	checked = append(checked, p.table.Warnings...)
	for _, check := range Checks() {
		p.check = &check
		for _, e := range checked {
			if slices.Contains(check.kinds, e.Kind) {
				p.add(e.Pos, e.Msg, e.Hint)
			}
		}
		// A table of rules that do not load says nothing about their meaning.
		if check.run != nil && !broken {
			check.run(p)
		}
	}
	p.exempt()
	report.Sort(p.findings)
	return slices.CompactFunc(p.findings, same)
}

// same drops repetitions: one text may be read for several routes.
func same(a, b report.Finding) bool {
	return a.Check == b.Check && a.Pos == b.Pos && a.Message == b.Message
}

// Broken gives the finding for an error with a place, such as that of
// seclang.Load, and false for any other error.
func Broken(err *seclang.Error) report.Finding {
	name := "syntax"
	for _, c := range spelling {
		if slices.Contains(c.kinds, err.Kind) {
			name = c.Name
		}
	}
	return report.Finding{Check: name, Level: report.Error, Pos: err.Pos, Message: err.Msg, Hint: err.Hint}
}

// add reports something at a place, if that is in one of the user's files.
func (p *pass) add(pos seclang.Position, msg, hint string) {
	if !p.Own(pos.File) {
		return
	}
	p.findings = append(p.findings, report.Finding{
		Check: p.check.Name, Level: p.check.Level, Pos: p.Place(pos),
		Message: operators.JWT.Shown(msg), Hint: operators.JWT.Shown(hint),
	})
}

// own calls f for each of the user's rules and for each link of it, the rule
// itself first.
func (p *pass) own(f func(r *seclang.Rule, l *seclang.Link)) {
	for _, r := range p.table.Rules {
		if r.Marker != "" || !p.Own(r.Directive.Pos.File) {
			continue
		}
		for _, l := range links(r) {
			f(r, l)
		}
	}
}

// links gives the links of a rule, the first of which is the rule's own.
func links(r *seclang.Rule) []*seclang.Link {
	return append([]*seclang.Link{&r.Link}, r.Chain...)
}

// word gives the place of an action's argument as it is written in a link, or
// that of the link.
func word(l *seclang.Link, name string) (arg string, at seclang.Position, ok bool) {
	for _, w := range l.Directive.Words() {
		if equalFold(w.Name, name) {
			return w.Arg, w.ArgPos, true
		}
	}
	return "", l.Directive.Pos, false
}

// name is how messages call a link.
func name(l *seclang.Link) string {
	if l.ID != 0 {
		return "rule " + strconv.Itoa(l.ID)
	}
	return "this link"
}
