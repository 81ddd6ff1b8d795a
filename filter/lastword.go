package filter

import (
	"tabard/engine"
)

// lastWord is the Exchange of a stream that has no engine to ask: it refuses.
type lastWord struct{ err error }

func (l lastWord) verdict() engine.Verdict {
	return engine.Verdict{Action: engine.Block, Reason: engine.ReasonInternalError, Status: 500, Err: l.err}
}

func (l lastWord) Fail(error) engine.Verdict                          { return l.verdict() }
func (l lastWord) End() engine.Verdict                                { return l.verdict() }
func (l lastWord) RequestHeaders(engine.Request, bool) engine.Verdict { return l.verdict() }
func (l lastWord) RequestBody([]byte, bool) engine.Verdict            { return l.verdict() }
func (l lastWord) RequestTrailers(engine.Headers) engine.Verdict      { return l.verdict() }
func (l lastWord) ResponseBody([]byte, bool) engine.Verdict           { return l.verdict() }
func (l lastWord) HoldRequest() bool                                  { return false }
func (l lastWord) HoldResponse() bool                                 { return false }
func (l lastWord) Uninspected() (request, response engine.Skip)       { return request, response }
func (l lastWord) AuditLine() ([]byte, bool)                          { return nil, false }
func (l lastWord) ResponseHeaders(int, string, engine.Headers, bool) engine.Verdict {
	return l.verdict()
}

func (l lastWord) BlockResponse() (int, engine.Headers, []byte) {
	return 500, engine.Headers{{"content-type", "text/plain; charset=utf-8"}}, []byte("The request could not be judged.\n")
}
