// Command breaking is the filter with an engine that fails on demand, so that
// the tests can see what becomes of the one HTTP exchange whose verdict cannot
// be had, and of its neighbours. It is dist/tabard.wasm but for this file; no
// build that users get has it.
//
// A request breaks by its header "x-break":
//
//	panic-headers  panics when the engine sees the request's head
//	panic-body     panics when it sees a piece of the request's body
//	panic-response panics when it sees the response's head
//	trap           ends the virtual machine itself
package main

import (
	"tabard/engine"
	"tabard/filter"
	"tabard/filter/abi"
	"tabard/rules"
)

func init() {
	load := filter.Compile(rules.FS())
	abi.Register(func(configuration []byte) (filter.Engine, error) {
		e, err := load(configuration)
		return breakable{e}, err
	})
}

// main is never called: a reactor's host calls the exported callbacks.
func main() {}

type breakable struct{ filter.Engine }

func (b breakable) Begin(c engine.Conn) filter.Exchange {
	return &exchange{Exchange: b.Engine.Begin(c)}
}

type exchange struct {
	filter.Exchange
	how   string
	depth int
}

func (x *exchange) RequestHeaders(r engine.Request, end bool) engine.Verdict {
	x.how = r.Headers.Get("x-break")
	switch x.how {
	case "panic-headers":
		panic("broken on demand")
	case "trap":
		x.depth = recurse(0)
	}
	return x.Exchange.RequestHeaders(r, end)
}

func (x *exchange) RequestBody(chunk []byte, end bool) engine.Verdict {
	if x.how == "panic-body" {
		panic("broken on demand")
	}
	return x.Exchange.RequestBody(chunk, end)
}

func (x *exchange) ResponseHeaders(status int, protocol string, h engine.Headers, end bool) engine.Verdict {
	if x.how == "panic-response" {
		panic("broken on demand")
	}
	return x.Exchange.ResponseHeaders(status, protocol, h, end)
}

// recurse overflows the stack, which Go cannot recover from, long before n has
// wrapped around.
func recurse(n int) int {
	if n < 0 {
		return 0
	}
	return recurse(n+1) + 1
}
