package compare

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"tabard/internal/endpoint"
)

// Names are what the two sides are called.
type Names struct {
	Before string `json:"before"`
	After  string `json:"after"`
}

// maxShownBytes is how much of a target or a value an example shows.
const maxShownBytes = 100

func shown(s string) string {
	s = endpoint.Printable(s)
	if len(s) <= maxShownBytes {
		return s
	}
	return strings.ToValidUTF8(s[:maxShownBytes-3], "") + "..."
}

// cause names what made the change.
func (g Group) cause() string {
	if g.Rule == 0 {
		return g.Cause
	}
	return strconv.Itoa(g.Rule)
}

// request shows an example in one line.
func (e Example) request() string {
	text := strings.TrimSpace(shown(e.Method + " " + e.Target))
	if e.Value != "" {
		text += "  (" + shown(e.Value) + ")"
	}
	return text
}

// WriteText prints the differences for people. The same differences give the
// same text.
func (d *Diff) WriteText(w io.Writer, names Names) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "before: %s\nafter:  %s\n\n", names.Before, names.After)
	fmt.Fprintf(b, "requests            %9d\nchanged verdicts    %9d %s\n", d.Requests, d.Changed, share(d.Changed, d.Requests))
	fmt.Fprintf(b, "  newly blocked     %9d %s\n  no longer blocked %9d %s\n", d.Blocked, share(d.Blocked, d.Requests), d.Released, share(d.Released, d.Requests))
	fmt.Fprintf(b, "same, other rules   %9d\n", d.OtherRules)
	totals := d.totals()
	var last Key
	for _, g := range d.Groups() {
		if h := g.heading(); h != last {
			last = h
			fmt.Fprintf(b, "\n%s -> %s %9d  %s\n", g.From, g.To, totals[h], strings.TrimSpace(g.cause()+" "+endpoint.Printable(g.Message)))
		}
		fmt.Fprintf(b, "  %7d  %s  %s\n", g.Requests, cmp.Or(shown(g.Route), "(any route)"), shown(g.Parameter))
		for _, e := range g.Examples {
			fmt.Fprintf(b, "           %s: %s\n", shown(e.ID), e.request())
		}
	}
	return b.Flush()
}

func share(n, all int) string {
	if all == 0 {
		return "     -"
	}
	return fmt.Sprintf("%6.2f %%", 100*float64(n)/float64(all))
}

// WriteJSON writes the differences as one object.
func (d *Diff) WriteJSON(w io.Writer, names Names) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(struct {
		Names
		Requests   int     `json:"requests"`
		Changed    int     `json:"changed"`
		Blocked    int     `json:"newly_blocked"`
		Released   int     `json:"no_longer_blocked"`
		OtherRules int     `json:"other_rules"`
		Groups     []Group `json:"groups"`
	}{names, d.Requests, d.Changed, d.Blocked, d.Released, d.OtherRules, d.Groups()})
}
