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
	for _, f := range failures(r) {
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

// GitHub's workflow commands escape these, see its documentation of them.
var (
	message  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// oneLine joins the lines of a description.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// withNear is a failure's text with the near misses behind it.
func withNear(f ftw.Failure, near []string) string {
	return strings.Join(append([]string{f.Expectation + ": " + f.Reason}, near...), "\n")
}

// github writes a workflow command for each failure.
type github struct {
	out    *writer
	counts Counts
}

func (g *github) Add(r ftw.Result, near []string) {
	if g.counts == nil {
		g.counts = Counts{}
	}
	g.counts[r.Outcome]++
	if r.Outcome != ftw.Failed {
		return
	}
	for _, f := range failures(r) {
		g.out.printf("::error file=%s,line=%d,col=%d,title=%s::%s\n",
			property.Replace(f.Pos.File), f.Pos.Line, f.Pos.Col, property.Replace("test "+r.Name), message.Replace(withNear(f, near)))
	}
}

func (g *github) Close() error {
	g.out.printf("%s\n", g.counts)
	return g.out.err
}
