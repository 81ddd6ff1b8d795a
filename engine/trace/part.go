package trace

import (
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"rsc.io/binaryregexp"

	"tabard/engine/seclang"
)

// parts finds out which part of a value an operator matched.
type parts struct {
	files fs.FS
	words map[string][]string
}

// span gives the part of a value that made the operator match. It is none for
// a negated operator, for one that judges the value as a whole, and for an
// argument with macros.
func (p *parts) span(op *seclang.Operator, value string) Span {
	if op.Negated {
		return Span{}
	}
	if strings.Contains(op.Arg, "%{") && op.Name != "rx" {
		return Span{}
	}
	switch op.Name {
	case "rx":
		return spanOfPattern(op.Arg, value)
	case "pm":
		return spanOfWords(strings.Fields(op.Arg), value)
	case "pmFromFile", "pmf":
		return spanOfWords(p.lines(op), value)
	case "contains", "strmatch":
		return spanOf(strings.Index(value, op.Arg), len(op.Arg))
	case "beginsWith":
		return Span{0, len(op.Arg)}
	case "endsWith":
		return Span{len(value) - len(op.Arg), len(value)}
	case "streq", "within":
		return Span{0, len(value)}
	case "validateByteRange":
		return spanOfByte(op.Arg, value)
	}
	return Span{}
}

func spanOf(at, length int) Span {
	if at < 0 {
		return Span{}
	}
	return Span{at, at + length}
}

// spanOfPattern runs the pattern as Coraza does, see seclang.IsBytePattern.
func spanOfPattern(pattern, value string) Span {
	var at []int
	if seclang.IsBytePattern(pattern) {
		if re, err := binaryregexp.Compile(pattern); err == nil {
			at = re.FindStringIndex(value)
		}
	} else if re, err := regexp.Compile("(?s)" + pattern); err == nil {
		at = re.FindStringIndex(value)
	}
	if at == nil {
		return Span{}
	}
	return Span{at[0], at[1]}
}

// spanOfWords gives the first place of a word, the longest one that begins
// there; case does not matter.
func spanOfWords(words []string, value string) Span {
	lower, best := strings.ToLower(value), Span{}
	for _, w := range words {
		at := strings.Index(lower, strings.ToLower(w))
		if at < 0 || w == "" || at+len(w) > len(value) {
			continue
		}
		if best == (Span{}) || at < best.From || at == best.From && at+len(w) > best.To {
			best = Span{at, at + len(w)}
		}
	}
	return best
}

// lines reads a file of words: one a line, comments and blank lines aside.
func (p *parts) lines(op *seclang.Operator) []string {
	if p.files == nil {
		return nil
	}
	name := op.Arg
	if !strings.HasPrefix(name, "/") {
		name = path.Join(path.Dir(op.Pos.File), name)
	}
	if words, ok := p.words[name]; ok {
		return words
	}
	var words []string
	text, err := fs.ReadFile(p.files, name)
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				words = append(words, line)
			}
		}
	}
	if p.words == nil {
		p.words = map[string][]string{}
	}
	p.words[name] = words
	return words
}

// spanOfByte gives the first byte that is outside the ranges.
func spanOfByte(ranges, value string) Span {
	allowed := byteSet(ranges)
	for i := 0; i < len(value); i++ {
		if !allowed[value[i]] {
			return Span{i, i + 1}
		}
	}
	return Span{}
}

// byteSet reads a list such as 9,10,32-126.
func byteSet(ranges string) (set [256]bool) {
	for _, one := range strings.Split(ranges, ",") {
		from, to, ranged := strings.Cut(strings.TrimSpace(one), "-")
		if !ranged {
			to = from
		}
		first, err := strconv.ParseUint(from, 10, 8)
		last, err2 := strconv.ParseUint(to, 10, 8)
		if err != nil || err2 != nil {
			continue
		}
		for b := first; b <= last; b++ {
			set[b] = true
		}
	}
	return set
}
