package compare

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// maxRows keeps the text below the 65,536 characters of a comment on GitHub,
// each row having two shown texts and a few words.
const maxRows = 100

// WriteMarkdown writes the differences for a pull request. What clients have
// sent stands in code spans, where it is neither markup nor a mention.
func (d *Diff) WriteMarkdown(w io.Writer, names Names) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "### Changed verdicts: %d of %d requests\n\n", d.Changed, d.Requests)
	fmt.Fprintf(b, "From %s to %s: %d newly blocked, %d no longer blocked; %d with the same verdict by other rules.\n",
		code(names.Before), code(names.After), d.Blocked, d.Released, d.OtherRules)
	groups := d.Groups()
	if len(groups) > 0 {
		fmt.Fprint(b, "\n| verdict | rule | route | parameter | requests | example |\n| --- | --- | --- | --- | ---: | --- |\n")
	}
	for _, g := range groups[:min(len(groups), maxRows)] {
		fmt.Fprintf(b, "| %s → %s | %s | %s | %s | %d | %s |\n", g.From, g.To, rule(g), code(g.Route), code(g.Parameter), g.Requests, example(g))
	}
	if more := len(groups) - maxRows; more > 0 {
		fmt.Fprintf(b, "\n%d more groups are not shown.\n", more)
	}
	return b.Flush()
}

func rule(g Group) string {
	if g.Rule == 0 || g.Message == "" {
		return g.cause()
	}
	return g.cause() + " " + code(g.Message)
}

func example(g Group) string {
	if len(g.Examples) == 0 {
		return ""
	}
	e := g.Examples[0]
	text := code(strings.TrimSpace(e.Method + " " + e.Target))
	if e.Value != "" {
		text += " " + code(e.Value)
	}
	return text
}

// code makes a code span of any text: its fence is longer than every run of
// backticks inside (CommonMark, section 6.1), and in a table the pipe is
// escaped (GitHub's extension).
func code(text string) string {
	text = shown(text)
	if text == "" {
		return ""
	}
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	pad := ""
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		pad = " "
	}
	return fence + pad + strings.ReplaceAll(text, "|", `\|`) + pad + fence
}
