package seclang

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// operator parses what stands between the quotes of a SecRule after the
// variables.
func (b *builder) operator(quoted span) *Operator {
	text := strings.ReplaceAll(quoted.text, `\"`, `"`)
	name, arg, argAt := "@rx", text, 0
	switch {
	case text == "" || text[0] != '@' && text[0] != '!':
	case text[0] == '!' && !strings.HasPrefix(text, "!@"):
		name, arg, argAt = "!@rx", text[1:], 1
	default:
		name, arg, _ = strings.Cut(text, " ")
		argAt = min(len(name)+1, len(text))
	}
	argAt += len(arg) - len(strings.TrimLeftFunc(arg, isSpace))
	op := &Operator{
		Negated: name[0] == '!',
		Name:    operatorName(strings.TrimSpace(name)),
		Arg:     strings.TrimSpace(arg),
		Pos:     b.at.place(quoted.off),
	}
	argOff := quoted.off + escapedOffset(quoted.text, argAt)
	op.ArgPos = b.at.place(argOff)
	if !b.words.operators[op.Name] {
		near := hint(op.Name, b.words.operators, func(key string, _ bool) string { return key })
		b.fail(quoted.off, "unknown operator "+quote(name), near)
		return op
	}
	if msg, hint := b.checkOperator(op); msg != "" {
		b.fail(argOff, "operator @"+op.Name+": "+msg, hint)
	}
	b.warnOperator(op, argOff)
	return op
}

// operatorName cuts the signs off: "@rx" and "!@rx" are both rx.
func operatorName(name string) string {
	if strings.HasPrefix(name, "!@") && len(name) > len("!@") {
		return name[len("!@"):]
	}
	return strings.TrimPrefix(name, "@")
}

// escapedOffset gives the offset in a text with \" of the offset off in the same
// text with quotes alone.
func escapedOffset(escaped string, off int) int {
	i := 0
	for ; off > 0 && i < len(escaped); off-- {
		if strings.HasPrefix(escaped[i:], `\"`) {
			i++
		}
		i++
	}
	return i
}

// checkOperator says why Coraza would refuse the argument of one of its own
// operators, and what would work.
func (b *builder) checkOperator(op *Operator) (msg, hint string) {
	switch op.Name {
	case "beginsWith", "contains", "endsWith", "eq", "ge", "gt", "le", "lt", "streq", "strmatch", "within":
		_, _, msg = ParseMacro(op.Arg)
		return msg, ""
	case "rx":
		return b.checkRx(op.Arg)
	case "restpath":
		return b.checkExpression(restPathPattern(op.Arg))
	case "validateNid":
		kind, pattern, ok := strings.Cut(op.Arg, " ")
		if !ok || kind != "cl" && kind != "us" {
			return "needs cl or us and a regular expression", ""
		}
		return b.checkExpression(pattern)
	case "validateByteRange":
		return checkByteRange(op.Arg)
	case "pmFromDataset", "ipMatchFromDataset":
		return b.checkDataset(op)
	case "pmFromFile", "pmf", "ipMatchFromFile", "ipMatchF":
		return b.checkFile(op.Arg, b.at.Dir)
	}
	return "", ""
}

func (b *builder) checkExpression(pattern string) (msg, hint string) {
	if b.checkPattern == nil {
		return "", ""
	}
	return b.checkPattern(pattern)
}

// checkRx checks the argument of @rx. A pattern for bytes goes to another package
// in Coraza, without the prefix; its syntax is the same.
func (b *builder) checkRx(arg string) (msg, hint string) {
	switch {
	case b.checkPattern == nil:
		return "", ""
	case IsBytePattern(arg):
		return b.checkPattern(arg)
	}
	return b.checkPattern("(?s)" + arg)
}

// IsBytePattern says whether Coraza gives the argument of @rx to binaryregexp,
// which matches bytes, and not to regexp, which matches runes: it does when the
// pattern with its \xHH escapes put in is no valid UTF-8.
func IsBytePattern(arg string) bool {
	// Coraza looks at the pattern with this prefix, which has no backslash.
	expr := "(?s)" + arg
	decoded := make([]byte, 0, len(expr))
	for i := 0; i < len(expr); i++ {
		if expr[i] != '\\' {
			decoded = append(decoded, expr[i])
			continue
		}
		if i+3 >= len(expr) {
			decoded = append(decoded, expr[i:]...)
			break
		}
		b, size, ok := byteEscape(expr[i:])
		if !ok {
			decoded = append(decoded, expr[i])
			continue
		}
		decoded = append(decoded, b)
		i += size - 1
	}
	return !utf8.Valid(decoded)
}

// byteEscape reads \xHH or \x{HH} at the beginning of s, which has four bytes.
func byteEscape(s string) (b byte, size int, ok bool) {
	if s[1] != 'x' {
		return 0, 0, false
	}
	digits, size := s[2:4], 4
	if s[2] == '{' && len(s) >= 6 {
		end := strings.IndexByte(s, '}')
		if end >= 0 {
			// Of more digits Coraza looks at the first two and skips them all.
			digits, size = s[3:end], end+1
		}
	}
	if len(digits) < 2 {
		return 0, 0, false
	}
	n, err := strconv.ParseUint(digits[:2], 16, 8)
	return byte(n), size, err == nil
}

// restPathPattern is the expression that Coraza makes of a path with {tokens}.
func restPathPattern(arg string) string {
	var out strings.Builder
	for rest := strings.ReplaceAll(arg, "/", `\/`); ; {
		before, inner, open := strings.Cut(rest, "{")
		out.WriteString(before)
		name, after, closed := strings.Cut(inner, "}")
		switch {
		case !open:
			return out.String()
		case !closed:
			out.WriteString("{" + inner)
			return out.String()
		case name == "":
			out.WriteString("{")
			rest = inner
		default:
			out.WriteString("(?P<" + name + ">[^?/]+)")
			rest = after
		}
	}
}

// checkByteRange checks a list such as 9,10,32-126.
func checkByteRange(arg string) (msg, hint string) {
	if arg == "" {
		return "", "" // Coraza then matches always, see warnOperator
	}
	for _, part := range strings.Split(arg, ",") {
		part = strings.TrimSpace(part)
		from, to, ranged := strings.Cut(part, "-")
		if !isByte(from) || ranged && !isByte(to) {
			return quote(part) + " is no byte or range of bytes", "write numbers from 0 to 255 such as 9,10,32-126"
		}
	}
	return "", ""
}

func isByte(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && n <= 255
}

func (b *builder) checkDataset(op *Operator) (msg, hint string) {
	entries, ok := b.table.Datasets[op.Arg]
	if ok && (len(entries) > 0 || op.Name == "pmFromDataset") {
		return "", ""
	}
	if ok {
		return "the dataset " + quote(op.Arg) + " is empty", ""
	}
	var names []string
	for name := range b.table.Datasets {
		names = append(names, name)
	}
	return "no SecDataset " + quote(op.Arg) + " before this rule", didYouMean(nearest(op.Arg, names))
}

// checkFile looks for a data file in the folder of the rule's file.
func (b *builder) checkFile(name, dir string) (msg, hint string) {
	if b.files == nil {
		return "", ""
	}
	full := name
	if !strings.HasPrefix(name, "/") {
		full = path.Join(dir, name)
	}
	if _, err := fs.ReadFile(b.files, full); err == nil {
		return "", ""
	}
	return "no file " + quote(full), didYouMean(nearestFile(b.files, full))
}
