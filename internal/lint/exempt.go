package lint

import (
	"regexp"
	"slices"
	"strings"

	"tabard/engine/seclang"
	"tabard/internal/report"
)

// exemptionCheck is the check for exemptions themselves.
const exemptionCheck = "exemption"

// exemptionMark begins a comment that excuses findings of the directive below.
var exemptionMark = regexp.MustCompile(`^\s*#\s*tabard:\s*allow\b[ \t]*(.*)$`)

// exemption is one such comment.
type exemption struct {
	at     seclang.Position
	check  string
	reason string
	// from and to are the lines of the directive.
	from, to int
	used     bool
}

// exempt removes the findings that an exemption excuses and reports those
// without a reason and those without use.
func (p *pass) exempt() {
	if p.Source == nil {
		return
	}
	all := p.exemptions()
	p.findings = slices.DeleteFunc(p.findings, func(f report.Finding) bool {
		excused := false
		for i := range all {
			if all[i].excuses(f) {
				all[i].used, excused = true, true
			}
		}
		return excused
	})
	for _, e := range all {
		msg, hint := e.mistake()
		if msg != "" {
			p.findings = append(p.findings, report.Finding{Check: exemptionCheck, Level: report.Warning, Pos: e.at, Message: msg, Hint: hint})
		}
	}
}

func (e exemption) excuses(f report.Finding) bool {
	return e.reason != "" && e.check == f.Check && e.at.File == f.Pos.File && e.from <= f.Pos.Line && f.Pos.Line <= e.to
}

// mistake says what is wrong with an exemption, or "".
func (e exemption) mistake() (msg, hint string) {
	var names []string
	for _, c := range Checks() {
		names = append(names, c.Name)
	}
	switch {
	case !slices.Contains(names, e.check):
		return "there is no check \"" + e.check + "\"", seclang.DidYouMean(e.check, names)
	case e.reason == "":
		return "the exemption says no reason", "write # tabard: allow " + e.check + ", because ..."
	case !e.used:
		return "the exemption excuses nothing", "remove it"
	}
	return "", ""
}

// exemptions reads the comments of all own files, each with the directive that
// follows it.
func (p *pass) exemptions() []exemption {
	spans := p.spans()
	var files []string
	for file := range spans {
		files = append(files, file)
	}
	slices.Sort(files)
	var out []exemption
	for _, file := range files {
		text, ok := p.Source(file)
		if !ok {
			continue
		}
		for i, line := range strings.Split(text, "\n") {
			m := exemptionMark.FindStringSubmatchIndex(line)
			if m == nil {
				continue
			}
			e := exemption{at: seclang.Position{File: file, Line: i + 1, Col: strings.IndexByte(line, '#') + 1}}
			e.check, e.reason, _ = strings.Cut(strings.TrimSpace(line[m[2]:m[3]]), ",")
			e.check = strings.TrimSpace(e.check)
			e.reason = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(e.reason), "because"))
			e.from, e.to = below(spans[file], i+1)
			out = append(out, e)
		}
	}
	return out
}

// spans gives the first and last lines of the own directives of each file.
func (p *pass) spans() map[string][][2]int {
	out := map[string][][2]int{}
	for _, d := range p.Directives {
		if !p.Own(d.Pos.File) {
			continue
		}
		from := p.Place(d.Pos)
		to := p.Place(seclang.Position{File: d.Pos.File, Line: d.EndLine, Col: 1})
		out[from.File] = append(out[from.File], [2]int{from.Line, to.Line})
	}
	return out
}

// below gives the lines of the first directive behind a line.
func below(spans [][2]int, line int) (from, to int) {
	for _, s := range spans {
		if s[0] > line && (from == 0 || s[0] < from) {
			from, to = s[0], s[1]
		}
	}
	return from, to
}
