package explain

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"tabard/engine/trace"
)

// window is the stretch of a value that is shown.
type window struct{ From, To int }

// around gives a window of a value with the part in it, most of it behind the
// part's beginning.
func around(length int, part trace.Span) window {
	if length <= maxValueBytes {
		return window{0, length}
	}
	from := max(part.From-maxValueBytes/4, 0)
	if part.To <= maxValueBytes {
		from = 0
	}
	return window{from, min(from+maxValueBytes, length)}
}

// shown is a value as it is printed, with the column of each of its bytes.
type shown struct {
	text    string
	from    int
	columns []int
}

// column gives the column at which a byte of the value begins, or the nearest
// one that is shown.
func (s shown) column(offset int) int {
	return s.columns[min(max(offset-s.from, 0), len(s.columns)-1)]
}

// printable shows a window of a value on one line: what no terminal shows, and
// bytes that are no UTF-8, are written as escapes. The empty value is named.
func printable(value string, w window) shown {
	if value == "" {
		return shown{text: "(empty)", columns: []int{0}}
	}
	for w.From > 0 && !utf8.RuneStart(value[w.From]) {
		w.From--
	}
	for w.To < len(value) && !utf8.RuneStart(value[w.To]) {
		w.To++
	}
	var b strings.Builder
	if w.From > 0 {
		b.WriteString("...")
	}
	s := shown{from: w.From}
	column := b.Len()
	for i := w.From; i < w.To; {
		r, size := utf8.DecodeRuneInString(value[i:])
		piece := escaped(r, value[i:i+size])
		for range size {
			s.columns = append(s.columns, column)
		}
		b.WriteString(piece)
		column += utf8.RuneCountInString(piece)
		i += size
	}
	s.columns = append(s.columns, column)
	if w.To < len(value) {
		fmt.Fprintf(&b, "... (%d bytes)", len(value))
	}
	s.text = b.String()
	return s
}

// escaped is a rune as it is printed; raw are its bytes.
func escaped(r rune, raw string) string {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		return fmt.Sprintf(`\x%02x`, raw[0])
	case r == ' ' || unicode.IsPrint(r) && !unicode.Is(unicode.Mn, r):
		return raw
	}
	quoted := strconv.QuoteRune(r)
	return quoted[1 : len(quoted)-1]
}
