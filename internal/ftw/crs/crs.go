// Package crs holds what the regression tests of the OWASP Core Rule Set need
// to run on this WAF: the policy that they are written for, and for each
// runner the overrides, the places where one HTTP exchange gets another
// verdict, or another answer, than the Apache that CRS is tested with.
package crs

import (
	_ "embed"
	"io/fs"
	"strings"

	crstests "github.com/corazawaf/coraza-coreruleset/v4/tests"

	"tabard/internal/ftw"
)

// Policy is the policy's text.
//
//go:embed policy.yaml
var Policy string

//go:embed overrides.yaml
var overrides []byte

// Overrides are those of the engine in this process and of the module under
// wazero, which must not differ.
func Overrides() (ftw.Overrides, error) {
	return ftw.LoadOverrides("internal/ftw/crs/overrides.yaml", overrides)
}

// Load reads the tests of the module, sorted by path.
func Load() ([]ftw.Suite, error) {
	var out []ftw.Suite
	err := fs.WalkDir(crstests.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		text, err := fs.ReadFile(crstests.FS, path)
		if err != nil {
			return err
		}
		suite, err := ftw.LoadForeign(path, text)
		out = append(out, suite)
		return err
	})
	return out, err
}
