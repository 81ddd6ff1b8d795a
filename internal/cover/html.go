package cover

import (
	_ "embed"
	"html/template"
	"io"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// WriteHTML writes one page that needs nothing else: the totals, and each rule
// with its tests, its links and all its alternatives.
func WriteHTML(w io.Writer, rules []*Rule) error {
	return page.Execute(w, struct {
		Totals Totals
		Files  []fileRules
	}{Sum(rules), byFile(rules)})
}

// fileRules are the rules of one file.
type fileRules struct {
	File  string
	Rules []*Rule
	Sum   Totals
}

func byFile(rules []*Rule) (files []fileRules) {
	for _, r := range rules {
		if n := len(files); n == 0 || files[n-1].File != r.Pos.File {
			files = append(files, fileRules{File: r.Pos.File})
		}
		last := &files[len(files)-1]
		last.Rules = append(last.Rules, r)
	}
	for i := range files {
		files[i].Sum = Sum(files[i].Rules)
	}
	return files
}

// Shown says how much of a rule tests show: "full", "part" or "none".
func (r *Rule) Shown() string {
	switch {
	case r.Match > 0 && r.Quiet > 0:
		return "full"
	case r.Match > 0 || r.Quiet > 0:
		return "part"
	}
	return "none"
}
