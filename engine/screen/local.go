package screen

import (
	"regexp"
	"strings"

	"tabard/engine/seclang"
)

// local is a variable of TX that a rule fills from what its first link captures,
// for its second link to judge, and that nobody else reads or writes. CRS does
// so with names of headers, media types and file extensions. When no value
// passes the second link, the rule leaves no trace, and nothing goes into the
// key.
type local struct {
	key, value []localPart
	judge      *link // the second link
	// watch are patterns by which others read TX: a name that one of them matches
	// is not the rule's own.
	watch []*regexp.Regexp
}

// localPart is a text, or a captured group.
type localPart struct {
	text  string
	group int // -1 for a text
}

// read is one reading of TX: by name or by pattern.
type read struct {
	rule int
	name string // in lower case
	re   *regexp.Regexp
	// prefix is how all names that the pattern matches begin.
	prefix string
}

// groupsSet is how many captured groups a match of the link writes, from 0 on.
func groupsSet(l *seclang.Link) int {
	if !l.Capture || l.Operator == nil || l.Operator.Negated {
		return 0
	}
	switch l.Operator.Name {
	case "rx":
		if re := capturing(l.Operator.Arg); re != nil {
			return min(re.NumSubexp()+1, 9) // Coraza stops at the tenth
		}
		return 1
	case "pm", "pmFromFile", "pmf", "detectSQLi":
		return 1
	}
	return 0
}

// fresh says whether a captured group that is read at the compiler's place has
// been written by the same rule, so that no other rule's remains are read.
func (c *compiler) fresh(name string) bool {
	last := c.link
	if c.inAction {
		last++
	}
	for n := range last {
		if int(name[0]-'0') < groupsSet(linkOf(c.rule, n)) {
			return true
		}
	}
	return false
}

// literalPrefix is how every text that an anchored pattern matches begins; ""
// when that is not plain.
func literalPrefix(pattern string) string {
	rest, ok := strings.CutPrefix(pattern, "^")
	if !ok || strings.Contains(pattern, "|") {
		return ""
	}
	n := 0
	for n < len(rest) && isNameByte(rest[n]) {
		n++
	}
	if n > 0 && n < len(rest) {
		n-- // what follows may make the last letter optional
	}
	return rest[:n]
}

func isNameByte(b byte) bool {
	return 'a' <= b && b <= 'z' || '0' <= b && b <= '9' || b == '_' || b == '-'
}

// findLocal looks for the pattern of rules that local describes.
func (c *compiler) findLocal(r *seclang.Rule, out *rule) *local {
	if len(out.links) != 2 || len(r.Chain) != 1 || !out.groups || out.whole || c.readsCaptures {
		return nil
	}
	first, second := out.links[0], out.links[1]
	v := onlySetVar(&r.Link)
	if first.kind != pure || first.readsMatch || first.foreignAct || first.ctl || len(first.inputs) > 0 || v == nil {
		return nil
	}
	groups := groupsSet(&r.Link)
	key, ok := localParts(v.Key, groups)
	if !ok || key[0].group >= 0 {
		return nil
	}
	value, ok := localParts(v.Value, groups)
	if !ok || value[0].group >= 0 || value[0].text[0] == '+' || value[0].text[0] == '-' {
		return nil
	}
	name := strings.ToLower(key[0].text)
	if second.kind != state || second.multi || second.check.test == nil || !c.judges(r.Chain[0], name, len(key) == 1) {
		return nil
	}
	watch, alone := c.alone(r.ID, name, len(key) == 1)
	if !alone {
		return nil
	}
	return &local{key: key, value: value, judge: second, watch: watch}
}

// onlySetVar gives the link's setvar if it is all that the link does.
func onlySetVar(l *seclang.Link) (v *seclang.SetVar) {
	for _, a := range l.Actions {
		switch {
		case a.Ctl != nil, a.SetVar != nil && (v != nil || a.SetVar.Remove):
			return nil
		case a.SetVar != nil:
			v = a.SetVar
		}
	}
	return v
}

// localParts reads a text whose macros are captured groups of the link.
func localParts(parts []seclang.MacroPart, groups int) (out []localPart, ok bool) {
	for _, p := range parts {
		switch {
		case p.Variable == "":
			out = append(out, localPart{text: p.Text, group: -1})
		case p.Variable == "TX" && isCapture(p.Key) && int(p.Key[0]-'0') < groups:
			out = append(out, localPart{group: int(p.Key[0] - '0')})
		default:
			return nil, false
		}
	}
	return out, len(out) > 0
}

// judges says whether a link looks at the variable, or at all those that begin
// with the name, and at nothing else.
func (c *compiler) judges(l *seclang.Link, name string, exact bool) bool {
	for i := range len(name) {
		if !isNameByte(name[i]) {
			return false
		}
	}
	if len(l.Targets) != 1 {
		return false
	}
	t := l.Targets[0]
	if t.Variable != "TX" || t.Count || len(t.Except) > 0 || takesMacros(l.Operator.Name) && !c.staticText(l.Operator.Arg) {
		return false
	}
	if exact {
		return !t.IsPattern && t.Key == name
	}
	return t.IsPattern && t.Pattern == "^"+name
}

// alone says whether no other rule reads or writes the variable, or any whose
// name begins so. watch are patterns of readers that may match such a name.
func (c *compiler) alone(id int, name string, exact bool) (watch []*regexp.Regexp, ok bool) {
	meets := func(other string, prefix bool) bool {
		return other == name || !exact && strings.HasPrefix(other, name) || prefix && strings.HasPrefix(name, other)
	}
	for _, w := range c.writers {
		if c.table.Rules[w.rule].ID != id && meets(w.name, w.prefix) {
			return nil, false
		}
	}
	for _, r := range c.readings {
		switch {
		case r.rule == id:
		case r.re != nil && exact && r.re.MatchString(name), r.re == nil && meets(r.name, false):
			return nil, false
		case r.re != nil && !exact && (r.prefix == "" || meets(r.prefix, true)):
			watch = append(watch, r.re)
		}
	}
	return watch, true
}

// silent says whether no match gives a value that passes the second link, or that
// others see.
func (x *Exchange) silent(r *rule, matches []match) bool {
	for _, m := range matches {
		if r.found && !m.silent || !r.found && x.passes(r.local, r.links[0].check.captures, m.value) {
			return false
		}
	}
	return true
}

func (x *Exchange) passes(l *local, re *regexp.Regexp, from string) bool {
	found := re.FindStringSubmatchIndex(from)
	if found == nil {
		return true // cannot be; the key decides
	}
	if len(l.watch) > 0 {
		x.text = fill(x.text[:0], l.key, from, found)
		name := strings.ToLower(string(x.text))
		for _, re := range l.watch {
			if re.MatchString(name) {
				return true
			}
		}
	}
	x.text = fill(x.text[:0], l.value, from, found)
	value := x.arena.String(x.text)
	for _, t := range l.judge.transforms {
		value, _ = t.Apply(&x.arena, value)
	}
	return l.judge.check.test(value) != l.judge.negated
}

// fill puts captured groups in.
func fill(out []byte, parts []localPart, from string, found []int) []byte {
	for _, p := range parts {
		switch {
		case p.group < 0:
			out = append(out, p.text...)
		case found[2*p.group] >= 0:
			out = append(out, from[found[2*p.group]:found[2*p.group+1]]...)
		}
	}
	return out
}
