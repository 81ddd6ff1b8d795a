package screen

import (
	"slices"

	"github.com/corazawaf/coraza/v3/types"

	"tabard/engine/screen/bodies"
)

// Fired is a rule that matched, with what a verdict shows of it.
type Fired struct {
	ID, Phase int
	// Severity is as in seclang.Link. Tells says that the rule logs or audits, Log
	// that it logs; of one that does neither there is no more than the id.
	Severity   int
	Tells, Log bool
	// Message and Data are msg and logdata with their macros put in.
	Message, Data string
	// Variable, Key and Value are the first value that matched, as its operator saw
	// it; Variable is empty when there was none.
	Variable, Key, Value string
	// Several says that Coraza, asked again, may say another of several values that
	// matched.
	Several bool

	at  int // in the table
	all []told
}

// told is what a rule said of one of its matches.
type told struct {
	hit
	message, data string
}

// execution is the state of an exchange while its rules are executed here, as
// Coraza keeps it in a transaction.
type execution struct {
	done  int  // the last phase executed
	given bool // it was given up: Coraza has to do it all
	phase int

	slots []slot // variables of TX by number
	extra []extra
	moved bool // an input of a phase before has changed since

	state   State
	at      int // the place of the present rule in the table
	removed []removedRules
	// lost are the targets that ctls have taken from rules, losing those of them that
	// the present rule has lost.
	lost, losing []*deed
	would        *types.Interruption

	// What the present rule has matched so far: MATCHED_VARS, and MATCHED_VAR last.
	matched []hit
	last    hit
	said    []told

	order []int32
	hits  []hit
	// scatter: which of several matches left a capture behind is a matter of chance.
	scatter bool
	// captured: a negated link has captured what it does not match.
	captured bool

	fired []Fired
	begin [6]int   // by phase: where its rules begin in fired
	gaps  [5][]gap // what was passed over
}

// slot is a variable of TX.
type slot struct {
	value string
	set   bool
}

// extra is a variable whose name was put together.
type extra struct {
	name string
	slot
}

// removedRules are the ids of rules, ascending, that a ctl has removed.
type removedRules struct {
	phase, at int
	ids       []int
}

// hit is a value that a link matched, as its operator saw it.
type hit struct{ variable, key, value string }

// gap is a stretch of the table, the ends not included, that a phase passed over.
type gap struct{ from, to int }

// mark is what a phase saw of what changes later.
type mark struct {
	elements int
	singles  [bodies.ArgsGet]string
}

// maxHits is how many matches of one link are executed. CRS's own tests stay below
// a dozen; the order of many costs time by their square.
const maxHits = 128

// maxExtra is how many variables with names made up from the request are kept
// between exchanges.
const maxExtra = 256

// note keeps what the present phase sees, for executing it later.
func (x *Exchange) noteMark(phase int) {
	m := &x.marks[phase]
	m.elements = len(x.parser.Elements())
	for k := range m.singles {
		m.singles[k] = x.parser.Value(bodies.Kind(k))
	}
}

// executes says whether the phase may be executed here for the reason that there
// is no result to be had from the memo.
func (x *Exchange) executes(n int) bool {
	if x.s.noExecutor || x.run.given || x.states[n] != screened {
		return false
	}
	switch x.ask {
	case RuleMatches, KeyTooLong:
		return true
	case EarlierPhase:
		return x.run.done == n-1
	}
	return false
}

// execute runs the rules of a phase, and of those before that were answered from
// the memo, as Coraza does.
func (x *Exchange) execute(n int) (Outcome, Reason) {
	run := &x.run
	for p := run.done + 1; p <= n; p++ {
		if p < n && (x.states[p] != screened || run.moved) {
			return Outcome{}, EarlierPhase
		}
		stop, why := x.executePhase(p)
		if why != Hit {
			return Outcome{}, why
		}
		run.done = p
		out := Outcome{Executed: true, Fired: run.fired[run.begin[p]:len(run.fired):len(run.fired)], Stop: stop, Would: run.would, After: run.state}
		if p == n {
			return out, Hit
		}
		if stop != nil || slices.ContainsFunc(out.Fired, func(f Fired) bool { return f.Tells }) {
			return Outcome{}, EarlierPhase // the memo knew otherwise
		}
	}
	return Outcome{}, EarlierPhase
}

// startExecution sets the variables as they are before phase 1.
func (x *Exchange) startExecution() {
	run := &x.run
	if run.slots == nil {
		run.slots = make([]slot, len(x.s.slotNames))
	}
	clear(run.slots)
	for i := range captureSlots {
		run.slots[i].set = true
	}
	if cap(run.extra) > maxExtra {
		run.extra = nil
	}
	run.extra, run.removed, run.lost, run.would = run.extra[:0], run.removed[:0], run.lost[:0], nil
	run.fired, run.scatter = run.fired[:0], false
	run.state = x.s.initial
}

// executePhase runs one phase. why, when not Hit, is why it is Coraza's.
func (x *Exchange) executePhase(p int) (stop *types.Interruption, why Reason) {
	run := &x.run
	if p == 1 {
		x.startExecution()
	}
	run.phase, run.begin[p], run.gaps[p] = p, len(run.fired), run.gaps[p][:0]
	x.takeInputs(p)
	if p <= 2 {
		run.state.RequestProcessor = x.marks[p].singles[bodies.ReqbodyProcessor]
	}
	run.order = x.concerned(p, run.order)
	fixed, next := x.s.fixed[p], 0
	for _, i := range run.order {
		r := x.s.rules[i]
		if r.at < next || run.removes(r.id) {
			continue
		}
		for len(fixed) > 0 && fixed[0].at < r.at {
			run.at = fixed[0].at
			x.do(&fixed[0].deed)
			fixed = fixed[1:]
		}
		run.at = r.at
		matched, why := x.executeRule(i, r)
		if why != Hit {
			return nil, why
		}
		if !matched {
			continue
		}
		if stop = x.interrupted(r); stop != nil {
			run.gaps[p] = append(run.gaps[p], gap{r.at, x.s.tableLen})
			return stop, Hit
		}
		if r.ending.next > 0 {
			next = r.ending.next
			run.gaps[p] = append(run.gaps[p], gap{r.at, next})
		}
	}
	for i := range fixed {
		x.do(&fixed[i].deed)
	}
	return nil, Hit
}

// takeInputs sets the variables that the engine has set for a phase.
func (x *Exchange) takeInputs(p int) {
	for i, slot := range x.s.inputSlots {
		if x.inputPhase[i] != p {
			continue
		}
		x.run.slots[slot].set = len(x.inputs[i]) > 0
		if len(x.inputs[i]) > 0 {
			x.run.slots[slot].value = x.inputs[i][0].Value
		}
	}
}

func (run *execution) removes(id int) bool {
	for _, gone := range run.removed {
		if _, found := slices.BinarySearch(gone.ids, id); found {
			return true
		}
	}
	return false
}

// interrupted notes what the rule that has matched does to the exchange.
func (x *Exchange) interrupted(r *rule) *types.Interruption {
	switch {
	case r.ending.stop == nil:
	case !x.s.detects:
		return r.ending.stop
	case x.run.would == nil:
		x.run.would = r.ending.stop
	}
	return nil
}

// executeRule runs a rule with all its links.
func (x *Exchange) executeRule(i int32, r *rule) (matched bool, why Reason) {
	run := &x.run
	if r.local != nil && x.s.staleReads == 0 && x.silent(r, x.matched[i]) {
		return false, Hit
	}
	run.matched, run.said, run.losing = run.matched[:0], run.said[:0], run.losing[:0]
	for _, d := range run.lost {
		if _, found := slices.BinarySearch(d.ids, r.id); found {
			run.losing = append(run.losing, d)
		}
	}
	several := false
	for n, l := range r.links {
		if l.kind == never {
			return false, Hit
		}
		if run.scatter && r.captured.used != 0 {
			x.chance = true
			return false, OrderOfMatches
		}
		count, chance, why := x.executeLink(i, r, n)
		if why != Hit || count == 0 {
			return false, why
		}
		several = several || chance
	}
	if why := r.ending.why; why != Hit {
		return false, why
	}
	if r.ending.counts && len(run.removed) > 0 {
		return false, RuleFlow // I5: what is removed is not counted
	}
	x.fire(r, several)
	return true, Hit
}

// fire notes a rule that has matched.
func (x *Exchange) fire(r *rule, several bool) {
	run := &x.run
	f := Fired{at: r.at, ID: r.id, Phase: r.phase, Severity: r.ending.severity, Tells: r.ending.tells, Log: r.ending.log, Several: several || run.scatter && r.captured.told != 0}
	if f.Tells {
		if r.ending.late {
			run.said[0].message, run.said[0].data = x.expand(r.ending.msg), x.expand(r.ending.data)
		}
		x.summarize(&f)
	}
	run.fired = append(run.fired, f)
}

// summarize picks what a verdict shows, as Coraza and the engine do: the first
// message with its data, and the first value.
func (x *Exchange) summarize(f *Fired) {
	other := ""
	for i := range x.run.said {
		t := &x.run.said[i]
		if f.Message == "" && t.message != "" {
			f.Message, f.Data = t.message, t.data
		}
		if f.Variable == "" && t.variable != "" {
			f.Variable, f.Key, f.Value, other = t.variable, t.key, t.value, t.data
		}
	}
	f.Data = or(f.Data, other)
	if x.s.detail {
		f.all = slices.Clone(x.run.said)
	}
}

// Matched lists, after an executed phase, all rules that Coraza would report, in
// its order: those that match in every exchange are only noted here.
func (x *Exchange) Matched(phase int) (ids []int) {
	run := &x.run
	if phase > run.done {
		return nil
	}
	always := x.s.settled[phase]
	take := func(before int) {
		for ; len(always) > 0 && always[0].at < before; always = always[1:] {
			if s := always[0]; !run.passesOver(phase, s) {
				ids = append(ids, s.id)
			}
		}
	}
	for _, f := range x.firedIn(phase) {
		take(f.at)
		ids = append(ids, f.ID)
	}
	take(x.s.tableLen)
	return ids
}

// loses says whether a ctl has taken a value from the present rule.
func (run *execution) loses(variable, key string) bool {
	return slices.ContainsFunc(run.losing, func(d *deed) bool { return d.variable == variable && d.except.excludes(key) })
}

// passesOver says whether a phase never came to a settled rule.
func (run *execution) passesOver(phase int, s settled) bool {
	return slices.ContainsFunc(run.gaps[phase], func(g gap) bool { return g.from < s.at && s.at < g.to }) ||
		slices.ContainsFunc(run.removed, func(gone removedRules) bool {
			_, found := slices.BinarySearch(gone.ids, s.id)
			return found && (gone.phase < phase || gone.phase == phase && gone.at < s.at)
		})
}

func (x *Exchange) firedIn(phase int) []Fired {
	end := len(x.run.fired)
	if phase < x.run.done {
		end = x.run.begin[phase+1]
	}
	return x.run.fired[x.run.begin[phase]:end]
}

// LeaveMatches leaves all phases in which rules match that log or score to Coraza.
func (x *Exchange) LeaveMatches() { x.run.given = true }

// Settles says whether the rule matches in every exchange that comes to it in the
// phase, so that it is not among those of Outcome.Fired.
func (x *Exchange) Settles(phase, id int) bool {
	return slices.ContainsFunc(x.s.settled[phase], func(s settled) bool { return s.id == id })
}

// Inputs visits the headers and cookies that have come in so far, and the arguments
// if asked for.
func (x *Exchange) Inputs(visit func(variable, key, value string), arguments bool) {
	for _, e := range x.parser.Elements() {
		switch e.Kind {
		case bodies.RequestHeaders, bodies.RequestCookies, bodies.ResponseHeaders:
			visit(e.Kind.String(), e.Key, e.Value)
		case bodies.ArgsGet, bodies.ArgsPost:
			if arguments {
				visit(e.Kind.String(), e.Key, e.Value)
			}
		}
	}
}
