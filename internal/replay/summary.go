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
// depends on the policy and not on the traffic. It is for one goroutine.
type Summary struct {
	// Requests is the number of entries with a verdict.
	Requests int
	// Broken counts the entries that could not be read.
	Broken int
	// Failed counts the sources that could not be read to their end.
	Failed int
	// Errors counts the verdicts that an internal error made.
	Errors int

	verdicts map[engine.Action]int
	rules    map[int]*ruleCount
	routes   map[string]map[engine.Action]int
	unknown  [len(unknownTexts)]int
}

type ruleCount struct {
	requests, blocked int
	message           string
}

// Count returns how many requests got that verdict.
func (s *Summary) Count(a engine.Action) int { return s.verdicts[a] }

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
	if s.verdicts == nil {
		s.verdicts, s.rules, s.routes = map[engine.Action]int{}, map[int]*ruleCount{}, map[string]map[engine.Action]int{}
	}
	o := r.Outcome
	s.Requests++
	s.verdicts[o.Action]++
	if o.Err != nil {
		s.Errors++
	}
	if s.routes[o.Route] == nil {
		s.routes[o.Route] = map[engine.Action]int{}
	}
	s.routes[o.Route][o.Action]++
	for _, id := range o.Rules {
		s.addRule(id, o)
	}
	for i := range s.unknown {
		if r.Entry.Unknown&(1<<i) != 0 {
			s.unknown[i]++
		}
	}
}

func (s *Summary) addRule(id int, o Outcome) {
	rule := s.rules[id]
	if rule == nil {
		// CRS puts the total score of the first request into some messages.
		message, _, _ := strings.Cut(o.Messages[id], " (Total ")
		rule = &ruleCount{message: message}
		s.rules[id] = rule
	}
	rule.requests++
	if o.Action == engine.Block {
		rule.blocked++
	}
}

// actions are in the order of a summary.
var actions = []engine.Action{engine.Block, engine.Detect, engine.Pass}

// Write prints the summary for people. The same results give the same text.
func (s *Summary) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%-8s %9s\n", "verdict", "requests")
	for _, a := range actions {
		fmt.Fprintf(b, "%-8s %9d %7s\n", a, s.verdicts[a], share(s.verdicts[a], s.Requests))
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

// writeRules lists the rules that matched, the most frequent first.
func (s *Summary) writeRules(w io.Writer) {
	if len(s.rules) == 0 {
		return
	}
	ids := slices.SortedFunc(maps.Keys(s.rules), func(a, b int) int {
		return cmp.Or(s.rules[b].requests-s.rules[a].requests, a-b)
	})
	fmt.Fprintf(w, "\n%-8s %9s %9s  %s\n", "rule", "requests", "blocked", "message")
	for _, id := range ids {
		rule := s.rules[id]
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-8d %9d %9d  %s", id, rule.requests, rule.blocked, rule.message), " "))
	}
}

// writeRoutes lists the policy's routes, the most frequent first.
func (s *Summary) writeRoutes(w io.Writer) {
	if len(s.routes) == 0 {
		return
	}
	all := func(route string) int {
		n := s.routes[route]
		return n[engine.Block] + n[engine.Detect] + n[engine.Pass]
	}
	routes := slices.SortedFunc(maps.Keys(s.routes), func(a, b string) int {
		return cmp.Or(all(b)-all(a), strings.Compare(a, b))
	})
	fmt.Fprintf(w, "\n%-24s %9s %9s %9s %9s\n", "route", "requests", "block", "detect", "pass")
	for _, route := range routes {
		n := s.routes[route]
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
	for i, n := range s.unknown {
		if n > 0 {
			notes = append(notes, fmt.Sprintf("%s: %d", unknownTexts[i], n))
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
