package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// module is the path of this module, and the first part of its import paths.
const module = "tabard"

// file is one Go file of the tree, whatever its build constraints say.
type file struct {
	path    string // relative to the root, with slashes
	pkg     string // folder relative to the root: "engine/seclang"
	test    bool
	ast     *ast.File
	imports []string
}

// lines counts the lines of a node, the first and the last included.
func lines(n ast.Node) int {
	return fset.Position(n.End()).Line - fset.Position(n.Pos()).Line + 1
}

var fset = token.NewFileSet()

// root is the folder of go.mod.
var root = sync.OnceValue(func() string {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			err = fs.ErrNotExist
		}
		dir = filepath.Dir(dir)
	}
	panic("no go.mod above the test: " + err.Error())
})

// tree returns every Go file of the module; nested modules are not of it.
func tree(t *testing.T) []file {
	t.Helper()
	files, err := loadTree()
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

var loadTree = sync.OnceValues(func() ([]file, error) {
	var files []file
	err := filepath.WalkDir(root(), func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipForeign(p, d.Name())
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		f, err := load(p)
		files = append(files, f)
		return err
	})
	return files, err
})

// skipForeign leaves out what is not ours: tools and builds (.tools, .git,
// dist), fixtures, and nested modules.
func skipForeign(dir, name string) error {
	if dir == root() {
		return nil
	}
	if strings.HasPrefix(name, ".") || name == "testdata" || name == "dist" {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}

func load(p string) (file, error) {
	rel, err := filepath.Rel(root(), p)
	if err != nil {
		return file{}, err
	}
	rel = filepath.ToSlash(rel)
	syntax, err := parser.ParseFile(fset, p, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return file{}, err
	}
	f := file{path: rel, pkg: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"), ast: syntax}
	for _, spec := range syntax.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file{}, err
		}
		f.imports = append(f.imports, name)
	}
	return f, nil
}

// own turns an import path of this module into a folder.
func own(importPath string) (pkg string, ok bool) {
	return strings.CutPrefix(importPath, module+"/")
}

// within says whether pkg is one of the folders or below one.
func within(pkg string, folders ...string) bool {
	for _, folder := range folders {
		if pkg == folder || strings.HasPrefix(pkg, folder+"/") {
			return true
		}
	}
	return false
}
