package explain

import (
	"fmt"
	"slices"
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
	var b strings.Builder
	b.WriteString(x.headline() + "\n")
	if x.Verdict.Reason == engine.ReasonInternalError {
		fmt.Fprintf(&b, "internal error: %v\n", x.Verdict.Err)
	}
	if score := x.scoreLine(); score != "" {
		b.WriteString(score + "\n")
	}
	b.WriteString("fast path: " + x.FastPath.Text + "\n")
	hits := x.Hits()
	if table := x.scoreTable(hits); table != "" {
		b.WriteString("\n" + table)
	}
	for _, s := range hits {
		b.WriteString("\n" + strings.Join(x.Rule(s), "\n") + "\n")
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

// scoreLine compares the scores with what blocks, or is "" without any.
func (x Explanation) scoreLine() string {
	var lines []string
	if n := x.Verdict.Score; n > 0 {
		lines = append(lines, "score "+strconv.Itoa(n)+x.threshold("inbound", "requests"))
	}
	if n := x.Verdict.OutboundScore; n > 0 {
		lines = append(lines, "outbound score "+strconv.Itoa(n)+x.threshold("outbound", "responses"))
	}
	return strings.Join(lines, "\n")
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

// scoreTable lists what each rule added.
func (x Explanation) scoreTable(hits []trace.Step) string {
	var b strings.Builder
	for _, s := range hits {
		if score := s.Score(); score != 0 {
			fmt.Fprintf(&b, "%+5d  %-7d %s\n", score, s.Rule.ID, x.message(s.Rule))
		}
	}
	return b.String()
}

// Rule shows one step: the rule and, for each link, what it looked at. Of a
// link that matched only the matches are shown.
func (x Explanation) Rule(s trace.Step) []string {
	lines := []string{x.title(s.Rule, s.Phase, s.Score()), "    " + x.place(&s.Rule.Link).String()}
	for i, l := range s.Links {
		if len(s.Rule.Chain) > 0 {
			lines = append(lines, fmt.Sprintf("  link %d of %d%s", i+1, len(s.Rule.Chain)+1, choose(l.Matched, "", " does not match")))
		}
		lines = append(lines, link(l)...)
	}
	if data := x.data(s.Rule.ID); data != "" {
		lines = append(lines, "    says: "+printable(data, around(len(data), trace.Span{})).text)
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
func (x Explanation) title(r *seclang.Rule, phase, score int) string {
	parts := []string{strconv.Itoa(r.ID), "phase " + strconv.Itoa(phase)}
	if r.Severity != seclang.SeverityUnset {
		parts = append(parts, severities[r.Severity])
	}
	if score != 0 {
		parts = append(parts, fmt.Sprintf("%+d", score))
	}
	return strings.TrimRight(strings.Join(parts, "  ")+"  "+x.message(r), " ")
}

// severities are in the order of their numbers.
var severities = []string{"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"}

// link shows the tests of a link that decided: the matches or, when there is
// none, all.
func link(l trace.Link) []string {
	if l.Link.Operator == nil {
		return []string{"    an action without condition"}
	}
	tests := l.Tests
	if l.Matched {
		tests = slices.DeleteFunc(slices.Clone(tests), func(t trace.Test) bool { return !t.Matched })
	}
	if len(tests) == 0 {
		return []string{"    " + operator(l.Link.Operator), "    none of its targets has a value: " + targets(l.Link)}
	}
	slices.SortStableFunc(tests, func(a, b trace.Test) int {
		return strings.Compare(a.Name()+"\x00"+a.Raw, b.Name()+"\x00"+b.Raw)
	})
	var lines []string
	for i, t := range tests {
		if i == maxTests {
			lines = append(lines, fmt.Sprintf("    and %d more", len(tests)-maxTests))
			break
		}
		lines = append(lines, test(t)...)
	}
	return append(lines, "    "+operator(l.Link.Operator)+captured(tests[0])+choose(l.Matched, "", "  no match"))
}

// captured is what an operator says of its match, where no part can be shown.
func captured(t trace.Test) string {
	if t.Captured == "" || t.Part != (trace.Span{}) {
		return ""
	}
	return "  found " + printable(t.Captured, window{0, min(len(t.Captured), maxValueBytes)}).text
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

// test shows a value on its way to the operator:
//
//	ARGS:q             1%27 or 1=1
//	  t:urlDecodeUni   1' or 1=1
//	                      ^^^^^^
//	  not changed by lowercase, trim
func test(t trace.Test) []string {
	rows := []row{{label: t.Name(), value: t.Raw, shown: t.HasRaw}}
	if !t.HasRaw {
		rows[0] = row{label: t.Name(), value: t.Value, shown: true}
	}
	for _, s := range t.Stages {
		last := &rows[len(rows)-1]
		switch {
		case s.Changed:
			rows = append(rows, row{label: "  t:" + s.Transformation, value: s.Value, shown: true})
		case last.shown:
			rows = append(rows, row{label: "  not changed by " + s.Transformation})
		default:
			last.label += ", " + s.Transformation
		}
	}
	return render(rows, t.Part)
}

// row is a line of a test; one that is not shown changes nothing.
type row struct {
	label, value string
	shown        bool
}

// render aligns the values and underlines the part in the last of them.
func render(rows []row, part trace.Span) []string {
	width, final := 0, 0
	for i, r := range rows {
		if r.shown {
			width, final = max(width, len(r.label)), i
		}
	}
	// A long name of an argument would push the values out of sight.
	width = min(width, maxLabel)
	var lines []string
	for i, r := range rows {
		if !r.shown {
			lines = append(lines, "    "+r.label)
			continue
		}
		at := window{0, min(len(r.value), maxValueBytes)}
		if i == final {
			at = around(len(r.value), part)
		}
		shown := printable(r.value, at)
		lines = append(lines, strings.TrimRight(fmt.Sprintf("    %-*s  %s", width, r.label, shown.text), " "))
		if i == final && part != (trace.Span{}) {
			from, to := shown.column(part.From), shown.column(part.To)
			lines = append(lines, strings.Repeat(" ", 4+max(width, len(r.label))+2+from)+strings.Repeat("^", max(to-from, 1)))
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
