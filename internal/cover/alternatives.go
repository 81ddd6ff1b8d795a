package cover

import (
	"regexp"
	"strings"

	"rsc.io/binaryregexp"

	"tabard/engine/screen/dfa"
)

// alternatives are the parts between the bars of a regular expression, at every
// depth, and an expression that says which of them had a part in a match.
type alternatives struct {
	texts  []string
	groups []int // of the alternative's capture group in find
	find   func(value string) []int
}

// splitAlternatives takes an @rx apart. It returns nil when there is no bar, or
// flags are set in the middle, which a group around an alternative would end.
func splitAlternatives(argument string) *alternatives {
	s := splitter{text: argument, open: []level{{start: flagsLen(argument)}}}
	s.scan()
	if !s.ok || len(s.spans) == 0 {
		return nil
	}
	a := &alternatives{}
	instrumented := s.instrument(a)
	pattern, mode := dfa.RxPattern(instrumented)
	if mode == dfa.Bytes {
		re, err := binaryregexp.Compile(pattern)
		if err != nil {
			return nil
		}
		a.find = re.FindStringSubmatchIndex
		return a
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil
	}
	a.find = re.FindStringSubmatchIndex
	return a
}

// matched calls yes with each alternative that had a part in the first match in
// a value; of a repeated group, in any repetition.
func (a *alternatives) matched(value string, yes func(index int)) {
	loc := a.find(value)
	if loc == nil {
		return
	}
	for i, group := range a.groups {
		if loc[2*group] >= 0 {
			yes(i)
		}
	}
}

// span is an alternative in the text.
type span struct{ from, to int }

// level is an open group.
type level struct {
	start int // of its current alternative
	spans []span
}

// splitter walks over an expression once.
type splitter struct {
	text  string
	at    int
	open  []level
	spans []span
	ok    bool
}

// scan finds the alternatives of all groups that have a bar.
func (s *splitter) scan() {
	s.at = s.open[0].start
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case '\\':
			s.at += escapeLen(s.text[s.at:])
		case '[':
			s.at += classLen(s.text[s.at:])
		case '(':
			n := groupLen(s.text[s.at:])
			if n == 0 {
				return // flags in the middle
			}
			s.at += n
			s.open = append(s.open, level{start: s.at})
		case '|':
			top := &s.open[len(s.open)-1]
			top.spans = append(top.spans, span{top.start, s.at})
			s.at++
			top.start = s.at
		case ')':
			if len(s.open) == 1 {
				return // not balanced
			}
			s.close()
			s.at++
		default:
			s.at++
		}
	}
	if len(s.open) == 1 {
		s.close()
		s.ok = true
	}
}

// close ends the innermost group.
func (s *splitter) close() {
	top := s.open[len(s.open)-1]
	s.open = s.open[:len(s.open)-1]
	if len(top.spans) > 0 {
		s.spans = append(append(s.spans, top.spans...), span{top.start, s.at})
	}
}

// instrument writes the expression with a capture group around each alternative.
func (s *splitter) instrument(a *alternatives) string {
	opens, closes := map[int]int{}, map[int]int{}
	a.groups = make([]int, len(s.spans))
	for i, sp := range s.spans {
		a.texts = append(a.texts, s.text[sp.from:sp.to])
		opens[sp.from] = i + 1
		if sp.to > sp.from {
			closes[sp.to]++
		}
	}
	at, group := flagsLen(s.text), 0
	b := strings.Builder{}
	b.WriteString(s.text[:at])
	for ; ; at += s.copyTo(&b, at, &group) {
		// What ends here was open before what begins here.
		b.WriteString(strings.Repeat(")", closes[at]))
		if i := opens[at] - 1; i >= 0 {
			group++
			a.groups[i] = group
			b.WriteByte('(')
			if s.spans[i].to == at {
				b.WriteByte(')') // it is empty
			}
		}
		if at == len(s.text) {
			return b.String()
		}
	}
}

// copyTo writes the next escape, class, opening or byte, counts it if it opens a
// capture group, and returns its length.
func (s *splitter) copyTo(b *strings.Builder, at int, group *int) int {
	rest, n := s.text[at:], 1
	switch rest[0] {
	case '\\':
		n = escapeLen(rest)
	case '[':
		n = classLen(rest)
	case '(':
		n = groupLen(rest)
		if n == 1 || strings.HasPrefix(rest, "(?P<") || strings.HasPrefix(rest, "(?<") {
			*group++
		}
	}
	b.WriteString(rest[:n])
	return n
}

// flagsLen is the length of flags such as (?i) at the start of a text.
func flagsLen(text string) int {
	if !strings.HasPrefix(text, "(?") {
		return 0
	}
	end := strings.IndexAny(text, ":)<")
	if end < 0 || text[end] != ')' {
		return 0
	}
	return end + 1
}

// groupLen is the length of what opens a group: "(", "(?:", "(?i:", "(?P<name>".
// It is 0 for flags alone.
func groupLen(text string) int {
	if !strings.HasPrefix(text, "(?") {
		return 1
	}
	if flagsLen(text) > 0 {
		return 0
	}
	end := strings.IndexAny(text, ":>")
	if end < 0 {
		return 1 // no expression; the compiler says so
	}
	return end + 1
}

// escapeLen is the length of an escape: two bytes, or up to \E after \Q.
func escapeLen(text string) int {
	if strings.HasPrefix(text, `\Q`) {
		if end := strings.Index(text, `\E`); end >= 0 {
			return end + 2
		}
		return len(text)
	}
	return min(2, len(text))
}

// classLen is the length of a class in brackets. A bracket right behind the
// first one, or its ^, is a member, and [:alpha:] is one of its own.
func classLen(text string) int {
	at := 1
	if at < len(text) && text[at] == '^' {
		at++
	}
	for first := true; at < len(text); first = false {
		switch {
		case text[at] == '\\':
			at += escapeLen(text[at:])
		case strings.HasPrefix(text[at:], "[:") && strings.Contains(text[at:], ":]"):
			at += strings.Index(text[at:], ":]") + 2
		case text[at] == ']' && !first:
			return at + 1
		default:
			at++
		}
	}
	return len(text)
}
