package lint

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tabard/engine/seclang"
	"tabard/internal/report"
	"tabard/internal/words"
)

// meaning are checks of what is likely not meant.
var meaning = []Check{
	{"id-range", "an id is not among those for local rules", report.Warning, nil, (*pass).idRange},
	{"missing-phase", "a rule does not say its phase", report.Warning, nil, (*pass).missingPhase},
	{"missing-t-none", "a rule takes over transformations in other engines", report.Warning, nil, (*pass).missingTNone},
	{"unused-capture", "nothing reads what a rule captures", report.Warning, nil, (*pass).unusedCapture},
	{"missing-capture", "a rule reads a capture that it does not make", report.Warning, nil, (*pass).missingCapture},
	{"empty-variable", "a variable has no value, in the rule's phase or ever", report.Warning, nil, (*pass).emptyVariable},
}

func equalFold(a, b string) bool { return strings.EqualFold(a, b) }

func (p *pass) idRange() {
	p.own(func(r *seclang.Rule, l *seclang.Link) {
		if l.ID == 0 || l.ID >= p.FirstID && l.ID <= p.LastID {
			return
		}
		_, at, _ := word(l, "id")
		first, last := strconv.Itoa(p.FirstID), strconv.Itoa(p.LastID)
		p.add(at, "the id "+strconv.Itoa(l.ID)+" is not one for local rules", "use one from "+first+" to "+last+", or name your range with --ids")
	})
}

func (p *pass) missingPhase() {
	p.own(func(r *seclang.Rule, l *seclang.Link) {
		if l != &r.Link {
			return
		}
		if _, at, ok := word(l, "phase"); !ok {
			p.add(at, name(l)+" names no phase and runs in phase 2", `write "phase:2,..."`)
		}
	})
}

// missingTNone looks at rules that look at values: a SecAction and a count have
// nothing to transform.
func (p *pass) missingTNone() {
	p.own(func(r *seclang.Rule, l *seclang.Link) {
		if l.Operator == nil || !slices.ContainsFunc(l.Targets, func(t seclang.Target) bool { return !t.Count }) {
			return
		}
		first, at := "", l.Directive.Pos
		for _, w := range l.Directive.Words() {
			if equalFold(w.Name, "t") {
				first, at = w.Arg, w.Pos
				break
			}
		}
		switch {
		case first == "":
			p.add(at, name(l)+" has no t:none, so that in ModSecurity it takes over the transformations of SecDefaultAction", "add t:none")
		case !equalFold(first, "none"):
			p.add(at, "t:"+first+" comes without t:none before it, so that in ModSecurity those of SecDefaultAction run first", "write t:none,t:"+first)
		}
	})
}

// captureUse finds TX:1, TX.1 and %{tx.0} in the text of a rule.
var captureUse = regexp.MustCompile(`(?i)\btx[.:]/?\^?[0-9]\b`)

func (p *pass) unusedCapture() {
	p.own(func(r *seclang.Rule, l *seclang.Link) {
		_, at, ok := word(l, "capture")
		if !ok || p.readsCapture(r) {
			return
		}
		p.add(at, "nothing reads what "+name(l)+" captures", "remove capture, or write %{TX.0} into logdata")
	})
}

// readsCapture says whether a rule, or one behind it, reads a capture.
func (p *pass) readsCapture(rule *seclang.Rule) bool {
	behind := false
	for _, r := range p.table.Rules {
		if behind = behind || r == rule; !behind {
			continue
		}
		for _, l := range links(r) {
			if r == rule && captureUse.MatchString(l.Directive.Raw) || readsTarget(l) {
				return true
			}
		}
		if makesCapture(r) && r != rule {
			return false
		}
	}
	return false
}

func makesCapture(r *seclang.Rule) bool {
	return slices.ContainsFunc(links(r), func(l *seclang.Link) bool { return l.Capture })
}

// readsTarget says whether a link looks at TX:0 to TX:9.
func readsTarget(l *seclang.Link) bool {
	return slices.ContainsFunc(l.Targets, func(t seclang.Target) bool {
		return t.Variable == "TX" && len(t.Key) == 1 && t.Key[0] >= '0' && t.Key[0] <= '9'
	})
}

func (p *pass) missingCapture() {
	captured := false
	for _, r := range p.table.Rules {
		captured = captured || makesCapture(r)
		if captured || r.Marker != "" {
			// What an earlier rule has captured may be meant.
			if !makesCapture(r) && usesCaptureMacro(r) && !readsAny(r) {
				p.add(r.Directive.Pos, name(&r.Link)+" reads a capture and has no action capture", "add capture")
			}
			continue
		}
		if usesCaptureMacro(r) {
			p.add(r.Directive.Pos, name(&r.Link)+" reads a capture and has no action capture", "add capture")
		}
	}
}

func readsAny(r *seclang.Rule) bool { return slices.ContainsFunc(links(r), readsTarget) }

// usesCaptureMacro says whether a message or a setvar of a rule with an
// operator that can capture reads %{TX.n}.
func usesCaptureMacro(r *seclang.Rule) bool {
	for _, l := range links(r) {
		if l.Operator != nil && captureUse.MatchString(l.Msg+"\n"+l.LogData) {
			return true
		}
	}
	return false
}

// filled says from which phase on a variable has values; the longest beginning
// of a name decides. Variables without an entry have them from phase 1 on.
var filled = []struct {
	prefix string
	phase  int
}{
	{"ARGS_POST", 2}, {"FILES", 2}, {"MULTIPART_", 2}, {"REQUEST_BODY", 2}, {"REQBODY_ERROR", 2}, {"REQBODY_PROCESSOR_ERROR", 2},
	{"REQUEST_XML", 2}, {"XML", 2}, {"INBOUND_DATA_ERROR", 2},
	{"RESPONSE_BODY", 4}, {"RESPONSE_ARGS", 4}, {"RESPONSE_XML", 4}, {"OUTBOUND_DATA_ERROR", 4}, {"RESPONSE_CONTENT_LENGTH", 4},
	{"RESPONSE_", 3},
}

// filledFrom gives the phase from which on a variable may have a value.
func filledFrom(variable string) int {
	for _, f := range filled {
		if strings.HasPrefix(variable, f.prefix) {
			return f.phase
		}
	}
	return 1
}

func (p *pass) emptyVariable() {
	p.own(func(r *seclang.Rule, l *seclang.Link) {
		for _, t := range l.Targets {
			if words.NeverSet(t.Variable) {
				p.add(t.Pos, "Coraza never sets "+t.Variable, "")
				continue
			}
			if from := filledFrom(t.Variable); from > r.Phase && !t.Count {
				p.add(t.Pos, t.Variable+" has no value before phase "+strconv.Itoa(from)+", and the rule runs in phase "+strconv.Itoa(r.Phase), "write phase:"+strconv.Itoa(from))
			}
		}
	})
}

// ctlOfNothing looks at ctl actions that remove rules, which Coraza does not
// compare with the rules there are.
func (p *pass) ctlOfNothing() {
	p.own(func(r *seclang.Rule, l *seclang.Link) {
		for _, a := range l.Actions {
			if a.Ctl == nil {
				continue
			}
			switch a.Ctl.Option {
			case "ruleRemoveById", "ruleRemoveTargetById":
				if !p.hasID(a.Ctl.Value) {
					p.add(a.ArgPos, "no rule has the id "+a.Ctl.Value, p.idHint(a.Ctl.Value))
				}
			case "ruleRemoveByTag", "ruleRemoveTargetByTag":
				if !slices.Contains(p.tags(), a.Ctl.Value) {
					p.add(a.ArgPos, "no rule has the tag "+strconv.Quote(a.Ctl.Value), seclang.DidYouMean(a.Ctl.Value, p.tags()))
				}
			}
		}
	})
}

// hasID says whether some rule has an id, or one of a range of them. What is no
// number is left to Coraza.
func (p *pass) hasID(value string) bool {
	from, to, ranged := strings.Cut(value, "-")
	if !ranged {
		to = from
	}
	first, err := strconv.Atoi(strings.TrimSpace(from))
	last, err2 := strconv.Atoi(strings.TrimSpace(to))
	return err != nil || err2 != nil || slices.ContainsFunc(p.everywhere(), func(r *seclang.Rule) bool {
		return r.ID != 0 && first <= r.ID && r.ID <= last
	})
}

func (p *pass) idHint(value string) string {
	var ids []string
	for _, r := range p.everywhere() {
		if r.ID != 0 {
			ids = append(ids, strconv.Itoa(r.ID))
		}
	}
	return seclang.DidYouMean(value, ids)
}

// everywhere are the rules here and those elsewhere.
func (p *pass) everywhere() []*seclang.Rule { return slices.Concat(p.table.Rules, p.others) }

func (p *pass) tags() (out []string) {
	for _, r := range p.everywhere() {
		out = append(out, r.Tags...)
	}
	return out
}
