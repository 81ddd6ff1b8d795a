// Command headers is the filter without its engine: it reads what the filter
// reads of one HTTP exchange, and its verdict is always to pass. The benchmark
// compares with it, to tell what proxy-wasm costs from what the rules cost.
package main

import (
	"tabard/engine"
	"tabard/filter"
	"tabard/filter/abi"
)

func init() {
	abi.Register(func([]byte) (filter.Engine, error) { return passing{}, nil })
}

// main is never called: a reactor's host calls the exported callbacks.
func main() {}

// passing is an engine and an exchange that object to nothing.
type passing struct{}

var pass = engine.Verdict{Action: engine.Pass}

func (passing) Begin(engine.Conn) filter.Exchange { return passing{} }

func (passing) RequestHeaders(engine.Request, bool) engine.Verdict { return pass }
func (passing) RequestBody([]byte, bool) engine.Verdict            { return pass }
func (passing) RequestTrailers(engine.Headers) engine.Verdict      { return pass }
func (passing) ResponseBody([]byte, bool) engine.Verdict           { return pass }
func (passing) ResponseHeaders(int, string, engine.Headers, bool) engine.Verdict {
	return pass
}
func (passing) HoldRequest() bool                            { return false }
func (passing) HoldResponse() bool                           { return false }
func (passing) Fail(error) engine.Verdict                    { return pass }
func (passing) BlockResponse() (int, engine.Headers, []byte) { return 500, nil, nil }
func (passing) Uninspected() (request, response engine.Skip) { return }
func (passing) End() engine.Verdict                          { return pass }
func (passing) AuditLine() (line []byte, ok bool)            { return nil, false }
