package filter

import (
	"errors"
	"time"

	"tabard/engine"
)

// chunkBytes is how much of a body is copied out of the host at once: a held
// body of a megabyte must not need a second megabyte in the VM, and a verdict
// on its first part saves the rest of the copying.
const chunkBytes = 64 << 10

// state is where a stream is.
type state int

const (
	fresh          state = iota // no request headers yet
	requestHeld                 // the upstream has nothing; the request body comes
	requestPassed               // the request goes on; no response yet
	responseHeld                // the client has nothing; the response body comes
	responsePassed              // the response goes on
	answered                    // the client has an answer that is not the upstream's
	unanswered                  // the client should have our answer, but the host did not take it
	exempt                      // an internal error, and the policy says open
	states
)

func (s state) String() string {
	return [states]string{"fresh", "request held", "request passed", "response held",
		"response passed", "answered", "unanswered", "exempt"}[s]
}

// callback is what the host may call for.
type callback int

const (
	onRequestHeaders callback = iota
	onRequestBody
	onRequestTrailers
	onResponseHeaders
	onResponseBody
	onResponseTrailers
	callbacks
)

func (c callback) String() string {
	return [callbacks]string{"request headers", "request body", "request trailers",
		"response headers", "response body", "response trailers"}[c]
}

// event is what comes with a callback.
type event struct {
	callback callback
	// size is the length of what the host has buffered of a body so far:
	// while the filter pauses, the whole body up to now, else one piece.
	size int
	// end: nothing follows on this side.
	end bool
	// at is when it came; only moves that are timed know.
	at time.Duration
}

// move is what a stream does on a callback.
type move func(*Stream, event) Action

// moves says what each callback does in each state.
var moves = [states][callbacks]move{
	// request headers, body, trailers; response headers, body, trailers
	fresh:          {timed(judgeRequest), refuse, refuse, expectLocal, refuse, refuse},
	requestHeld:    {refuse, timed(feedRequest), timed(endRequest), expectLocal, refuse, refuse},
	requestPassed:  {refuse, follow, pass, timed(judgeResponse), refuse, refuse},
	responseHeld:   {refuse, follow, pass, expectLocal, timed(feedResponse), timed(endResponse)},
	responsePassed: {refuse, follow, pass, expectLocal, pass, pass},
	answered:       {stop, stop, stop, carry, carry, carry},
	unanswered:     {retry, retry, retry, retry, retry, retry},
	exempt:         {pass, pass, pass, pass, pass, pass},
}

// Stream is one HTTP exchange inside the filter. Its On... methods are the
// host's callbacks; they never panic.
type Stream struct {
	plugin *Plugin
	id     uint32
	state  state
	ex     Exchange
	// verdict is the engine's last word.
	verdict engine.Verdict
	// shown is what the filter state says.
	shown shown
	// requestID is what the proxy calls the request.
	requestID string
	// protocol is the request's, for the response's status line.
	protocol string
	// read counts the bytes of the held body that the engine has seen.
	read int
	// skipped is why body bytes pass uninspected; empty where all are
	// inspected, or where the policy does not ask for it.
	skipped struct{ request, response engine.SkipReason }
	// failed: an internal error decided.
	failed bool
	// aborted: someone else ended the exchange before the verdict was known.
	aborted bool
	done    bool
	spent   time.Duration
}

// NewStream returns a stream; id is its context's, as Host.Use wants it.
func (p *Plugin) NewStream(id uint32) *Stream {
	return &Stream{plugin: p, id: id}
}

// OnRequestHeaders is called once, first. With end the request has no body.
func (s *Stream) OnRequestHeaders(end bool) Action {
	return s.on(event{callback: onRequestHeaders, end: end})
}

// OnRequestBody is called for each piece of the body. While the filter
// pauses, size counts all pieces so far.
func (s *Stream) OnRequestBody(size int, end bool) Action {
	return s.on(event{callback: onRequestBody, size: size, end: end})
}

// OnRequestTrailers is called after the last piece of a body with trailers.
func (s *Stream) OnRequestTrailers() Action {
	return s.on(event{callback: onRequestTrailers, end: true})
}

// OnResponseHeaders is called for the upstream's response and for each reply
// that the proxy makes up itself, the filter's own among them.
func (s *Stream) OnResponseHeaders(end bool) Action {
	return s.on(event{callback: onResponseHeaders, end: end})
}

// OnResponseBody is OnRequestBody for the response.
func (s *Stream) OnResponseBody(size int, end bool) Action {
	return s.on(event{callback: onResponseBody, size: size, end: end})
}

// OnResponseTrailers is OnRequestTrailers for the response.
func (s *Stream) OnResponseTrailers() Action {
	return s.on(event{callback: onResponseTrailers, end: true})
}

// on makes the move that the table names.
func (s *Stream) on(ev event) (a Action) {
	defer func() {
		if r := recover(); r != nil {
			a = s.failSafely(panicError{r})
		}
	}()
	return moves[s.state][ev.callback](s, ev)
}

// timed adds the time of a move to the exchange's. Moves that judge nothing do
// without: they take less time than the host takes to tell it.
func timed(m move) move {
	return func(s *Stream, ev event) Action {
		ev.at = s.plugin.vm.clock()
		defer func() { s.spent += s.plugin.vm.clock() - ev.at }()
		return m(s, ev)
	}
}

// pass hands on what need not be inspected, and counts what nobody has seen.
func pass(s *Stream, ev event) Action {
	why := s.skipped.request
	if ev.callback >= onResponseHeaders {
		why = s.skipped.response
	}
	s.plugin.metrics.uninspected(why, ev.size)
	return Continue
}

// stop keeps from the upstream what remains of an answered request.
func stop(*Stream, event) Action { return Pause }

// carry lets an answer through that is not the upstream's.
func carry(*Stream, event) Action { return Continue }

// retry offers the answer again that the host did not take.
func retry(s *Stream, _ event) Action { return s.answer() }

// refuse meets a callback that cannot come in this state.
func refuse(s *Stream, ev event) Action {
	return s.fail(failCallback, errors.New(ev.callback.String()+" came in state "+s.state.String()))
}

// settle acts on a verdict of the engine. With over the exchange has been
// ended, and a is the callback's result.
func (s *Stream) settle(v engine.Verdict) (a Action, over bool) {
	s.verdict = v
	if v.Reason == engine.ReasonInternalError {
		s.failed = true
		s.note(failEngine, cause(v))
	}
	switch {
	case v.Action == engine.Block:
		return s.answer(), true
	case s.failed:
		return s.spare(), true
	}
	return Continue, false
}

// cause is the error in a verdict.
func cause(v engine.Verdict) error {
	if v.Err != nil {
		return v.Err
	}
	return errors.New("the engine names no cause")
}

// proceed moves on to the next state with the verdict visible to the later
// filters.
func (s *Stream) proceed(next state) Action {
	if err := s.show(); err != nil {
		return s.fail(failHostCall, err)
	}
	s.state = next
	return Continue
}

// hold keeps the side back and waits for its body.
func (s *Stream) hold(next state) Action {
	s.state = next
	s.read = 0
	if !s.plugin.delivers {
		s.plugin.hold(s)
	}
	return Pause
}

// answer replies to the client with the engine's block response.
func (s *Stream) answer() Action {
	status, headers, body := s.ex.BlockResponse()
	s.showAnyway()
	return s.reply(Reply{Status: status, Headers: headers, Body: body, Details: s.details()})
}

// reply hands an answer to the host. One that it does not take is tried again
// on each further callback and tick: until then nothing moves.
func (s *Stream) reply(r Reply) Action {
	if err := s.plugin.host.Reply(r); err != nil {
		if s.state != unanswered {
			s.note(failHostCall, stepError{"sending the block response", err})
		}
		s.state = unanswered
		s.plugin.hold(s)
		return Pause
	}
	s.state = answered
	s.plugin.release(s)
	return Pause
}

// details is the word for the access log: what refused the exchange.
func (s *Stream) details() string {
	return "tabard_" + string(s.verdict.Reason)
}

// fail ends in the policy's outcome for internal errors.
func (s *Stream) fail(k failure, err error) Action {
	s.failed = true
	s.plugin.metrics.fail(k)
	if s.ex == nil {
		s.ex = s.plugin.engine.Begin(engine.Conn{})
	}
	s.verdict = s.ex.Fail(err)
	s.logFailure(k, err, s.verdict)
	if s.verdict.Action == engine.Block {
		return s.answer()
	}
	return s.spare()
}

// spare lets the rest of an exchange go on without inspection.
func (s *Stream) spare() Action {
	s.state = exempt
	s.skipped.request, s.skipped.response = skipError, skipError
	s.plugin.release(s)
	return Continue
}

// note counts and logs an internal error that changes nothing any more: the
// exchange is over, or refused already. It does not panic.
func (s *Stream) note(k failure, err error) {
	defer func() { _ = recover() }()
	s.plugin.metrics.fail(k)
	s.logFailure(k, err, s.verdict)
}

// careful does what no decision hangs on any more; a panic is noted.
func (s *Stream) careful(step string, do func()) {
	defer func() {
		if r := recover(); r != nil {
			s.failed = true
			s.note(failPanic, stepError{step, panicError{r}})
		}
	}()
	do()
}

// showAnyway shows the verdict of an exchange that is over or refused: what
// fails here changes nothing.
func (s *Stream) showAnyway() {
	s.careful("showing the verdict", func() {
		if err := s.show(); err != nil {
			s.note(failHostCall, err)
		}
	})
}

// failSafely is fail for a moment when anything may be broken: where even
// the outcome cannot be had from the engine, the exchange is refused.
func (s *Stream) failSafely(err error) (a Action) {
	defer func() {
		if r := recover(); r != nil {
			a = s.lastResort(panicError{r})
		}
	}()
	return s.fail(failPanic, err)
}

// lastResort refuses without the engine.
func (s *Stream) lastResort(err error) (a Action) {
	defer func() {
		if recover() != nil {
			s.state = unanswered
			s.plugin.hold(s)
			a = Pause
		}
	}()
	s.failed = true
	s.ex = lastWord{err}
	s.verdict = s.ex.Fail(err)
	s.logFailure(failPanic, err, s.verdict)
	return s.answer()
}

// onTick is called for a stream that has been held for a time.
func (s *Stream) onTick(waited time.Duration) {
	if s.state == unanswered || waited >= holdLimit {
		s.careful("looking after a held stream", s.unstick)
	}
}

// unstick ends the wait of a stream from outside of its callbacks.
func (s *Stream) unstick() {
	if err := s.plugin.host.Use(s.id); err != nil {
		// The host knows the stream no more, so nobody waits for it.
		s.plugin.release(s)
		s.note(failHostCall, stepError{"turning to a held stream", err})
		return
	}
	side := Request
	if s.state == responseHeld {
		side = Response
	}
	if s.wake() == Continue {
		if err := s.plugin.host.Resume(side); err != nil {
			s.note(failHostCall, stepError{"resuming the " + string(side), err})
		}
	}
}

// wake ends the wait of a held stream.
func (s *Stream) wake() (a Action) {
	defer func() {
		if r := recover(); r != nil {
			a = s.failSafely(panicError{r})
		}
	}()
	if s.state == unanswered {
		return s.answer()
	}
	return s.fail(failStuck, errStuck)
}

// OnDone is called once, when the exchange is over and before the access log
// is written: it runs the logging phase and reports.
func (s *Stream) OnDone() {
	s.plugin.release(s)
	if s.done || s.ex == nil {
		return // a repeated call, or a request that never came to the filter
	}
	s.done = true
	s.careful("closing the exchange", s.end)
	if err := s.verdict.Err; err != nil && !s.failed {
		s.failed = true
		s.note(failEngine, stepError{"closing the exchange", err})
	}
	s.showAnyway()
	s.careful("writing the audit line", func() {
		if line, ok := s.ex.AuditLine(); ok {
			s.plugin.host.Log(Info, auditPrefix+string(line))
		}
	})
	s.careful("counting the exchange", func() {
		s.plugin.metrics.finished(s.outcome(), s.verdict, s.spent)
	})
}

// end closes the exchange. Where Coraza has not run there is nothing to it.
func (s *Stream) end() {
	if s.verdict.Screen == engine.ScreenedHit {
		s.verdict = s.ex.End()
		return
	}
	start := s.plugin.vm.clock()
	s.verdict = s.ex.End()
	s.spent += s.plugin.vm.clock() - start
}

// outcome is how the exchange ended.
func (s *Stream) outcome() outcome {
	switch {
	case s.failed:
		return outcomeError
	case s.verdict.Action == engine.Block:
		return outcomeBlock
	case s.aborted || s.state == requestHeld:
		return outcomeAborted
	case s.verdict.Action == engine.Detect:
		return outcomeDetect
	}
	return outcomePass
}
