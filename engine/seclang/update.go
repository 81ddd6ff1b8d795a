package seclang

import (
	"slices"
	"strconv"
	"strings"
)

// idRange is one id, or a range of them, in the argument of a directive.
type idRange struct {
	from, to int
	single   bool
	text     span
}

func (r idRange) has(id int) bool { return r.from <= id && id <= r.to }

// fields cuts a span at white space.
func (s span) fields() []span {
	var out []span
	for rest := s.trim(); rest.text != ""; rest = rest.trim() {
		end := strings.IndexFunc(rest.text, isSpace)
		if end < 0 {
			end = len(rest.text)
		}
		out = append(out, rest.slice(0, end))
		rest = rest.slice(end, len(rest.text))
	}
	return out
}

// idRange parses N or N-M and reports what is neither.
func (b *builder) idRange(s span) (r idRange, ok bool) {
	from, to, ranged := strings.Cut(s.text, "-")
	first, err := strconv.Atoi(from)
	last := first
	if ranged && err == nil {
		last, err = strconv.Atoi(to)
	}
	switch {
	case err != nil:
		b.fail(s.off, quote(s.text)+" is no rule id and no range of them", "write 942100 or 942100-942199")
		return r, false
	case first > last:
		b.fail(s.off, "the range "+s.text+" runs backwards", "write "+to+"-"+from)
		return r, false
	}
	return idRange{from: first, to: last, single: !ranged, text: s}, true
}

// removeByID reads SecRuleRemoveById: ids and ranges with spaces between.
func (b *builder) removeByID(d *Directive) {
	if d.Args == "" {
		b.fail(0, d.Name+" names no rule", "")
		return
	}
	for _, s := range d.args().fields() {
		r, ok := b.idRange(s)
		if !ok {
			return
		}
		before := len(b.table.Rules)
		if r.single {
			if i := slices.IndexFunc(b.table.Rules, func(x *Rule) bool { return x.ID == r.from }); i >= 0 {
				b.table.Rules = slices.Delete(b.table.Rules, i, i+1)
			}
		} else {
			b.remove(func(x *Rule) bool { return r.has(x.ID) })
		}
		if len(b.table.Rules) == before {
			b.warn(RemovesNothing, s.off, d.Name+" "+s.text+" removes nothing", b.ruleHint(r.from))
		}
	}
}

func (b *builder) remove(matches func(*Rule) bool) {
	b.table.Rules = slices.DeleteFunc(b.table.Rules, matches)
}

// removeByTag reads SecRuleRemoveByTag. The tag is compared as it stands.
func (b *builder) removeByTag(d *Directive) {
	if d.Args == "" {
		b.fail(0, d.Name+" names no tag", "")
		return
	}
	before := len(b.table.Rules)
	b.remove(func(r *Rule) bool { return slices.Contains(r.Tags, d.Args) })
	if len(b.table.Rules) == before {
		b.warn(RemovesNothing, d.argsOff, d.Name+" "+quote(d.Args)+" removes nothing", b.tagHint(d.Args))
	}
}

// removeByMsg reads SecRuleRemoveByMsg, at which Coraza panics as soon as one of
// the rules and markers before it has no msg.
func (b *builder) removeByMsg(d *Directive) {
	if d.Args == "" {
		b.fail(0, d.Name+" names no message", "")
		return
	}
	for _, r := range b.table.Rules {
		if r.Msg == "" {
			b.fail(0, "Coraza panics at "+d.Name+" because the rule at "+r.Directive.Pos.String()+" has no msg", "use SecRuleRemoveById")
			return
		}
	}
	before := len(b.table.Rules)
	b.remove(func(r *Rule) bool { return r.Msg == d.Args })
	if len(b.table.Rules) == before {
		b.warn(RemovesNothing, d.argsOff, d.Name+" "+quote(d.Args)+" removes nothing", "")
	}
}

// byID calls update for each rule that the ids of an update directive name; what
// is the last field, which is the update. As in Coraza the first single id ends
// the list.
func (b *builder) byID(d *Directive, update func(rules []*Rule, what span)) {
	fields := d.args().fields()
	if len(fields) < 2 {
		b.fail(0, d.Name+" needs a rule id and what to change", "")
		return
	}
	last := len(fields) - 1
	for i, s := range fields[:last] {
		r, ok := b.idRange(s)
		if !ok {
			return
		}
		if r.from <= 0 {
			b.table.Unmodelled = append(b.table.Unmodelled, Unmodelled{*d, "0 is the id of every SecMarker, and Coraza runs a marker's actions in all phases"})
		}
		if r.from != r.to {
			update(b.rulesIn(r), trimQuotes(fields[last]))
			continue
		}
		x := b.find(r.from)
		if x == nil {
			b.fail(s.off, "no rule "+strconv.Itoa(r.from)+" before this directive", b.ruleHint(r.from))
			return
		}
		if i+1 < last {
			b.warn(IgnoredText, fields[i+1].off, "Coraza ignores what follows the first single id", "write one "+d.Name+" for each rule")
		}
		update([]*Rule{x}, trimQuotes(fields[last]))
		return
	}
}

// rulesIn gives the rules of a range of ids.
func (b *builder) rulesIn(r idRange) []*Rule {
	var out []*Rule
	for _, x := range b.table.Rules {
		if r.has(x.ID) {
			out = append(out, x)
		}
	}
	if len(out) == 0 {
		b.warn(RemovesNothing, r.text.off, "no rule of "+r.text.text+" stands before this directive", "")
	}
	return out
}

// trimQuotes removes every double quote at both ends.
func trimQuotes(s span) span {
	left := strings.TrimLeft(s.text, `"`)
	return span{text: strings.TrimRight(left, `"`), off: s.off + len(s.text) - len(left)}
}

// updateTargetByID reads SecRuleUpdateTargetById. Only the first link of a chain
// changes.
func (b *builder) updateTargetByID(d *Directive) {
	b.byID(d, b.updateTargets)
}

// updateTargets adds variables or exceptions to rules.
func (b *builder) updateTargets(rules []*Rule, what span) {
	for _, r := range rules {
		errs, warnings := len(b.errs), len(b.table.Warnings)
		b.targets(&r.Link, what)
		if len(b.errs) > errs {
			return
		}
		if r != rules[len(rules)-1] {
			// One mistake in the list is one warning, whatever the count of rules.
			b.table.Warnings = b.table.Warnings[:warnings]
		}
	}
}

// updateTargetByTag reads SecRuleUpdateTargetByTag.
func (b *builder) updateTargetByTag(d *Directive) {
	fields := d.args().fields()
	if len(fields) != 2 {
		b.fail(0, d.Name+" needs a tag and variables, both without spaces", "")
		return
	}
	tag := trimQuotes(fields[0])
	var rules []*Rule
	for _, r := range b.table.Rules {
		if slices.Contains(r.Tags, tag.text) {
			rules = append(rules, r)
		}
	}
	if len(rules) == 0 {
		b.warn(RemovesNothing, tag.off, "no rule before this directive has the tag "+quote(tag.text), b.tagHint(tag.text))
	}
	b.updateTargets(rules, trimQuotes(fields[1]))
}

// updateActionByID reads SecRuleUpdateActionById. A disruptive action replaces
// the one in effect; the defaults of the phase are not merged again.
func (b *builder) updateActionByID(d *Directive) {
	b.byID(d, func(rules []*Rule, what span) {
		list := b.parsedActions(what)
		for _, r := range rules {
			if hasDisruptive(list) {
				r.Actions = slices.DeleteFunc(r.Actions, func(a Action) bool { return a.Kind == Disruptive })
			}
			errs := len(b.errs)
			b.applyActions(r, &r.Link, list, false)
			if len(b.errs) > errs {
				return
			}
		}
	})
}

// ruleHint says where a rule that is missing here stands, or names one near.
func (b *builder) ruleHint(id int) string {
	places := RulePositions(b.all)
	if pos, ok := places[id]; ok {
		return "it is at " + pos.String() + " and must stand before this directive"
	}
	names := make([]string, 0, len(places))
	for other := range places {
		names = append(names, strconv.Itoa(other))
	}
	return didYouMean(nearest(strconv.Itoa(id), names))
}

// tagHint names a tag that is near.
func (b *builder) tagHint(tag string) string {
	var names []string
	for _, r := range b.table.Rules {
		names = append(names, r.Tags...)
	}
	return didYouMean(nearest(tag, names))
}
