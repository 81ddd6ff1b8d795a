package verdicts

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// record makes a record of a request; rules are ids that matched ARGS:q.
func record(action engine.Action, target string, score int, rules ...int) engine.Record {
	r := engine.Record{
		Time: noon, TransactionID: "r-1", Verdict: action, Mode: engine.ModeBlock, Score: score,
		Method: "GET", Host: "shop.example", Target: target, Client: "192.0.2.7",
	}
	if action == engine.Block {
		r.Status, r.Phase, r.Reason = 403, 2, engine.ReasonRule
	}
	for _, id := range rules {
		r.Rules = append(r.Rules, engine.RecordMatch{ID: id, Phase: 2, Severity: "critical", Target: "ARGS:q", Message: fmt.Sprintf("Rule %d", id), Value: "1'"})
	}
	return r
}

func TestACollectorCountsByEverythingThePageShows(t *testing.T) {
	var c Collector
	c.Add(record(engine.Pass, "/users/1", 0))
	c.Add(record(engine.Detect, "/users/2", 3, 920350))
	c.Add(record(engine.Block, "/users/3?x", 5, 942100, 942100, 949110))
	c.Add(record(engine.Block, "/users/4", 400, 942100, 949110))
	other := record(engine.Pass, "/", 0)
	other.Client, other.Country, other.Route = "2001:db8::7", "NL", "start"
	c.Add(other)

	r := c.Report()
	require.Equal(t, 5, r.Requests)
	require.Equal(t, Counts{Block: 2, Detect: 1, Pass: 2}, r.Verdicts)
	require.Equal(t, []Row{{"942100", "Rule 942100", Counts{Block: 2}}, {"920350", "Rule 920350", Counts{Detect: 1}}}, r.Rules.Rows, "the rules that sum up are left out")
	require.Equal(t, []Row{{"/users/{id}", "", Counts{2, 1, 1}}, {"start", "", Counts{Pass: 1}}}, r.Routes.Rows)
	require.Equal(t, []Row{{"192.0.2.7", "", Counts{2, 1, 1}}, {"2001:db8::7", "NL", Counts{Pass: 1}}}, r.Addresses.Rows)
	require.Equal(t, List{Rows: []Row{{"NL", "", Counts{Pass: 1}}}, Names: 1}, r.Countries)
	require.Len(t, r.Scores, maxScoreBars)
	require.Equal(t, []int{2, 0, 0, 1, 0, 1}, r.Scores[:6])
	require.Equal(t, 1, r.Scores[maxScoreBars-1], "a score above all bars is in the last one")
	require.Len(t, r.Entries, 3, "what passed without a match is no entry")
	require.Zero(t, r.Left)
}

func TestNamesThatAreTooManyAreCountedTogether(t *testing.T) {
	var tl tally
	for i := range maxKeys + 7 {
		tl.add(fmt.Sprint(i), "", engine.Block)
	}
	tl.add("0", "", engine.Block)
	list := tl.top(3)
	require.Equal(t, maxKeys, list.Names)
	require.Equal(t, 7, list.Others.All())
	require.Equal(t, Row{Name: "0", Counts: Counts{Block: 2}}, list.Rows[0])
	require.Len(t, list.Rows, 3)
}

func TestTheMostSevereEntriesAreKeptInTheirOrder(t *testing.T) {
	var c Collector
	for i := range maxEntries + 100 {
		r := record(engine.Detect, "/", 2, 1)
		switch {
		case i%2 == 1:
			r = record(engine.Block, "/", 5, 1)
		case i == maxEntries+98:
			r.Score = 4
		}
		r.TransactionID = fmt.Sprint(i)
		c.Add(r)
	}
	r := c.Report()
	require.Len(t, r.Entries, maxEntries)
	require.Equal(t, 100, r.Left)
	blocks, last := 0, -1
	for _, e := range r.Entries {
		var n int
		fmt.Sscan(e.TransactionID, &n)
		require.Greater(t, n, last)
		last = n
		if e.Verdict == engine.Block {
			blocks++
		}
	}
	require.Equal(t, maxEntries/2+50, blocks, "no block is given up for a detection")
	require.Equal(t, "0", r.Entries[0].TransactionID, "of equals the first are kept")
	require.Equal(t, fmt.Sprint(maxEntries+98), r.Entries[maxEntries-2].TransactionID, "a higher score displaces a lower one")
}

func TestTheTimelineFindsALengthThatFits(t *testing.T) {
	for name, c := range map[string]struct {
		times []time.Duration
		width time.Duration
		bars  int
	}{
		"one moment":                    {[]time.Duration{0}, time.Second, 1},
		"two minutes less a second":     {[]time.Duration{0, 119 * time.Second}, time.Second, 2},
		"two minutes":                   {[]time.Duration{0, 120 * time.Second}, 5 * time.Second, 2},
		"a day, out of order":           {[]time.Duration{24 * time.Hour, 0, 12 * time.Hour, 12*time.Hour + time.Minute}, 15 * time.Minute, 3},
		"a clock that was never set":    {[]time.Duration{0, -noon.Sub(time.Unix(0, 0))}, 364 * 24 * time.Hour, 2},
		"a clock from before the epoch": {[]time.Duration{-70 * 365 * 24 * time.Hour, 0}, 364 * 24 * time.Hour, 2},
		"no time at all":                {nil, time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var tl timeline
			tl.add(time.Time{}, engine.Pass)
			for _, d := range c.times {
				tl.add(noon.Add(d), engine.Block)
			}
			out := tl.timeline()
			require.Equal(t, int(c.width/time.Second), out.WidthSeconds)
			require.Len(t, out.Bars, c.bars)
			sum := 0
			for i, b := range out.Bars {
				sum += b.Block
				require.True(t, i == 0 || b.Start.After(out.Bars[i-1].Start))
			}
			require.Equal(t, len(c.times), sum)
		})
	}
}

func TestTheTimelineIsBounded(t *testing.T) {
	var tl timeline
	for i := range 10_000 {
		tl.add(noon.Add(time.Duration(i*i)*time.Minute), engine.Pass)
	}
	require.LessOrEqual(t, len(tl.timeline().Bars), maxBuckets)
}

func TestACandidateIsFrequentAndAlone(t *testing.T) {
	for name, c := range map[string]struct {
		records []engine.Record
		want    []Candidate
	}{
		"twice is chance": {[]engine.Record{record(engine.Block, "/a", 5, 1), record(engine.Block, "/a", 5, 1)}, []Candidate{}},
		"three times alone": {
			[]engine.Record{record(engine.Block, "/a", 5, 1, 949110), record(engine.Detect, "/a", 5, 1), record(engine.Detect, "/a", 5, 1), record(engine.Pass, "/a", 0)},
			[]Candidate{{Rule: 1, Message: "Rule 1", Route: "/a", Parameter: "ARGS:q", Requests: 3, Alone: 3, Blocked: 1, Share: 0.75, Addresses: 1, Example: "1'"}}},
		"with other rules it is an attack": {
			[]engine.Record{record(engine.Block, "/a", 10, 1, 2), record(engine.Block, "/a", 10, 1, 2), record(engine.Block, "/a", 10, 1, 2)}, []Candidate{}},
		"what misfires everywhere is one candidate": {
			func() (all []engine.Record) {
				for i := range 12 {
					r := record(engine.Detect, fmt.Sprintf("/%c", 'a'+i%4), 2, 1)
					r.Client = fmt.Sprint(i)
					all = append(all, r)
				}
				return all
			}(),
			[]Candidate{{Rule: 1, Message: "Rule 1", Route: "4 routes", Parameter: "ARGS:q", Requests: 12, Alone: 12, Share: 1, Addresses: 12, Example: "1'"}}},
	} {
		t.Run(name, func(t *testing.T) {
			var all candidates
			for _, r := range c.records {
				all.add(r, Route(r))
			}
			require.Equal(t, c.want, all.list(maxRows))
		})
	}
}
