package explain

import (
	"fmt"
	"strconv"
	"strings"

	"tabard/engine"
	"tabard/engine/operators"
	"tabard/engine/seclang"
	"tabard/engine/trace"
)

// Limits of what is shown of each thing: what is cut is said to be.
const (
	// maxTests is how many matching values of one link are shown.
	maxTests = 4
	// maxArgBytes is how much of an operator's argument is shown: the patterns
	// of CRS are of up to 9 KB, and a line has about 100 columns.
	maxArgBytes = 72
	// maxValueBytes is how much of a value is shown, around the part that
	// matched.
	maxValueBytes = 72
)

// Text explains the verdict for people.
func (x Explanation) Text() string {
	v := x.View()
	var b strings.Builder
	for _, line := range append([]string{v.Headline}, v.Notes...) {
		b.WriteString(line + "\n")
	}
	b.WriteString("fast path: " + v.FastPath + "\n")
	for i, s := range v.Scores {
		b.WriteString(choose(i == 0, "\n", ""))
		fmt.Fprintf(&b, "%+5d  %-7d %s\n", s.Points, s.Rule, s.Message)
	}
	for _, r := range v.Rules {
		b.WriteString("\n" + strings.Join(r.lines(), "\n") + "\n")
	}
	return b.String()
}

// headline is the verdict in a line.
func (x Explanation) headline() string {
	v := x.Verdict
	line := string(v.Action)
	if v.Status != 0 {
		line += " with status " + strconv.Itoa(v.Status)
	}
	if v.Phase != 0 {
		line += " in phase " + strconv.Itoa(v.Phase)
	}
	switch {
	case v.Rule != 0 && v.Action == engine.Detect:
		line += ", rule " + strconv.Itoa(v.Rule) + " would block"
	case v.Rule != 0:
		line += " by rule " + strconv.Itoa(v.Rule)
	case v.Reason != engine.ReasonNone && v.Reason != engine.ReasonRule:
		line += ", reason " + string(v.Reason)
	case v.Action == engine.Pass:
		line += ": no rule that logs has matched"
	}
	if v.Route != "" {
		line += ", route " + v.Route
	}
	return line
}

// notes are the scores beside what blocks, and an internal error.
func (x Explanation) notes() []string {
	lines := []string{}
	if x.Verdict.Reason == engine.ReasonInternalError {
		lines = append(lines, fmt.Sprintf("internal error: %v", x.Verdict.Err))
	}
	if n := x.Verdict.Score; n > 0 {
		lines = append(lines, "score "+strconv.Itoa(n)+x.threshold("inbound", "requests"))
	}
	if n := x.Verdict.OutboundScore; n > 0 {
		lines = append(lines, "outbound score "+strconv.Itoa(n)+x.threshold("outbound", "responses"))
	}
	return lines
}

// threshold says from which score on CRS blocks, or "" without CRS.
func (x Explanation) threshold(direction, what string) string {
	value := ""
	for _, s := range x.Steps {
		for _, c := range s.Changes {
			if c.Key == direction+"_anomaly_score_threshold" {
				value = c.After
			}
		}
	}
	if value == "" {
		return ""
	}
	return ", " + what + " are blocked from " + value
}

// lines print a rule with what became of it.
func (r RuleView) lines() []string {
	lines := []string{r.title(), "    " + r.Place}
	for _, l := range r.Links {
		if l.Title != "" {
			lines = append(lines, "  "+l.Title)
		}
		lines = append(lines, l.lines()...)
	}
	if r.Says != "" {
		lines = append(lines, "    says: "+r.Says)
	}
	return lines
}

// restated is how the logdata of CRS's rules begins that only repeats which part
// of what matched.
const restated = "Matched Data: "

// data is what the rule's logdata tells that the matches do not show, such as why
// a body could not be parsed.
func (x Explanation) data(id int) string {
	for _, m := range x.Verdict.Matches {
		if m.ID == id && !strings.HasPrefix(m.Data, restated) {
			return m.Data
		}
	}
	return ""
}

// title is a rule in a line.
func (r RuleView) title() string {
	parts := []string{strconv.Itoa(r.ID), "phase " + strconv.Itoa(r.Phase)}
	if r.Severity != "" {
		parts = append(parts, r.Severity)
	}
	if r.Score != 0 {
		parts = append(parts, fmt.Sprintf("%+d", r.Score))
	}
	return strings.TrimRight(strings.Join(parts, "  ")+"  "+r.Message, " ")
}

// lines print a link: the values, then the operator.
func (l LinkView) lines() []string {
	if l.Operator == "" {
		return []string{"    " + l.Note}
	}
	if l.Note != "" {
		return []string{"    " + l.Operator, "    " + l.Note}
	}
	var lines []string
	for _, value := range l.Values {
		lines = append(lines, render(value)...)
	}
	if l.More > 0 {
		lines = append(lines, fmt.Sprintf("    and %d more", l.More))
	}
	found := choose(l.Found == "", "", "  found "+l.Found)
	return append(lines, "    "+l.Operator+found+choose(l.Matched, "", "  no match"))
}

// lines print where a pattern stopped to match.
func (n *NearView) lines() []string {
	return append(render(n.Value), "    matches "+n.Matched+", and then lacks "+n.Lacks)
}

// captured is what an operator says of its match, where no part can be shown.
func captured(t trace.Test) string {
	if t.Captured == "" || t.Part != (trace.Span{}) {
		return ""
	}
	return printable(t.Captured, window{0, min(len(t.Captured), maxValueBytes)}).text
}

// targets lists the targets of a link as written.
func targets(l *seclang.Link) string {
	names := make([]string, len(l.Targets))
	for i, t := range l.Targets {
		names[i] = trace.Test{Target: t, Key: t.Key}.Name()
	}
	return strings.Join(names, ", ")
}

// operator is an operator as written, cut.
func operator(op *seclang.Operator) string {
	text := choose(op.Negated, "!@", "@") + op.Name
	if op.Arg == "" {
		return text
	}
	arg := operators.JWT.Shown(op.Arg)
	return text + " " + printable(arg, window{0, min(len(arg), maxArgBytes)}).text
}

// render aligns the values and underlines the part.
func render(rows []Line) []string {
	labels, width := make([]string, len(rows)), 0
	for i, r := range rows {
		labels[i] = choose(i == 0, "", "  ") + r.Label
		if r.Shown {
			width = max(width, len(labels[i]))
		}
	}
	// A long name of an argument would push the values out of sight.
	width = min(width, maxLabel)
	var lines []string
	for i, r := range rows {
		if !r.Shown {
			lines = append(lines, "    "+labels[i])
			continue
		}
		lines = append(lines, strings.TrimRight(fmt.Sprintf("    %-*s  %s", width, labels[i], r.Text), " "))
		if r.To > 0 {
			lines = append(lines, strings.Repeat(" ", 4+max(width, len(labels[i]))+2+r.From)+strings.Repeat("^", r.To-r.From))
		}
	}
	return lines
}

// maxLabel is the width of the column of targets and transformations.
const maxLabel = 28

func choose(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}
