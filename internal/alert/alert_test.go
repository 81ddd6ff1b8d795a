package alert

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// at makes a record some seconds after noon.
func at(seconds int, change func(*engine.Record)) engine.Record {
	r := engine.Record{Time: noon.Add(time.Duration(seconds) * time.Second), TransactionID: fmt.Sprint("t", seconds), Verdict: engine.Pass,
		Client: "192.0.2.7", Principal: "anna", Method: "GET", Target: "/users/7", ResponseStatus: 200}
	change(&r)
	return r
}

func answered(status int) func(*engine.Record) {
	return func(r *engine.Record) { r.ResponseStatus = status }
}

func blocked(status int) func(*engine.Record) {
	return func(r *engine.Record) { r.Verdict, r.Status, r.ResponseStatus = engine.Block, status, 0 }
}

func scored(score int) func(*engine.Record) { return func(r *engine.Record) { r.Score = score } }

func from(principal, country string) func(*engine.Record) {
	return func(r *engine.Record) { r.Principal, r.Country = principal, country }
}

// repeat makes n records, one a second.
func repeat(n, start int, change func(*engine.Record)) (out []engine.Record) {
	for i := range n {
		out = append(out, at(start+i, change))
	}
	return out
}

func concat(lists ...[]engine.Record) (out []engine.Record) {
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

func TestEachRuleRaisesWhatItIsAbout(t *testing.T) {
	for name, c := range map[string]struct {
		rule    engine.AlertRule
		records []engine.Record
		want    []string // "key count at second"
	}{
		"ten answers of 401 or 403 in a minute": {
			engine.AlertRule{When: engine.AlertDenied}, concat(repeat(5, 0, answered(401)), repeat(5, 5, blocked(403))), []string{"192.0.2.7 10 at 9"}},
		"nine are not enough": {
			engine.AlertRule{When: engine.AlertDenied}, repeat(9, 0, answered(401)), nil},
		"a 404 and a blocked 400 are no denial": {
			engine.AlertRule{When: engine.AlertDenied, Count: 1}, concat(repeat(9, 0, answered(404)), repeat(9, 9, blocked(400))), nil},
		"ten in eleven minutes are not enough": {
			engine.AlertRule{When: engine.AlertDenied}, func() (out []engine.Record) {
				for i := range 10 {
					out = append(out, at(i*66, answered(401)))
				}
				return out
			}(), nil},
		"a window over the border of two minutes": {
			engine.AlertRule{When: engine.AlertDenied}, repeat(10, 55, answered(401)), []string{"192.0.2.7 10 at 64"}},
		"who has raised one is quiet for a window": {
			engine.AlertRule{When: engine.AlertDenied, Count: 2, WindowSeconds: 12}, repeat(30, 0, answered(403)),
			[]string{"192.0.2.7 2 at 1", "192.0.2.7 12 at 13", "192.0.2.7 12 at 25"}},
		"callers are counted apart": {
			engine.AlertRule{When: engine.AlertDenied, By: engine.ByPrincipal, Count: 3}, concat(
				repeat(2, 0, answered(401)),
				repeat(3, 2, func(r *engine.Record) { r.Principal, r.ResponseStatus = "bob", 401 })), []string{"bob 3 at 4"}},
		"without a principal nobody is counted": {
			engine.AlertRule{When: engine.AlertDenied, By: engine.ByPrincipal, Count: 1}, repeat(3, 0, func(r *engine.Record) { r.Principal, r.ResponseStatus = "", 401 }), nil},
		"by route, whose ids are one": {
			engine.AlertRule{When: engine.AlertThrottled, By: engine.ByRoute, Count: 2}, concat(
				repeat(1, 0, answered(429)), repeat(1, 1, func(r *engine.Record) { r.ResponseStatus, r.Target, r.Client = 429, "/users/8", "x" })), []string{"/users/{id} 2 at 1"}},
		"all together": {
			engine.AlertRule{When: engine.AlertThrottled, By: engine.ByAll, Count: 3}, concat(repeat(2, 0, answered(429)), repeat(1, 2, func(r *engine.Record) { r.ResponseStatus, r.Client = 429, "" })), []string{" 3 at 2"}},
		"one request around the gateway": {
			engine.AlertRule{When: engine.AlertBypass}, concat(repeat(1, 0, answered(200)), repeat(1, 1, func(r *engine.Record) { r.Bypassed = true })), []string{"192.0.2.7 1 at 1"}},
		"a sum of scores": {
			engine.AlertRule{When: engine.AlertScore, Score: 50}, repeat(10, 0, scored(5)), []string{"192.0.2.7 50 at 9"}},
		"what is usual is no spike": {
			engine.AlertRule{When: engine.AlertScore, Score: 50, WindowSeconds: 12}, concat(
				repeat(120, 0, scored(4)), // 48 a window
				repeat(11, 120, scored(9))), nil},
		"four times what is usual is": {
			engine.AlertRule{When: engine.AlertScore, Score: 50, WindowSeconds: 12}, concat(
				repeat(120, 0, scored(4)), repeat(11, 120, scored(40))), []string{"192.0.2.7 192 at 123"}},
		"the first country is learnt, each further one told once": {
			engine.AlertRule{When: engine.AlertNewCountry}, []engine.Record{
				at(0, from("anna", "NL")), at(1, from("bob", "DE")), at(2, from("anna", "")), at(3, from("anna", "BR")), at(4, from("anna", "BR")), at(5, from("anna", "NL")), at(6, from("anna", "US"))},
			[]string{"anna 2 at 3", "anna 3 at 6"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.rule.Name = "rule"
			w := New(engine.Alerts{Rules: []engine.AlertRule{c.rule}})
			var got []string
			for _, r := range c.records {
				for _, a := range w.Add(r) {
					require.Equal(t, "rule", a.Rule)
					require.NotEmpty(t, a.Message)
					got = append(got, fmt.Sprintf("%s %d at %d", a.Key, a.Count, int(a.Time.Sub(noon)/time.Second)))
				}
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestALateRecordCountsAsNow(t *testing.T) {
	w := New(engine.Alerts{Rules: []engine.AlertRule{{Name: "r", When: engine.AlertDenied, Count: 3, WindowSeconds: 12}}})
	require.Empty(t, w.Add(at(100, answered(401))))
	require.Empty(t, w.Add(at(0, answered(401))))
	require.Len(t, w.Add(at(50, answered(401))), 1)
}

func TestARecordWithoutATimeCountsForNoWindow(t *testing.T) {
	w := New(engine.Alerts{Rules: []engine.AlertRule{
		{Name: "many", When: engine.AlertDenied, Count: 2}, {Name: "one", When: engine.AlertBypass}}})
	timeless := at(0, func(r *engine.Record) { r.Time, r.ResponseStatus, r.Bypassed = time.Time{}, 401, true })
	alerts := append(w.Add(timeless), w.Add(timeless)...)
	require.Len(t, alerts, 1)
	require.Equal(t, "one", alerts[0].Rule)
	require.Equal(t, 2, w.Timeless)
}

func TestWhatAClientSentIsPrintable(t *testing.T) {
	w := New(engine.Alerts{Rules: []engine.AlertRule{{Name: "r", When: engine.AlertBypass, By: engine.ByRoute}}})
	alerts := w.Add(at(0, func(r *engine.Record) { r.Bypassed, r.Target = true, "/\x1b[2J\u202e\n" }))
	require.Len(t, alerts, 1)
	require.Equal(t, `route /\x1b[2J\u202e\n: 1 requests within 60 s did not come through the gateway`, alerts[0].Message)
}

func TestTheQuietestCallerMakesRoom(t *testing.T) {
	w := New(engine.Alerts{Rules: []engine.AlertRule{{Name: "r", When: engine.AlertDenied, Count: 2, WindowSeconds: maxSeconds}}})
	client := func(n int) func(*engine.Record) {
		return func(r *engine.Record) { r.Client, r.ResponseStatus = fmt.Sprint(n), 401 }
	}
	for i := range maxKeys {
		require.Empty(t, w.Add(at(0, client(i))))
	}
	require.Len(t, w.Add(at(0, client(0))), 1, "all are known")
	require.Empty(t, w.Add(at(0, client(maxKeys))), "and a new one makes the quietest, 1, go")
	require.Empty(t, w.Add(at(0, client(1))))
	require.Len(t, w.rules[0].keys, maxKeys)
	require.Equal(t, maxKeys, w.rules[0].recent.Len())
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	require.Less(t, m.HeapAlloc, uint64(64<<20), "bytes for a rule with all its callers")
}

const maxSeconds = 24 * 60 * 60
