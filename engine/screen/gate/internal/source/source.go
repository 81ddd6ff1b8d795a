// Package source reads the tables of libinjection-go out of its source, as the
// library does not export them. The generator and the tests of the gate use it.
package source

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Module is the library, and Version the one that the gate was made for. The
// soundness of the gate rests on how that version reads a value: go over the
// argument in sqli.go and xss.go again before changing it.
const (
	Module  = "github.com/corazawaf/libinjection-go"
	Version = "v0.3.3"
)

// Tables are those of the library that decide about a value.
type Tables struct {
	Words        []string // SQL keywords, functions, operators and phrases
	Fingerprints []string // token sequences that are SQL injection
	Tags         []string // HTML tags that are XSS
	Attributes   []string // HTML attributes that may be XSS, without on...
	Events       []string // names of events: on... attributes without the "on"
}

// Load reads the tables from the module cache, using the go command.
func Load() (Tables, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}} {{.Dir}}", Module).Output()
	if err != nil {
		return Tables{}, fmt.Errorf("find the source of %s: %w", Module, err)
	}
	version, dir, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if version != Version {
		return Tables{}, fmt.Errorf("%s is at %s, the gate was made for %s: check the gate against the new version", Module, version, Version)
	}
	var t Tables
	keywords, err := literals(filepath.Join(dir, "sqli_data.go"), "sqlKeywords")
	if err != nil {
		return Tables{}, err
	}
	for _, k := range keywords {
		// A fingerprint is stored as a word that begins with 0.
		if f, ok := strings.CutPrefix(k, "0"); ok {
			t.Fingerprints = append(t.Fingerprints, f)
		} else {
			t.Words = append(t.Words, k)
		}
	}
	lists := map[string]*[]string{"blackTags": &t.Tags, "blacks": &t.Attributes, "blackEvents": &t.Events}
	for name, list := range lists {
		if *list, err = literals(filepath.Join(dir, "xss_decls.go"), name); err != nil {
			return Tables{}, err
		}
	}
	return t, nil
}

// literals returns the strings that the value of a package variable holds: the
// keys of a map, or the strings in a slice.
func literals(file, variable string) ([]string, error) {
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		return nil, err
	}
	var found []string
	ast.Inspect(tree, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != variable {
			return true
		}
		ast.Inspect(spec, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				s, unquoteErr := strconv.Unquote(l.Value)
				if unquoteErr != nil {
					err = unquoteErr
				}
				found = append(found, s)
			}
			return true
		})
		return false
	})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%s: no strings in a variable %s: has the library changed?", file, variable)
	}
	return found, err
}
