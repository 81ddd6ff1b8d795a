// Package format writes the rules that decide about an HTTP exchange in one
// layout, so that a diff shows what has changed and nothing else.
//
// Formatting keeps what a text means and is its own fixed point: a directive
// whose formatted text would be cut into other parts than before stays as it
// is. Comments stay where they are.
package format

import (
	"slices"
	"strings"

	"tabard/engine/seclang"
)

// maxShortBytes is how long a rule may be that stays on one line, if it was
// written on one: CRS has the gates of its paranoia levels so.
const maxShortBytes = 160

// indent is one step: actions below their rule, each link below the one before.
const indent = "    "

// Source formats one text; name is what errors call it. The error, an
// *seclang.Error, is a text whose directives cannot be told apart.
func Source(name, text string) (string, error) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	directives, err := seclang.Split(seclang.Source{Name: name, Text: text})
	if err != nil {
		return "", err
	}
	p := printer{lines: strings.Split(text, "\n")}
	for _, d := range directives {
		p.between(d.Pos.Line)
		p.directive(d)
	}
	p.between(len(p.lines) + 1)
	return p.text(), nil
}

// printer writes the formatted text.
type printer struct {
	lines []string // of the source
	next  int      // the index of the first line that is not written yet
	out   []string
	depth int // how many links of its chain stand before the next rule
}

// text is what was written, with one line end at the end.
func (p *printer) text() string {
	for len(p.out) > 0 && p.out[len(p.out)-1] == "" {
		p.out = p.out[:len(p.out)-1]
	}
	if len(p.out) == 0 {
		return ""
	}
	return strings.Join(p.out, "\n") + "\n"
}

// between writes the comments and blank lines in front of a line. Of several
// blank lines one stays, none at the beginning of the text and none in a chain.
func (p *printer) between(line int) {
	for ; p.next < line-1; p.next++ {
		text := strings.TrimSpace(p.lines[p.next])
		if text == "" && (p.depth > 0 || len(p.out) == 0 || p.out[len(p.out)-1] == "") {
			continue
		}
		if text != "" {
			text = strings.Repeat(indent, p.depth) + text
		}
		p.out = append(p.out, text)
	}
}

// directive writes one directive.
func (p *printer) directive(d seclang.Directive) {
	written := p.lines[p.next:d.EndLine]
	p.next = d.EndLine
	lines := layout(d, strings.Repeat(indent, p.depth), len(written) == 1)
	if lines == nil || interrupted(written) || !same(d, lines) {
		lines = trimmed(written)
	}
	p.out = append(p.out, lines...)
	if p.depth++; !chains(d) {
		p.depth = 0
	}
}

// interrupted says whether a comment or a blank line stands inside a directive,
// which has no place in the layout.
func interrupted(written []string) bool {
	return slices.ContainsFunc(written, func(line string) bool {
		line = strings.TrimSpace(line)
		return line == "" || line[0] == '#'
	})
}

func trimmed(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = strings.TrimRight(line, " \t")
	}
	return out
}

// chains says whether the next rule belongs to the chain of this one.
func chains(d seclang.Directive) bool {
	w, _ := d.Written()
	return slices.ContainsFunc(w.Actions, func(a seclang.Word) bool { return strings.EqualFold(a.Name, "chain") })
}

// layout gives the lines of a directive, or nil for one that stays as it is.
func layout(d seclang.Directive, first string, short bool) []string {
	name := known(d.Name, seclang.Directives())
	w, ok := d.Written()
	if !ok {
		if !short {
			return nil
		}
		return []string{first + strings.TrimSpace(name+" "+strings.TrimSpace(strings.TrimPrefix(d.Raw, d.Name)))}
	}
	head := first + name
	if w.Variables != "" {
		head += " " + w.Variables + ` "` + w.Operator + `"`
	}
	if !w.HasActions {
		return []string{head}
	}
	actions := ordered(w.Actions)
	if line := head + ` "` + strings.Join(actions, ",") + `"`; short && len(line) <= maxShortBytes || len(actions) == 0 {
		return []string{line}
	}
	return tall(head, first+indent, actions)
}

// tall writes each action on a line of its own:
//
//	SecRule ARGS "@rx x" \
//	    "id:1,\
//	    phase:2"
func tall(head, step string, actions []string) []string {
	lines := []string{head + ` \`}
	for i, a := range actions {
		quote, end := "", `,\`
		if i == 0 {
			quote = `"`
		}
		if i == len(actions)-1 {
			end = `"`
		}
		lines = append(lines, step+quote+a+end)
	}
	return lines
}

// leading are the actions that come first, in this order: what a reader looks
// for. The order of all others may mean something and stays.
var leading = []string{"id", "phase"}

// ordered gives the actions as they are to be written.
func ordered(actions []seclang.Word) []string {
	sorted := slices.Clone(actions)
	slices.SortStableFunc(sorted, func(a, b seclang.Word) int { return rank(a) - rank(b) })
	out := make([]string, len(sorted))
	for i, a := range sorted {
		name := a.Name
		for _, info := range seclang.Actions {
			if strings.EqualFold(info.Name, name) {
				name = info.Name
			}
		}
		rest := strings.TrimPrefix(a.Text, a.Name)
		if arg, ok := strings.CutPrefix(strings.TrimSpace(rest), ":"); ok {
			rest = ":" + strings.TrimSpace(arg)
		}
		out[i] = name + rest
	}
	return out
}

func rank(a seclang.Word) int {
	if i := slices.IndexFunc(leading, func(name string) bool { return strings.EqualFold(name, a.Name) }); i >= 0 {
		return i
	}
	return len(leading)
}

// known gives a name as Coraza's own documentation spells it.
func known(name string, names []string) string {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return n
		}
	}
	return name
}

// same says whether formatted lines mean what the directive means: they are cut
// into the same parts, and the actions are the same, metadata apart in the same
// order.
func same(d seclang.Directive, lines []string) bool {
	again, err := seclang.Split(seclang.Source{Text: strings.Join(lines, "\n") + "\n"})
	if err != nil || len(again) != 1 || !strings.EqualFold(again[0].Name, d.Name) {
		return false
	}
	before, ok := d.Written()
	after, ok2 := again[0].Written()
	if ok != ok2 {
		return false
	}
	if !ok {
		return strings.TrimSpace(again[0].Args) == strings.TrimSpace(d.Args)
	}
	return before.Variables == after.Variables && before.Operator == after.Operator && before.HasActions == after.HasActions &&
		slices.Equal(meaning(before.Actions), meaning(after.Actions))
}

// meaning lists actions in the order that layout gives them, by what they say.
func meaning(actions []seclang.Word) []string {
	sorted := slices.Clone(actions)
	slices.SortStableFunc(sorted, func(a, b seclang.Word) int { return rank(a) - rank(b) })
	out := make([]string, len(sorted))
	for i, a := range sorted {
		out[i] = strings.ToLower(a.Name) + ":" + a.Arg
	}
	return out
}
