package seclang

import "strings"

// SetVar is the argument of a setvar action.
type SetVar struct {
	// Remove means that the key is removed, whatever the value.
	Remove bool
	// Key is the key in TX. Coraza lowers it after putting in its macros.
	Key []MacroPart
	// Value is what the key is set to; after macros a value that begins with "+"
	// or "-" and goes on as a number is added or subtracted.
	Value []MacroPart
}

// Ctl is the argument of a ctl action.
type Ctl struct {
	// Option is what to change, such as ruleRemoveTargetById.
	Option string
	// Value is between "=" and ";".
	Value string
	// Variable and Selector follow ";" for the ruleRemoveTarget options. Variable
	// is empty when there is none or Coraza does not know it.
	Variable string
	Selector
}

// ctlOptions are the options of Coraza 3.8.1, which minds their case.
var ctlOptions = []string{
	"auditEngine", "auditLogParts", "debugLogLevel", "forceRequestBodyVariable",
	"forceResponseBodyVariable", "hashEnforcement", "hashEngine", "requestBodyAccess",
	"requestBodyLimit", "requestBodyProcessor", "responseBodyAccess", "responseBodyLimit",
	"responseBodyProcessor", "ruleEngine", "ruleRemoveById", "ruleRemoveByMsg", "ruleRemoveByTag",
	"ruleRemoveTargetById", "ruleRemoveTargetByMsg", "ruleRemoveTargetByTag",
}

// parseSetVar reads the argument of a setvar action. msg, when not empty, says
// why Coraza refuses it or cannot run it, and hint what would work.
func parseSetVar(arg string) (v SetVar, msg, hint string) {
	assignment, remove := strings.CutPrefix(arg, "!")
	v.Remove = remove
	key, value, hasValue := strings.Cut(assignment, "=")
	collection, name, _ := strings.Cut(key, ".")
	if strings.ToUpper(collection) != "TX" || strings.TrimSpace(name) == "" {
		return v, "only variables of TX can be set", "write setvar:'tx.name=value'"
	}
	if v.Key, _, msg = ParseMacro(name); msg != "" {
		return v, msg, ""
	}
	if !hasValue {
		// Coraza loads it and then expands a value that is nil.
		return v, "without a value Coraza panics on the request that matches", "write " + quote(arg+"=1")
	}
	v.Value, _, msg = ParseMacro(value)
	return v, msg, ""
}

// parseCtl reads the argument of a ctl action; msg and hint are as above.
func parseCtl(arg string) (c Ctl, msg, hint string) {
	option, rest, ok := strings.Cut(arg, "=")
	if !ok {
		return c, "needs option=value", ""
	}
	c.Option = option
	var target string
	c.Value, target, _ = strings.Cut(rest, ";")
	name, key, _ := strings.Cut(target, ":")
	if v, ok := lookUpVariable(strings.TrimSpace(name)); ok && v.Name != unknownVariable {
		c.Variable = v.Name
	}
	key = strings.TrimSpace(key)
	c.IsPattern, c.Pattern = patternOf(key)
	if !c.IsPattern {
		c.Key = strings.ToLower(key)
	} else if c.Pattern == "" {
		return c, "the pattern is empty", ""
	}
	for _, known := range ctlOptions {
		if known == option {
			return c, "", ""
		}
	}
	return c, "no option " + quote(option), didYouMean(nearest(option, ctlOptions))
}

// checkAssignment checks the actions whose argument has the form name=value and
// keeps what it has read of them.
func (b *builder) checkAssignment(a *parsedAction) {
	key, value, hasValue := strings.Cut(a.Arg, "=")
	var msg, hint string
	switch a.Name {
	case "initcol":
		if !hasValue {
			msg = "needs collection=key"
		}
	case "setenv":
		if !hasValue || key == "" {
			msg = "needs name=value"
		} else {
			_, _, msg = ParseMacro(value)
		}
	case "setvar":
		var v SetVar
		v, msg, hint = parseSetVar(a.Arg)
		a.SetVar = &v
	case "ctl":
		var c Ctl
		c, msg, hint = parseCtl(a.Arg)
		a.Ctl = &c
		if msg == "" && c.IsPattern && b.checkPattern != nil {
			msg, hint = b.checkPattern(c.Pattern)
		}
	}
	if msg != "" {
		b.fail(a.place(), "action "+a.Name+": "+msg, hint)
	}
}
