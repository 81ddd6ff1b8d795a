// Package abi binds package filter to a proxy-wasm host: it turns the SDK's
// callbacks into the calls through which one HTTP exchange goes in, and the
// calls of filter.Host into the host functions through which one verdict
// comes out.
//
// It is the only package that imports the SDK or unsafe. Nothing is decided
// here: every error goes to package filter as an error, and what the SDK says
// by a panic (a metric that cannot be defined, a header block it cannot read)
// is turned into one.
package abi

import (
	"errors"
	"runtime"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"

	"tabard/filter"
)

// Register makes the filter the program of this virtual machine. It must be
// called from an init function: in a reactor main never runs.
func Register(load filter.Loader) {
	vm := filter.NewVM(host{}, load)
	proxywasm.SetPluginContext(func(uint32) types.PluginContext {
		return &plugin{Plugin: vm.NewPlugin()}
	})
}

// plugin is a filter.Plugin as the SDK wants it.
type plugin struct {
	types.DefaultPluginContext
	*filter.Plugin
}

func (p *plugin) OnPluginStart(int) types.OnPluginStartStatus {
	defer yield()
	return types.OnPluginStartStatus(p.OnStart())
}

func (p *plugin) OnPluginDone() bool {
	p.OnDone()
	return true
}

func (p *plugin) OnTick() {
	p.Plugin.OnTick()
	yield()
}

func (p *plugin) NewHttpContext(id uint32) types.HttpContext {
	return (*stream)(p.NewStream(id))
}

// stream is a filter.Stream as the SDK wants it. It embeds no default of the
// SDK's: a callback that a later SDK adds must be decided on here.
type stream filter.Stream

var _ types.HttpContext = (*stream)(nil)

func (s *stream) OnHttpRequestHeaders(_ int, end bool) types.Action {
	return action((*filter.Stream)(s).OnRequestHeaders(end))
}

func (s *stream) OnHttpRequestBody(size int, end bool) types.Action {
	return action((*filter.Stream)(s).OnRequestBody(size, end))
}

func (s *stream) OnHttpRequestTrailers(int) types.Action {
	return action((*filter.Stream)(s).OnRequestTrailers())
}

func (s *stream) OnHttpResponseHeaders(_ int, end bool) types.Action {
	return action((*filter.Stream)(s).OnResponseHeaders(end))
}

func (s *stream) OnHttpResponseBody(size int, end bool) types.Action {
	return action((*filter.Stream)(s).OnResponseBody(size, end))
}

func (s *stream) OnHttpResponseTrailers(int) types.Action {
	return action((*filter.Stream)(s).OnResponseTrailers())
}

func (s *stream) OnHttpStreamDone() {
	(*filter.Stream)(s).OnDone()
	if done++; done%exchangesBetweenYields == 0 {
		yield()
	}
}

// exchangesBetweenYields is small beside the thousands of exchanges that fill
// the garbage collector's share of memory, and large beside the cost of a yield.
const exchangesBetweenYields = 64

// done counts exchanges that are over.
var done uint

// yield lets Go's scheduler run. A callback never waits for anything, and with
// one thread nothing interrupts it, so that the garbage collector's goroutines
// would never run: RATIONALE.md says what comes of that.
func yield() { runtime.Gosched() }

// action maps what the filter says to the SDK's word. On headers Pause is
// proxy-wasm's StopIteration, on bodies StopIterationAndBuffer.
func action(a filter.Action) types.Action {
	if a == filter.Pause {
		return types.ActionPause
	}
	return types.ActionContinue
}

// caught turns a panic of the SDK, which reports some failed host calls so,
// into the error of the function that defers it.
func caught(err *error) {
	switch v := recover().(type) {
	case nil:
	case error:
		*err = v
	case string:
		*err = errors.New(v)
	default:
		*err = errors.New("the SDK panicked")
	}
}
