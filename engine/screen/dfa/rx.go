package dfa

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"rsc.io/binaryregexp"
	binsyntax "rsc.io/binaryregexp/syntax"
)

// RxPattern returns the pattern that Coraza compiles for the argument of an @rx
// operator, and for which matcher. Coraza prefixes flags and uses Go's regexp,
// unless the argument spells bytes that are no valid UTF-8 (\xff, \x{ff}): then
// it compiles the bare argument for binaryregexp. The flags are (?sm), or (?s)
// under the build tag coraza.rule.no_regex_multiline.
func RxPattern(argument string) (pattern string, mode Mode) {
	pattern = rxFlags + argument
	if utf8.Valid(spelledBytes(pattern)) {
		return pattern, Runes
	}
	return argument, Bytes
}

// spelledBytes returns the expression with its byte escapes replaced by the
// bytes, the way Coraza reads them: an escape within the last three bytes is
// left alone, \\xff counts as one, and of \x{ff12} only the first byte does.
func spelledBytes(expr string) []byte {
	spelled := make([]byte, 0, len(expr))
	for i := 0; i < len(expr); i++ {
		if expr[i] != '\\' {
			spelled = append(spelled, expr[i])
			continue
		}
		if i+4 > len(expr) {
			return append(spelled, expr[i:]...)
		}
		b, width := byteEscape(expr[i:])
		if width == 0 {
			spelled = append(spelled, '\\')
			continue
		}
		spelled = append(spelled, b)
		i += width - 1
	}
	return spelled
}

// byteEscape reads a byte escape at the start of s, which holds at least four
// bytes. width is 0 if there is none.
func byteEscape(s string) (b byte, width int) {
	if s[1] != 'x' {
		return 0, 0
	}
	escape, width := s[:4], 4
	if len(s) >= 6 && s[2] == '{' {
		if end := strings.IndexByte(s, '}'); end >= 0 {
			escape, width = `\x`+s[3:end], end+1
		}
	}
	value, multibyte, _, err := strconv.UnquoteChar(escape, 0)
	if err != nil || multibyte {
		return 0, 0
	}
	return byte(value), width
}

// Rx is the exact check of one @rx operator: the DFA where it can answer, the
// real regexp where it cannot. Both are built when first needed, so a rule that
// no value comes near costs next to nothing. It is safe for concurrent use.
type Rx struct {
	pattern string
	mode    Mode
	budget  *Budget

	buildDFA  sync.Once
	dfa       atomic.Pointer[DFA] // nil: not built, or over a bound of this package
	buildReal sync.Once
	real      interface{ MatchString(string) bool }
	fallbacks atomic.Int64
}

// NewRx returns the check for the argument of an @rx operator. The DFA counts
// against the budget, which may be nil. The error is the syntax error that
// Coraza would report.
func NewRx(argument string, budget *Budget) (*Rx, error) {
	pattern, mode := RxPattern(argument)
	var err error
	if mode == Bytes {
		_, err = binsyntax.Parse(pattern, binsyntax.Perl)
	} else {
		_, err = syntax.Parse(pattern, syntax.Perl)
	}
	if err != nil {
		return nil, fmt.Errorf("compile @rx %q: %w", argument, err)
	}
	return &Rx{pattern: pattern, mode: mode, budget: budget}, nil
}

// Match reports whether the operator matches the value, as Coraza's @rx does.
func (r *Rx) Match(value string) bool {
	r.buildDFA.Do(func() {
		// A pattern over a bound has no DFA: the regexp then answers always.
		if d, err := Compile(r.pattern, Options{Mode: r.mode, Budget: r.budget}); err == nil {
			r.dfa.Store(d)
		}
	})
	if d := r.dfa.Load(); d != nil {
		if matched, ok := d.Match(value); ok {
			return matched
		}
	}
	r.fallbacks.Add(1)
	r.buildReal.Do(func() {
		if r.mode == Bytes {
			r.real = binaryregexp.MustCompile(r.pattern)
		} else {
			r.real = regexp.MustCompile(r.pattern)
		}
	})
	return r.real.MatchString(value)
}

// Fallbacks returns how many values the real regexp had to answer for.
func (r *Rx) Fallbacks() int { return int(r.fallbacks.Load()) }

// Stats returns the size of the DFA, all zero if there is none yet.
func (r *Rx) Stats() Stats {
	if d := r.dfa.Load(); d != nil {
		return d.Stats()
	}
	return Stats{}
}
