package screen

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/corazawaf/coraza/v3/types"

	"tabard/engine/screen/bodies"
	"tabard/engine/screen/transform"
	"tabard/engine/seclang"
)

// step is what the executor has to know of a link beyond what decides whether it
// matches: all that it looks at, in Coraza's order, and what a match does.
type step struct {
	looks []look
	// fixed are the matches of a link that matches in every exchange.
	fixed []hit
	// arg is the operator's argument where rules change it, op is its name.
	op    string
	arg   []part
	deeds []deed
	texts
	// capture: what a match captures is read by somebody.
	capture bool
	// early: the texts are put together before a match has done anything. blind: not
	// all that the link looks at is known.
	early, blind bool
	// why, when not Hit, is why a match is Coraza's.
	why Reason
}

// texts are msg and logdata; nil is none.
type texts struct{ msg, data []part }

// ending is what comes of a rule when all its links have matched.
type ending struct {
	texts
	late     bool // the texts are put together after the last link
	tells    bool // it logs or audits
	log      bool
	severity int
	next     int  // where in the table skip or skipAfter leads, 0 for the next rule
	counts   bool // it has a skip, which counts rules
	stop     *types.Interruption
	why      Reason // as in step
}

// source says where a value comes from.
type source uint8

const (
	fromText source = iota // the same in every exchange
	fromRequest
	fromTX
	fromTXPattern
	fromMatchedVar
	fromMatchedName
	fromMatchedVars
	fromMatchedNames
)

// look is one variable that a link looks at.
type look struct {
	from   source
	name   string // of the variable
	key    string // of a constant or a count
	value  string // of a constant
	target target
	count  bool
	slots  []int32 // one, or all whose names the pattern matches
	re     *regexp.Regexp
}

// part is a stretch of a text with macros. For what is not set Coraza puts in text.
type part struct {
	from  source
	slot  int32
	kinds []bodies.Kind
	text  string
	key   string
}

// deed is one action of a match: it sets a variable, of a slot or by a name that
// is put together; or, with an option, it is a ctl.
type deed struct {
	slot        int32 // -1: name
	remove      bool
	name, value []part
	option      string
	setting     string
	ids         []int // the rules that a ctl removes or takes a target from, ascending
	variable    string
	except      selector
}

// settled is a rule that matches in every exchange that comes to it.
type settled struct{ at, id int }

// fixedDeed is what a settled rule does to a variable that others write as well.
type fixedDeed struct {
	at int
	deed
}

// captureSlots are the first: TX:0 to TX:9.
const captureSlots = 10

// slotOf gives the slot of a variable of TX that is not the same in each exchange.
func (c *compiler) slotOf(name string) int32 {
	i, ok := c.s.slots[name]
	if !ok {
		i = int32(len(c.s.slotNames))
		c.s.slots[name] = i
		c.s.slotNames = append(c.s.slotNames, name)
	}
	return i
}

// addSteps compiles what the executor needs for a rule at its place in the walk,
// where the constants have the values that it sees.
func (c *compiler) addSteps(r *seclang.Rule, out *rule) {
	c.rule, c.captured = r, captureReads{}
	for n, l := range out.links {
		c.link = n
		l.step = c.newStep(r, n, out.phase, l)
	}
	out.ending = c.newEnding(r, out)
	out.captured = c.captured
	c.s.staleReads |= c.captured.told | c.captured.used
}

func (c *compiler) newStep(r *seclang.Rule, n, phase int, l *link) (s step) {
	lang := linkOf(r, n)
	c.inAction = false
	known := true
	switch l.kind {
	case always:
		s.fixed = c.fixedHits(lang, l)
		known = !l.multi
	case pure, opaque, state, mixed:
		s.blind = !c.looks(r, lang, &s) || !c.runtimeArg(lang, l, &s) || l.negated && l.capture && l.multi ||
			n > 0 && lang.ID != 0 && c.losesTargets(r) // which go by the link's own id then
	}
	s.early = lang.Operator == nil && n > 0
	c.inAction = true
	for _, a := range lang.Actions {
		known = c.deed(a, phase, &s) && known
	}
	known = known && !s.writesArg() && !l.foreignAct && (!l.capture || c.capturesKnown(lang))
	if reports(r) && (n > 0 || len(r.Chain) == 0) {
		known = c.texts(lang, &s.texts) && known
	}
	if !known {
		s.why = cmp.Or(s.why, RuleForeign)
	}
	return s
}

// capturesKnown says whether it is known what a match of the link captures.
func (c *compiler) capturesKnown(lang *seclang.Link) bool {
	return lang.Operator == nil || c.options.Operators[lang.Operator.Name] == nil
}

// fixedHits are the matches of a link over what is the same in every exchange.
func (c *compiler) fixedHits(lang *seclang.Link, l *link) (hits []hit) {
	if lang.Operator == nil {
		return []hit{{}}
	}
	for _, t := range lang.Targets {
		value, ok := c.constants[strings.ToLower(t.Key)]
		if t.Count {
			value, ok = count01(ok), true
		}
		for _, name := range lang.Transformations {
			f, _ := transform.Lookup(name)
			value, _ = f(value)
		}
		if ok && l.check.test(value) != l.negated {
			hits = append(hits, hit{variable: t.Variable, key: t.Key, value: value})
		}
	}
	return hits
}

func count01(set bool) string {
	if set {
		return "1"
	}
	return "0"
}

// looks lists all that a link looks at. ok is false where that is not known.
func (c *compiler) looks(r *seclang.Rule, lang *seclang.Link, s *step) (ok bool) {
	for _, t := range lang.Targets {
		k := look{name: t.Variable, key: t.Key, count: t.Count, from: matchedSources[t.Variable]}
		switch {
		case t.Variable == "TX":
			var there bool
			if there, ok = c.lookTX(r, lang, t, &k); !ok {
				return false
			}
			if !there {
				continue
			}
		case k.from != fromText:
			if t.Count || t.IsPattern || t.Key != "" || len(t.Except) > 0 {
				return false
			}
		default:
			kinds, known := bodies.Kinds(t.Variable)
			k.from = fromRequest
			if k.target, ok = newTarget(t, kinds); !ok || !known {
				return false
			}
		}
		s.looks = append(s.looks, k)
	}
	return true
}

var matchedSources = map[string]source{
	"MATCHED_VAR": fromMatchedVar, "MATCHED_VAR_NAME": fromMatchedName,
	"MATCHED_VARS": fromMatchedVars, "MATCHED_VARS_NAMES": fromMatchedNames,
}

// lookTX compiles a look at TX; there says whether it ever sees a value.
func (c *compiler) lookTX(r *seclang.Rule, lang *seclang.Link, t seclang.Target, k *look) (there, ok bool) {
	if input := c.ownInput(t); input > 0 && !(t.Count && (len(lang.Transformations) > 0 || c.losesTargets(r))) {
		k.from, k.target = fromRequest, target{input: input, count: t.Count}
		return true, true
	}
	switch {
	case len(t.Except) > 0, t.Key == "", isBodyVariable(t.Key):
		return false, false
	case t.IsPattern:
		return true, c.lookPattern(t, k)
	case isCapture(t.Key):
		c.readCapture(t.Key)
	case c.staticTX(t.Key):
		value, set := c.constants[t.Key]
		if k.value = value; t.Count {
			k.value, k.count = count01(set), false
		}
		return set || t.Count, true
	}
	k.from, k.slots = fromTX, []int32{c.slotOf(t.Key)}
	// An input that rules write as well may have several values.
	return true, !slices.Contains(c.options.Inputs, t.Key)
}

// lookPattern looks at all variables whose names match; none of them may be one
// that has no slot.
func (c *compiler) lookPattern(t seclang.Target, k *look) (ok bool) {
	re, err := regexp.Compile(t.Pattern)
	if err != nil || slices.ContainsFunc(c.options.Inputs, re.MatchString) || slices.ContainsFunc(c.s.slotNames[:captureSlots], re.MatchString) {
		return false
	}
	for name := range c.constants {
		if c.staticTX(name) && re.MatchString(name) {
			return false
		}
	}
	k.from, k.re = fromTXPattern, re
	return true
}

// runtimeArg keeps the operator's argument where it is not the same each time.
func (c *compiler) runtimeArg(lang *seclang.Link, l *link, s *step) (ok bool) {
	if !takesMacros(lang.Operator.Name) || l.check.byInput != nil || lang.Operator.Arg == "" {
		return true
	}
	parts, ok := c.text(lang.Operator.Arg)
	if len(parts) > 1 || len(parts) == 1 && parts[0].from != fromText {
		s.op, s.arg = lang.Operator.Name, parts
	}
	return ok
}

// writesArg says whether a match may change what the next value is compared with.
func (s *step) writesArg() bool {
	return slices.ContainsFunc(s.deeds, func(d deed) bool {
		return d.option == "" && slices.ContainsFunc(s.arg, func(p part) bool { return p.from == fromTX && (d.slot < 0 || d.slot == p.slot) })
	})
}

// deed compiles an action. ok is false for what only Coraza can do.
func (c *compiler) deed(a seclang.Action, phase int, s *step) (ok bool) {
	switch {
	case a.SetVar != nil:
		d := deed{slot: -1, remove: a.SetVar.Remove}
		var named, valued bool
		d.name, named = c.parts(a.SetVar.Key)
		d.value, valued = c.parts(a.SetVar.Value)
		if len(d.name) == 1 && d.name[0].from == fromText {
			d.slot, d.name = c.slotOf(strings.ToLower(d.name[0].text)), nil
		}
		s.deeds = append(s.deeds, d)
		return named && valued
	case a.Ctl == nil:
		return true
	case c.steersCoraza(a.Ctl):
		s.why = RuleCtl
	case strings.HasPrefix(a.Ctl.Option, targetRemoval):
		except, ok := newSelector(a.Ctl.Selector)
		s.deeds = append(s.deeds, deed{option: targetRemoval, ids: c.removed(a.Ctl, targetRemoval), variable: a.Ctl.Variable, except: except})
		return ok
	case strings.HasPrefix(a.Ctl.Option, removal):
		s.deeds = append(s.deeds, deed{option: removal, ids: c.removed(a.Ctl, removal)})
	case phase <= lastPhaseOf[a.Ctl.Option]:
		s.deeds = append(s.deeds, deed{option: a.Ctl.Option, setting: a.Ctl.Value})
	}
	return true
}

// The options of deeds that remove rules or targets, by whatever they were named.
const (
	removal       = "ruleRemove"
	targetRemoval = "ruleRemoveTarget"
)

// lastPhaseOf are the settings of a State, with the last phase in which Coraza
// takes a change. Other ctls that Coraza's steersCoraza lets through do nothing
// that is seen here.
var lastPhaseOf = map[string]int{
	"forceRequestBodyVariable": 5, "requestBodyAccess": 1, "requestBodyProcessor": 1,
	"responseBodyAccess": 3, "responseBodyProcessor": 3,
}

// removed lists the rules that a ctl of a family is about. Coraza ignores an id that is none.
func (c *compiler) removed(ctl *seclang.Ctl, family string) (ids []int) {
	first, last, isRange := strings.Cut(ctl.Value, "-")
	_, err1 := strconv.Atoi(first)
	_, err2 := strconv.Atoi(last)
	if ctl.Option == family+"ById" && (err1 != nil || isRange && err2 != nil) {
		return nil
	}
	for _, r := range c.table.Rules {
		if r.Marker == "" && aims(ctl, family, r) {
			ids = append(ids, r.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func (c *compiler) texts(lang *seclang.Link, t *texts) bool {
	c.inText = true
	defer func() { c.inText = false }()
	msg, ok1 := c.text(lang.Msg)
	data, ok2 := c.text(lang.LogData)
	t.msg, t.data = msg, data
	return ok1 && ok2
}

func (c *compiler) text(text string) (parts []part, ok bool) {
	if text == "" {
		return nil, true
	}
	macros, _, msg := seclang.ParseMacro(text)
	parts, ok = c.parts(macros)
	return parts, ok && msg == ""
}

// parts compiles a text at the compiler's place: what never changes is put in. ok
// is false for macros that only Coraza can expand.
func (c *compiler) parts(macros []seclang.MacroPart) (out []part, ok bool) {
	for _, m := range macros {
		p := part{from: matchedSources[m.Variable], text: m.Text, key: m.Key}
		switch m.Variable {
		case "", "MATCHED_VAR", "MATCHED_VAR_NAME":
		case "TX":
			if m.Key == "" || isBodyVariable(m.Key) {
				return nil, false
			}
			c.partTX(&p)
		default:
			if !partRequest(&p, m.Variable) {
				return nil, false
			}
		}
		if last := len(out) - 1; last >= 0 && p.from == fromText && out[last].from == fromText {
			out[last].text += p.text
			continue
		}
		out = append(out, p)
	}
	return out, true
}

func (c *compiler) partTX(p *part) {
	switch {
	case isCapture(p.key):
		c.readCapture(p.key)
	case c.staticTX(p.key):
		if value, ok := c.constants[p.key]; ok {
			p.text = value
		}
		return
	}
	p.from, p.slot = fromTX, c.slotOf(p.key)
}

// partRequest puts in the first value of a variable under a key.
func partRequest(p *part, variable string) (ok bool) {
	kinds, known := bodies.Kinds(variable)
	if !known || len(kinds) == 0 {
		return false
	}
	for _, k := range kinds {
		// Of a collection of names Coraza puts in the value, not the name.
		if !k.Single() && (p.key == "" || strings.HasSuffix(k.String(), "_NAMES")) {
			return false
		}
	}
	p.from, p.kinds = fromRequest, kinds
	return true
}

// readCapture notes that a captured group is read at the compiler's place: one of
// the same rule, or what another may have left.
func (c *compiler) readCapture(name string) {
	bit := uint16(1) << (name[0] - '0')
	switch {
	case c.fresh(name):
		c.captured.own |= bit
	case c.inText:
		c.captured.told |= bit
	default:
		c.captured.used |= bit
	}
}

// captureReads are the captures, by bit, that a rule reads: its own, and those that
// others may have left, told by its texts or used for more.
type captureReads struct{ own, told, used uint16 }

func (c *compiler) newEnding(r *seclang.Rule, out *rule) ending {
	e := ending{
		late:  r.HasChain || len(r.Chain) > 0 || r.Operator == nil,
		tells: r.Log || r.Audit, log: r.Log, severity: r.Severity, counts: r.Skip > 0,
	}
	if r.Skip > 0 || r.SkipAfter != "" {
		e.next = c.landing(out.at, out.phase)
	}
	if out.hazard {
		e.why = RuleFlow
	}
	c.link, c.inAction = len(r.Chain), true
	if e.tells && !c.texts(&r.Link, &e.texts) {
		e.why = cmp.Or(e.why, RuleForeign)
	}
	if a, ok := r.Disruptive(); ok && !e.disrupts(r, a) {
		e.why = cmp.Or(e.why, RuleForeign)
	}
	return e
}

// What Coraza's deny and redirect answer with where the rule says nothing else.
const (
	denyStatus     = 403
	redirectStatus = 302
)

// disrupts notes the interruption; ok is false for an action that is not known.
func (e *ending) disrupts(r *seclang.Rule, a seclang.Action) (ok bool) {
	stop := types.Interruption{RuleID: r.ID, Action: a.Name, Status: r.Status}
	switch a.Name {
	case "pass", "block", "allow": // allow is a hazard
		return true
	case "deny":
		stop.Status = orInt(stop.Status, denyStatus)
	case "drop":
	case "redirect":
		stop.Data = a.Arg
		if !slices.Contains([]int{301, 302, 303, 307}, stop.Status) {
			stop.Status = redirectStatus
		}
	default:
		return false
	}
	e.stop = &stop
	return true
}

// startExecutor prepares the slots that there always are, and the state that an
// exchange begins with (I8).
func (c *compiler) startExecutor() {
	s := c.s
	s.slots, s.tableLen = map[string]int32{}, len(c.table.Rules)
	for i := range captureSlots {
		c.slotOf(string(rune('0' + i)))
	}
	for _, name := range c.options.Inputs {
		s.inputSlots = append(s.inputSlots, c.slotOf(name))
	}
	mode := c.setting("secruleengine", "on")
	s.detects, s.noExecutor = mode == "detectiononly", mode == "off"
	s.initial = State{
		Known: true, RequestBodyAccess: c.setting("secrequestbodyaccess", "off") == "on",
		ResponseBodyAccess: c.setting("secresponsebodyaccess", "off") == "on",
	}
}

func (c *compiler) setting(name, otherwise string) string {
	if s, ok := c.table.Setting(name); ok {
		return strings.ToLower(s.Value)
	}
	return otherwise
}

// runStaticAt runs a static rule at a place of the walk.
func (c *compiler) runStaticAt(at spot) bool {
	c.spot = at
	return c.runStatic(c.table.Rules[at.at])
}

// fix keeps what a settled rule does to what other rules change as well.
func (c *compiler) fix(a seclang.Action) {
	if a.SetVar != nil && c.staticTX(c.expand(a.SetVar.Key)) {
		return
	}
	var s step
	known := c.deed(a, c.spot.phase, &s)
	c.s.noExecutor = c.s.noExecutor || !known || s.why != Hit
	for _, d := range s.deeds {
		c.s.fixed[c.spot.phase] = append(c.s.fixed[c.spot.phase], fixedDeed{c.spot.at, d})
	}
}

// setsScores says whether the rule sets a variable that a verdict shows.
func setsScores(r *seclang.Rule) bool {
	for n := range 1 + len(r.Chain) {
		for _, a := range linkOf(r, n).Actions {
			if a.SetVar != nil && strings.Contains(strings.ToLower(a.Arg), scoreVariable) {
				return true
			}
		}
	}
	return false
}

// scoreVariable is in the names of the variables that a verdict shows.
const scoreVariable = "anomaly_score_pl"

// keepScores keeps those of them that are the same after a phase of each exchange.
func (c *compiler) keepScores(phase int) {
	kept := map[string]string{}
	for name, value := range c.constants {
		if strings.Contains(name, scoreVariable) {
			kept[name] = value
		}
	}
	c.s.constants[phase] = kept
}

// finishSteps fills in what is known only when all rules are compiled.
func (c *compiler) finishSteps() {
	for _, r := range c.s.rules {
		for _, l := range r.links {
			l.step.capture = l.capture && (r.captured.own|c.s.staleReads) != 0
			for n := range l.step.looks {
				c.resolve(&l.step.looks[n])
			}
		}
	}
}

func (c *compiler) resolve(k *look) {
	if k.from != fromTXPattern {
		return
	}
	for slot, name := range c.s.slotNames {
		if k.re.MatchString(name) {
			k.slots = append(k.slots, int32(slot))
		}
	}
}
