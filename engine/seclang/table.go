package seclang

import "regexp/syntax"

// Table is a configuration as Coraza holds it after the last directive: every
// update and removal has been applied.
type Table struct {
	// Rules are the rules and markers in the order in which Coraza walks them.
	Rules []*Rule
	// Settings are the directives that set a value, in order; the last one of a
	// name counts, except for SecComponentSignature, which collects.
	Settings []Setting
	// Datasets are the entries of each SecDataset by its name.
	Datasets map[string][]string
	// Unmodelled are directives after which the table may differ from what
	// Coraza holds: a fast path built on it must stay off.
	Unmodelled []Unmodelled
	// Warnings are places that Coraza accepts and that do not do what they say.
	Warnings []*Error
}

// Setting gives the value of the last setting of the given lower-case name.
func (t *Table) Setting(name string) (s Setting, ok bool) {
	for i := len(t.Settings) - 1; i >= 0; i-- {
		if t.Settings[i].Name == name {
			return t.Settings[i], true
		}
	}
	return Setting{}, false
}

// Setting is one directive that sets a value. Name is in lower case.
type Setting struct {
	Name, Value string
	Pos         Position
}

// Unmodelled is a directive that the table does not describe, and why.
type Unmodelled struct {
	Directive Directive
	Reason    string
}

// Rule is a SecRule or SecAction with the links chained to it, or a SecMarker.
type Rule struct {
	Link
	// Phase is 1 to 5. Markers have 0: Coraza meets them in every phase.
	Phase int
	// Marker is the name of a SecMarker and empty for rules.
	Marker string
	// Chain are the links after the first. All must match.
	Chain []*Link
}

// last gives the link that a chained directive would follow.
func (r *Rule) last() *Link {
	if n := len(r.Chain); n > 0 {
		return r.Chain[n-1]
	}
	return &r.Link
}

// Link is one SecRule or SecAction of a chain; an unchained rule is a chain of
// one. The flags are those in effect after defaults and updates.
type Link struct {
	Directive Directive
	// ID is 0 for markers and for most links after the first.
	ID int
	// Targets are the variables to look at, in order.
	Targets []Target
	// Operator is nil for SecAction and SecMarker, which always match.
	Operator *Operator
	// Transformations are applied in order; t:none has cleared those before it.
	Transformations []string
	// Actions are those that Coraza holds, in the order in which it runs them:
	// defaults first. Metadata is in the fields below instead.
	Actions []Action

	// HasChain says that the link has the action chain, whether or not another
	// link follows.
	HasChain   bool
	Capture    bool
	MultiMatch bool
	// Log writes a match to the error log, Audit to the audit log.
	Log, Audit bool

	// Severity is 0 (emergency) to 7 (debug), or SeverityUnset.
	Severity int
	// Status is the status of an interruption, 0 for the action's own.
	Status int
	// Skip counts the rules of the phase to skip after a match.
	Skip int
	// SkipAfter names the marker to go on after when the rule has matched.
	SkipAfter string
	// Msg and LogData may hold macros, see ParseMacro.
	Msg, LogData string
	Tags         []string
	Rev, Ver     string
	Maturity     int
	Accuracy     int
}

// SeverityUnset is the severity of a rule that names none.
const SeverityUnset = -1

// Disruptive gives the disruptive action in effect: the rule's own or, for block
// and for none, that of the SecDefaultAction of its phase. ok is false when
// there is none; an action block that is left over does nothing.
func (l *Link) Disruptive() (a Action, ok bool) {
	for _, a := range l.Actions {
		if a.Kind == Disruptive {
			return a, true
		}
	}
	return Action{}, false
}

// Action is one action of a link.
type Action struct {
	// Name is as Coraza registers it, whatever the case in the text.
	Name string
	Kind ActionKind
	// Arg has no space and no quotes around it.
	Arg string
	// SetVar and Ctl are what the argument of an action of that name says.
	SetVar *SetVar
	Ctl    *Ctl
	// Pos is where the name begins, ArgPos where the argument does.
	Pos, ArgPos Position
	// Default says that the action comes from a SecDefaultAction, or from
	// Coraza's own defaults for phase 2, whose Pos is zero.
	Default bool
}

// Operator is what a SecRule does with each value.
type Operator struct {
	// Name is without "@"; Coraza minds its case.
	Name    string
	Negated bool
	// Arg is the argument without space around it; \" has become a quote.
	Arg string
	// Pos is where the operator begins, ArgPos where the argument does.
	Pos, ArgPos Position
}

// Target is one variable of a rule, or one key or the matching keys of it.
type Target struct {
	// Variable is the name in upper case.
	Variable string
	// Selector chooses among the values; its zero value takes all.
	Selector
	// Count means that the number of values is looked at, not the values.
	Count bool
	// Except are left out, before counting.
	Except []Selector
	Pos    Position
}

// Selector chooses values by their keys.
type Selector struct {
	// Key is the key; "" means all. Of a target it is in lower case unless the
	// variable minds case. An exception is compared in lower case always. For a
	// pattern it is the text between and with the slashes.
	Key string
	// IsPattern means that Pattern, a regular expression of Go, chooses. Unless
	// the variable minds case, Coraza has lowered the whole pattern, \D and all.
	// An exception's pattern sees the key in lower case always.
	IsPattern bool
	Pattern   string
}

// Parse reads directives, as given by Load, into a table. errs are the places
// where Coraza fails, at load or (a setvar without a value, SecRuleRemoveByMsg)
// by a panic; with any of them the table is not to be used. Regular expressions
// and data files are left to Coraza: [Check] looks at them.
func Parse(ds []Directive, known Known) (t *Table, errs []*Error) {
	known.Files = nil
	b := newBuilder(ds, known)
	b.run()
	return b.table, b.errs
}

// Check gives every place where Coraza would fail, in order, with the word that
// would work where one is near. It goes on after a mistake, so that a rule
// author sees all of them at once.
func Check(ds []Directive, known Known) []*Error {
	b := newBuilder(ds, known)
	b.checkPattern = checkPattern
	b.run()
	return b.errs
}

// checkPattern says what is wrong with a regular expression.
func checkPattern(pattern string) (msg, hint string) {
	_, err := syntax.Parse(pattern, syntax.Perl)
	if err == nil {
		return "", ""
	}
	e, ok := err.(*syntax.Error)
	if !ok {
		return err.Error(), ""
	}
	msg = "bad regular expression: " + string(e.Code) + " at " + quote(e.Expr)
	switch e.Code {
	case syntax.ErrMissingParen:
		msg = "bad regular expression: " + string(e.Code)
	case syntax.ErrInvalidPerlOp:
		hint = "Go's expressions have no look-around"
	case syntax.ErrInvalidEscape:
		hint = "Go's expressions have no back-references"
	}
	return msg, hint
}
