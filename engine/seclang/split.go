package seclang

import (
	"strings"
	"unicode"
)

// maxLineBytes is the longest line Coraza reads: its line scanner has a buffer
// of 64 KiB, which must hold the line and its end. At a longer line Coraza stops
// and the rest of the file is dropped without a word, so here it is an error.
const maxLineBytes = 64*1024 - 1

// lines gives the directives of one text, one call of next a directive.
type lines struct {
	file, dir string
	rest      string
	line      int
}

// joined collects the lines of the directive that is being read.
type joined struct {
	text        strings.Builder
	pieces      []piece
	inBackticks bool
	tick        Position
}

// next gives the next directive. ok is false at the end of the text.
func (l *lines) next() (d Directive, ok bool, err *Error) {
	var j joined
	for l.rest != "" {
		col, text, err := l.cutLine()
		if err != nil {
			return d, false, err
		}
		if text == "" || text[0] == '#' {
			continue
		}
		if j.add(l.file, text, l.line, col) {
			return newDirective(l.file, l.dir, j.text.String(), j.pieces, l.line), true, nil
		}
	}
	return d, false, j.unfinished(l.file)
}

// cutLine takes one line off the text and trims it; col is where it begins.
func (l *lines) cutLine() (col int, text string, err *Error) {
	l.line++
	raw, rest, _ := strings.Cut(l.rest, "\n")
	l.rest = rest
	if len(raw) > maxLineBytes {
		return 0, "", &Error{
			Pos:  Position{File: l.file, Line: l.line, Col: 1},
			Msg:  "line is longer than 65535 bytes, Coraza would drop the rest of the file",
			Hint: `break it with a backslash at the end of the line`,
		}
	}
	text = strings.TrimLeftFunc(raw, isSpace)
	return len(raw) - len(text) + 1, strings.TrimRightFunc(text, isSpace), nil
}

// add appends a trimmed line that is no comment and says whether the directive
// is complete.
func (j *joined) add(file, text string, line, col int) bool {
	last := text[len(text)-1]
	// A line that ends in a backtick opens a block (SecDataset); only a line that
	// begins with one closes it.
	switch {
	case !j.inBackticks && last == '`':
		j.inBackticks = true
		j.tick = Position{File: file, Line: line, Col: col + len(text) - 1}
	case j.inBackticks && text[0] == '`':
		j.inBackticks = false
	}
	j.pieces = append(j.pieces, piece{off: j.text.Len(), line: line, col: col})
	if j.inBackticks {
		j.text.WriteString(text)
		j.text.WriteByte('\n')
		return false
	}
	if last == '\\' {
		j.text.WriteString(text[:len(text)-1])
		return false
	}
	j.text.WriteString(text)
	return true
}

// unfinished reports a directive that the end of the text cuts off. Coraza
// refuses an open backtick; a last line that ends in a backslash it drops.
func (j *joined) unfinished(file string) *Error {
	switch {
	case j.inBackticks:
		return &Error{Pos: j.tick, Msg: "the backtick is never closed", Hint: "end the block with a line that is one backtick"}
	case len(j.pieces) > 0:
		return &Error{
			Pos:  Position{File: file, Line: j.pieces[0].line, Col: j.pieces[0].col},
			Msg:  "the directive ends in a backslash at the end of the file, Coraza would drop it",
			Hint: "remove the last backslash",
		}
	}
	return nil
}

func isSpace(r rune) bool { return unicode.IsSpace(r) }
