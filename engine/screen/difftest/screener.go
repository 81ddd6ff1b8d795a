package difftest

// Screener is the fast path as the comparison sees it.
type Screener interface {
	// Begin starts an exchange; Release ends it.
	Begin() Exchange
}

// Exchange is one exchange in a screener. The phases are called once each, in
// order, before Coraza's own call.
type Exchange interface {
	Feed
	ResponseHeader(name, value string)
	// Phase1 takes the TX variables that differ from exchange to exchange.
	Phase1(inputs [][2]string) Outcome
	// Input takes a TX variable that the engine sets between phases.
	Input(name string, values ...string)
	// Argument takes, before phase 2, one more argument of the query.
	Argument(name, value string)
	// Phase2 takes what phase 1 left behind, and the body if one is inspected.
	Phase2(before State, body string) Outcome
	Phase3(status int, protocol string) Outcome
	Phase4(before State, body string, inspected bool) Outcome
	// Skip lists rules of a phase so far that cannot match.
	Skip(phase int) []int
	// Learn tells what Coraza did in a phase that was no hit. clean says that
	// nothing interrupted and nothing was logged.
	Learn(phase int, matched []int, clean bool, after State)
	// Unrepeatable says that Coraza's verdict is a matter of chance.
	Unrepeatable() bool
	Release()
}

// Outcome is what a screener says about a phase.
type Outcome struct {
	// Hit says that Coraza would neither log nor block and need not run.
	Hit bool
	// Reason says why there is no hit.
	Reason string
	// Matched are, on a hit, the rules that Coraza would report, in any order.
	Matched []int
	// After is, on a hit, what the phase leaves behind.
	After State
	// Key holds, when it is complete, all that the outcome depends on.
	Key string
	// Executed is what the screener did itself, nil when it did nothing. Of the
	// variables it has those that it follows, which Follows tells.
	Executed *Phase
	Follows  func(variable string) bool
}

// screened is one case on its way through a screener and, where that is no
// hit, Coraza, just as the engine plays it.
type screened struct {
	c        *Case
	outcomes [lastPhase]Outcome
	ran      [lastPhase]bool
	// play is nil when every phase was a hit.
	play         *play
	unrepeatable bool
	// blocked: the screener itself has ended the exchange.
	blocked bool
	// skips counts the rules that Coraza was told to leave out.
	skips int
}

// screen plays a case. learn is false to leave the screener as it is.
func (h *Harness) screen(c *Case) *screened {
	x := h.screener.Begin()
	defer x.Release()
	s := &screened{c: c}
	FeedRequest(x, c)
	after := State{}
	for phase := 1; phase < lastPhase; phase++ {
		if s.stopped() || phase > 2 && c.Response == nil {
			break
		}
		out := h.ask(x, s, phase, after)
		s.outcomes[phase], s.ran[phase] = out, true
		if (out.Hit || out.Executed != nil) && s.play == nil {
			after = out.After
			s.blocked = out.Executed != nil && out.Executed.Stop != ""
			continue
		}
		h.runCoraza(x, s, phase)
		got := s.play.result.Phases[phase]
		after = got.After
		if !out.Hit && out.Executed == nil {
			x.Learn(phase, got.IDs, got.Stop == "" && len(got.Logged) == 0, after)
			h.remember(phase, out.Key, c)
		}
	}
	if s.play != nil {
		s.play.run(lastPhase, nil)
		s.play.close()
	}
	s.unrepeatable = x.Unrepeatable()
	return s
}

func (s *screened) stopped() bool {
	return s.blocked && s.play == nil || s.play != nil && s.play.tx.IsInterrupted()
}

func (h *Harness) ask(x Exchange, s *screened, phase int, before State) (out Outcome) {
	c := s.c
	switch phase {
	case 1:
		out = x.Phase1(h.rules.inputs(c))
	case 2:
		for _, t := range c.Trailers {
			x.RequestHeader(string(t[0]), string(t[1]))
		}
		for _, kv := range BodyInputs(c) {
			x.Input(kv[0], kv[1])
		}
		for _, a := range c.Arguments {
			x.Argument(string(a[0]), string(a[1]))
		}
		out = x.Phase2(before, RequestBody(c, before))
	case 3:
		for _, f := range c.Response.Headers {
			x.ResponseHeader(string(f[0]), string(f[1]))
		}
		out = x.Phase3(c.Response.Status, string(c.Response.Protocol))
	case 4:
		processable := h.rules.Processable(c)
		if s.play != nil {
			processable = s.play.tx.IsResponseBodyProcessable()
		}
		body, inspected := ResponseBody(c, before, processable)
		out = x.Phase4(before, body, inspected)
	}
	return out
}

// runCoraza starts Coraza if need be, with the phases so far, and runs one.
func (h *Harness) runCoraza(x Exchange, s *screened, phase int) {
	first := phase
	if s.play == nil {
		s.play, first = h.runs.begin(s.c), 1
	}
	for p := first; p <= phase; p++ {
		skip := x.Skip(p)
		s.skips += len(skip)
		s.play.run(p, skip)
	}
}
