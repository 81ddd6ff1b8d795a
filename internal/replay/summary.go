package replay

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"tabard/engine"
)

// Summary counts the results of a run by verdict, rule and route. Its size
// depends on the policy and not on the traffic. It does not depend on the order
// of the results, so that parts of a run may be counted apart and merged. It is
// for one goroutine.
type Summary struct {
	// Requests is the number of entries with a verdict.
	Requests int `json:"requests"`
	// Broken counts the entries that could not be read.
	Broken int `json:"broken"`
	// Failed counts the sources that could not be read to their end.
	Failed int `json:"failed"`
	// Errors counts the verdicts that an internal error made.
	Errors int `json:"errors"`
	// Verdicts counts by verdict, Rules by a rule's id, Routes by a route's
	// name, which is empty for none, and by verdict.
	Verdicts map[engine.Action]int            `json:"verdicts,omitempty"`
	Rules    map[int]RuleCount                `json:"rules,omitempty"`
	Routes   map[string]map[engine.Action]int `json:"routes,omitempty"`
	// Unknown counts what the sources did not tell, by the texts of Unknown.
	Unknown map[string]int `json:"unknown,omitempty"`
	// Sources counts by Source and Label of the entries, up to maxSources pairs.
	Sources map[string]map[string]SourceCount `json:"sources,omitempty"`
}

// SourceCount is how many requests came from a source with a label, and how many
// of those were blocked.
type SourceCount struct {
	Requests int `json:"requests"`
	Blocked  int `json:"blocked"`
}

// maxSources is more than any collection has; entries of further pairs are
// counted together, so that a file of made-up names does not fill the memory.
const maxSources = 1000

// RuleCount is how many requests a rule has matched, and how many of those were
// blocked, by whatever rule.
type RuleCount struct {
	Requests int    `json:"requests"`
	Blocked  int    `json:"blocked"`
	Message  string `json:"message"`
}

// Count returns how many requests got that verdict.
func (s *Summary) Count(a engine.Action) int { return s.Verdicts[a] }

// Add takes in one result.
func (s *Summary) Add(r Result) {
	switch r.Err.(type) {
	case nil:
	case *SourceError:
		s.Failed++
		return
	default:
		s.Broken++
		return
	}
	s.init()
	o := r.Outcome
	s.Requests++
	s.Verdicts[o.Action]++
	if o.Err != nil {
		s.Errors++
	}
	s.addRoute(o.Route, o.Action, 1)
	for _, id := range o.Rules {
		// CRS puts the total score of a request into some messages.
		message, _, _ := strings.Cut(o.Messages[id], " (Total ")
		c := RuleCount{Requests: 1, Message: message}
		if o.Action == engine.Block {
			c.Blocked = 1
		}
		s.addRule(id, c)
	}
	if r.Entry.Source != "" || r.Entry.Label != "" {
		c := SourceCount{Requests: 1}
		if o.Action == engine.Block {
			c.Blocked = 1
		}
		s.addSource(cmp.Or(r.Entry.Source, "(none)"), cmp.Or(r.Entry.Label, "(none)"), c)
	}
	for i, text := range unknownTexts {
		if r.Entry.Unknown&(1<<i) != 0 {
			s.Unknown[text]++
		}
	}
}

// Merge takes in what another part of the run has counted.
func (s *Summary) Merge(o Summary) {
	s.init()
	s.Requests, s.Broken, s.Failed, s.Errors = s.Requests+o.Requests, s.Broken+o.Broken, s.Failed+o.Failed, s.Errors+o.Errors
	for a, n := range o.Verdicts {
		s.Verdicts[a] += n
	}
	for id, c := range o.Rules {
		s.addRule(id, c)
	}
	for route, verdicts := range o.Routes {
		for a, n := range verdicts {
			s.addRoute(route, a, n)
		}
	}
	for text, n := range o.Unknown {
		s.Unknown[text] += n
	}
	for source, labels := range o.Sources {
		for label, c := range labels {
			s.addSource(source, label, c)
		}
	}
}

func (s *Summary) init() {
	if s.Verdicts == nil {
		s.Verdicts, s.Rules = map[engine.Action]int{}, map[int]RuleCount{}
		s.Routes, s.Unknown = map[string]map[engine.Action]int{}, map[string]int{}
	}
}

func (s *Summary) addRoute(route string, a engine.Action, n int) {
	if s.Routes[route] == nil {
		s.Routes[route] = map[engine.Action]int{}
	}
	s.Routes[route][a] += n
}

// addRule keeps the first message in the order of the alphabet, where a rule
// has several, so that the order of requests makes no difference.
func (s *Summary) addRule(id int, c RuleCount) {
	rule := s.Rules[id]
	rule.Requests, rule.Blocked = rule.Requests+c.Requests, rule.Blocked+c.Blocked
	if rule.Message == "" || c.Message != "" && c.Message < rule.Message {
		rule.Message = c.Message
	}
	s.Rules[id] = rule
}

func (s *Summary) addSource(source, label string, c SourceCount) {
	pairs := 0
	for _, labels := range s.Sources {
		pairs += len(labels)
	}
	if _, ok := s.Sources[source][label]; !ok && pairs >= maxSources {
		source, label = "(others)", "(others)"
	}
	if s.Sources == nil {
		s.Sources = map[string]map[string]SourceCount{}
	}
	if s.Sources[source] == nil {
		s.Sources[source] = map[string]SourceCount{}
	}
	s.Sources[source][label] = s.Sources[source][label].plus(c)
}

func (c SourceCount) plus(d SourceCount) SourceCount {
	return SourceCount{c.Requests + d.Requests, c.Blocked + d.Blocked}
}

// actions are in the order of a summary.
var actions = []engine.Action{engine.Block, engine.Detect, engine.Pass}

// Write prints the summary for people. The same results give the same text.
func (s *Summary) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%-8s %9s\n", "verdict", "requests")
	for _, a := range actions {
		fmt.Fprintf(b, "%-8s %9d %7s\n", a, s.Verdicts[a], share(s.Verdicts[a], s.Requests))
	}
	fmt.Fprintf(b, "%-8s %9d\n", "all", s.Requests)
	s.writeRules(b)
	s.writeRoutes(b)
	s.writeNotes(b)
	return b.Flush()
}

func share(n, all int) string {
	if all == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(all))
}

// WriteSources lists sources by label, and each label's sum: the share of
// harmless requests that were blocked is the rate of false positives, that of
// hostile ones the rate of detection.
func (s *Summary) WriteSources(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "\n%-24s %-12s %9s %9s\n", "source", "label", "requests", "blocked")
	line := func(source, label string, c SourceCount) {
		fmt.Fprintf(b, "%-24s %-12s %9d %9d %7s\n", source, label, c.Requests, c.Blocked, share(c.Blocked, c.Requests))
	}
	sums := map[string]SourceCount{}
	for _, source := range slices.Sorted(maps.Keys(s.Sources)) {
		for _, label := range slices.Sorted(maps.Keys(s.Sources[source])) {
			c := s.Sources[source][label]
			sums[label] = sums[label].plus(c)
			line(source, label, c)
		}
	}
	for _, label := range slices.Sorted(maps.Keys(sums)) {
		line("all", label, sums[label])
	}
	return b.Flush()
}

// writeRules lists the rules that matched, the most frequent first.
func (s *Summary) writeRules(w io.Writer) {
	if len(s.Rules) == 0 {
		return
	}
	ids := slices.SortedFunc(maps.Keys(s.Rules), func(a, b int) int {
		return cmp.Or(s.Rules[b].Requests-s.Rules[a].Requests, a-b)
	})
	fmt.Fprintf(w, "\n%-8s %9s %9s  %s\n", "rule", "requests", "blocked", "message")
	for _, id := range ids {
		rule := s.Rules[id]
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-8d %9d %9d  %s", id, rule.Requests, rule.Blocked, rule.Message), " "))
	}
}

// writeRoutes lists the policy's routes, the most frequent first.
func (s *Summary) writeRoutes(w io.Writer) {
	if len(s.Routes) == 0 {
		return
	}
	all := func(route string) int {
		n := s.Routes[route]
		return n[engine.Block] + n[engine.Detect] + n[engine.Pass]
	}
	routes := slices.SortedFunc(maps.Keys(s.Routes), func(a, b string) int {
		return cmp.Or(all(b)-all(a), strings.Compare(a, b))
	})
	fmt.Fprintf(w, "\n%-24s %9s %9s %9s %9s\n", "route", "requests", "block", "detect", "pass")
	for _, route := range routes {
		n := s.Routes[route]
		fmt.Fprintf(w, "%-24s %9d %9d %9d %9d\n", cmp.Or(route, "(none)"), all(route), n[engine.Block], n[engine.Detect], n[engine.Pass])
	}
}

// writeNotes says what the numbers do not cover.
func (s *Summary) writeNotes(w io.Writer) {
	if notes := s.Notes(); len(notes) > 0 {
		fmt.Fprint(w, "\n"+strings.Join(notes, "\n")+"\n")
	}
}

// Notes say what the numbers do not cover, one sentence each.
func (s *Summary) Notes() (notes []string) {
	for _, text := range unknownTexts {
		if n := s.Unknown[text]; n > 0 {
			notes = append(notes, fmt.Sprintf("%s: %d", text, n))
		}
	}
	for _, note := range []struct {
		n    int
		text string
	}{
		{s.Broken, "broken entries, without a verdict"},
		{s.Failed, "sources that could not be read to their end"},
		{s.Errors, "verdicts made by an internal error"},
	} {
		if note.n > 0 {
			notes = append(notes, fmt.Sprintf("%s: %d", note.text, note.n))
		}
	}
	return notes
}
