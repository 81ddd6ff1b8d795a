package report

import (
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Source gives the text of a file, for the lines that are shown; false when
// there is none.
type Source func(file string) (text string, ok bool)

// WriteText writes each finding with its line, where the source (which may be
// nil) has it, and a caret:
//
//	rules/a.conf:4:24: unknown action "pas", did you mean "pass"? [syntax]
//	4 |     "id:100110,phase:2,pas"
//	  |                        ^^^
func WriteText(w io.Writer, findings []Finding, source Source) error {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(place(f) + ": " + f.Text())
		if f.Check != "" {
			b.WriteString(" [" + f.Check + "]")
		}
		b.WriteByte('\n')
		b.WriteString(snippet(f, source))
		for _, line := range f.Details {
			b.WriteString(strings.TrimRight("    "+line, " ") + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// place gives as much of file:line:col as is known.
func place(f Finding) string {
	switch {
	case f.Pos.Line == 0:
		return f.Pos.File
	case f.Pos.Col == 0:
		return f.Pos.File + ":" + strconv.Itoa(f.Pos.Line)
	}
	return f.Pos.String()
}

// maxSnippetBytes is how much of a line is shown: a regular expression of CRS
// has thousands of bytes, a terminal a few hundred.
const maxSnippetBytes = 100

// snippet gives the line of a finding and carets below the word, or "".
func snippet(f Finding, source Source) string {
	line, ok := sourceLine(f, source)
	if !ok || f.Pos.Col < 1 || f.Pos.Col > len(line)+1 {
		return ""
	}
	from, to := f.Span(line)
	line, from, to = window(line, from, to)
	gutter := strconv.Itoa(f.Pos.Line) + " | "
	margin := strings.Repeat(" ", len(gutter)-2) + "| "
	return gutter + line + "\n" + margin + indent(line[:min(from, len(line))]) + strings.Repeat("^", carets(line, from, to)) + "\n"
}

// Span gives the bytes of the line that are at fault: up to EndCol, or the word
// at Col; the whole line without a column.
func (f Finding) Span(line string) (from, to int) {
	if f.Pos.Col < 1 {
		return 0, len(line)
	}
	from = min(f.Pos.Col-1, len(line))
	if to = f.EndCol - 1; f.EndCol == 0 || to > len(line) {
		to = from + wordLen(line[from:])
	}
	return from, max(to, from+1)
}

// sourceLine gives the text of the finding's line.
func sourceLine(f Finding, source Source) (string, bool) {
	if source == nil || f.Pos.Line < 1 {
		return "", false
	}
	text, ok := source(f.Pos.File)
	if !ok {
		return "", false
	}
	lines := strings.Split(text, "\n")
	if f.Pos.Line > len(lines) {
		return "", false
	}
	return strings.TrimRight(lines[f.Pos.Line-1], "\r"), true
}

// wordLen is how long the word is that s begins with: up to what separates the
// words of SecLang, at least one byte.
func wordLen(s string) int {
	n := strings.IndexAny(s, " \t\",|;\\")
	switch {
	case n < 0:
		return max(len(s), 1)
	case n == 0:
		return 1
	}
	return n
}

// window cuts a long line around the bytes from and to, at the borders of
// runes, and moves both.
func window(line string, from, to int) (string, int, int) {
	const ellipsis = "..."
	to = min(to, from+maxSnippetBytes)
	if start := from - maxSnippetBytes/2; start > len(ellipsis) {
		for start > 0 && !utf8.RuneStart(line[start]) {
			start--
		}
		cut := start - len(ellipsis)
		line, from, to = ellipsis+line[start:], from-cut, to-cut
	}
	if end := max(to, maxSnippetBytes); end+len(ellipsis) < len(line) {
		for end < len(line) && !utf8.RuneStart(line[end]) {
			end++
		}
		line = line[:end] + ellipsis
	}
	return line, from, to
}

// indent is as wide as text: tabs stay tabs, so that the caret is below its
// word whatever their width.
func indent(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, text)
}

// carets counts the runes to underline.
func carets(line string, from, to int) int {
	if from >= len(line) {
		return 1
	}
	return max(utf8.RuneCountInString(line[from:min(to, len(line))]), 1)
}
