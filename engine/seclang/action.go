package seclang

import (
	"slices"
	"strconv"
	"strings"
)

// maxRating is the highest accuracy and maturity of a rule.
const maxRating = 9

// parsedActions reads a list of actions. Of several disruptive ones Coraza keeps
// the last, in the place of the first. Unknown names are reported and left out.
func (b *builder) parsedActions(list span) []parsedAction {
	cut := cutActions(list)
	out := make([]parsedAction, 0, len(cut))
	disruptive := -1
	for _, a := range cut {
		info, ok := b.words.actions[a.key()]
		if !ok {
			b.unknownAction(a)
			continue
		}
		p := parsedAction{actionSpan: a, Action: Action{
			Name: info.Name, Kind: info.Kind, Arg: a.arg.text,
			Pos: b.at.place(a.name.off), ArgPos: b.at.place(a.arg.off),
		}}
		switch {
		case info.Kind == Disruptive && disruptive >= 0:
			out[disruptive] = p
		case info.Kind == Disruptive:
			disruptive = len(out)
			out = append(out, p)
		default:
			out = append(out, p)
		}
	}
	return out
}

// parsedAction is an action with the offsets its errors need.
type parsedAction struct {
	actionSpan
	Action
}

// place is where an error about the action points: its argument if there is one.
func (a *parsedAction) place() int {
	if a.Arg == "" {
		return a.name.off
	}
	return a.arg.off
}

func (b *builder) unknownAction(a actionSpan) {
	if a.name.text == "" {
		b.fail(a.name.off, "an action is missing here", "remove the comma")
		return
	}
	near := hint(a.name.text, b.words.actions, func(_ string, info ActionInfo) string { return info.Name })
	if strings.HasPrefix(a.key(), "saniti") {
		near = "Coraza has none of ModSecurity's sanitise actions, name secrets under redact in the policy"
	}
	b.fail(a.name.off, "unknown action "+quote(a.name.text), near)
}

func hasDisruptive(list []parsedAction) bool {
	for _, a := range list {
		if a.Kind == Disruptive {
			return true
		}
	}
	return false
}

// applyActions puts parsed actions into effect on a rule: metadata first, which
// may name the phase, then the rest, merged with the defaults of that phase when
// the rule is new.
func (b *builder) applyActions(r *Rule, l *Link, list []parsedAction, isNew bool) {
	for i := range list {
		if list[i].Kind == Metadata {
			b.applyMetadata(r, l, &list[i])
		}
	}
	if isNew {
		if defaults := b.defaultsOf(r.Phase); defaults != nil {
			list = mergeDefaults(list, defaults)
		}
	}
	l.Actions = slices.Grow(l.Actions, len(list))
	for _, a := range list {
		if a.Kind != Metadata {
			b.apply(l, &a)
			l.Actions = append(l.Actions, a.Action)
		}
	}
}

// mergeDefaults puts the defaults before a rule's own actions. The default
// disruptive action comes last, and only when the rule has none or has block.
func mergeDefaults(own, defaults []parsedAction) []parsedAction {
	out := make([]parsedAction, 0, len(own)+len(defaults))
	var fallback parsedAction
	for _, a := range defaults {
		switch a.Kind {
		case Disruptive:
			fallback = a
		case Metadata:
		default:
			out = append(out, a)
		}
	}
	decided := false
	for _, a := range own {
		if a.Kind == Disruptive && a.Name == "block" {
			continue
		}
		decided = decided || a.Kind == Disruptive
		out = append(out, a)
	}
	if !decided {
		out = append(out, fallback)
	}
	return out
}

// applyMetadata sets what describes the rule.
func (b *builder) applyMetadata(r *Rule, l *Link, a *parsedAction) {
	switch a.Name {
	case "id":
		n, err := strconv.Atoi(a.Arg)
		if err != nil || n <= 0 {
			b.failAction(a, "needs a whole number above 0", "")
			return
		}
		l.ID = n
	case "phase":
		if phase := phaseOf(a.Arg); phase != 0 {
			r.Phase = phase
			return
		}
		b.failAction(a, "is 1 to 5, request, response or logging", "")
	case "msg":
		text := a.arg.unquote()
		l.Msg = text.text
		b.checkMacro(a, text)
	case "severity":
		if l.Severity = severityOf(a.Arg); l.Severity == SeverityUnset {
			b.failAction(a, "is 0 to 7 or its name", didYouMean(nearest(a.Arg, severities)))
		}
	case "accuracy":
		l.Accuracy = b.rating(a)
	case "maturity":
		l.Maturity = b.rating(a)
	case "tag":
		l.Tags = append(l.Tags, b.needed(a))
	case "rev":
		l.Rev = b.needed(a)
	case "ver":
		l.Ver = b.needed(a)
	}
}

// apply sets what an action other than metadata changes about the link, and
// checks its argument. Actions of the caller's own check themselves.
func (b *builder) apply(l *Link, a *parsedAction) {
	switch a.Name {
	case "auditlog", "block", "capture", "chain", "deny", "drop", "exec", "log", "multiMatch", "noauditlog", "nolog", "pass":
		if a.Arg != "" {
			b.failAction(a, "takes no argument", "")
		}
		applyFlag(l, a.Name)
	case "allow":
		if a.Arg != "" && a.Arg != "phase" && a.Arg != "request" {
			b.failAction(a, "takes no argument, phase or request", didYouMean(nearest(a.Arg, []string{"phase", "request"})))
		}
	case "logdata":
		l.LogData = a.Arg
		b.checkMacro(a, a.arg)
	case "redirect":
		b.needed(a)
	case "skip":
		n, err := strconv.Atoi(a.Arg)
		if err != nil || n < 1 {
			b.failAction(a, "needs a whole number above 0", "")
		}
		l.Skip = n
	case "skipAfter":
		if l.SkipAfter = a.arg.unquote().text; l.SkipAfter == "" {
			b.failAction(a, "needs the name of a SecMarker", "")
		}
	case "status":
		n, err := strconv.Atoi(a.Arg)
		if err != nil {
			b.failAction(a, "needs a status such as 403", "")
		}
		l.Status = n
	case "t":
		b.transformation(l, a)
	case "ctl", "setvar", "setenv", "initcol":
		b.checkAssignment(a)
	}
}

// applyFlag sets what an action without argument switches.
func applyFlag(l *Link, name string) {
	switch name {
	case "log":
		l.Log, l.Audit = true, true
	case "nolog":
		l.Log, l.Audit = false, false
	case "auditlog":
		l.Audit = true
	case "noauditlog":
		l.Audit = false
	case "capture":
		l.Capture = true
	case "multiMatch":
		l.MultiMatch = true
	case "chain":
		l.HasChain = true
	}
}

func (b *builder) transformation(l *Link, a *parsedAction) {
	// Only this spelling clears; t:None is a transformation that does nothing.
	if a.Arg == "none" {
		l.Transformations = nil
		return
	}
	name, ok := b.words.transformations[strings.ToLower(a.Arg)]
	if !ok {
		near := hint(a.Arg, b.words.transformations, func(_, name string) string { return name })
		b.fail(a.arg.off, "unknown transformation "+quote(a.Arg), near)
		return
	}
	l.Transformations = append(l.Transformations, name)
}

// needed gives the argument of an action that cannot do without.
func (b *builder) needed(a *parsedAction) string {
	if a.Arg == "" {
		b.failAction(a, "needs an argument", "")
	}
	return a.Arg
}

func (b *builder) rating(a *parsedAction) int {
	n, err := strconv.Atoi(a.Arg)
	if err != nil || n < 1 || n > maxRating {
		b.failAction(a, "is a number from 1 to 9", "")
	}
	return n
}

// failAction reports an argument as "action NAME msg".
func (b *builder) failAction(a *parsedAction, msg, hint string) {
	msg = "action " + a.Name + " " + msg
	if a.Arg != "" {
		msg += ", not " + quote(a.Arg)
	}
	b.fail(a.place(), msg, hint)
}

// checkMacro reports a text whose macros Coraza refuses.
func (b *builder) checkMacro(a *parsedAction, text span) {
	if _, off, msg := ParseMacro(text.text); msg != "" {
		b.fail(text.off+off, "action "+a.Name+": "+msg, "")
	}
}

// phaseOf gives the phase that a word names, or 0.
func phaseOf(word string) int {
	switch word {
	case "request":
		return 2
	case "response":
		return 4
	case "logging":
		return 5
	}
	n, err := strconv.Atoi(word)
	if err != nil || n < 1 || n > 5 {
		return 0
	}
	return n
}

// severities are in the order of their numbers.
var severities = []string{"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"}

// severityOf gives the severity that a word names, or SeverityUnset.
func severityOf(word string) int {
	if len(word) == 1 && '0' <= word[0] && word[0] < '0'+byte(len(severities)) {
		return int(word[0] - '0')
	}
	for i, name := range severities {
		if strings.ToLower(word) == name {
			return i
		}
	}
	return SeverityUnset
}
