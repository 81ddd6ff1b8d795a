package ftw

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// crsName is how CRS names its test files.
var crsName = regexp.MustCompile(`^[0-9]+\.yaml$`)

// isTestFile says whether a file in a folder holds tests.
func isTestFile(name string) bool {
	return strings.HasSuffix(name, Suffix) || crsName.MatchString(name)
}

// Find returns the test files that paths name, sorted and each once: files, and
// of folders all below them whose names end in Suffix or are a rule's id, as
// in CRS. Hidden folders are left out. A path without tests is an error.
func Find(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		found := len(files)
		err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
			switch hidden := p != path && strings.HasPrefix(d.Name(), "."); {
			case err != nil:
				return err
			case d.IsDir() && hidden:
				return fs.SkipDir
			case !d.IsDir() && (p == path || isTestFile(d.Name())):
				files = append(files, filepath.Clean(p))
			}
			return nil
		})
		if err == nil && len(files) == found {
			err = fmt.Errorf("%s: no tests: their files are named *%s or, as in CRS, by a rule's id", path, Suffix)
		}
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// LoadFiles reads the files. The error joins those of all files, and the suites
// are those that could be read.
func LoadFiles(files []string) (suites []Suite, err error) {
	for _, file := range files {
		text, failed := os.ReadFile(file)
		var suite Suite
		if failed == nil {
			suite, failed = Load(file, text)
		}
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		suites = append(suites, suite)
	}
	return suites, err
}

// Filter chooses tests. The zero Filter takes all.
type Filter struct {
	// Include must be found in a test's name.
	Include *regexp.Regexp
	// Tags: a test or its file must have one of them.
	Tags []string
}

// Takes says whether a test of a suite is chosen.
func (f Filter) Takes(s *Suite, t Test) bool {
	if f.Include != nil && !f.Include.MatchString(t.Name) {
		return false
	}
	has := func(tag string) bool { return slices.Contains(t.Tags, tag) || slices.Contains(s.Tags, tag) }
	return len(f.Tags) == 0 || slices.ContainsFunc(f.Tags, has)
}
