package cover

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// WriteText writes what no test shows, by file and rule, and the totals.
func WriteText(w io.Writer, rules []*Rule) error {
	var b strings.Builder
	file := ""
	for _, r := range rules {
		gaps := r.Gaps()
		if len(gaps) == 0 {
			continue
		}
		if r.Pos.File != file {
			file = r.Pos.File
			b.WriteString(file + "\n")
		}
		fmt.Fprintf(&b, "  %d  line %d  %s\n", r.ID, r.Pos.Line, shorten(r.Msg, maxMessageBytes))
		for _, gap := range gaps {
			b.WriteString("      " + gap + "\n")
		}
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(Sum(rules).String())
	_, err := io.WriteString(w, b.String())
	return err
}

// String gives the totals as a table, without lines about what there is none of.
func (t Totals) String() string {
	var b strings.Builder
	row := func(name string, n, of int) {
		if of > 0 {
			fmt.Fprintf(&b, "%-40s %5d of %5d  %5.1f %%\n", name, n, of, 100*float64(n)/float64(of))
		}
	}
	row("rules that a test expects", t.Match, t.Rules)
	row("rules that a test expects to stay quiet", t.Quiet, t.Rules)
	row("rules with both", t.Both, t.Rules)
	row("rules that nothing makes match", t.Never, t.Rules)
	row("links of chains that match", t.LinksMatched, t.Links)
	row("links of chains that fail", t.LinksFailed, t.Links)
	row("alternatives of @rx that match", t.AlternativesMatched, t.Alternatives)
	return b.String()
}

// Gaps says in sentences what no test shows of a rule.
func (r *Rule) Gaps() (gaps []string) {
	switch {
	case r.Match == 0 && r.Fired == 0:
		gaps = append(gaps, "no test makes it match")
	case r.Match == 0:
		gaps = append(gaps, "no test expects it, though it matches in some")
	}
	if r.Quiet == 0 {
		gaps = append(gaps, "no test shows it staying quiet")
	}
	for i, l := range r.Links {
		if len(r.Links) > 1 {
			gaps = append(gaps, l.gaps(i+1)...)
		}
		if r.Fired > 0 {
			gaps = append(gaps, l.missing(len(r.Links) > 1, i+1)...)
		}
	}
	return gaps
}

// gaps says what a link of a chain was not seen to do. One that was not come to
// is the business of the link before.
func (l Link) gaps(n int) (gaps []string) {
	at := "link " + strconv.Itoa(n) + " (line " + strconv.Itoa(l.Pos.Line) + ")"
	if l.Matched == 0 && l.Failed > 0 {
		gaps = append(gaps, at+" never matches")
	}
	if l.Matched > 0 && l.Failed == 0 {
		gaps = append(gaps, at+" never fails")
	}
	return gaps
}

// maxNamed is how many alternatives a line names: CRS has rules with hundreds.
const maxNamed = 5

// How much is shown in a line of an alternative and of a rule's message.
const (
	maxAlternativeBytes = 40
	maxMessageBytes     = 100
)

// missing names the alternatives that had no part in any match.
func (l Link) missing(chained bool, n int) []string {
	var named []string
	missing := 0
	for _, a := range l.Alternatives {
		if a.Matched > 0 {
			continue
		}
		if missing++; missing <= maxNamed {
			named = append(named, strconv.Quote(shorten(a.Text, maxAlternativeBytes)))
		}
	}
	if missing == 0 {
		return nil
	}
	where := ""
	if chained {
		where = "link " + strconv.Itoa(n) + ": "
	}
	more := ""
	if missing > maxNamed {
		more = fmt.Sprintf(" and %d more", missing-maxNamed)
	}
	return []string{fmt.Sprintf("%s%d of %d alternatives match nothing: %s%s", where, missing, len(l.Alternatives), strings.Join(named, ", "), more)}
}

func shorten(text string, maxBytes int) string {
	if len(text) > maxBytes {
		return strings.ToValidUTF8(text[:maxBytes], "") + "..."
	}
	return text
}
