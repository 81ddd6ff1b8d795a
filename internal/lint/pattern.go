package lint

import (
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"

	"tabard/engine/seclang"
	"tabard/internal/report"
)

// patterns are checks of regular expressions.
var patterns = []Check{
	{"expensive-pattern", "a pattern costs far more than it finds", report.Warning, nil, each(expensive)},
	{"matches-anything", "a pattern matches every value", report.Warning, nil, each(matchesAnything)},
	{"doubled-backslash", "a pattern has two backslashes before a letter", report.Warning, nil, each(doubledBackslash)},
	{"odd-range", "a range of letters takes in signs between them", report.Warning, nil, each(oddRange)},
	{"space-class", "a class of blanks leaves one out", report.Warning, nil, each(spaceClass)},
	{"lost-case", "capital letters are looked for in a lowered value", report.Warning, nil, (*pass).lostCase},
}

// trap is what is wrong with a pattern, and where in it.
type trap struct {
	at        int
	msg, hint string
}

// each makes a check of a look at one pattern: those of @rx in own rules.
func each(look func(pattern string, re *syntax.Regexp, negated bool) *trap) func(*pass) {
	return func(p *pass) {
		p.own(func(r *seclang.Rule, l *seclang.Link) {
			op := l.Operator
			if op == nil || op.Name != "rx" {
				return
			}
			re, err := syntax.Parse(op.Arg, syntax.Perl|syntax.DotNL)
			if err != nil {
				return
			}
			if t := look(op.Arg, re, op.Negated); t != nil {
				at := op.ArgPos
				at.Col += t.at
				p.add(at, t.msg, t.hint)
			}
		})
	}
}

// maxInstructions is how large a compiled pattern may be before its cost for
// each byte of input shows: the largest of CRS has about half of it.
const maxInstructions = 10_000

func expensive(pattern string, re *syntax.Regexp, _ bool) *trap {
	if at := leadingAny(pattern); at >= 0 {
		return &trap{at, `a pattern without ^ that begins with .* is tried again from every byte and finds no more`, "leave .* out"}
	}
	if n := size(re); n > maxInstructions {
		return &trap{0, "the pattern compiles to about " + strconv.Itoa(n) + " steps, each of which may be taken for each byte of a value", "use a smaller count in {}"}
	}
	return nil
}

// leadingAny gives where a pattern begins with .* without need, or -1.
func leadingAny(pattern string) int {
	at := 0
	for strings.HasPrefix(pattern[at:], "(?") {
		end := strings.IndexAny(pattern[at:], ":)")
		if end < 0 || strings.ContainsAny(pattern[at+2:at+end], "P<=!") {
			return -1
		}
		at += end + 1
	}
	if strings.HasPrefix(pattern[at:], ".*") && len(pattern) > at+len(".*") {
		return at
	}
	return -1
}

// size estimates how many instructions a pattern compiles to: a counted
// repetition is compiled as often as it counts.
func size(re *syntax.Regexp) int {
	n := 1
	for _, sub := range re.Sub {
		n += size(sub)
	}
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune)
	case syntax.OpRepeat:
		return n * max(re.Max, re.Min, 1)
	}
	return n
}

func matchesAnything(_ string, re *syntax.Regexp, negated bool) *trap {
	if !empty(re) {
		return nil
	}
	if negated {
		return &trap{0, "the pattern also matches nothing at all, so that !@rx never matches", "write what the value must have, with ^ and $ around it"}
	}
	return &trap{0, "the pattern also matches nothing at all, and so every value", "write what the value must have, or @unconditionalMatch"}
}

// empty says whether a pattern matches the empty text anywhere.
func empty(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpStar, syntax.OpQuest:
		return true
	case syntax.OpRepeat:
		return re.Min == 0 || empty(re.Sub[0])
	case syntax.OpPlus, syntax.OpCapture:
		return empty(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if !empty(sub) {
				return false
			}
		}
		return true
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if empty(sub) {
				return true
			}
		}
	}
	return false
}

// doubled finds an escaped backslash before a letter of a class: the habit of
// languages whose strings need it. In a class it is most often meant.
var doubled = regexp.MustCompile(`(?:^|[^\\])(?:\\\\)(?:[sSdDwW][*+?{]|[sSdDwW]$)`)

func doubledBackslash(pattern string, _ *syntax.Regexp, _ bool) *trap {
	m := doubled.FindStringIndex(pattern)
	if m == nil {
		return nil
	}
	at := m[0] + strings.IndexByte(pattern[m[0]:], '\\')
	letter := pattern[at+2 : at+3]
	return &trap{at, `\\` + letter + ` is a backslash and the letter ` + letter, `write \` + letter}
}

// oddRanges are ranges from a capital to a small letter.
var oddRanges = regexp.MustCompile(`\[[^\]]*?([A-Z]-[a-z])`)

func oddRange(pattern string, _ *syntax.Regexp, _ bool) *trap {
	m := oddRanges.FindStringSubmatchIndex(pattern)
	if m == nil {
		return nil
	}
	text := pattern[m[2]:m[3]]
	return &trap{m[2], "the range " + text + " takes in [ \\ ] ^ _ and `", "write " + text[:1] + "-Za-" + text[2:]}
}

func spaceClass(pattern string, _ *syntax.Regexp, _ bool) *trap {
	for i := 0; i+1 < len(pattern); i++ {
		if pattern[i] != '\\' {
			continue
		}
		if pattern[i+1] == 's' && !inClass(pattern, i) {
			return &trap{i, `\s leaves out the vertical tab (0x0B) here, which it matches in PCRE`, `write [\s\x0b]`}
		}
		i++
	}
	return nil
}

// inClass says whether a byte of a pattern stands in brackets that name the
// vertical tab, or in negated ones, for which one blank more matters little.
func inClass(pattern string, at int) bool {
	open := -1
	for i := 0; i < at; i++ {
		switch {
		case pattern[i] == '\\':
			i++
		case pattern[i] == '[' && open < 0:
			open = i
		case pattern[i] == ']' && open >= 0 && i > open+1:
			open = -1
		}
	}
	if open < 0 {
		return false
	}
	rest := pattern[at:]
	end := strings.IndexByte(rest, ']')
	if end < 0 {
		end = len(rest)
	}
	class := pattern[open : at+end]
	return class[1] == '^' || strings.Contains(class, `\x0b`) || strings.Contains(class, `\v`) || strings.Contains(class, `\S`)
}

// raising are transformations whose result may have capital letters, whatever
// came before.
var raising = map[string]bool{
	"base64decode": true, "base64decodeext": true, "base64encode": true, "cssdecode": true, "escapeseqdecode": true,
	"hexdecode": true, "htmlentitydecode": true, "jsdecode": true, "uppercase": true, "urldecode": true, "urldecodeuni": true,
	"urlencode": true, "md5": true, "sha1": true,
}

// lowered says whether the operator sees no capital letters.
func lowered(l *seclang.Link) bool {
	out := false
	for _, t := range l.Transformations {
		switch name := strings.ToLower(t); {
		case name == "lowercase", name == "cmdline":
			out = true
		case raising[name]:
			out = false
		}
	}
	return out && !l.MultiMatch
}

func (p *pass) lostCase() {
	p.own(func(r *seclang.Rule, l *seclang.Link) {
		op := l.Operator
		if op == nil || op.Negated || !lowered(l) {
			return
		}
		capital := ""
		switch op.Name {
		case "contains", "streq", "beginsWith", "endsWith", "strmatch":
			if !strings.Contains(op.Arg, "%{") {
				capital = firstCapital(op.Arg)
			}
		case "rx":
			if re, err := syntax.Parse(op.Arg, syntax.Perl|syntax.DotNL); err == nil {
				capital = capitalOf(re)
			}
		}
		if capital == "" {
			return
		}
		at := op.ArgPos
		at.Col += max(strings.Index(op.Arg, capital), 0)
		p.add(at, "the value has been lowered, so that "+strconv.Quote(capital)+" never matches", "write "+strconv.Quote(strings.ToLower(capital)))
	})
}

func firstCapital(s string) string {
	i := strings.IndexFunc(s, func(r rune) bool { return r >= 'A' && r <= 'Z' })
	if i < 0 {
		return ""
	}
	return s[i : i+1]
}

// capitalOf gives a capital letter that a pattern asks for and that is not one
// of several to choose from.
func capitalOf(re *syntax.Regexp) string {
	if re.Op == syntax.OpLiteral && re.Flags&syntax.FoldCase == 0 {
		return firstCapital(string(re.Rune))
	}
	for _, sub := range re.Sub {
		if c := capitalOf(sub); c != "" {
			return c
		}
	}
	return ""
}
