package seclang

import "strings"

// Directive is one directive as Coraza gets it: continued lines joined, comments
// and surrounding space gone.
type Directive struct {
	// Pos is where the name of the directive begins.
	Pos Position
	// EndLine is the last line that belongs to the directive.
	EndLine int
	// Name is the first word as written; Coraza ignores its case.
	Name string
	// Args is the rest after one space, without the double quotes around it.
	Args string
	// Raw is the text that Coraza logs with its event "Parsing directive".
	Raw string
	// Dir is the folder of the file, where Coraza looks for data files first.
	Dir string

	argsOff int
	pieces  []piece
}

// piece says where a run of Raw comes from: Raw[off:] begins at line and col.
type piece struct {
	off, line, col int
}

// At gives the place in the source of Raw[off]. An offset outside Raw gives the
// nearest place inside the directive.
func (d Directive) At(off int) Position { return d.place(off) }

// place is At without copying the directive.
func (d *Directive) place(off int) Position {
	if len(d.pieces) == 0 {
		return d.Pos
	}
	p := d.pieces[0]
	for _, next := range d.pieces[1:] {
		if next.off > off {
			break
		}
		p = next
	}
	return Position{File: d.Pos.File, Line: p.line, Col: p.col + max(off-p.off, 0)}
}

// is says whether the directive has the given lower-case name.
func (d *Directive) is(name string) bool {
	return strings.ToLower(d.Name) == name
}

// span is a stretch of a directive's text together with where it begins in Raw,
// so that every later error can name its column.
type span struct {
	text string
	off  int
}

// args gives Args as a span.
func (d *Directive) args() span {
	return span{text: d.Args, off: d.argsOff}
}

// slice gives s[from:to] and keeps the offset right.
func (s span) slice(from, to int) span {
	return span{text: s.text[from:to], off: s.off + from}
}

// trim removes what strings.TrimSpace removes.
func (s span) trim() span {
	lead := len(s.text) - len(strings.TrimLeftFunc(s.text, isSpace))
	return span{text: strings.TrimSpace(s.text), off: s.off + lead}
}

// unquote removes one pair of equal quotes, double or single, as Coraza does
// around operators and around the arguments of actions.
func (s span) unquote() span {
	n := len(s.text)
	if n < 2 || s.text[0] != s.text[n-1] || (s.text[0] != '"' && s.text[0] != '\'') {
		return s
	}
	return s.slice(1, n-1)
}

// newDirective cuts the joined text of a directive into name and arguments.
func newDirective(file, dir, raw string, pieces []piece, endLine int) Directive {
	name, args, _ := strings.Cut(raw, " ")
	d := Directive{
		EndLine: endLine, Name: name, Raw: raw, Dir: dir,
		argsOff: min(len(name)+1, len(raw)), pieces: pieces,
	}
	d.Pos = Position{File: file, Line: pieces[0].line, Col: pieces[0].col}
	// Coraza trims every quote at both ends, not one pair.
	if len(args) >= 3 && args[0] == '"' && args[len(args)-1] == '"' {
		rest := strings.TrimLeft(args, `"`)
		d.argsOff += len(args) - len(rest)
		args = strings.TrimRight(rest, `"`)
	}
	d.Args = args
	return d
}

// Written is a SecRule or SecAction as it is written, before defaults and
// updates.
type Written struct {
	// Variables and Operator are empty for a SecAction. Operator is what stands
	// between the quotes, \" and all.
	Variables, Operator string
	// HasActions tells a rule with an empty list from one without.
	HasActions bool
	Actions    []Word
}

// Word is an action as it is written in a rule.
type Word struct {
	// Text is all of it; Name is as written, Arg without the quotes around it.
	Text, Name, Arg string
	Pos, ArgPos     Position
}

// Written cuts a SecRule or SecAction into its parts. ok is false for other
// directives and for those that Coraza refuses to cut.
func (d Directive) Written() (w Written, ok bool) {
	if !d.is("secrule") && !d.is("secaction") {
		return Written{}, false
	}
	parts, err := d.parts()
	if err != nil {
		return Written{}, false
	}
	w = Written{Variables: parts.vars.text, Operator: parts.operator.text, HasActions: parts.hasActions}
	if parts.actions.text == "" {
		return w, true
	}
	cut := cutActions(parts.actions)
	for i, a := range cut {
		end := len(parts.actions.text)
		if i+1 < len(cut) {
			end = cut[i+1].name.off - parts.actions.off
		}
		text := strings.TrimSpace(parts.actions.text[a.name.off-parts.actions.off : end])
		if i+1 < len(cut) {
			text = strings.TrimSpace(strings.TrimSuffix(text, ","))
		}
		w.Actions = append(w.Actions, Word{text, a.name.text, a.arg.text, d.place(a.name.off), d.place(a.arg.off)})
	}
	return w, true
}

// Words gives the actions of a SecRule or SecAction as written, metadata and
// repetitions included. Other directives have none.
func (d Directive) Words() []Word {
	w, _ := d.Written()
	return w.Actions
}
