// Package rxtest supplies the tests of the fast path with patterns and values:
// every @rx pattern and word list of CRS, and values that a pattern matches or
// nearly matches. Only tests import it.
package rxtest

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/stretchr/testify/require"
)

// Operator is an operator of a CRS rule, as Coraza hands it to the operator.
type Operator struct {
	Rule     string // id of the rule, or of the parent of a chained rule
	Name     string // without @ and !
	Argument string
}

// Operators returns the operators with one of the names, in the order of the
// files, each argument once.
func Operators(t testing.TB, names ...string) []Operator {
	t.Helper()
	files, err := fs.Glob(coreruleset.FS, "@owasp_crs/*.conf")
	require.NoError(t, err)
	var found []Operator
	seen := map[string]bool{}
	for _, file := range files {
		text, err := fs.ReadFile(coreruleset.FS, file)
		require.NoError(t, err)
		for _, op := range operators(string(text)) {
			for _, name := range names {
				if key := op.Name + " " + op.Argument; op.Name == name && !seen[key] {
					seen[key] = true
					found = append(found, op)
				}
			}
		}
	}
	require.NotEmpty(t, found, "no operator %v in CRS", names)
	return found
}

// File returns a data file of CRS, such as that of an @pmFromFile.
func File(t testing.TB, name string) []byte {
	t.Helper()
	text, err := fs.ReadFile(coreruleset.FS, "@owasp_crs/"+name)
	require.NoError(t, err)
	return text
}

var ruleID = regexp.MustCompile(`\bid:(\d+)`)

// operators finds the operators in the text of a configuration file.
func operators(text string) []Operator {
	var found []Operator
	id := ""
	for _, line := range logicalLines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "SecRule ")
		if !ok {
			continue
		}
		if m := ruleID.FindStringSubmatch(rest); m != nil {
			id = m[1]
		}
		_, quoted, ok := strings.Cut(rest, `"`)
		if !ok {
			continue
		}
		op := Operator{Rule: id}
		name, argument, _ := strings.Cut(unquote(quoted), " ")
		op.Name = strings.TrimPrefix(strings.TrimPrefix(name, "!"), "@")
		op.Argument = strings.TrimSpace(argument)
		found = append(found, op)
	}
	return found
}

// logicalLines joins lines that end in a backslash and drops comments.
func logicalLines(text string) []string {
	var lines []string
	joined := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if joined == "" && strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		if head, ok := strings.CutSuffix(line, `\`); ok {
			joined += head
			continue
		}
		lines = append(lines, joined+line)
		joined = ""
	}
	return lines
}

// unquote returns the text up to the first quote that is not escaped, with
// escaped quotes made plain: the only escape that SecLang knows.
func unquote(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String()
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			b.WriteByte('"')
			i++
		case s[i] == '\\' && i+1 < len(s):
			b.WriteString(s[i : i+2])
			i++
		default:
			b.WriteByte(s[i])
		}
	}
	panic(fmt.Sprintf("no closing quote in %q", s))
}
