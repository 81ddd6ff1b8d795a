package explain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tabard/engine/seclang"
	"tabard/engine/trace"
)

// Why says what became of one rule: how it matched, how far it came, or what
// kept it from running. The error is an id that no rule has.
func (x Explanation) Why(id int) ([]string, error) {
	rule := x.find(id)
	if rule == nil {
		return nil, fmt.Errorf("no rule has the id %d%s", id, x.nearestID(id))
	}
	var lines []string
	for _, s := range x.Steps {
		if s.Rule.ID == id {
			lines = append(lines, x.Rule(s)...)
			lines = append(lines, verdictOf(s)...)
		}
	}
	if len(lines) > 0 {
		return lines, nil
	}
	return []string{
		x.title(rule, rule.Phase, 0), "    " + x.place(&rule.Link).String(),
		"    did not run: " + x.absence(rule),
	}, nil
}

// verdictOf says in a line whether a rule matched and, if not, how far the
// pattern that did not match went along.
func verdictOf(s trace.Step) []string {
	if s.Fired {
		return []string{"    it matched"}
	}
	lines := []string{"    it did not match"}
	if n, ok := s.Links[len(s.Links)-1].Nearest(); ok {
		lines = append(lines, nearest(s.Links[len(s.Links)-1], n)...)
	}
	return lines
}

// nearest shows where a pattern stops to match.
func nearest(l trace.Link, n trace.Near) []string {
	t := l.Tests[n.Test]
	rows := []row{{label: t.Name(), value: t.Value, shown: true}}
	return append(render(rows, n.Part), "    matches "+cut(n.Matched)+", and then lacks "+cut(n.Rest))
}

// cut shortens a piece of a pattern.
func cut(pattern string) string {
	return printable(pattern, window{0, min(len(pattern), maxArgBytes)}).text
}

// absence says why a rule did not run.
func (x Explanation) absence(rule *seclang.Rule) string {
	a := x.trace.Absence(rule.ID, x.set.table)
	by := "a rule"
	if a.By != 0 {
		by = "rule " + strconv.Itoa(a.By)
		if r := x.find(a.By); r != nil {
			by += " (" + x.place(&r.Link).String() + ")"
		}
	}
	switch a.Kind {
	case trace.Jumped:
		if a.Marker == "" {
			return "a rule with the action skip or allow went over it"
		}
		return by + " jumped over it to the marker " + a.Marker
	case trace.Removed:
		return by + " removed it from this request with ctl"
	case trace.TooLate:
		return by + " had ended the request before"
	case trace.NoPhase:
		return "its phase, " + strconv.Itoa(rule.Phase) + ", has not come"
	}
	return "Coraza has not come to it"
}

// nearestID names an id that is like one that no rule has.
func (x Explanation) nearestID(id int) string {
	var ids []string
	for _, r := range x.set.table.Rules {
		if r.ID != 0 {
			ids = append(ids, strconv.Itoa(r.ID))
		}
	}
	if hint := seclang.DidYouMean(strconv.Itoa(id), ids); hint != "" {
		return ", " + hint
	}
	return ""
}

// Limits of the list of near misses.
const (
	// maxNear: more are no help to find the one that was meant.
	maxNear = 8
	// minShare, minLetters and minPartBytes leave out what begins like a pattern
	// by chance.
	minShare     = 0.5
	minLetters   = 3
	minPartBytes = 3
)

// miss is a rule that nearly matched.
type miss struct {
	step trace.Step
	near trace.Near
	// links counts those that did match.
	links int
	// rank is higher for a nearer miss.
	rank float64
}

// Near lists the rules that nearly matched: chains of which only a later link
// did not, and patterns the greater part of which did. The nearest come first.
func (x Explanation) Near() []string {
	misses := x.misses()
	if len(misses) == 0 {
		return []string{"no rule nearly matched"}
	}
	var lines []string
	for i, m := range misses {
		if i > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, x.title(m.step.Rule, m.step.Phase, 0), "    "+x.place(&m.step.Rule.Link).String())
		last := m.step.Links[len(m.step.Links)-1]
		if m.links > 0 {
			lines = append(lines, fmt.Sprintf("    %d of %d links match, then this one does not:", m.links, len(m.step.Rule.Chain)+1))
		}
		if m.near.Matched != "" {
			lines = append(lines, nearest(last, m.near)...)
		} else {
			lines = append(lines, link(last)...)
		}
	}
	return lines
}

// input are the beginnings of the variables whose values a client writes. That
// a chain matches one of the others, such as the method, is no news.
var input = []string{"ARGS", "FILES", "JSON", "MATCHED_VAR", "MULTIPART_", "QUERY_STRING", "REQUEST_BASENAME", "REQUEST_BODY",
	"REQUEST_COOKIES", "REQUEST_FILENAME", "REQUEST_HEADERS", "REQUEST_LINE", "REQUEST_URI", "REQUEST_XML", "RESPONSE_BODY", "XML"}

// matchesInput says whether a chain has matched a value that the client wrote
// and stopped at another one.
func matchesInput(s trace.Step) bool {
	matched := false
	for i, l := range s.Links {
		last := i == len(s.Links)-1
		for _, t := range l.Tests {
			if t.Target.Count || !slices.ContainsFunc(input, func(name string) bool { return strings.HasPrefix(t.Target.Variable, name) }) {
				continue
			}
			if last {
				return matched
			}
			matched = matched || t.Matched
		}
	}
	return false
}

// decides says whether a rule can make a verdict: it logs or ends the request.
func decides(r *seclang.Rule) bool {
	a, ok := r.Disruptive()
	return r.Log || ok && a.Name != "pass" && a.Name != "allow"
}

func (x Explanation) misses() []miss {
	var out []miss
	for _, s := range x.Steps {
		if s.Fired || !decides(s.Rule) {
			continue
		}
		m := miss{step: s, links: len(s.Links) - 1}
		last := s.Links[len(s.Links)-1]
		near, ok := last.Nearest()
		if ok && near.Share >= minShare && near.Letters >= minLetters && near.Part.To-near.Part.From >= minPartBytes {
			m.near, m.rank = near, near.Share
		}
		if matchesInput(s) {
			m.rank += float64(m.links) / float64(len(s.Rule.Chain)+1)
		}
		if m.rank > 0 {
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, func(a, b miss) int {
		switch {
		case a.rank > b.rank:
			return -1
		case a.rank < b.rank:
			return 1
		}
		return strings.Compare(strconv.Itoa(a.step.Rule.ID), strconv.Itoa(b.step.Rule.ID))
	})
	return out[:min(len(out), maxNear)]
}
