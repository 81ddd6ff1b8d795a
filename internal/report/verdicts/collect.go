package verdicts

import (
	"cmp"
	"container/heap"
	"slices"
	"strconv"
	"strings"

	"tabard/engine"
	"tabard/internal/endpoint"
)

const (
	// maxEntries bounds the table of a page: a browser searches some thousand
	// rows as one types, and the page stays below a few megabytes.
	maxEntries = 2000
	// maxRows is the length of a list on a page.
	maxRows = 12
	// maxScoreBars: CRS blocks at 5 by default; what is above 40 is one bar.
	maxScoreBars = 41
)

// Report is what a page shows, and what its JSON holds.
type Report struct {
	// Policy and Sources are names for people.
	Policy  string   `json:"policy"`
	Sources []string `json:"sources"`
	// Threshold is the anomaly score that blocks a request.
	Threshold int `json:"inbound_threshold"`
	// Requests is the number of exchanges; Verdicts are they by verdict.
	Requests int    `json:"requests"`
	Verdicts Counts `json:"verdicts"`
	// Notes say what the numbers do not cover.
	Notes []string `json:"notes"`

	Timeline   Timeline    `json:"timeline"`
	Rules      List        `json:"rules"`
	Routes     List        `json:"routes"`
	Addresses  List        `json:"addresses"`
	Countries  List        `json:"countries"`
	Scores     []int       `json:"scores"` // exchanges by score; the last is for all above
	Candidates []Candidate `json:"candidates"`
	// Entries are exchanges that a rule matched or that failed: all, or the
	// first ones of the highest verdict and score. Left is how many are not there.
	Entries []engine.Record `json:"entries"`
	Left    int             `json:"entries_left_out"`
}

// Collector counts exchanges. The zero value is ready; it is for one goroutine.
type Collector struct {
	requests                            int
	verdicts                            Counts
	timeline                            timeline
	rules, routes, addresses, countries tally
	scores                              []int
	candidates                          candidates
	entries                             entryHeap
	eventful                            int
}

// Route names the endpoint of an exchange: by the policy's route, or by the
// pattern of the path where it has none.
func Route(r engine.Record) string { return cmp.Or(r.Route, endpoint.Path(r.Target)) }

// Add takes in one exchange.
func (c *Collector) Add(r engine.Record) {
	c.requests++
	c.verdicts.add(r.Verdict)
	c.timeline.add(r.Time, r.Verdict)
	route := Route(r)
	c.routes.add(route, "", r.Verdict)
	c.addresses.add(r.Client, r.Country, r.Verdict)
	c.countries.add(r.Country, "", r.Verdict)
	for _, m := range r.Judging() {
		c.rules.add(strconv.Itoa(m.ID), message(m), r.Verdict)
	}
	if c.scores == nil {
		c.scores = make([]int, maxScoreBars)
	}
	c.scores[max(0, min(r.Score, maxScoreBars-1))]++
	c.candidates.add(r, route)
	if r.Verdict != engine.Pass || r.Reason != engine.ReasonNone {
		c.keep(r)
	}
}

// message is a rule's message without what CRS says in it of one request.
func message(m engine.RecordMatch) string {
	text, _, _ := strings.Cut(m.Message, " (Total ")
	return text
}

// keep holds on to the most severe entries.
func (c *Collector) keep(r engine.Record) {
	c.eventful++
	e := entry{r, c.eventful}
	if len(c.entries) < maxEntries {
		heap.Push(&c.entries, e)
		return
	}
	if c.entries[0].less(e) {
		c.entries[0] = e
		heap.Fix(&c.entries, 0)
	}
}

// entry is a record with its place in the traffic.
type entry struct {
	record engine.Record
	n      int
}

// less says that an entry is given up before another one.
func (e entry) less(o entry) bool {
	return cmp.Or(severity(e.record.Verdict)-severity(o.record.Verdict), e.record.Score-o.record.Score, o.n-e.n) < 0
}

func severity(a engine.Action) int {
	return map[engine.Action]int{engine.Detect: 1, engine.Block: 2}[a]
}

// entryHeap has the least severe entry first.
type entryHeap []entry

func (h entryHeap) Len() int           { return len(h) }
func (h entryHeap) Less(i, j int) bool { return h[i].less(h[j]) }
func (h entryHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *entryHeap) Push(e any) { *h = append(*h, e.(entry)) }

// Pop implements heap.Interface; nothing is ever taken out but replaced.
func (h *entryHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	*h = (*h)[:last]
	return e
}

// Report returns what has been counted so far. Policy, Sources, Threshold and
// Notes are the caller's to fill in.
func (c *Collector) Report() Report {
	kept := slices.SortedFunc(slices.Values(c.entries), func(a, b entry) int { return a.n - b.n })
	entries := make([]engine.Record, len(kept))
	for i, e := range kept {
		entries[i] = e.record
	}
	scores := slices.Clone(c.scores)
	for len(scores) > 1 && scores[len(scores)-1] == 0 {
		scores = scores[:len(scores)-1]
	}
	return Report{
		Sources: []string{}, Notes: []string{}, Requests: c.requests, Verdicts: c.verdicts,
		Timeline: c.timeline.timeline(),
		Rules:    c.rules.top(maxRows), Routes: c.routes.top(maxRows), Addresses: c.addresses.top(maxRows), Countries: c.countries.top(maxRows),
		Scores: append([]int{}, scores...), Candidates: c.candidates.list(maxRows),
		Entries: entries, Left: c.eventful - len(entries),
	}
}
