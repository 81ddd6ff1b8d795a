package screen

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"github.com/corazawaf/coraza/v3/types"

	"tabard/engine/screen/bodies"
	"tabard/engine/screen/literal"
	"tabard/engine/screen/transform"
)

// Exchange is one request and its response, as far as the screener is concerned.
// It is fed as a Coraza transaction is, and asked before each phase, in order.
// It is for one goroutine.
type Exchange struct {
	s      *Screener
	parser *bodies.Parser
	arena  transform.Arena
	hits   *literal.Hits
	inputs [][]bodies.Element // the values of the variables of s.inputs; none for one that is not set

	by       [64][]int32 // elements of the kinds with any number of them
	screened int         // elements looked at so far
	matched  [][]match   // by rule: what its first link matched, for found rules
	touched  []int32     // rules with matches
	scratch  []match
	notes    []note  // what the present element matches
	order    []int32 // rules to weigh in the present phase

	key    []byte
	ends   [5]int // by phase: the length of the key then, when it is complete
	broken Reason // why later phases have no key
	ask    Reason // why the present phase has none, while its key is written
	chance bool   // it counts which of several matches Coraza comes to last
	whole  bool   // the elements of the request's body are all there
	states [5]phaseState
	skips  [5][]int // by phase: rules that were asked and cannot match
	skip   []int

	run        execution
	marks      [5]mark
	current    int   // the phase that was screened last
	inputPhase []int // by input: the phase before which it was set

	text    []byte
	values  []string // of the present element: its distinct texts
	classes []transform.Flags
	at      []uint16 // by node: which of the texts
}

// phaseState says how far a phase has been screened.
type phaseState uint8

const (
	unscreened phaseState = iota
	doubtful              // values that come from a body were missing
	screened
)

// match is an element that a link matched.
type match struct {
	element int32
	value   string // as the operator saw it
	silent  bool   // it leaves no trace: see local
}

// TXVar is a variable of TX with its value.
type TXVar struct{ Name, Value string }

// Outcome is what is known of a phase before it runs.
type Outcome struct {
	// Hit says that Coraza would match only rules that neither log nor block.
	Hit    bool
	Reason Reason
	// Matched are, on a hit, the rules that Coraza would report.
	Matched []int
	// After is, on a hit, the state that the phase leaves behind.
	After State
	// Executed says that rules matched that log, score or block, and that they were
	// executed here: Fired are those that matched, valid until Release, Stop is the
	// interruption, Would what would have been the first in detection mode, After as
	// above.
	Executed    bool
	Fired       []Fired
	Stop, Would *types.Interruption
}

func (s *Screener) newExchange() *Exchange {
	x := &Exchange{
		s: s, hits: s.automaton.NewHits(), matched: make([][]match, len(s.rules)),
		inputs: make([][]bodies.Element, len(s.inputs)), inputPhase: make([]int, len(s.inputs)), at: make([]uint16, len(s.nodes)),
	}
	x.parser = bodies.New(s.limits, &x.arena)
	return x
}

// Begin returns an exchange for one request. Release it.
func (s *Screener) Begin() *Exchange {
	x := s.pool.Get().(*Exchange)
	x.parser.Reset()
	for i := range x.inputs {
		x.inputs[i] = x.inputs[i][:0]
	}
	for i := range x.by {
		x.by[i] = x.by[i][:0]
	}
	for _, r := range x.touched {
		x.matched[r] = x.matched[r][:0]
	}
	x.touched, x.key = x.touched[:0], x.key[:0]
	x.screened, x.ends, x.broken = len(x.parser.Elements()), [5]int{}, Hit
	x.whole, x.chance, x.states = false, false, [5]phaseState{}
	clear(x.inputPhase)
	x.current = 0
	x.run.done, x.run.given, x.run.moved = 0, false, false
	return x
}

// Release gives the exchange back; it must not be used any more.
func (x *Exchange) Release() { x.s.pool.Put(x) }

// Connection takes the addresses, as Coraza's ProcessConnection does.
func (x *Exchange) Connection(client string, clientPort int, server string, serverPort int) {
	x.parser.Connection(client, clientPort, server, serverPort)
}

// URI takes the request line, as Coraza's ProcessURI does.
func (x *Exchange) URI(uri, method, protocol string) { x.parser.URI(uri, method, protocol) }

// RequestHeader takes one header, or before phase 2 a trailer, as Coraza's
// AddRequestHeader does.
func (x *Exchange) RequestHeader(name, value string) { x.parser.RequestHeader(name, value) }

// Argument takes, before phase 2, one more argument of the query, as Coraza's
// AddGetRequestArgument does.
func (x *Exchange) Argument(name, value string) { x.parser.Argument(name, value) }

// ServerName takes the name of the host, as Coraza's SetServerName does.
func (x *Exchange) ServerName(name string) { x.parser.ServerName(name) }

// ResponseHeader takes one header, as Coraza's AddResponseHeader does.
func (x *Exchange) ResponseHeader(name, value string) { x.parser.ResponseHeader(name, value) }

// Input takes the values of a variable of TX that the engine sets itself, one of
// Options.Inputs, before the phase whose rules may read it first; they replace
// those it had. A name that is not among them is ignored.
func (x *Exchange) Input(name string, values ...string) {
	for i, have := range x.s.inputs {
		if have != name {
			continue
		}
		x.noteInput(i, values)
		x.inputs[i] = x.inputs[i][:0]
		for _, v := range values {
			x.inputs[i] = append(x.inputs[i], bodies.Element{Key: name, Value: v})
		}
	}
}

// noteInput notes before which phase an input gets values that are new.
func (x *Exchange) noteInput(i int, values []string) {
	same := slices.EqualFunc(x.inputs[i], values, func(e bodies.Element, v string) bool { return e.Value == v })
	if same && x.inputPhase[i] > 0 {
		return
	}
	x.run.moved = x.run.moved || x.inputPhase[i] > 0 && x.inputPhase[i] <= x.current
	x.inputPhase[i] = x.current + 1
}

// Phase1 screens the request's head.
func (x *Exchange) Phase1(inputs ...TXVar) Outcome {
	for _, v := range inputs {
		x.Input(v.Name, v.Value)
	}
	return x.phase(1, false)
}

// Phase2 screens the whole request, given the state that phase 1 has left and
// the body that Coraza was given. With a body that Coraza would cut, or cannot
// take in full, only rules that look at the head are left out.
func (x *Exchange) Phase2(before State, body string) Outcome {
	if reason := refusal(before); reason != Hit {
		x.broken = reason
		return x.outcome(reason, Outcome{})
	}
	x.parser.RequestProcessor(before.RequestProcessor)
	doubt := bodies.NoDoubt
	if before.RequestBodyAccess {
		doubt = x.parser.RequestBody(body, before.ForceRequestBody)
	}
	x.key = append(x.key, flag(before.RequestBodyAccess && body != ""))
	if body != "" && x.s.movesLimit {
		doubt = bodies.BodyLimit
	}
	x.scanSingle(bodies.RequestBody)
	x.whole = doubt == bodies.NoDoubt
	return x.phase(2, doubt != bodies.NoDoubt)
}

// Phase3 screens the response's head.
func (x *Exchange) Phase3(status int, protocol string) Outcome {
	x.parser.ResponseStart(status, protocol)
	x.scanSingle(bodies.ResponseStatus)
	x.scanSingle(bodies.ResponseProtocol)
	return x.phase(3, !x.whole)
}

// Phase4 screens the response's body, given the state that phase 3 has left.
// inspected says whether Coraza takes the body at all: access is on and the
// media type is one to look at.
func (x *Exchange) Phase4(before State, body string, inspected bool) Outcome {
	if reason := refusal(before); reason != Hit {
		x.broken = reason
		return x.outcome(reason, Outcome{})
	}
	x.parser.ResponseProcessor(before.ResponseProcessor)
	doubt := bodies.NoDoubt
	if inspected {
		doubt = x.parser.ResponseBody(body)
	}
	x.scanSingle(bodies.ResponseBody)
	x.key = append(x.key, flag(inspected))
	if body != "" && x.s.movesLimit {
		doubt = bodies.BodyLimit
	}
	return x.phase(4, !x.whole || doubt != bodies.NoDoubt)
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// refusal says why nothing can be said from a state.
func refusal(before State) Reason {
	switch {
	case !before.Known:
		return StateUnknown
	case before.EngineOff:
		return EngineOff
	}
	return Hit
}

// Unrepeatable says that Coraza's own verdict on the exchange so far may differ
// from run to run: see bodies.Parser.Repeated. Its results are neither stored
// nor to be compared.
func (x *Exchange) Unrepeatable() bool { return x.chance || x.mixesUp() }

// mixesUp says whether Coraza may take one value of a repeated name for another
// where it counts: it then looks at one twice and at the other never, so that it
// can only miss what matches. Where nothing does, nothing is missed; rules that
// transform nothing mix nothing up.
func (x *Exchange) mixesUp() bool {
	repeated := x.parser.Repeated()
	if x.s.distinct { // kept apart, but for those without a name
		repeated = x.parser.Nameless()
	}
	if repeated&x.s.transformed != 0 {
		return true
	}
	for _, i := range x.touched {
		r := x.s.rules[i]
		if len(x.matched[i]) == 0 {
			continue
		}
		if r.later&repeated != 0 {
			return true
		}
		if len(r.links[0].transforms) == 0 {
			continue
		}
		for _, m := range x.matched[i] {
			if repeated.Has(x.parser.Elements()[m.element].Kind) {
				return true
			}
		}
	}
	return false
}

// phase screens what is new and looks up what the rules make of it. In doubt,
// values that come from a body are missing.
func (x *Exchange) phase(n int, doubt bool) Outcome {
	if n == 1 {
		x.scanHead()
	}
	x.screenNew()
	x.skips[n] = x.skips[n][:0]
	for _, i := range x.s.keyed {
		x.key = binary.AppendUvarint(append(x.key, 0xfe), uint64(len(x.inputs[i])))
		for _, e := range x.inputs[i] {
			x.key = appendText(x.key, e.Value)
		}
		// A rule that reads it by a pattern may take one value for another, as with
		// arguments of one name: see bodies.Parser.Repeated.
		x.chance = x.chance || len(x.inputs[i]) > 1
	}
	x.ask = x.broken
	if x.ask == Hit || x.ask == EarlierPhase && x.run.done == n-1 && !x.run.given {
		x.ask = cmp.Or(x.unfit(doubt), x.ask)
	}
	x.states[n] = screened
	if doubt {
		x.states[n] = doubtful
	}
	// Where no rule chooses a body processor, headers do (I1, for State).
	x.key = appendText(append(x.key, 0xfb), x.parser.Value(bodies.ReqbodyProcessor))
	x.key = appendText(x.key, x.parser.Value(bodies.ResBodyProcessor))
	x.current = n
	x.noteMark(n)
	if out, done := x.weighAll(n, doubt); done {
		return out
	}
	x.key = append(x.key, 0xff, byte(n))
	if len(x.key) > maxKeyBytes && x.ask == Hit {
		x.ask = KeyTooLong
	}
	if x.ask != Hit {
		if out, done := x.tryExecute(n); done {
			return out
		}
		x.broken = EarlierPhase
		return x.outcome(x.ask, Outcome{})
	}
	x.ends[n] = len(x.key)
	e := x.s.memo.get(x.key)
	if e == nil {
		if out, done := x.executeMiss(n); done {
			return out
		}
		return x.outcome(Miss, Outcome{})
	}
	return x.outcome(Hit, Outcome{Hit: true, Matched: e.matched, After: e.after})
}

// weighAll adds the rules of a phase to the key. As soon as one of them leaves no
// key, the phase is executed, if it can be; done says that it was.
func (x *Exchange) weighAll(n int, doubt bool) (out Outcome, done bool) {
	x.order = x.concerned(n, x.order)
	for _, i := range x.order {
		if x.ask != Hit {
			if out, done = x.tryExecute(n); done {
				return out, true
			}
		}
		x.weigh(i, doubt)
	}
	return Outcome{}, false
}

// executeMiss executes a phase whose key is not known, if what comes of it is more
// than bookkeeping: that is never stored, so that the like would be a miss each
// time. Of what is harmless Coraza is to say so, and is learnt from (I3).
func (x *Exchange) executeMiss(n int) (out Outcome, done bool) {
	x.ask = RuleMatches
	if !x.executes(n) {
		return Outcome{}, false
	}
	out, why := x.execute(n)
	tells := func(f Fired) bool { return f.Tells || x.s.telling[f.ID] }
	if why != Hit || !x.s.eager && out.Stop == nil && !slices.ContainsFunc(out.Fired, tells) {
		return Outcome{}, false
	}
	x.broken, x.ends[n] = EarlierPhase, 0
	return x.outcome(Executed, out), true
}

// tryExecute executes a phase that has no key. Where it cannot, the reason is the
// executor's, and the rest of the exchange is Coraza's.
func (x *Exchange) tryExecute(n int) (out Outcome, done bool) {
	if !x.executes(n) {
		return Outcome{}, false
	}
	x.broken = EarlierPhase
	out, why := x.execute(n)
	if why == Hit {
		return x.outcome(Executed, out), true
	}
	x.run.given, x.ask = true, why
	return Outcome{}, false
}

// concerned lists the rules of a phase that were found to match, and those that
// have to be asked, in the order of the rules.
func (x *Exchange) concerned(n int, order []int32) []int32 {
	order = append(order[:0], x.s.asked[n]...)
	for _, i := range x.touched {
		if x.s.rules[i].phase == n {
			order = append(order, i)
		}
	}
	slices.Sort(order)
	return order
}

// Skip lists the rules of a phase that has been screened which cannot match:
// Coraza may be told to remove them from the transaction. What came in since can
// only shorten the list. The slice is valid until the next call.
func (x *Exchange) Skip(phase int) []int {
	if x.states[phase] == unscreened {
		return nil
	}
	x.skip = append(x.skip[:0], x.skips[phase]...)
	for _, i := range x.s.found[phase] {
		r := x.s.rules[i]
		if r.removable && len(x.matched[i]) == 0 && (r.settled || x.states[phase] == screened) {
			x.skip = append(x.skip, r.id)
		}
	}
	return x.skip
}

func (x *Exchange) outcome(r Reason, out Outcome) Outcome {
	x.s.counts[r].Add(1)
	out.Reason = r
	// Where Coraza has to run, it runs to the end.
	x.run.given = x.run.given || r != Hit && r != Executed
	return out
}

// unfit says why the exchange has no key, whatever the rules.
func (x *Exchange) unfit(doubt bool) Reason {
	switch {
	case x.s.noMemo != nil:
		return NoMemo
	case doubt:
		return BodyDoubt // I4
	case x.Unrepeatable():
		return RepeatedNames
	}
	return Hit
}

// Learn takes what Coraza did in a phase that was a Miss: all rules that it
// reports, and the state that it left. clean says that nothing has interrupted
// or would have, and that no rule of the phase logs; what the rules themselves
// say about it is checked here (I3).
func (x *Exchange) Learn(phase int, matched []int, clean bool, after State) {
	if phase < 1 || phase > 4 || x.ends[phase] == 0 {
		return
	}
	for _, id := range matched {
		clean = clean && !x.s.telling[id]
	}
	if !clean || !after.Known || after.EngineOff {
		x.broken, x.ends[phase] = EarlierPhase, 0
		return
	}
	x.s.memo.put(x.key[:x.ends[phase]], matched, after)
}

// describedBytes is how much of a key is shown.
const describedBytes = 512

// Describe gives the key of a phase, shortened, for the log line of a result that
// turned out to differ. It is not made for reading back.
func (x *Exchange) Describe(phase int) string {
	switch {
	case phase >= 1 && phase <= x.run.done:
		return "executed, rules " + fmt.Sprint(x.Matched(phase))
	case phase < 1 || phase > 4 || x.ends[phase] == 0:
		return "no key"
	}
	key := x.key[:x.ends[phase]]
	return strconv.Quote(string(key[max(0, len(key)-describedBytes):]))
}
