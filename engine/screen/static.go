package screen

import (
	"slices"
	"strconv"
	"strings"

	"tabard/engine/screen/transform"
	"tabard/engine/seclang"
)

// writer is one setvar: the name it sets, or how that name begins.
type writer struct {
	rule   int
	name   string
	prefix bool
}

// findStatic finds the rules whose outcome is the same in every exchange: they
// read only variables of TX that such rules alone write. It starts from all and
// takes away until nothing changes.
func (c *compiler) findStatic() {
	c.static = make([]bool, len(c.table.Rules))
	for i, r := range c.table.Rules {
		for n := range 1 + len(r.Chain) {
			for _, a := range linkOf(r, n).Actions {
				if a.SetVar != nil {
					c.writers = append(c.writers, writerOf(i, a.SetVar))
				}
			}
		}
		c.static[i] = true
	}
	c.writers = slices.CompactFunc(c.writers, func(a, b writer) bool { return a == b })
	for changed := true; changed; {
		changed = false
		for i, r := range c.table.Rules {
			if c.static[i] && !c.isStatic(r) {
				c.static[i], changed = false, true
			}
		}
	}
}

func writerOf(rule int, v *seclang.SetVar) writer {
	w := writer{rule: rule}
	for _, p := range v.Key {
		if p.Variable != "" {
			w.prefix = true
			break
		}
		w.name += strings.ToLower(p.Text)
	}
	return w
}

// staticTX says whether a variable of TX has the same value in every exchange.
func (c *compiler) staticTX(name string) bool {
	name = strings.ToLower(name)
	if c.staticNames == nil { // while it is being found out
		return c.isStaticTX(name)
	}
	static, known := c.staticNames[name]
	if !known {
		static = c.isStaticTX(name)
		c.staticNames[name] = static
	}
	return static
}

func (c *compiler) isStaticTX(name string) bool {
	if isCapture(name) || isBodyVariable(name) || slices.Contains(c.options.Inputs, name) {
		return false
	}
	for _, w := range c.writers {
		if !c.static[w.rule] && (w.name == name || w.prefix && strings.HasPrefix(name, w.name)) {
			return false
		}
	}
	return true
}

// isCapture says whether Coraza writes captured groups under the name.
func isCapture(name string) bool { return len(name) == 1 && name[0] >= '0' && name[0] <= '9' }

func (c *compiler) isStatic(r *seclang.Rule) bool {
	for n := range 1 + len(r.Chain) {
		if !c.isStaticLink(linkOf(r, n)) {
			return false
		}
	}
	return true
}

func (c *compiler) isStaticLink(l *seclang.Link) bool {
	for _, t := range l.Targets {
		if t.Variable != "TX" || t.IsPattern || t.Key == "" || len(t.Except) > 0 || !c.staticTX(t.Key) {
			return false
		}
	}
	if l.Operator != nil {
		if takesMacros(l.Operator.Name) && !c.staticText(l.Operator.Arg) {
			return false
		}
		if k, ok := c.newCheck(l.Operator, l.Operator.Arg, l.Directive.Dir); !ok || k.test == nil || l.Capture || l.MultiMatch {
			return false
		}
	}
	for _, name := range l.Transformations {
		if _, ok := transform.Find(name); !ok {
			return false
		}
	}
	if steersUnknown(l) {
		return false
	}
	for _, a := range l.Actions {
		if a.SetVar != nil && !(c.staticParts(a.SetVar.Key) && c.staticParts(a.SetVar.Value)) {
			return false
		}
		if a.Kind == seclang.Nondisruptive && a.SetVar == nil && a.Ctl == nil && !harmlessAction(a.Name) {
			return false
		}
	}
	return true
}

func (c *compiler) staticText(text string) bool {
	parts, _, msg := seclang.ParseMacro(text)
	return msg == "" && c.staticParts(parts)
}

func (c *compiler) staticParts(parts []seclang.MacroPart) bool {
	for _, p := range parts {
		if p.Variable != "" && (p.Variable != "TX" || p.Key == "" || !c.staticTX(p.Key)) {
			return false
		}
	}
	return true
}

// expand puts in the constants as they are at this place of the walk.
func (c *compiler) expand(parts []seclang.MacroPart) string {
	var b strings.Builder
	for _, p := range parts {
		text := p.Text
		if p.Variable == "TX" {
			if value, ok := c.constants[p.Key]; ok {
				text = value
			}
		}
		b.WriteString(text)
	}
	return b.String()
}

// constant counts how often a link over constants matches.
func (c *compiler) constant(l *seclang.Link, k check) (matches int) {
	for _, t := range l.Targets {
		value, ok := c.constants[strings.ToLower(t.Key)]
		switch {
		case t.Count:
			value = "0"
			if ok {
				value = "1"
			}
		case !ok:
			continue
		}
		for _, name := range l.Transformations {
			f, _ := transform.Lookup(name)
			value, _ = f(value)
		}
		if k.test(value) != l.Operator.Negated {
			matches++
		}
	}
	return matches
}

// runStatic runs a static rule as Coraza does, and reports whether it matches.
func (c *compiler) runStatic(r *seclang.Rule) bool {
	for n := range 1 + len(r.Chain) {
		l := linkOf(r, n)
		matches := 1
		if l.Operator != nil {
			arg := l.Operator.Arg
			if takesMacros(l.Operator.Name) {
				parts, _, _ := seclang.ParseMacro(arg)
				arg = c.expand(parts)
			}
			k, _ := c.newCheck(l.Operator, arg, l.Directive.Dir)
			matches = c.constant(l, k)
		}
		for range matches {
			for _, a := range l.Actions {
				if a.SetVar != nil {
					c.set(a.SetVar)
				}
				c.fix(a)
				if a.Ctl != nil && c.steersCoraza(a.Ctl) {
					c.noMemo(r, "it changes "+a.Ctl.Option+" in every exchange")
				}
			}
		}
		if matches == 0 {
			return false
		}
	}
	return true
}

// set is Coraza's setvar.
func (c *compiler) set(v *seclang.SetVar) {
	key, value := strings.ToLower(c.expand(v.Key)), c.expand(v.Value)
	if v.Remove {
		delete(c.constants, key)
		return
	}
	if value != "" && (value[0] == '+' || value[0] == '-') {
		operand, ok := 0, true
		if len(value) > 1 {
			n, err := strconv.Atoi(value[1:])
			operand, ok = n, err == nil
		}
		switch current, err := strconv.Atoi(or(c.constants[key], "0")); {
		case !ok && strings.HasPrefix(value[1:], "tx."):
			return
		case !ok:
		case err != nil:
			return
		case value[0] == '+':
			value = strconv.Itoa(current + operand)
		default:
			value = strconv.Itoa(current - operand)
		}
	}
	c.constants[key] = value
}

func or(v, otherwise string) string {
	if v == "" {
		return otherwise
	}
	return v
}
