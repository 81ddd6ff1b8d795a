package seclang

import (
	"slices"
	"strconv"
	"strings"
)

// Collection is a collection of variables that the caller adds to Coraza's.
// Coraza takes no new ones, so they live in TX: rules write NAME:key, and before
// Coraza sees the text it becomes TX:prefix and key.
type Collection struct {
	// Name is in upper case.
	Name string
	// Prefix is how its variables in TX begin, in small letters.
	Prefix string
	// Check says what is wrong with a key, or "", and what would work.
	Check func(key string) (msg, hint string)
}

// Variable gives the name in TX of a key. Coraza lowers names and takes few bytes
// in a macro: capital letters and other bytes become [hex], so that no two keys
// share a name.
func (c Collection) Variable(key string) string {
	const digits = "0123456789abcdef"
	out := append(make([]byte, 0, len(c.Prefix)+len(key)), c.Prefix...)
	for i := range len(key) {
		switch b := key[i]; {
		case 'a' <= b && b <= 'z', '0' <= b && b <= '9', b == '.', b == '_', b == '-':
			out = append(out, b)
		default:
			out = append(out, '[', digits[b>>4], digits[b&15], ']')
		}
	}
	return string(out)
}

// Key gives back the key of a name in TX; ok is false for a name that is not one
// of the collection's.
func (c Collection) Key(variable string) (key string, ok bool) {
	rest, ok := strings.CutPrefix(variable, c.Prefix)
	var out strings.Builder
	for i := 0; i < len(rest); i++ {
		if rest[i] == '[' && i+3 < len(rest) {
			if n, err := strconv.ParseUint(rest[i+1:i+3], 16, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(rest[i])
	}
	return out.String(), ok
}

// Shown gives a text with the collection's variables as an author of rules wrote
// them: NAME:key for TX:prefix and key, in a target, and NAME.key in a macro. What
// Coraza and our tables say of a rule is shown to people through it.
func (c Collection) Shown(text string) string {
	var out strings.Builder
	for {
		at := strings.Index(text, c.Prefix)
		if at < 0 {
			break
		}
		end := at + len(c.Prefix)
		for end < len(text) && isVariableByte(text[end]) {
			end++
		}
		before, name := text[:at], text[at:end]
		if tx := len("TX:"); at >= tx && strings.EqualFold(before[at-tx:at-1], "TX") && (before[at-1] == ':' || before[at-1] == '.') {
			key, _ := c.Key(name)
			before, name = before[:at-tx], c.Name+before[at-1:at]+key
		}
		out.WriteString(before)
		out.WriteString(name)
		text = text[end:]
	}
	return out.String() + text
}

// isVariableByte knows what Variable makes names of.
func isVariableByte(b byte) bool {
	return 'a' <= b && b <= 'z' || '0' <= b && b <= '9' || strings.IndexByte("._-[]", b) >= 0
}

// Edits are the changes that make of texts with a caller's collections texts
// that Coraza reads, by the name of the source or file.
type Edits map[string][]edit

// edit replaces some bytes of one line.
type edit struct {
	line, col, length int
	text              string
}

// Apply gives the text of a source or file as Coraza is to read it. No line is
// added or taken away.
func (e Edits) Apply(file, text string) string {
	edits := e[file]
	if len(edits) == 0 {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	for i := len(edits) - 1; i >= 0; i-- {
		x := edits[i]
		line := lines[x.line-1]
		lines[x.line-1] = line[:x.col-1] + x.text + line[x.col-1+x.length:]
	}
	return strings.Join(lines, "")
}

// Sources gives the sources as Coraza is to read them.
func (e Edits) Sources(sources []Source) []Source {
	out := slices.Clone(sources)
	for i, s := range out {
		out[i].Text = e.Apply(s.Name, s.Text)
	}
	return out
}

// Rewrite replaces the variables of the caller's collections in targets, macros
// and ctl by those of TX. It gives the directives with their places unchanged,
// the edits that do the same to the texts, and the keys that are used, sorted,
// as NAME:key. The errors are keys that Check refuses and forms that a
// collection does not have: all of it, patterns and quotes.
func Rewrite(ds []Directive, collections ...Collection) (out []Directive, edits Edits, used []string, errs []*Error) {
	r := rewriter{collections: collections, edits: Edits{}}
	out = slices.Clone(ds)
	for i := range out {
		if r.mentions(out[i].Raw) {
			r.directive(&out[i])
		}
	}
	slices.Sort(r.used)
	return out, r.edits, slices.Compact(r.used), r.errs
}

type rewriter struct {
	collections []Collection
	edits       Edits
	used        []string
	errs        []*Error

	at      *Directive
	changes []change
}

// change replaces Raw[from:to] of a directive.
type change struct {
	from, to int
	text     string
}

// mentions spares most directives a closer look.
func (r *rewriter) mentions(raw string) bool {
	upper := strings.ToUpper(raw)
	return slices.ContainsFunc(r.collections, func(c Collection) bool { return strings.Contains(upper, c.Name) })
}

func (r *rewriter) directive(d *Directive) {
	r.at, r.changes = d, nil
	switch name := strings.ToLower(d.Name); name {
	case "secrule", "secaction":
		parts, err := d.parts()
		if err != nil {
			return // reported by Check
		}
		r.targets(parts.vars)
		r.operator(parts.operator)
		r.actions(parts.actions)
	case "secruleupdatetargetbyid", "secruleupdatetargetbytag", "secruleupdatetargetbymsg":
		if fields := d.args().fields(); len(fields) > 1 {
			r.targets(trimQuotes(fields[len(fields)-1]))
		}
	case "secruleupdateactionbyid":
		r.actions(d.args())
	}
	r.apply()
}

// targets looks for collections in a list of variables.
func (r *rewriter) targets(list span) {
	for i := 0; i < len(list.text); {
		t, next, _ := scanTarget(list.text, i)
		start := i
		i = next
		c := r.collection(string(t.name))
		if c == nil {
			continue
		}
		end := len(list.text)
		if bar := strings.IndexByte(list.text[start:], '|'); bar >= 0 {
			end = start + bar
		}
		i = end + 1
		name := list.slice(t.off, end)
		at := list.off + t.off
		switch key, ok := strings.CutPrefix(name.text, string(t.name)+":"); {
		case !ok || key == "":
			r.fail(at, c.Name+" needs a name", "write "+c.Name+":name")
		case t.quoted:
			r.fail(at, c.Name+" takes no quotes", "write %20 for a blank and so on")
		case key[0] == '/':
			r.fail(at, c.Name+" takes no pattern", "name what is meant; write %2F for a slash")
		default:
			r.replace(c, key, at, list.off+end, "TX:")
		}
	}
}

// operator looks for macros in an operator that has them put in: some of
// Coraza's, and whatever else is not Coraza's.
func (r *rewriter) operator(s span) {
	word, _, _ := strings.Cut(s.text, " ")
	name := operatorName(word)
	isPattern := s.text == "" || s.text[0] != '@' && !strings.HasPrefix(s.text, "!@")
	if !isPattern && (expandsMacros(name) || !slices.Contains(Operators, name)) {
		r.macros(s)
	}
}

// expandsMacros names the operators of Coraza that put macros in.
func expandsMacros(name string) bool {
	switch name {
	case "beginsWith", "contains", "endsWith", "eq", "ge", "gt", "le", "lt", "streq", "strmatch", "within":
		return true
	}
	return false
}

// actions looks for macros, and for the targets of ctl.
func (r *rewriter) actions(list span) {
	r.macros(list)
	for _, a := range cutActions(list) {
		if i := strings.IndexByte(a.arg.text, ';'); i >= 0 && a.key() == "ctl" {
			r.targets(a.arg.slice(i+1, len(a.arg.text)))
		}
	}
}

// macros replaces %{name.key}.
func (r *rewriter) macros(s span) {
	for from := 0; ; {
		start := strings.Index(s.text[from:], "%{")
		if start < 0 {
			return
		}
		start += from + len("%{")
		end := strings.IndexByte(s.text[start:], '}')
		if end < 0 {
			return // reported by Check
		}
		from = start + end
		name, key, _ := strings.Cut(s.text[start:from], ".")
		c := r.collection(name)
		switch {
		case c == nil:
		case key == "":
			r.fail(s.off+start, c.Name+" needs a name", "write %{"+c.Name+".name}")
		default:
			r.replace(c, key, s.off+start, s.off+from, "tx.")
		}
	}
}

func (r *rewriter) collection(name string) *Collection {
	for i := range r.collections {
		if strings.EqualFold(r.collections[i].Name, name) {
			return &r.collections[i]
		}
	}
	return nil
}

// replace notes one change of the directive being read.
func (r *rewriter) replace(c *Collection, key string, from, to int, prefix string) {
	if msg, hint := c.Check(key); msg != "" {
		r.fail(from, msg, hint)
		return
	}
	if first, last := r.at.place(from), r.at.place(to-1); first.Line != last.Line {
		r.fail(from, c.Name+":"+key+" is spread over two lines", "write it on one")
		return
	}
	r.used = append(r.used, c.Name+":"+key)
	// The macros of an action list come before its ctl.
	at := len(r.changes)
	for at > 0 && r.changes[at-1].from > from {
		at--
	}
	r.changes = slices.Insert(r.changes, at, change{from, to, prefix + c.Variable(key)})
}

// note keeps an edit in its place; a file may be included twice.
func (e Edits) note(file string, x edit) {
	list := e[file]
	at := len(list)
	for at > 0 && (list[at-1].line > x.line || list[at-1].line == x.line && list[at-1].col > x.col) {
		at--
	}
	if at == 0 || list[at-1] != x {
		e[file] = slices.Insert(list, at, x)
	}
}

func (r *rewriter) fail(off int, msg, hint string) {
	r.errs = append(r.errs, &Error{Pos: r.at.place(off), Msg: msg, Hint: hint})
}

// apply makes the changes: in the directive, whose places stay those of the
// source, and as edits.
func (r *rewriter) apply() {
	if len(r.changes) == 0 {
		return
	}
	d := r.at
	var raw strings.Builder
	var pieces []piece
	done := 0
	keep := func(to int) {
		for _, p := range d.pieces {
			if p.off > done && p.off < to {
				pieces = append(pieces, piece{raw.Len() + p.off - done, p.line, p.col})
			}
		}
		raw.WriteString(d.Raw[done:to])
	}
	mark := func(off int) {
		at := d.place(off)
		pieces = append(pieces, piece{raw.Len(), at.Line, at.Col})
	}
	mark(0)
	for _, c := range r.changes {
		keep(c.from)
		mark(c.from)
		raw.WriteString(c.text)
		done = c.to
		mark(done)
		at := d.place(c.from)
		r.edits.note(at.File, edit{at.Line, at.Col, c.to - c.from, c.text})
	}
	keep(len(d.Raw))
	*d = newDirective(d.Pos.File, d.Dir, raw.String(), pieces, d.EndLine)
}
