package filter_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/filter"
	"tabard/filter/filtertest"
)

// script is an engine whose exchanges do what a test says: each call has the
// verdict of that name, or else the last one.
type script struct {
	verdicts     map[string]engine.Verdict
	holdRequest  bool
	holdResponse bool
	// limit is how many body bytes are inspected; 0: all.
	limit int
	skip  engine.SkipReason
	open  bool
	audit string
	// panics names the call that panics.
	panics string
	begun  []*scripted
}

func (e *script) Begin(c engine.Conn) filter.Exchange {
	if e.panics == "Begin" {
		panic("Begin")
	}
	x := &scripted{script: e, conn: c, last: engine.Verdict{Action: engine.Pass, TransactionID: "tx"}}
	e.begun = append(e.begun, x)
	return x
}

// only returns the one exchange that was begun.
func (e *script) only(t *testing.T) *scripted {
	t.Helper()
	require.Len(t, e.begun, 1)
	return e.begun[0]
}

type scripted struct {
	*script
	conn     engine.Conn
	request  engine.Request
	trailers engine.Headers
	status   int
	bodies   [2]string
	ends     [2]bool
	last     engine.Verdict
	ended    int
}

func (x *scripted) say(call string) engine.Verdict {
	if x.panics == call {
		panic(errors.New(call + " broke"))
	}
	if v, ok := x.verdicts[call]; ok {
		v.TransactionID = "tx"
		x.last = v
	}
	return x.last
}

func (x *scripted) RequestHeaders(r engine.Request, end bool) engine.Verdict {
	x.request, x.ends[0] = r, end
	return x.say("RequestHeaders")
}

func (x *scripted) RequestBody(chunk []byte, end bool) engine.Verdict {
	x.bodies[0], x.ends[0] = x.bodies[0]+string(chunk), end
	return x.say("RequestBody")
}

func (x *scripted) RequestTrailers(h engine.Headers) engine.Verdict {
	x.trailers, x.ends[0] = h, true
	return x.say("RequestTrailers")
}

func (x *scripted) ResponseHeaders(status int, _ string, _ engine.Headers, end bool) engine.Verdict {
	x.status, x.ends[1] = status, end
	return x.say("ResponseHeaders")
}

func (x *scripted) ResponseBody(chunk []byte, end bool) engine.Verdict {
	x.bodies[1], x.ends[1] = x.bodies[1]+string(chunk), end
	return x.say("ResponseBody")
}

func (x *scripted) over(side int) int {
	if x.limit == 0 {
		return 0
	}
	return max(0, len(x.bodies[side])-x.limit)
}

func (x *scripted) HoldRequest() bool  { return x.holdRequest && x.over(0) == 0 && !x.ends[0] }
func (x *scripted) HoldResponse() bool { return x.holdResponse && x.over(1) == 0 && !x.ends[1] }

func (x *scripted) Uninspected() (request, response engine.Skip) {
	skip := func(side int) engine.Skip {
		if n := x.over(side); n > 0 {
			return engine.Skip{Reason: engine.SkipLimit, Bytes: int64(n)}
		}
		return engine.Skip{Reason: x.script.skip}
	}
	return skip(0), skip(1)
}

func (x *scripted) Fail(err error) engine.Verdict {
	x.say("Fail")
	x.last.Reason, x.last.Err = engine.ReasonInternalError, err
	if !x.open {
		x.last.Action, x.last.Status = engine.Block, 500
	}
	return x.last
}

func (x *scripted) BlockResponse() (int, engine.Headers, []byte) {
	return x.last.Status, engine.Headers{{"content-type", "text/plain"}}, []byte("refused")
}

func (x *scripted) End() engine.Verdict {
	x.ended++
	return x.say("End")
}

func (x *scripted) AuditLine() ([]byte, bool) { return []byte(x.audit), x.audit != "" }

// block is a verdict that blocks in a phase.
func block(phase int) engine.Verdict {
	return engine.Verdict{
		Action: engine.Block, Reason: engine.ReasonRule, Status: 403, Phase: phase, Rule: 949110, Score: 5,
		Matches: []engine.Match{{ID: 949110}, {ID: 942100}},
	}
}

// bench is a started plugin on a host in memory.
type bench struct {
	t      testing.TB
	host   *filtertest.Host
	engine *script
	vm     *filter.VM
	plugin *filter.Plugin
	now    time.Duration
}

// newBench starts a plugin with that engine.
func newBench(t testing.TB, e *script) *bench {
	t.Helper()
	b := &bench{t: t, host: filtertest.New("policy"), engine: e}
	b.vm = filter.NewVM(b.host, func([]byte) (filter.Engine, error) { return e, nil },
		filter.WithClock(func() time.Duration { return b.now }))
	b.plugin = b.vm.NewPlugin()
	require.True(t, b.plugin.OnStart())
	b.host.Trace()
	return b
}

// stream returns a stream that the host is about to call for.
func (b *bench) stream(id uint32) *filter.Stream {
	s := b.host.Stream(id)
	s.Blocks[filter.RequestHeaders] = engine.Headers{
		{":authority", "shop.example"}, {":path", "/a?b=c"}, {":method", "POST"}, {":scheme", "https"},
		{"user-agent", "test"}, {"accept", "text/html"}, {"accept", "*/*"},
	}
	s.Blocks[filter.RequestTrailers] = engine.Headers{{"x-sum", "1"}}
	s.Blocks[filter.ResponseHeaders] = engine.Headers{{":status", "200"}, {"content-type", "text/html"}}
	s.Bodies[filter.Request] = "hello"
	s.Bodies[filter.Response] = "world"
	s.Properties["source.address"] = "192.0.2.1:4711"
	s.Properties["request.protocol"] = "HTTP/1.1"
	s.Properties["response.code_details"] = "via_upstream"
	return b.plugin.NewStream(id)
}

// counts returns the counters that are not 0, one a line, without "tabard.".
func (b *bench) counts(prefix string) string {
	var lines []string
	for name, n := range b.host.Values {
		if strings.HasPrefix(name, "tabard."+prefix) {
			lines = append(lines, fmt.Sprintf("%s %d", strings.TrimPrefix(name, "tabard."), n))
		}
	}
	return sorted(lines)
}
