package tune

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"tabard/internal/endpoint"
)

// maxShownBytes is how much of a target or a value is shown.
const maxShownBytes = 100

// maxShownTests is how many of the tests that get through are named.
const maxShownTests = 5

func shown(s string) string {
	s = endpoint.Printable(s)
	if len(s) <= maxShownBytes {
		return s
	}
	return strings.ToValidUTF8(s[:maxShownBytes-3], "") + "..."
}

// WriteText prints the result for people.
func (r *Result) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	r.writeTraffic(b)
	for i, p := range r.Proposals {
		r.writeProposal(b, i, p)
	}
	r.writeTotals(b)
	r.writeSettings(b)
	fmt.Fprintln(b, "\nNothing has been changed. What you take of it goes under directives in the policy.")
	return b.Flush()
}

func (r *Result) writeTraffic(w io.Writer) {
	t := r.Traffic
	fmt.Fprintf(w, "harmless requests  %8d\n  blocked now      %8d  %s\n", t.Harmless, t.Blocked, share(t.Blocked, t.Harmless))
	if t.Unlabelled > 0 {
		fmt.Fprintf(w, "Assumption: %d requests have no label and were taken for harmless. Look at the examples:\nwhere one is an attack, the proposal is wrong.\n", t.Unlabelled)
	}
	if t.NotKept > 0 {
		fmt.Fprintf(w, "blocked requests that were too many to look at: %d\n", t.NotKept)
	}
	fmt.Fprintf(w, "attacks of the CRS tests %d, of which the policy blocks %d\n", r.Tests.Attacks, r.Tests.Blocked)
	if t.Attacks > 0 {
		fmt.Fprintf(w, "requests marked as attacks %d, of which the policy blocks %d\n", t.Attacks, t.AttacksBlocked)
	}
}

// writeProposal prints one proposal with its ready rule.
func (r *Result) writeProposal(w io.Writer, i int, p Proposal) {
	fmt.Fprintf(w, "\n%d. rule %d on %s, %s\n", i+1, p.Rule, shown(p.Route), cmp.Or(endpoint.Printable(p.Target), "wholly"))
	if p.Message != "" {
		fmt.Fprintf(w, "   %s\n", endpoint.Printable(p.Message))
	}
	fmt.Fprintf(w, "   frees %d requests (%d of them need nothing else); then blocked: %s\n", p.Frees, p.Alone, share(p.BlockedAfter, r.Traffic.Harmless))
	fmt.Fprintf(w, "   lets through %d attacks of the CRS tests when they are sent there%s\n", len(p.Lets), named(p.Lets))
	fmt.Fprintf(w, "   for example %s: %s", shown(p.Example.ID), shown(p.Example.Method+" "+p.Example.Target))
	if p.Example.Value != "" {
		fmt.Fprintf(w, "  (%s)", shown(p.Example.Value))
	}
	fmt.Fprintln(w)
	for line := range strings.Lines(p.Directive) {
		fmt.Fprint(w, "   | "+line)
	}
	if r.Enough == i+1 {
		fmt.Fprintln(w, "   -- enough for the target; what follows is for the rest --")
	}
}

func named(tests []string) string {
	switch {
	case len(tests) == 0:
		return ""
	case len(tests) > maxShownTests:
		return ": " + strings.Join(tests[:maxShownTests], " ") + " ..."
	}
	return ": " + strings.Join(tests, " ")
}

func (r *Result) writeTotals(w io.Writer) {
	t := r.Traffic
	if r.Enough > 0 {
		r.writeLoss(w, fmt.Sprintf("with the first %d", r.Enough), r.Proposals[r.Enough-1].BlockedAfter, r.Chosen)
	}
	if len(r.Proposals) > 0 && r.Enough != len(r.Proposals) {
		r.writeLoss(w, "with all proposals", t.Left, r.All)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Stuck)) {
		fmt.Fprintf(w, "no exclusion frees %d requests, blocked because of: %s\n", r.Stuck[reason], cmp.Or(string(reason), "no reason that is known"))
	}
}

func (r *Result) writeLoss(w io.Writer, what string, blocked int, l Loss) {
	t := r.Traffic
	fmt.Fprintf(w, "\n%s: blocked %d of %d harmless requests, %s\n", what, blocked, t.Harmless, share(blocked, t.Harmless))
	fmt.Fprintf(w, "  attacks of the CRS tests lost as they are written: %d of %d, %s\n", l.Tests, r.Tests.Blocked, share(l.Tests, r.Tests.Blocked))
	fmt.Fprintf(w, "  lost when each is sent to where a rule no longer looks: %d, %s\n", l.Aimed, share(l.Aimed, r.Tests.Blocked))
	if t.AttacksBlocked > 0 {
		fmt.Fprintf(w, "  requests marked as attacks lost: %d of %d, %s\n", l.Traffic, t.AttacksBlocked, share(l.Traffic, t.AttacksBlocked))
	}
}

// writeSettings prints a line for each level and threshold.
func (r *Result) writeSettings(w io.Writer) {
	fmt.Fprint(w, "\nparanoia level and threshold, without any exclusion:\nlevel  threshold  harmless blocked  CRS tests caught\n")
	for _, s := range r.Settings {
		mark := ""
		if s.Level == r.Level && s.Threshold == r.Threshold {
			mark = "  now"
		}
		fmt.Fprintf(w, "%5d  %9d  %14.2f %%  %14.2f %%%s\n", s.Level, s.Threshold, 100*s.Blocked, 100*s.Caught, mark)
	}
	if a := r.Proposed; a != nil {
		fmt.Fprintf(w, "proposed: level %d, threshold %d, with the first %d exclusions: blocks %.2f %% of the harmless requests, catches %.2f %% of the CRS tests\n",
			a.Level, a.Threshold, a.Exclusions, 100*a.Blocked, 100*a.Caught)
		return
	}
	fmt.Fprintln(w, "none of them is within the target, with or without the exclusions")
}

func share(n, all int) string {
	if all == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f %%", 100*float64(n)/float64(all))
}

// WriteJSON writes the result as one object.
func (r *Result) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// Rules are the ready rules of the proposals that are enough for the target, or
// of all when those are not enough: a file for the policy's directives.
func (r *Result) Rules() string {
	var b strings.Builder
	b.WriteString("# Exclusions proposed by tabard tune. Read each before you use it.\n")
	for _, p := range r.Enoughs() {
		fmt.Fprintf(&b, "\n# Frees %d requests, such as %s.\n", p.Frees, shown(p.Example.Method+" "+p.Example.Target))
		fmt.Fprintf(&b, "# Lets through %d attacks of the CRS tests when they are sent there%s.\n", len(p.Lets), named(p.Lets))
		b.WriteString(p.Directive)
	}
	return b.String()
}
