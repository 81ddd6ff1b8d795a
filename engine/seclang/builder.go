package seclang

import (
	"io/fs"
	"strconv"
	"strings"
)

// builder turns directives into a table the way Coraza turns them into rules:
// one after the other, so that an update sees only the rules before it.
type builder struct {
	words *words
	// files is where the data files of operators are looked for, or nil.
	files fs.FS
	// checkPattern, when not nil, looks at regular expressions, which is most of
	// the work; Parse leaves it to Coraza.
	checkPattern func(pattern string) (msg, hint string)

	all []Directive
	// at is the directive being read; offsets are in its Raw.
	at       *Directive
	table    *Table
	defaults map[int][]parsedAction
	errs     []*Error
}

func newBuilder(ds []Directive, known Known) *builder {
	return &builder{
		words: newWords(known), files: known.Files, all: ds,
		table:    &Table{Datasets: map[string][]string{}},
		defaults: map[int][]parsedAction{},
	}
}

// run reads all directives.
func (b *builder) run() {
	for i := range b.all {
		d := &b.all[i]
		b.at = d
		info, ok := b.words.directives[strings.ToLower(d.Name)]
		if !ok {
			b.unknownDirective(d)
			continue
		}
		if info.read == nil {
			b.setting(d, info.check)
			continue
		}
		info.read(b, d)
	}
	b.warnFlow()
}

func (b *builder) unknownDirective(d *Directive) {
	name, tabbed, hasTab := strings.Cut(d.Name, "\t")
	if info, ok := b.words.directives[strings.ToLower(name)]; ok && hasTab {
		b.fail(len(d.Name)-len(tabbed)-1, "a tab follows "+info.name, "write a space")
		return
	}
	if strings.HasPrefix(d.Name, "\ufeff") {
		b.fail(0, "the file begins with a byte order mark", "save it as UTF-8 without one")
		return
	}
	near := hint(d.Name, b.words.directives, func(_ string, info *directiveInfo) string { return info.name })
	b.fail(0, "unknown directive "+quote(d.Name), near)
}

// fail reports a mistake at an offset of the directive being read. Like warn it is
// called all over and not inlined: Envoy compiles every byte of the filter.
//
//go:noinline
func (b *builder) fail(off int, msg, hint string) { b.failAs(Refused, off, msg, hint) }

//go:noinline
func (b *builder) failAs(kind Kind, off int, msg, hint string) {
	b.errs = append(b.errs, &Error{kind, b.at.place(off), msg, hint})
}

// warn notes what Coraza accepts and does not do.
//
//go:noinline
func (b *builder) warn(kind Kind, off int, msg, hint string) {
	b.warnAt(kind, b.at.place(off), msg, hint)
}

// warnAt is warn for a place in any directive.
//
//go:noinline
func (b *builder) warnAt(kind Kind, pos Position, msg, hint string) {
	b.table.Warnings = append(b.table.Warnings, &Error{kind, pos, msg, hint})
}

// rule reads a SecRule or SecAction.
func (b *builder) rule(d *Directive) {
	if strings.TrimSpace(d.Args) == "" {
		b.fail(0, d.Name+" is empty", "")
		return
	}
	parts, err := d.parts()
	if err != nil {
		b.errs = append(b.errs, err)
	}
	r := &Rule{Phase: defaultPhase}
	r.Directive, r.Severity = *d, SeverityUnset
	if d.is("secrule") && err == nil {
		b.targets(&r.Link, parts.vars)
		r.Operator = b.operator(parts.operator)
	}
	var list []parsedAction
	// A SecRule with empty actions gets no defaults, not even Coraza's own.
	if d.is("secaction") && err == nil || parts.actions.text != "" {
		list = b.parsedActions(parts.actions)
		b.applyActions(r, &r.Link, list, true)
		b.warnActions(parts.actions, r)
	}
	b.add(r, list, err == nil)
}

// defaultPhase is the phase of a rule that names none.
const defaultPhase = 2

// add appends a rule, or chains it to the last one when that waits for a link.
// A rule that could not be cut into its parts is kept without questions, so that
// the directives after it are still read in its company.
func (b *builder) add(r *Rule, list []parsedAction, whole bool) {
	if open := b.openChain(); open != nil {
		for _, a := range list {
			if a.Kind == Disruptive {
				b.fail(a.name.off, "action "+a.Name+" belongs to the first rule of the chain", "move it to "+open.Directive.Pos.String())
			}
		}
		open.Chain = append(open.Chain, &r.Link)
		return
	}
	if whole {
		b.checkID(r)
	}
	b.table.Rules = append(b.table.Rules, r)
}

// openChain gives the last rule if its last link has the action chain.
func (b *builder) openChain() *Rule {
	n := len(b.table.Rules)
	if n == 0 || !b.table.Rules[n-1].last().HasChain {
		return nil
	}
	return b.table.Rules[n-1]
}

// checkID reports a rule without an id and one whose id is taken.
func (b *builder) checkID(r *Rule) {
	if r.ID == 0 {
		for _, a := range cutActions(b.actionsOf(&r.Directive)) {
			if a.key() == "id" {
				return // it has one, which was reported
			}
		}
		b.failAs(NoID, 0, r.Directive.Name+" has no id", `write "id:N,..." with a number that no other rule has`)
		return
	}
	if other := b.find(r.ID); other != nil {
		b.failAs(TakenID, 0, "the id "+strconv.Itoa(r.ID)+" is taken", "by the rule at "+other.Directive.Pos.String())
	}
}

// actionsOf gives the list of actions of a rule that has been read.
func (b *builder) actionsOf(d *Directive) span {
	parts, _ := d.parts()
	return parts.actions
}

// find gives the first rule with an id; markers have 0.
func (b *builder) find(id int) *Rule {
	for _, r := range b.table.Rules {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// marker reads a SecMarker.
func (b *builder) marker(d *Directive) {
	if d.Args == "" {
		b.fail(0, "SecMarker has no name", "")
		return
	}
	r := &Rule{Marker: d.Args}
	r.Directive, r.Severity = *d, SeverityUnset
	b.table.Rules = append(b.table.Rules, r)
}

// defaultAction reads a SecDefaultAction.
func (b *builder) defaultAction(d *Directive) {
	if d.Args == "" {
		b.fail(0, "SecDefaultAction is empty", "")
		return
	}
	before := len(b.errs)
	phase, list := 0, b.parsedActions(d.args())
	var scratch Link
	for i := range list {
		a := &list[i]
		a.Default = true
		switch {
		case a.Name == "phase":
			if phase = phaseOf(a.Arg); phase == 0 {
				b.failAction(a, "is 1 to 5, request, response or logging", "")
			}
		case a.Kind == Metadata, a.Name == "t":
			b.fail(a.name.off, "action "+a.Name+" is not allowed in SecDefaultAction", "move it to the rules")
		default:
			b.apply(&scratch, a)
		}
	}
	switch {
	case len(b.errs) > before:
	case phase == 0:
		b.fail(d.argsOff, "SecDefaultAction has no phase", "write \"phase:N,...\"")
	case !hasDisruptive(list):
		b.fail(d.argsOff, "SecDefaultAction has no disruptive action", "add pass, deny, drop, allow or redirect")
	case b.defaults[phase] != nil:
		b.fail(d.argsOff, "phase "+strconv.Itoa(phase)+" has a SecDefaultAction already", "")
	default:
		b.defaults[phase] = list
	}
}

// corazaDefaults are in effect for phase 2 until a SecDefaultAction names it.
var corazaDefaults = []parsedAction{
	{Action: Action{Name: "log", Kind: Nondisruptive, Default: true}},
	{Action: Action{Name: "auditlog", Kind: Nondisruptive, Default: true}},
	{Action: Action{Name: "pass", Kind: Disruptive, Default: true}},
}

// defaultsOf gives the defaults of a phase, nil when there are none.
func (b *builder) defaultsOf(phase int) []parsedAction {
	if list := b.defaults[phase]; list != nil || phase != defaultPhase {
		return list
	}
	return corazaDefaults
}

// dataset reads a SecDataset.
func (b *builder) dataset(d *Directive) {
	name, text, ok := strings.Cut(d.Args, " ")
	if !ok {
		b.fail(0, "SecDataset needs a name and a block in backticks", "")
		return
	}
	var entries []string
	for _, line := range strings.Split(strings.Trim(text, "`"), "\n") {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			entries = append(entries, line)
		}
	}
	if _, seen := b.table.Datasets[name]; seen {
		b.warn(Overwritten, d.argsOff, "SecDataset "+quote(name)+" is overwritten here", "")
	}
	b.table.Datasets[name] = entries
}

// ignoreErrors reads SecIgnoreRuleCompilationErrors.
func (b *builder) ignoreErrors(d *Directive) {
	if msg, hint := onOff(d.Args); msg != "" {
		b.fail(d.argsOff, d.Name+" "+msg, hint)
		return
	}
	if strings.ToLower(d.Args) == "on" {
		b.table.Unmodelled = append(b.table.Unmodelled, Unmodelled{*d, "Coraza then drops rules that it cannot read, without a word"})
	}
}
