package explain

import (
	"slices"
	"strconv"
	"strings"

	"tabard/engine/seclang"
	"tabard/engine/trace"
)

// Why says what became of one rule: how it matched, how far it came, or what
// kept it from running. The error is an id that no rule has.
func (x Explanation) Why(id int) ([]string, error) {
	views, err := x.WhyView(id)
	var lines []string
	for _, v := range views {
		lines = append(append(lines, v.lines()...), "    "+v.Note)
		if v.Near != nil {
			lines = append(lines, v.Near.lines()...)
		}
	}
	return lines, err
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

// Near prints what NearViews lists.
func (x Explanation) Near() []string {
	views := x.NearViews()
	if len(views) == 0 {
		return []string{"no rule nearly matched"}
	}
	var lines []string
	for i, v := range views {
		if i > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, v.title(), "    "+v.Place)
		if v.Note != "" {
			lines = append(lines, "    "+v.Note)
		}
		if v.Near != nil {
			lines = append(lines, v.Near.lines()...)
		}
		for _, l := range v.Links {
			lines = append(lines, l.lines()...)
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
