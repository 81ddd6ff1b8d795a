package seclang

import (
	"net/netip"
	"strings"
)

// warnActions notes what is odd about a rule's list of actions.
func (b *builder) warnActions(list span, r *Rule) {
	if off, open := openQuote(list.text); open {
		b.warn(OpenQuote, list.off+off, "this single quote is never closed, so that the actions after it belong to the argument", "")
	}
	for _, a := range r.Actions {
		switch a.Name {
		case "initcol", "expirevar", "exec":
			b.warnAt(NoEffect, a.Pos, "action "+a.Name+" has no effect in Coraza", "")
		case "block":
			if !setsVariable(r) {
				b.warnAt(DeadBlock, a.Pos, "action block does nothing: its phase has no SecDefaultAction before this rule", "write deny")
			}
		case "ctl":
			b.warnCtl(a)
		}
	}
}

// setsVariable says whether a rule counts towards a score: with such a rule the
// block of the rule itself is not what blocks.
func setsVariable(r *Rule) bool {
	for _, a := range r.Actions {
		if a.Name == "setvar" {
			return true
		}
	}
	return r.HasChain
}

// openQuote gives the offset of a single quote that has no partner, by the rules
// of cutActions.
func openQuote(s string) (off int, open bool) {
	for i := 1; i < len(s); i++ {
		if s[i] == '\'' && s[i-1] != '\\' {
			off, open = i, !open
		}
	}
	return off, open
}

// warnCtl notes a ctl that Coraza reads and does not act on.
func (b *builder) warnCtl(a Action) {
	if a.Ctl == nil {
		return
	}
	switch option := a.Ctl.Option; {
	case option == "hashEngine", option == "hashEnforcement":
		b.warnAt(NoEffect, a.ArgPos, "ctl:"+option+" has no effect in Coraza", "")
	case strings.HasPrefix(option, "ruleRemoveTarget") && a.Ctl.Variable == "":
		b.warnAt(RemovesNothing, a.ArgPos, "ctl:"+option+" names no variable that Coraza knows, so that it removes nothing", "write ctl:"+option+"=ID;VARIABLE:key")
	}
}

// warnOperator notes operators that do not do what they say.
func (b *builder) warnOperator(op *Operator, argOff int) {
	switch op.Name {
	case "geoLookup":
		b.warnAt(AlwaysMatches, op.Pos, "@geoLookup always matches: Coraza has no database behind it", "")
	case "inspectFile", "rbl", "validateSchema":
		b.warnAt(AlwaysMatches, op.Pos, "@"+op.Name+" always matches in the WebAssembly filter", "")
	case "validateByteRange":
		if op.Arg == "" {
			b.warnAt(AlwaysMatches, op.Pos, "@validateByteRange without a range always matches", "write 32-126")
		}
	case "ipMatch":
		b.warnAddresses(op.Arg, argOff)
	}
}

// warnAddresses notes the entries of @ipMatch that Coraza leaves out.
func (b *builder) warnAddresses(list string, off int) {
	for rest, more := list, true; more; {
		var entry string
		entry, rest, more = strings.Cut(rest, ",")
		at := off + len(list) - len(rest) - len(entry)
		if more {
			at--
		}
		at += len(entry) - len(strings.TrimLeftFunc(entry, isSpace))
		entry = strings.TrimSpace(entry)
		if entry == "" || isNetwork(entry) {
			continue
		}
		b.warn(BadAddress, at, "@ipMatch leaves out "+quote(entry)+", which is no address and no network", "")
	}
}

func isNetwork(s string) bool {
	if !strings.Contains(s, "/") {
		addr, err := netip.ParseAddr(s)
		return err == nil && addr.Zone() == ""
	}
	_, err := netip.ParsePrefix(s)
	return err == nil
}

// warnFlow notes chains that are never finished and jumps to markers that do not
// follow: Coraza then skips the rest of the phase, and while it does not meet
// the marker, the phases after it.
func (b *builder) warnFlow() {
	markers := map[string]bool{}
	var names []string
	for i := len(b.table.Rules) - 1; i >= 0; i-- {
		r := b.table.Rules[i]
		if r.Marker != "" {
			markers[r.Marker] = true
			names = append(names, r.Marker)
			continue
		}
		if r.last().HasChain {
			b.warnAt(OpenChain, r.Directive.Pos, "the chain of this rule has no next link", "remove the action chain")
		}
		for _, l := range append([]*Link{&r.Link}, r.Chain...) {
			b.warnCounts(l)
		}
		if r.SkipAfter != "" && !markers[r.SkipAfter] {
			b.warnAt(SkipNowhere, r.Directive.Pos, "no SecMarker "+quote(r.SkipAfter)+" follows, so that all rules after this one are skipped", didYouMean(nearest(r.SkipAfter, names)))
		}
	}
}

// warnCounts notes counts that are transformed. Coraza's cache of transformed
// values takes the count for the value of the same name when another rule of the
// phase has transformed that one in the same way.
func (b *builder) warnCounts(l *Link) {
	for _, t := range l.Targets {
		if t.Count && len(l.Transformations) > 0 {
			b.warnAt(CountTransformed, t.Pos, "Coraza may take the value of "+t.Variable+" for this count when both are transformed", "put counts in a rule with t:none alone")
			return
		}
	}
}
