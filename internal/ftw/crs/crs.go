// Package crs holds what the regression tests of the OWASP Core Rule Set need
// to run on this WAF: the policy that they are written for, and for each
// runner the overrides, the places where one HTTP exchange gets another
// verdict, or another answer, than the Apache that CRS is tested with.
package crs

import (
	_ "embed"
	"errors"
	"io/fs"
	"strings"
	"sync"

	crstests "github.com/corazawaf/coraza-coreruleset/v4/tests"

	"tabard/internal/ftw"
)

// Policy is the policy's text.
//
//go:embed policy.yaml
var Policy string

//go:embed overrides.yaml
var overrides []byte

//go:embed overrides-wasm.yaml
var overridesWasm []byte

//go:embed overrides-envoy.yaml
var overridesEnvoy []byte

// Overrides are those of the engine in this process.
func Overrides() (ftw.Overrides, error) {
	return ftw.LoadOverrides("internal/ftw/crs/overrides.yaml", overrides)
}

// OverridesWasm are those of the module under wazero: the engine's, but for what
// a proxy does to header names.
func OverridesWasm() (ftw.Overrides, error) {
	o, err := Overrides()
	if err != nil {
		return o, err
	}
	more, err := ftw.LoadOverrides("internal/ftw/crs/overrides-wasm.yaml", overridesWasm)
	o.Entries = append(o.Entries, more.Entries...)
	return o, err
}

// OverridesEnvoy are those of a real Envoy, which refuses or changes some
// requests before any filter sees them, and refuses some as Apache does.
func OverridesEnvoy() (ftw.Overrides, error) {
	return ftw.LoadOverrides("internal/ftw/crs/overrides-envoy.yaml", overridesEnvoy)
}

// Load reads the tests of the module, sorted by path.
func Load() ([]ftw.Suite, error) {
	var paths []string
	err := fs.WalkDir(crstests.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".yaml") {
			paths = append(paths, path)
		}
		return err
	})
	out, errs := make([]ftw.Suite, len(paths)), make([]error, len(paths))
	var readers sync.WaitGroup
	for i, path := range paths {
		readers.Go(func() { out[i], errs[i] = load(path) })
	}
	readers.Wait()
	return out, errors.Join(append(errs, err)...)
}

func load(path string) (ftw.Suite, error) {
	text, err := fs.ReadFile(crstests.FS, path)
	if err != nil {
		return ftw.Suite{}, err
	}
	return ftw.LoadForeign(path, text)
}
