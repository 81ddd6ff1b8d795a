package testreport

import (
	"strings"

	"tabard/internal/ftw"
)

// text is the report for people.
type text struct {
	out    *writer
	counts Counts
}

func (t *text) Add(r ftw.Result, near []string) {
	if t.counts == nil {
		t.counts = Counts{}
	}
	t.counts[r.Outcome]++
	if r.Outcome != ftw.Failed {
		return
	}
	t.out.printf("FAIL %s", r.Name)
	if r.Description != "" {
		t.out.printf("  %s", oneLine(r.Description))
	}
	t.out.printf("\n")
	for _, f := range Failures(r) {
		t.out.printf("  %s\n", f)
	}
	for _, line := range near {
		t.out.printf("    %s\n", line)
	}
}

func (t *text) Close() error {
	t.out.printf("%s\n", t.counts)
	return t.out.err
}

// oneLine joins the lines of a description and cuts it.
func oneLine(s string) string {
	// enough for a line of a terminal; some descriptions of CRS are pages.
	const enough = 100
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > enough {
		s = s[:enough] + "..."
	}
	return s
}
