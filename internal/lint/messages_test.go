package lint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/internal/report"
)

// large stands for texts that are too long to keep.
var large = strings.NewReplacer("@LONG@", strings.Repeat("x", 70_000), "@INCLUDES@", strings.Repeat("Include rules/other.conf\n", 101))

// unseen are messages that no text gives rise to, and why.
var unseen = map[string]string{
	"Include needs a file system and there is none": "tabard always gives one",
}

// rendered is what people see for each text of testdata/messages.txt.
func rendered(t *testing.T) string {
	text, err := os.ReadFile("testdata/messages.txt")
	require.NoError(t, err)
	var out strings.Builder
	for _, c := range strings.Split(string(text), "=== ")[1:] {
		name, rules, _ := strings.Cut(c, "\n")
		rules = large.Replace(rules)
		out.WriteString("=== " + name + "\n")
		source := func(file string) (string, bool) { return rules, file == "mine.conf" }
		require.NoError(t, report.WriteText(&out, check(t, rules), source))
	}
	return out.String()
}

// The golden file shows each message with its caret: UPDATE_GOLDEN=1 rewrites
// it, and then it is to be read.
func TestEachMessageHasItsPlace(t *testing.T) {
	got := rendered(t)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile("testdata/messages.golden", []byte(got), 0o644))
	}
	want, err := os.ReadFile("testdata/messages.golden")
	require.NoError(t, err, "UPDATE_GOLDEN=1 writes it")
	require.Equal(t, string(want), got)
}

// argument says where the functions that report something take the message.
var argument = map[string]int{
	"fail": 1, "failAs": 2, "warn": 2, "warnAt": 2, "errorAt": 1, "failAction": 1, "add": 1,
}

// TestEachMessageIsInTheGoldenFile reads the source: a message that nobody has
// seen with its caret is one that may point anywhere.
func TestEachMessageIsInTheGoldenFile(t *testing.T) {
	golden, err := os.ReadFile("testdata/messages.golden")
	require.NoError(t, err)
	n := 0
	for _, dir := range []string{".", "../../engine/seclang"} {
		for at, message := range messages(t, dir) {
			n++
			if !strings.Contains(string(golden), message) && unseen[message] == "" {
				t.Errorf("%s: %q is in no case of testdata/messages.txt", at, message)
			}
		}
	}
	t.Logf("%d messages", n)
	require.Greater(t, n, 100)
}

// messages gives the longest literal of each message of a package.
func messages(t *testing.T, dir string) map[string]string {
	set, out := token.NewFileSet(), map[string]string{}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			for _, e := range messagesOf(n) {
				if text := longest(e); len(text) > 4 {
					out[set.Position(e.Pos()).String()] = text
				}
			}
			return true
		})
	}
	return out
}

// messagesOf gives the expressions of messages that stand in a node.
func messagesOf(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.CallExpr:
		if s, ok := n.Fun.(*ast.SelectorExpr); ok {
			if i, ok := argument[s.Sel.Name]; ok && i < len(n.Args) {
				return n.Args[i : i+1]
			}
		}
	case *ast.CompositeLit:
		return fieldOf(n)
	case *ast.FuncDecl:
		return returned(n)
	}
	return nil
}

// fieldOf gives the message of an Error or a trap.
func fieldOf(n *ast.CompositeLit) []ast.Expr {
	name, ok := n.Type.(*ast.Ident)
	if !ok || name.Name != "Error" && name.Name != "trap" {
		return nil
	}
	for i, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok && kv.Key.(*ast.Ident).Name == "Msg" {
			return []ast.Expr{kv.Value}
		}
		if name.Name == "trap" && i == 1 {
			return []ast.Expr{e}
		}
	}
	return nil
}

// returned gives what a function returns as its result msg.
func returned(fn *ast.FuncDecl) (out []ast.Expr) {
	if fn.Type.Results == nil || fn.Body == nil {
		return nil
	}
	index, at := -1, 0
	for _, field := range fn.Type.Results.List {
		for _, name := range field.Names {
			if name.Name == "msg" {
				index = at
			}
			at++
		}
	}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		if r, ok := n.(*ast.ReturnStmt); ok && index >= 0 && index < len(r.Results) {
			out = append(out, r.Results[index])
		}
		return true
	})
	return out
}

// longest gives the longest literal of an expression.
func longest(e ast.Expr) (text string) {
	ast.Inspect(e, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
			if s, err := strconv.Unquote(l.Value); err == nil && len(s) > len(text) {
				text = s
			}
		}
		return true
	})
	return text
}
