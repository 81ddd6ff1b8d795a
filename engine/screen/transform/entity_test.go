package transform

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpenEntitiesAreThoseOfTheDecoder(t *testing.T) {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "golang.org/x/net/html").Output()
	require.NoError(t, err)
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "entity.go"), nil, 0)
	require.NoError(t, err)
	var open []string
	ast.Inspect(file, func(n ast.Node) bool {
		pair, ok := n.(*ast.KeyValueExpr)
		if !ok {
			return true
		}
		if key, ok := pair.Key.(*ast.BasicLit); ok && key.Kind == token.STRING {
			name, err := strconv.Unquote(key.Value)
			require.NoError(t, err)
			if !strings.HasSuffix(name, ";") {
				open = append(open, name)
			}
		}
		return true
	})
	require.ElementsMatch(t, strings.Fields(openEntityNames), open)
}
