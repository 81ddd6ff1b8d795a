package seclang

import (
	"strconv"
	"strings"
)

// ruleParts are the three parts of a SecRule; a SecAction has actions only.
type ruleParts struct {
	vars span
	// operator is between the quotes and still holds \" for a quote.
	operator span
	actions  span
	// hasActions tells `SecRule ARGS x` from `SecRule ARGS x ""`.
	hasActions bool
}

// parts cuts the arguments of a SecRule or SecAction.
func (d *Directive) parts() (ruleParts, *Error) {
	if d.is("secaction") {
		return ruleParts{actions: d.args().unquote(), hasActions: true}, nil
	}
	args := d.args()
	args = args.slice(spaces(args.text), len(args.text))
	args.text = strings.TrimRight(args.text, " ")
	end := strings.IndexByte(args.text, ' ')
	if end < 0 {
		return ruleParts{}, d.errorAt(args.off, "SecRule has no operator", `write SecRule VARIABLES "@operator argument" "actions"`)
	}
	vars, rest := args.slice(0, end), args.slice(end, len(args.text))
	rest = rest.slice(spaces(rest.text), len(rest.text))
	if rest.text == "" || rest.text[0] != '"' {
		return ruleParts{}, d.errorAt(rest.off, "the operator of a SecRule must be in double quotes", "")
	}
	end = closingQuote(rest.text)
	if end < 0 {
		return ruleParts{}, d.errorAt(rest.off, "this double quote is never closed", `write \" for a quote inside the operator`)
	}
	p := ruleParts{vars: vars, operator: rest.slice(1, end)}
	acts := rest.slice(end+1, len(rest.text))
	acts = acts.slice(spaces(acts.text), len(acts.text))
	if acts.text == "" {
		return p, nil
	}
	if n := len(acts.text); n < 2 || acts.text[0] != '"' || acts.text[n-1] != '"' {
		return ruleParts{}, d.errorAt(acts.off, "the actions of a SecRule must be in one pair of double quotes", "")
	}
	p.actions, p.hasActions = acts.slice(1, len(acts.text)-1), true
	return p, nil
}

// spaces counts the spaces that s begins with; Coraza's parser wants spaces, not
// tabs, between the parts of a rule.
func spaces(s string) int {
	return len(s) - len(strings.TrimLeft(s, " "))
}

// closingQuote gives the index of the quote that closes the one at s[0], or -1. A
// quote after an odd number of backslashes does not close.
func closingQuote(s string) int {
	backslashes := 0
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			backslashes++
		case s[i] == '"' && backslashes%2 == 0:
			return i
		default:
			backslashes = 0
		}
	}
	return -1
}

func (d *Directive) errorAt(off int, msg, hint string) *Error {
	return &Error{Pos: d.place(off), Msg: msg, Hint: hint}
}

// actionSpan is one action of a list: its name and its argument as written,
// without space and quotes around.
type actionSpan struct {
	name, arg span
}

// key is the name in lower case: Coraza ignores the case of action names.
func (a actionSpan) key() string { return strings.ToLower(a.name.text) }

// cutActions cuts a list of actions at its commas. As in Coraza a comma or colon
// inside single quotes or after a backslash does not count, nor does anything in
// the first byte.
func cutActions(list span) []actionSpan {
	s, start, colon, inQuotes := list.text, 0, -1, false
	out := make([]actionSpan, 0, 1+strings.Count(s, ","))
	emit := func(end int) {
		a := actionSpan{name: list.slice(start, end).trim(), arg: span{off: list.off + end}}
		if colon >= 0 {
			a.name = list.slice(start, colon).trim()
			a.arg = list.slice(colon+1, end).trim().unquote()
		}
		out = append(out, a)
		start, colon = end+1, -1
	}
	for i := 1; i < len(s); i++ {
		switch {
		case s[i-1] == '\\':
		case s[i] == '\'':
			inQuotes = !inQuotes
		case inQuotes:
		case s[i] == ':' && colon < 0:
			colon = i
		case s[i] == ',':
			emit(i)
		}
	}
	emit(len(s))
	return out
}

// RuleID gives the id that a SecRule or SecAction sets. ok is false for other
// directives, for links of a chain that have no id, and for an id that is no
// positive number.
func (d Directive) RuleID() (id int, ok bool) {
	if !d.is("secrule") && !d.is("secaction") {
		return 0, false
	}
	parts, err := d.parts()
	if err != nil || !parts.hasActions {
		return 0, false
	}
	for _, a := range cutActions(parts.actions) {
		if a.key() != "id" {
			continue
		}
		if n, err := strconv.Atoi(a.arg.text); err == nil && n > 0 {
			// As in Coraza the last id of a list counts.
			id, ok = n, true
		}
	}
	return id, ok
}
