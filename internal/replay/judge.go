package replay

import (
	"context"

	"tabard/engine"
)

// Judge gives the verdict on an entry. One Judge is for one goroutine at a
// time. An error of the engine is in Outcome.Err.
type Judge interface {
	Judge(context.Context, Entry) Outcome
}

// Outcome is what became of an entry.
type Outcome struct {
	Action engine.Action
	// Status is the one that a blocked client gets, else 0.
	Status int
	// Phase, Score and Route are the Verdict's.
	Phase int
	Score int
	Route string
	// Rules are the ids of the rules that matched and log, ascending.
	Rules []int
	// Messages holds the rules' messages by id, where the engine tells them.
	Messages map[int]string
	// Screen is what the fast path said: hit, miss, fallback, or off when
	// there is none.
	Screen engine.Screened
	// Record is what an audit line would tell, with the entry's id and time. Only
	// Native with Records set gives it.
	Record *engine.Record
	// Others are the verdicts of the further judges of Several.
	Others []Outcome
	// Err is an internal error; Action is then the policy's outcome for it.
	Err error
}

// Native judges by an engine in this process. It may be used by any number of
// goroutines.
type Native struct {
	Engine *engine.Engine
	// Records has it fill Outcome.Record, which costs as much as an audit line.
	Records bool
}

// Judge plays an entry in one piece, as wasmhost does.
func (n Native) Judge(_ context.Context, e Entry) Outcome {
	x := Play(n.Engine, e)
	o := outcome(x.End())
	if n.Records {
		r := x.Record()
		r.TransactionID, r.Time = e.ID, e.Time
		if r.ResponseStatus == 0 && r.Status == 0 {
			r.ResponseStatus = e.Status // of a source without responses, such as a log
		}
		o.Record = &r
	}
	return o
}

// Play gives an entry to an engine in one piece, as far as the request is not
// blocked. The caller ends the exchange.
func Play(n *engine.Engine, e Entry) *engine.Exchange {
	x := n.Begin(e.Begin())
	v := request(x, e)
	if e.HasResponse() && v.Action != engine.Block {
		response(x, e)
	}
	return x
}

// Several gives the verdict of its first judge, and those of the others in
// Outcome.Others.
type Several []Judge

// Judge asks each judge in turn.
func (s Several) Judge(ctx context.Context, e Entry) Outcome {
	o := s[0].Judge(ctx, e)
	for _, j := range s[1:] {
		o.Others = append(o.Others, j.Judge(ctx, e))
	}
	return o
}

// Begin is what an engine is told before the entry's first header: its name, and
// its time, so that a recorded token is not called expired years later.
func (e Entry) Begin() engine.Conn {
	c := e.Conn
	c.ID, c.Started = e.ID, e.Time
	return c
}

func request(x *engine.Exchange, e Entry) engine.Verdict {
	hasBody, hasTrailers := len(e.Body) > 0, len(e.Trailers) > 0
	v := x.RequestHeaders(e.Request, !hasBody && !hasTrailers)
	if hasBody && v.Action != engine.Block {
		v = x.RequestBody(e.Body, !hasTrailers)
	}
	if hasTrailers && v.Action != engine.Block {
		v = x.RequestTrailers(e.Trailers)
	}
	return v
}

func response(x *engine.Exchange, e Entry) {
	body := e.Response.Body
	v := x.ResponseHeaders(e.Response.Status, e.Request.Protocol, e.Response.Headers, len(body) == 0)
	if len(body) > 0 && v.Action != engine.Block {
		x.ResponseBody(body, true)
	}
}

// HasResponse says that there is a response for the engine: a final one, or
// the switch of protocols.
func (e Entry) HasResponse() bool {
	return e.Response != nil && (e.Response.Status == 101 || e.Response.Status >= 200)
}

func outcome(v engine.Verdict) Outcome {
	o := Outcome{
		Action: v.Action, Status: v.Status, Phase: v.Phase, Score: v.Score, Route: v.Route,
		Rules: v.IDs(), Screen: v.Screen, Err: v.Err, Messages: map[int]string{},
	}
	for _, m := range v.Matches {
		o.Messages[m.ID] = m.Message
	}
	return o
}
