package arch

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"tabard/engine/seclang"
	"tabard/internal/ftw"
)

// idRange is the ids that a folder of rules may use. They lie in the range
// that ModSecurity's documentation leaves to local rules, below CRS's own.
type idRange struct{ first, last int }

var idRanges = map[string]idRange{
	"rules/base":   {100000, 100099},
	"rules/api":    {100100, 100199},
	"rules/auth":   {100200, 100299},
	"rules/ip":     {100300, 100399},
	"rules/upload": {100400, 100499},
	// Files in "after" have no rules: they change those of CRS.
	"rules/profiles/api":       {100800, 100999},
	"rules/profiles/api/after": {},
}

// settingsFolder holds directives that set things up, so they have no match
// and no twin.
const settingsFolder = "rules/base"

// ruleFile is one of our .conf files.
type ruleFile struct {
	path   string // relative to the root
	folder string
	ids    []int
	// changes are the rules of CRS that it keeps from some values or requests.
	changes []int
}

// changedRule finds the rules that a directive or a ctl action changes.
var changedRule = regexp.MustCompile(`(?:SecRuleUpdateTargetById |ctl:ruleRemoveById=|ctl:ruleRemoveTargetById=)(\d{6})`)

func ruleFiles(t *testing.T) []ruleFile {
	t.Helper()
	var files []ruleFile
	err := filepath.WalkDir(filepath.Join(root(), "rules"), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".conf") {
			return err
		}
		rel, err := filepath.Rel(root(), p)
		require.NoError(t, err)
		rel = filepath.ToSlash(rel)
		text, err := os.ReadFile(p)
		require.NoError(t, err)
		directives, err := seclang.Load(os.DirFS(filepath.Dir(p)), []seclang.Source{{Name: rel, Text: string(text)}})
		require.NoError(t, err)
		file := ruleFile{path: rel, folder: path.Dir(rel)}
		for id := range seclang.RulePositions(directives) {
			file.ids = append(file.ids, id)
		}
		for _, m := range changedRule.FindAllStringSubmatch(string(text), -1) {
			id, err := strconv.Atoi(m[1])
			require.NoError(t, err)
			file.changes = append(file.changes, id)
		}
		files = append(files, file)
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

func TestRuleIDsAreUniqueAndInTheirFoldersRange(t *testing.T) {
	owner := map[int]string{}
	for _, f := range ruleFiles(t) {
		r, ok := idRanges[f.folder]
		require.True(t, ok, "%s: add the range of its folder to idRanges", f.path)
		for _, id := range f.ids {
			require.Empty(t, owner[id], "%s: id %d is taken", f.path, id)
			owner[id] = f.path
			if id < r.first || id > r.last {
				t.Errorf("%s: id %d is outside %d-%d, the range of %s", f.path, id, r.first, r.last, f.folder)
			}
		}
	}
}

// ruleName is the form of a rule file's name: 100110-json-depth.conf.
var ruleName = regexp.MustCompile(`^(\d{6})-[a-z0-9]+(-[a-z0-9]+)*\.conf$`)

func TestARuleFileIsNamedAfterItsRule(t *testing.T) {
	for _, f := range ruleFiles(t) {
		if f.folder == settingsFolder {
			continue
		}
		m := ruleName.FindStringSubmatch(path.Base(f.path))
		if m == nil {
			t.Errorf("%s: name it <id>-<what>.conf", f.path)
			continue
		}
		id, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		require.Contains(t, append(f.changes, f.ids...), id, "%s has no rule of its name", f.path)
	}
}

func TestEachRuleFileHasAMatchAndATwin(t *testing.T) {
	for _, f := range ruleFiles(t) {
		if f.folder == settingsFolder {
			continue
		}
		file := strings.TrimSuffix(f.path, ".conf") + ftw.Suffix
		text, err := os.ReadFile(filepath.Join(root(), file))
		require.NoError(t, err, "%s needs its tests beside it", f.path)
		suite, err := ftw.Load(file, text)
		require.NoError(t, err)
		// What keeps a rule of CRS from some values is tested by that rule.
		require.Contains(t, append(f.changes, f.ids...), suite.RuleID, "%s: rule_id is not in %s", file, f.path)
		match, twin := false, false
		for _, test := range suite.Tests {
			for _, stage := range test.Stages {
				match = match || slices.Contains(stage.Output.ExpectIDs, suite.RuleID)
				twin = twin || slices.Contains(stage.Output.NoExpectIDs, suite.RuleID)
			}
		}
		if !match || !twin {
			t.Errorf("%s: match %v, twin %v; a rule's tests show a request that matches and its harmless twin", file, match, twin)
		}
	}
}

func TestARuleFileSaysWhatItStopsAndHowToTurnItOff(t *testing.T) {
	for _, f := range ruleFiles(t) {
		if f.folder == settingsFolder {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root(), f.path))
		require.NoError(t, err)
		for _, part := range []string{"# What it stops:", "# Where it may misfire:", "# How to turn it off:"} {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s has no comment %q", f.path, part)
			}
		}
	}
}
