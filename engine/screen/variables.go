package screen

import (
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/corazawaf/libinjection-go"
	"rsc.io/binaryregexp"

	"tabard/engine/screen/bodies"
	"tabard/engine/screen/dfa"
)

// expand puts a text together, as Coraza's macros do.
func (x *Exchange) expand(parts []part) string {
	switch len(parts) {
	case 0:
		return ""
	case 1:
		return x.partText(&parts[0])
	}
	x.text = x.text[:0]
	for i := range parts {
		x.text = append(x.text, x.partText(&parts[i])...)
	}
	return string(x.text)
}

func (x *Exchange) partText(p *part) string {
	run := &x.run
	switch p.from {
	case fromTX:
		if s := run.slots[p.slot]; s.set {
			return s.value
		}
	case fromMatchedVar:
		return run.last.value
	case fromMatchedName:
		return run.last.label()
	case fromRequest:
		for _, k := range p.kinds {
			if k.Single() {
				return x.single(k)
			}
			if e := x.first(k, p.key); e != nil {
				return e.Value
			}
		}
	}
	return p.text
}

// first is the first element under a key in lower case, nil for none.
func (x *Exchange) first(kind bodies.Kind, key string) *bodies.Element {
	elements := x.parser.Elements()
	for _, i := range x.by[kind] {
		if int(i) >= x.marks[x.run.phase].elements {
			break
		}
		e := &elements[i]
		if kind.CaseSensitive() && e.Key == key || !kind.CaseSensitive() && bodies.NameIs(e.Key, key) {
			return e
		}
	}
	return nil
}

// do carries out an action.
func (x *Exchange) do(d *deed) {
	run := &x.run
	switch d.option {
	case "":
		x.set(d)
	case targetRemoval:
		run.lost = append(run.lost, d)
	case removal:
		run.removed = append(run.removed, removedRules{run.phase, run.at, d.ids})
	case "requestBodyProcessor":
		run.state.RequestProcessor = strings.ToUpper(d.setting)
	case "responseBodyProcessor":
		run.state.ResponseProcessor = strings.ToUpper(d.setting)
	case "requestBodyAccess":
		turn(&run.state.RequestBodyAccess, d.setting)
	case "responseBodyAccess":
		turn(&run.state.ResponseBodyAccess, d.setting)
	case "forceRequestBodyVariable":
		turn(&run.state.ForceRequestBody, d.setting)
	}
}

// turn changes a switch; Coraza ignores other words.
func turn(on *bool, word string) {
	switch strings.ToLower(word) {
	case "on":
		*on = true
	case "off":
		*on = false
	}
}

// set is Coraza's setvar.
func (x *Exchange) set(d *deed) {
	s := x.variable(d)
	value := x.expand(d.value)
	if d.remove {
		*s = slot{}
		return
	}
	if value != "" && (value[0] == '+' || value[0] == '-') {
		var ok bool
		if value, ok = added(s.value, value); !ok {
			return
		}
	}
	*s = slot{value, true}
}

// added is what a setvar with a sign makes of a variable; ok is false where Coraza
// leaves the variable alone.
func added(current, change string) (value string, ok bool) {
	operand := 0
	if len(change) > 1 {
		n, err := strconv.Atoi(change[1:])
		if err != nil { // no sum, but a text that begins with a sign
			return change, !strings.HasPrefix(change[1:], "tx.")
		}
		operand = n
	}
	sum := 0
	if current != "" {
		n, err := strconv.Atoi(current)
		if err != nil {
			return "", false
		}
		sum = n
	}
	if change[0] == '-' {
		operand = -operand
	}
	return strconv.Itoa(sum + operand), true
}

// variable finds the variable of TX that a setvar is about.
func (x *Exchange) variable(d *deed) *slot {
	run := &x.run
	if d.slot >= 0 {
		return &run.slots[d.slot]
	}
	name := strings.ToLower(x.expand(d.name))
	if i, ok := x.s.slots[name]; ok {
		return &run.slots[i]
	}
	for i := range run.extra {
		if run.extra[i].name == name {
			return &run.extra[i].slot
		}
	}
	run.extra = append(run.extra, extra{name: name})
	return &run.extra[len(run.extra)-1].slot
}

// capture sets TX:0 to TX:9 to what the operator captures of a value that it has
// matched. What it does not set stays.
func (x *Exchange) capture(l *link, value string) {
	k := &l.check
	switch {
	case k.rx != "":
		x.captureGroups(x.s.captures.of(k.rx), value)
	case k.words != nil:
		for n, at := 0, 0; n < captureSlots; n++ {
			start, end := k.words.Find(value, at)
			if start < 0 {
				return
			}
			x.run.slots[n] = slot{value[start:end], true}
			at = end
		}
	case k.sqli:
		_, fingerprint := libinjection.IsSQLi(value)
		x.run.slots[0] = slot{fingerprint, true}
	}
}

func (x *Exchange) captureGroups(re submatcher, value string) {
	found := re.FindStringSubmatchIndex(value)
	for g := 0; 2*g < len(found) && g < maxGroups; g++ {
		text := ""
		if found[2*g] >= 0 {
			text = value[found[2*g]:found[2*g+1]]
		}
		x.run.slots[g] = slot{text, true}
	}
}

// maxGroups is how many groups Coraza's @rx captures, the whole match included.
const maxGroups = 9

// submatcher finds the groups of an expression.
type submatcher interface {
	FindStringSubmatchIndex(string) []int
}

// maxCapturers bounds the expressions that are kept compiled for their groups: with
// 16, recorded traffic spent more on compiling than on all else. The
// largest of CRS take 100 KB and more, and Coraza holds them all once already.
const maxCapturers = 48

// capturers holds compiled expressions by the argument of their @rx. It is safe
// for concurrent use.
type capturers struct {
	mu   sync.Mutex
	byRx map[string]submatcher
	// turn lists the arguments; the next to go is at hand.
	turn []string
	hand int
}

// of compiles the expression, or finds it.
func (c *capturers) of(rx string) submatcher {
	c.mu.Lock()
	defer c.mu.Unlock()
	if re := c.byRx[rx]; re != nil {
		return re
	}
	var re submatcher
	if pattern, mode := dfa.RxPattern(rx); mode == dfa.Runes {
		re = regexp.MustCompile(pattern)
	} else {
		re = binaryregexp.MustCompile(pattern)
	}
	if len(c.turn) < maxCapturers {
		c.turn = append(c.turn, rx)
	} else {
		delete(c.byRx, c.turn[c.hand])
		c.turn[c.hand] = rx
		c.hand = (c.hand + 1) % maxCapturers
	}
	if c.byRx == nil {
		c.byRx = map[string]submatcher{}
	}
	c.byRx[rx] = re
	return re
}

// TX is the value of a variable of TX after the last phase that was executed; ok
// is false when it is not set.
func (x *Exchange) TX(name string) (value string, ok bool) {
	if i, dynamic := x.s.slots[name]; dynamic {
		return x.run.slots[i].value, x.run.slots[i].set
	}
	for _, v := range x.run.extra {
		if v.name == name {
			return v.value, v.set
		}
	}
	value, ok = x.s.constants[x.run.done][name]
	return value, ok
}
