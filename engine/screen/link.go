package screen

import (
	"regexp"
	"slices"
	"strings"

	"tabard/engine/screen/bodies"
	"tabard/engine/screen/transform"
	"tabard/engine/seclang"
)

// linkKind says what the outcome of a link depends on.
type linkKind uint8

const (
	always  linkKind = iota // nothing: it matches
	never                   // nothing: it does not match
	pure                    // the values of the request that it looks at
	opaque                  // likewise, but the operator is not known here
	state                   // what earlier rules have written
	mixed                   // both; the values go into the key as they are
	foreign                 // more than the key can hold
)

// link is one link of a chain, compiled.
type link struct {
	kind       linkKind
	check      check
	negated    bool
	targets    []target
	mask       bodies.Set
	transforms []*transform.Transformation
	node       int32 // of the whole list of transformations
	multi      bool
	capture    bool

	// inputs are values of the request that macros of actions put in, operands
	// those that macros of the operator do.
	inputs, operands []target
	// effect: a match writes TX or settings. counted: the number of matches
	// counts. readsMatch: what has matched is read.
	effect, counted, readsMatch bool
	// overwrites: of several matches, the last is what remains.
	overwrites bool
	// readsCaptures: what the rule itself has captured is read.
	readsCaptures bool
	// scores: a match adds to an anomaly score, which verdicts show (I3).
	scores bool
	// foreignAct and ctl: what it does when it matches makes the exchange
	// Coraza's.
	foreignAct, ctl bool
	// literalArg: the operator's argument holds no macros.
	literalArg bool
	step       step
}

// sources sums up what some text or target reads.
type sources struct {
	static, state, request, matched, foreign bool
	captures                                 bool // of the same rule
}

// macros adds what a text with macros reads. inputs are the values of the
// request among it.
func (c *compiler) macros(parts []seclang.MacroPart, l *seclang.Link, s *sources) (inputs []target) {
	for _, p := range parts {
		switch p.Variable {
		case "":
		case "TX":
			c.readTX(p.Key, s)
		case "MATCHED_VAR", "MATCHED_VAR_NAME":
			s.matched = true
		case "RULE":
			inputs = append(inputs, c.ruleMacro(p.Key, l, s)...)
		default:
			kinds, ok := bodies.Kinds(p.Variable)
			if !ok {
				s.foreign = true // I7
				continue
			}
			s.request = true
			// Coraza takes the first value under the key; all go into the key.
			inputs = append(inputs, target{kinds: kinds, mask: bodies.SetOf(kinds...), key: macroKey(p.Key)})
		}
	}
	return inputs
}

// macroKey chooses without minding case, which is at least what Coraza takes.
func macroKey(key string) selector {
	if key == "" {
		return selector{}
	}
	return selector{re: regexp.MustCompile("(?i)^" + regexp.QuoteMeta(key) + "$")}
}

// readTX notes a read of one variable of TX.
func (c *compiler) readTX(name string, s *sources) {
	switch {
	case name == "" || isBodyVariable(name):
		s.foreign = true
	case c.staticTX(name):
		s.static = true
	default:
		s.state = true
		c.noteRead(name, s)
	}
}

// ruleMacro reads what Coraza says of the present rule. Its message may hold
// macros of its own; without one, the message is another rule's.
func (c *compiler) ruleMacro(key string, l *seclang.Link, s *sources) []target {
	text := ""
	switch key {
	case "msg":
		text = l.Msg
	case "logdata":
		text = l.LogData
	case "id", "rev", "severity":
		return nil
	}
	parts, _, msg := seclang.ParseMacro(text)
	if text == "" || msg != "" {
		s.foreign, c.staleRule = true, true
		return nil
	}
	for _, p := range parts {
		if p.Variable == "RULE" {
			s.foreign = true
			return nil
		}
	}
	return c.macros(parts, l, s)
}

// newLink compiles the i-th link of a rule at its place in the walk, where the
// constants have the values that it sees.
func (c *compiler) newLink(r *seclang.Rule, i int, phase int) *link {
	l := linkOf(r, i)
	out := &link{multi: l.MultiMatch, capture: l.Capture, literalArg: true}
	c.rule, c.link, c.inAction = r, i, true
	c.actions(l, out)
	c.inAction = false
	if l.Operator == nil {
		return out
	}
	var s sources
	c.linkTargets(r, i, phase, out, &s)
	out.negated = l.Operator.Negated
	for _, name := range l.Transformations {
		t, ok := transform.Find(name)
		s.foreign = s.foreign || !ok
		out.transforms = append(out.transforms, t)
	}
	arg := l.Operator.Arg
	if takesMacros(l.Operator.Name) {
		parts, _, msg := seclang.ParseMacro(arg)
		out.operands = c.macros(parts, l, &s)
		out.literalArg = len(parts) == 1 && parts[0].Variable == ""
		arg = c.expand(parts)
		s.foreign = s.foreign || msg != ""
		out.readsMatch = out.readsMatch || s.matched
		s.foreign = s.foreign || s.matched && i == 0
	}
	out.readsCaptures = out.readsCaptures || s.captures
	if len(out.transforms) > 0 {
		c.blurred[phase] = c.blurred[phase] || out.mixesNames()
	}
	// Such a link captures without matching: what it looks at goes into the key.
	s.matched = s.matched || out.negated && out.capture
	c.classify(l, out, arg, s)
	return out
}

// mixesNames says whether the link looks at values of more than one name, so that
// the position of a value among them is a matter of chance.
func (l *link) mixesNames() bool {
	for i := range l.targets {
		t := &l.targets[i]
		if t.key.name != "" && t.key.re == nil {
			continue
		}
		for _, k := range t.kinds {
			if !k.Single() {
				return true
			}
		}
	}
	return false
}

// classify decides the kind of a link from what it reads.
func (c *compiler) classify(l *seclang.Link, out *link, arg string, s sources) {
	if s.foreign {
		out.kind = foreign
		return
	}
	k, ok := c.newCheck(l.Operator, arg, l.Directive.Dir)
	byState := s.state || s.matched || len(out.operands) > 0
	switch {
	case !ok && s == sources{request: true}:
		out.kind = opaque
	case !ok, k.byInput != nil && s != sources{request: true}:
		out.kind = foreign
	case byState && len(out.targets) > 0:
		out.kind = mixed
	case byState:
		out.kind = state
	case len(out.targets) > 0 && s.static:
		out.kind = mixed // some values are constants of TX
		if !targetsTX(l) {
			out.kind = pure
		}
	case s.request:
		out.kind = pure
	default:
		out.kind = never
		if c.constant(l, k) > 0 {
			out.kind = always
		}
	}
	out.check = k
}

func targetsTX(l *seclang.Link) bool {
	for _, t := range l.Targets {
		if t.Variable == "TX" {
			return true
		}
	}
	return false
}

// linkTargets sorts the link's variables.
func (c *compiler) linkTargets(r *seclang.Rule, i, phase int, out *link, s *sources) {
	l, counts := linkOf(r, i), false
	for _, t := range l.Targets {
		switch t.Variable {
		case "TX":
			if input := c.ownInput(t); input > 0 && !(t.Count && (len(l.Transformations) > 0 || c.losesTargets(r))) {
				s.request = true
				out.targets, counts = append(out.targets, target{input: input, count: t.Count}), counts || t.Count
			} else {
				c.targetTX(t, s)
			}
			continue
		case "MATCHED_VAR", "MATCHED_VARS", "MATCHED_VAR_NAME", "MATCHED_VARS_NAMES":
			// Of the first link it would be what some other rule has matched.
			s.matched, out.readsMatch = true, true
			s.foreign = s.foreign || i == 0
			continue
		}
		kinds, ok := bodies.Kinds(t.Variable)
		compiled, compiles := newTarget(t, kinds)
		if !ok || !compiles {
			s.foreign = true
			continue
		}
		s.request = true
		// Coraza caches the transformed count in a way that confuses it with
		// another, and a rule may take values away from it.
		s.foreign = s.foreign || t.Count && (len(l.Transformations) > 0 || c.losesTargets(r))
		counts = counts || t.Count
		s.matched = s.matched || unstable(compiled.mask, phase) // I6
		out.targets = append(out.targets, compiled)
		out.mask |= compiled.mask
	}
	// A count has always one value, so that its operator must be known.
	if _, known := c.newCheck(l.Operator, l.Operator.Arg, l.Directive.Dir); counts && !known {
		s.foreign = true
	}
}

// ownInput gives the target in TX that only the engine sets, and 0 for others.
func (c *compiler) ownInput(t seclang.Target) int {
	if t.IsPattern || len(t.Except) > 0 {
		return 0
	}
	for _, w := range c.writers {
		if w.name == t.Key || w.prefix && strings.HasPrefix(t.Key, w.name) {
			return 0
		}
	}
	return 1 + slices.Index(c.options.Inputs, t.Key)
}

// unstable says whether rules of the phase can change one of the values: the
// body processors, by ctl.
func unstable(mask bodies.Set, phase int) bool {
	return phase == 1 && mask.Has(bodies.ReqbodyProcessor) || phase <= 3 && mask.Has(bodies.ResBodyProcessor)
}

// targetTX notes what a target in TX reads.
func (c *compiler) targetTX(t seclang.Target, s *sources) {
	if !t.IsPattern && t.Key != "" && len(t.Except) == 0 {
		c.readTX(t.Key, s)
		return
	}
	// Any name may be among those read.
	s.state = true
	c.notePattern(t)
	for _, name := range bodyVariables {
		re, err := regexp.Compile(t.Pattern)
		s.foreign = s.foreign || !t.IsPattern || err != nil || re.MatchString(name)
	}
	if re, err := regexp.Compile(t.Pattern); !t.IsPattern || err != nil || re.MatchString("0") || re.MatchString("1") || re.MatchString("9") {
		c.readsCaptures = true
	}
}

// bodyVariables are the variables of TX that Coraza's JSON processor fills with
// the body.
var bodyVariables = []string{"json_request_body", "json_response_body"}

func isBodyVariable(name string) bool { return name == bodyVariables[0] || name == bodyVariables[1] }

// actions notes what a link does when it matches.
func (c *compiler) actions(l *seclang.Link, out *link) {
	for _, a := range l.Actions {
		switch {
		case a.Kind != seclang.Nondisruptive:
		case a.SetVar != nil:
			out.effect = true
			var s sources
			out.inputs = append(out.inputs, c.macros(a.SetVar.Key, l, &s)...)
			out.inputs = append(out.inputs, c.macros(a.SetVar.Value, l, &s)...)
			out.readsMatch = out.readsMatch || s.matched
			out.readsCaptures = out.readsCaptures || s.captures
			out.foreignAct = out.foreignAct || s.foreign
			out.counted = out.counted || accumulates(a.SetVar)
			out.overwrites = out.overwrites || hasMacro(a.SetVar.Value) && !hasMacro(a.SetVar.Key) && (s.matched || s.captures)
			out.scores = out.scores || accumulates(a.SetVar) && strings.Contains(strings.ToLower(a.Arg), "anomaly_score")
		case a.Ctl != nil:
			out.effect = true
			out.ctl = out.ctl || c.steersCoraza(a.Ctl)
		default:
			out.foreignAct = out.foreignAct || !harmlessAction(a.Name)
		}
	}
}

// accumulates says whether a second match changes more than the first: the value
// may be a sum, or made of macros.
func accumulates(v *seclang.SetVar) bool {
	for _, p := range append(v.Key[:len(v.Key):len(v.Key)], v.Value...) {
		if p.Variable != "" {
			return true
		}
	}
	return len(v.Value) > 0 && v.Value[0].Text != "" && (v.Value[0].Text[0] == '+' || v.Value[0].Text[0] == '-')
}

func hasMacro(parts []seclang.MacroPart) bool {
	return slices.ContainsFunc(parts, func(p seclang.MacroPart) bool { return p.Variable != "" })
}

// steersCoraza names the settings whose change makes the exchange Coraza's: they
// undo what the compiler takes for constant (I8), or write an audit log.
func (c *compiler) steersCoraza(ctl *seclang.Ctl) bool {
	switch ctl.Option {
	case "ruleRemoveById", "ruleRemoveByMsg", "ruleRemoveByTag":
		// What is removed then follows from the key, unless constants come of it.
		return c.removesConstants(ctl)
	case "auditLogParts", "debugLogLevel", "forceRequestBodyVariable",
		"hashEngine", "hashEnforcement", "requestBodyAccess", "requestBodyProcessor",
		"responseBodyAccess", "responseBodyProcessor", "ruleRemoveTargetById", "ruleRemoveTargetByMsg", "ruleRemoveTargetByTag":
		return false
	}
	return true
}

// harmlessAction names the actions that only describe the link.
func harmlessAction(name string) bool {
	switch name {
	case "auditlog", "capture", "log", "logdata", "multiMatch", "noauditlog", "nolog", "t", "expirevar":
		return true
	}
	return false
}

// takesMacros names the operators in whose argument Coraza puts values in.
func takesMacros(operator string) bool {
	switch operator {
	case "beginsWith", "contains", "endsWith", "eq", "ge", "gt", "le", "lt", "streq", "strmatch", "within":
		return true
	}
	return false
}

func linkOf(r *seclang.Rule, i int) *seclang.Link {
	if i == 0 {
		return &r.Link
	}
	return r.Chain[i-1]
}
