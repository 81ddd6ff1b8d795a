package screen

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tabard/engine/screen/bodies"
	"tabard/engine/screen/dfa"
	"tabard/engine/screen/literal"
	"tabard/engine/seclang"
)

const (
	// defaultMemoBytes holds some thousand keys of CRS, which are a few hundred
	// bytes each.
	defaultMemoBytes = 3 << 20
	// defaultStateBytes: the states of all DFAs after the whole of CRS's attack
	// corpus take 2 to 3.5 MB.
	defaultStateBytes = 5 << 20
)

// Options is what the text of the rules does not say.
type Options struct {
	// Files is the file system that Coraza was given as root, for @pmFromFile;
	// without it such rules are Coraza's.
	Files fs.FS
	// Constants are variables of TX, named in lower case, that the engine sets to
	// the same value in every exchange.
	Constants map[string]string
	// Inputs are variables of TX, named in lower case, that the engine sets itself
	// with values that differ from exchange to exchange: see Exchange.Input.
	Inputs []string
	// Operators are operators of plugins whose answer depends on argument and
	// value alone, by their exact names. Variables of Inputs are put into the
	// argument first; the test must be safe for concurrent use.
	Operators map[string]func(arg string) (test func(value string) bool, err error)
	// Distinct is the operator among them that keeps Coraza from taking one value
	// of a name for another, as its side effect: rules with it are never left out.
	Distinct string
	// Limits replace those of the table's settings where they are not zero.
	Limits bodies.Limits
	// MemoBytes is the limit of the memo, StateBudget that of all automata built
	// on the way, in bytes. 0 is a default; a negative MemoBytes is no memo.
	MemoBytes, StateBudget int
}

// compiler holds what is known while a table is compiled.
type compiler struct {
	table   *seclang.Table
	options Options
	budget  *dfa.Budget
	s       *Screener

	static    []bool // by index in the table
	counted   []bool // likewise: in the window of a skip:N
	writers   []writer
	ctls      []*seclang.Ctl
	constants map[string]string
	// rule, link and inAction are the place that is being compiled.
	rule     *seclang.Rule
	link     int
	inAction bool
	nodes    map[string]int32

	// blurred are the phases in which a rule has confused values already, apart
	// those in which a rule has kept them apart before.
	blurred, apart [6]bool
	readings       []read          // of TX, by dynamic rules
	readsCaptures  bool            // some rule reads what another may have captured
	staleRule      bool            // a message of another rule is read
	skipAfter      string          // the marker that the walk looks for
	spot           spot            // where the walk is
	captured       captureReads    // see rule
	inText         bool            // what is compiled is a msg or logdata
	staticNames    map[string]bool // what staticTX has said
}

// rule is a rule that is not static and not passed over by a static one.
type rule struct {
	id, phase int
	at        int // index in the table
	local     *local
	links     []*link
	// removable: Coraza may be told to leave it out. settled: its values are
	// there before a body is read.
	removable, settled bool
	found              bool // its matches are noted when the values come in
	reports, hazard    bool
	keyed              bool // it has a part in the key
	values             bool // what matched goes into the key
	groups             bool // of what matched, the captured groups are enough
	whole              bool // they are not: a ctl may take targets away
	// later are the kinds of which links after the first transform values.
	later    bodies.Set
	ending   ending
	captured captureReads
}

// Compile builds the screener of a rule set. The error says, with the place, why
// there can be none. Rules that cannot be screened are no error: they are always
// Coraza's.
func Compile(t *seclang.Table, o Options) (*Screener, error) {
	if len(t.Unmodelled) > 0 {
		u := t.Unmodelled[0]
		return nil, fmt.Errorf("%v: %s: %s", u.Directive.Pos, u.Directive.Name, u.Reason)
	}
	if s, ok := t.Setting("secrxprefilter"); ok && strings.EqualFold(s.Value, "on") {
		return nil, fmt.Errorf("%v: SecRxPreFilter: Coraza's @rx then misses matches, write Off", s.Pos)
	}
	c := newCompiler(t, o)
	for _, r := range t.Rules {
		if reports(r) {
			c.s.telling[r.ID] = true
		}
	}
	for phase := 1; phase <= 5; phase++ {
		c.walk(phase)
		c.keepScores(phase)
	}
	if c.staleRule {
		return nil, errors.New("a rule without msg or logdata reads %{rule.msg} or %{rule.logdata}, which is another rule's: give it one of its own")
	}
	return c.finish()
}

// newCompiler finds out which rules are the same in every exchange.
func newCompiler(t *seclang.Table, o Options) *compiler {
	c := &compiler{
		table: t, options: o, constants: map[string]string{}, nodes: map[string]int32{},
		budget: dfa.NewBudget(orInt(o.StateBudget, defaultStateBytes)),
		s:      &Screener{limits: limits(t, o.Limits), nodes: []node{{}}, telling: map[int]bool{}},
	}
	c.options.Inputs = make([]string, len(o.Inputs))
	for i, name := range o.Inputs {
		c.options.Inputs[i] = strings.ToLower(name)
	}
	c.constants["10"] = "" // Coraza prepares one more variable than it captures into
	for name, value := range o.Constants {
		c.constants[strings.ToLower(name)] = value
	}
	c.collectCtls()
	c.findStatic()
	c.staticNames = map[string]bool{}
	c.startExecutor()
	c.windows()
	return c
}

func (c *compiler) collectCtls() {
	for _, r := range c.table.Rules {
		for n := range 1 + len(r.Chain) {
			for _, a := range linkOf(r, n).Actions {
				if a.Ctl != nil {
					c.ctls = append(c.ctls, a.Ctl)
					c.s.movesLimit = c.s.movesLimit || strings.HasSuffix(a.Ctl.Option, "BodyLimit")
				}
			}
		}
	}
}

// visitor is told, rule by rule, what comes of a phase when no dynamic rule
// matches: it takes indexes in the table. A nil function is not called.
type visitor struct {
	passedOver, unmatched, matched, dynamic func(i int)
}

// stroll goes over the rules of a phase as Coraza does when no dynamic rule
// matches, and runs the static ones.
func (c *compiler) stroll(phase int, v visitor) {
	skip := 0
	tell := func(f func(int), i int) {
		if f != nil {
			f(i)
		}
	}
	for i, r := range c.table.Rules {
		switch {
		case !inPhase(r, phase):
		case c.skipAfter != "":
			if r.Marker == c.skipAfter {
				c.skipAfter = ""
			}
			tell(v.passedOver, i)
		case skip > 0:
			skip--
			tell(v.passedOver, i)
		case r.Marker != "":
		case !c.static[i]:
			tell(v.dynamic, i)
		case c.runStaticAt(spot{phase, i}):
			tell(v.matched, i)
			skip, c.skipAfter = r.Skip, r.SkipAfter
		default:
			tell(v.unmatched, i)
		}
	}
}

// walk compiles the dynamic rules of a phase.
func (c *compiler) walk(phase int) {
	c.stroll(phase, visitor{
		dynamic: func(i int) { c.add(i, phase) },
		matched: func(i int) {
			r := c.table.Rules[i]
			if interrupts(r) {
				c.noMemo(r, "it blocks or allows every exchange")
			}
			c.s.settled[phase] = append(c.s.settled[phase], settled{i, r.ID})
			c.s.noExecutor = c.s.noExecutor || reports(r) || phase == 5 && setsScores(r)
			c.logging(r, phase == 5 && reports(r))
		},
	})
}

// noMemo records the first reason why results cannot be stored.
func (c *compiler) noMemo(r *seclang.Rule, why string) {
	if c.s.noMemo == nil {
		c.s.noMemo = &seclang.Error{Pos: r.Directive.Pos, Msg: fmt.Sprintf("rule %d: %s", r.ID, why)}
	}
}

// add compiles a dynamic rule.
func (c *compiler) add(at, phase int) {
	// Compiling is the longest piece of work there is. In wasm, with one thread
	// and no preemption, the garbage collector gets no other turn.
	runtime.Gosched()
	r := c.table.Rules[at]
	out := &rule{id: r.ID, at: at, phase: phase, hazard: c.hazardous(at, phase)}
	for n := range 1 + len(r.Chain) {
		l := c.newLink(r, n, phase)
		out.links = append(out.links, l)
		if l.kind == never {
			if n == 0 {
				return
			}
			break
		}
	}
	first := out.links[0]
	keepsApart := r.Operator != nil && r.Operator.Name == c.options.Distinct && c.options.Distinct != ""
	c.apart[phase] = c.apart[phase] || keepsApart && !c.blurred[phase]
	out.removable = !keepsApart && (first.kind == pure || first.kind == opaque) && first.literalArg && !c.counted[at] && !(first.negated && first.capture)
	out.settled = first.mask&^settledKinds == 0 && !readsEmpty(r.Targets)
	out.reports = reports(r)
	for _, l := range out.links {
		out.keyed = out.keyed || l.kind == pure || l.kind == opaque || l.kind == mixed || l.kind == foreign || l.ctl || l.foreignAct || len(l.inputs)+len(l.operands) > 0
		out.values = out.values || l.readsMatch || l.readsCaptures
		if l.scores && l.kind != always {
			c.s.telling[r.ID] = true
		}
		out.groups = out.groups || l.capture
	}
	out.keyed = out.keyed || out.hazard
	out.whole = c.losesTargets(r)
	out.values = out.values || out.whole
	if phase == 5 {
		c.logging(r, out.reports)
		c.s.noExecutor = c.s.noExecutor || setsScores(r)
		for _, l := range out.links {
			c.logging(r, l.foreignAct)
		}
		return
	}
	c.addSteps(r, out)
	c.s.rules = append(c.s.rules, out)
}

// logging looks at a rule that may match in the last phase, which is not run
// after a hit: it must have no effect that anybody sees.
func (c *compiler) logging(r *seclang.Rule, seen bool) {
	if seen {
		c.noMemo(r, "it logs or acts in phase 5")
	}
}

// reports says whether a match of the rule is seen outside of Coraza.
func reports(r *seclang.Rule) bool { return r.Log || r.Audit || interrupts(r) }

// interrupts says whether the rule has an action that blocks or allows.
func interrupts(r *seclang.Rule) bool {
	a, ok := r.Disruptive()
	return ok && a.Name != "pass" && a.Name != "block"
}

// settledKinds are those that no body changes.
var settledKinds = bodies.SetOf(bodies.QueryString, bodies.RemoteAddr, bodies.RemotePort, bodies.RequestBasename,
	bodies.RequestFilename, bodies.RequestLine, bodies.RequestMethod, bodies.RequestProtocol, bodies.RequestURI,
	bodies.RequestURIRaw, bodies.ServerAddr, bodies.ServerName, bodies.ServerPort, bodies.ArgsGet, bodies.ArgsGetNames,
	bodies.RequestCookies, bodies.RequestCookiesNames, bodies.RequestHeaders, bodies.RequestHeadersNames,
	bodies.ResponseHeaders, bodies.ResponseHeadersNames, bodies.ResponseStatus, bodies.ResponseProtocol)

// readsEmpty says whether a target is a variable that is empty unless a body is
// out of the ordinary, such as XML.
func readsEmpty(targets []seclang.Target) bool {
	for _, t := range targets {
		if kinds, ok := bodies.Kinds(t.Variable); ok && len(kinds) == 0 {
			return true
		}
	}
	return false
}

// noteRead notes that a variable of TX is read.
func (c *compiler) noteRead(name string, s *sources) {
	if isCapture(name) {
		if c.fresh(name) {
			s.captures = true
		} else {
			c.readsCaptures = true
		}
	}
	c.readings = append(c.readings, read{rule: c.rule.ID, name: strings.ToLower(name)})
}

// notePattern notes that variables of TX are read by a pattern, or all of them.
func (c *compiler) notePattern(t seclang.Target) {
	r := read{rule: c.rule.ID, re: regexp.MustCompile("")}
	if re, err := regexp.Compile(t.Pattern); t.IsPattern && err == nil {
		r.re, r.prefix = re, literalPrefix(t.Pattern)
	}
	c.readings = append(c.readings, r)
}

// isRead says whether a dynamic rule reads the variable.
func (c *compiler) isRead(name string) bool {
	return slices.ContainsFunc(c.readings, func(r read) bool {
		return r.name == name || r.re != nil && r.re.MatchString(name)
	})
}

func limits(t *seclang.Table, given bodies.Limits) bodies.Limits {
	setting := func(given int, name string, otherwise int) int {
		if given != 0 {
			return given
		}
		if s, ok := t.Setting(name); ok {
			if n, err := strconv.Atoi(strings.TrimSpace(s.Value)); err == nil {
				return n
			}
		}
		return otherwise
	}
	return bodies.Limits{
		Arguments:         setting(given.Arguments, "secargumentslimit", 1000),
		RequestBodyBytes:  setting(given.RequestBodyBytes, "secrequestbodylimit", 134217728),
		ResponseBodyBytes: setting(given.ResponseBodyBytes, "secresponsebodylimit", 524288),
		RequestJSONDepth:  setting(given.RequestJSONDepth, "secrequestbodyjsondepthlimit", 1024),
		ResponseJSONDepth: setting(given.ResponseJSONDepth, "secresponsebodyjsondepthlimit", 1024),
	}
}

func orInt(v, otherwise int) int {
	if v == 0 {
		return otherwise
	}
	return v
}

// finish builds the tables that the exchanges use.
func (c *compiler) finish() (*Screener, error) {
	s := c.s
	for i, name := range c.options.Inputs {
		s.inputs = append(s.inputs, name)
		if c.isRead(s.inputs[i]) {
			s.keyed = append(s.keyed, i)
		}
	}
	builder := literal.NewBuilder(len(s.rules))
	for i, r := range s.rules {
		r.later = transformedBy(r.links[1:])
		r.values = r.values || c.readsCaptures && r.groups
		r.groups = !r.whole && groupsEnough(r)
		r.local = c.findLocal(c.table.Rules[r.at], r)
		c.place(int32(i), r, builder)
		if !r.found {
			s.transformed |= transformedBy(r.links)
		}
	}
	for k := range s.kinds {
		slices.Sort(s.kinds[k].nodes) // a node has a higher number than its parent
	}
	var err error
	if s.automaton, err = builder.Build(); err != nil {
		return nil, err
	}
	if s.noMemo == nil && c.options.MemoBytes < 0 {
		s.noMemo = &seclang.Error{Msg: "the memo is switched off"}
	}
	c.finishSteps()
	s.staleCaptures = c.readsCaptures
	s.distinct = c.apart[1] && c.apart[2] && c.apart[3] && c.apart[4]
	s.values = newValues()
	s.memo = newMemo(orInt(c.options.MemoBytes, defaultMemoBytes))
	s.pool = sync.Pool{New: func() any { return s.newExchange() }}
	return s, nil
}

// transformedBy are the kinds of which the links transform values.
func transformedBy(links []*link) (kinds bodies.Set) {
	for _, l := range links {
		if len(l.transforms) > 0 {
			kinds |= l.mask
		}
	}
	return kinds
}

// groupsEnough says whether the captured groups are all that is handed on: the
// first link captures with a plain @rx, and nothing reads MATCHED_VAR.
func groupsEnough(r *rule) bool {
	first := r.links[0]
	if first.check.rx == "" || first.negated || first.multi || !first.capture {
		return false
	}
	for i, l := range r.links {
		if l.readsMatch || i > 0 && l.capture {
			return false
		}
	}
	first.check.captures = capturing(first.check.rx)
	return first.check.captures != nil
}
