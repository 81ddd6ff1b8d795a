package arch

import (
	"go/ast"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxFunctionLines is one screen: a longer function hides its parts.
const maxFunctionLines = 70

func TestNoFunctionIsLongerThanAScreen(t *testing.T) {
	var all []int
	for _, f := range tree(t) {
		if f.test {
			continue
		}
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			n := lines(fn)
			all = append(all, n)
			if n > maxFunctionLines && !isTable(fn) {
				t.Errorf("%s: %s has %d lines; %d fit on a screen", fset.Position(fn.Pos()), fn.Name.Name, n, maxFunctionLines)
			}
		}
	}
	slices.Sort(all)
	require.NotEmpty(t, all)
	t.Logf("%d functions, median %d lines, 95 of 100 have at most %d", len(all), all[len(all)/2], all[len(all)*95/100])
}

// isTable says whether a function is one switch or one literal: a list that is
// read line by line, however long.
func isTable(fn *ast.FuncDecl) bool {
	for _, statement := range fn.Body.List {
		if lines(statement) < lines(fn)*3/4 {
			continue
		}
		switch s := statement.(type) {
		case *ast.SwitchStmt, *ast.TypeSwitchStmt:
			return true
		case *ast.ReturnStmt:
			return len(s.Results) == 1
		}
	}
	return false
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	said := map[string]bool{}
	for _, f := range tree(t) {
		if f.test && strings.HasSuffix(f.ast.Name.Name, "_test") {
			continue
		}
		said[f.pkg] = said[f.pkg] || f.ast.Doc.Text() != ""
	}
	for pkg, ok := range said {
		if !ok {
			t.Errorf("%s has no package comment; its first sentence says which part of \"one HTTP exchange goes in, one verdict comes out\" it does", pkg)
		}
	}
}

func TestEveryExportedNameIsExplained(t *testing.T) {
	for _, f := range tree(t) {
		if f.test {
			continue
		}
		for _, decl := range f.ast.Decls {
			for _, name := range unexplained(decl) {
				t.Errorf("%s: %s has no comment that says what it takes and returns", fset.Position(decl.Pos()), name)
			}
		}
	}
}

// unexplained returns the exported names of a declaration without a comment.
// A method that only fulfils an interface of Go's own needs none.
func unexplained(decl ast.Decl) []string {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Doc.Text() == "" && d.Name.IsExported() && exportedReceiver(d) && !wellKnown[d.Name.Name] {
			return []string{d.Name.Name}
		}
	case *ast.GenDecl:
		var names []string
		for _, spec := range d.Specs {
			if s, ok := spec.(*ast.TypeSpec); ok && s.Name.IsExported() && s.Doc.Text() == "" && d.Doc.Text() == "" {
				names = append(names, s.Name.Name)
			}
		}
		return names
	}
	return nil
}

var wellKnown = map[string]bool{
	"Error": true, "String": true, "Unwrap": true, "Close": true, "Read": true, "Write": true,
	"Len": true, "Less": true, "Swap": true, "Open": true, "ServeHTTP": true,
	"MarshalJSON": true, "UnmarshalJSON": true, "UnmarshalYAML": true,
}

func exportedReceiver(fn *ast.FuncDecl) bool {
	if fn.Recv == nil {
		return true
	}
	typ := fn.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if generic, ok := typ.(*ast.IndexExpr); ok {
		typ = generic.X
	}
	ident, ok := typ.(*ast.Ident)
	return ok && ident.IsExported()
}

func TestNoPackageIsADrawer(t *testing.T) {
	drawers := []string{"util", "utils", "common", "helper", "helpers", "misc", "types", "shared"}
	for _, f := range tree(t) {
		if name := strings.TrimSuffix(f.ast.Name.Name, "_test"); slices.Contains(drawers, name) {
			t.Errorf("%s: package %s says nothing; name what it does", f.path, name)
		}
	}
}
