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
	// BySource also counts by Source and Label of the entries, up to maxGroups
	// pairs of them.
	BySource bool
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
	groups   map[group]*groupCount
	unknown  [len(unknownTexts)]int
}

// group is where entries come from and what they are said to be.
type group struct{ source, label string }

type groupCount struct{ requests, blocked int }

// maxGroups is more than any collection has; entries of further pairs are
// counted together, so that a file of made-up names does not fill the memory.
const maxGroups = 1000

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
	if s.BySource {
		s.addGroup(group{cmp.Or(r.Entry.Source, "(none)"), cmp.Or(r.Entry.Label, "(none)")}, o)
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

func (s *Summary) addGroup(g group, o Outcome) {
	if s.groups == nil {
		s.groups = map[group]*groupCount{}
	}
	if s.groups[g] == nil && len(s.groups) >= maxGroups {
		g = group{"(others)", "(others)"}
	}
	if s.groups[g] == nil {
		s.groups[g] = &groupCount{}
	}
	s.groups[g].requests++
	if o.Action == engine.Block {
		s.groups[g].blocked++
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
	s.writeGroups(b)
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

// writeGroups lists sources by label, and each label's sum: the share of
// harmless requests that were blocked is the rate of false positives, that of
// hostile ones the rate of detection.
func (s *Summary) writeGroups(w io.Writer) {
	if len(s.groups) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%-24s %-12s %9s %9s\n", "source", "label", "requests", "blocked")
	sums := map[group]*groupCount{}
	for _, g := range sortedGroups(s.groups) {
		n := s.groups[g]
		writeGroup(w, g, *n)
		all := group{"all", g.label}
		if sums[all] == nil {
			sums[all] = &groupCount{}
		}
		sums[all].requests += n.requests
		sums[all].blocked += n.blocked
	}
	for _, g := range sortedGroups(sums) {
		writeGroup(w, g, *sums[g])
	}
}

func sortedGroups(m map[group]*groupCount) []group {
	return slices.SortedFunc(maps.Keys(m), func(a, b group) int {
		return cmp.Or(strings.Compare(a.label, b.label), strings.Compare(a.source, b.source))
	})
}

func writeGroup(w io.Writer, g group, n groupCount) {
	fmt.Fprintf(w, "%-24s %-12s %9d %9d %7s\n", g.source, g.label, n.requests, n.blocked, share(n.blocked, n.requests))
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
