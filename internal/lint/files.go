package lint

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"tabard/engine"
	"tabard/engine/operators"
	"tabard/engine/seclang"
	"tabard/internal/report"
)

// Folder is a set of rule files that are read together.
type Folder struct {
	// Root holds the files, over the built-in rules.
	Root fs.FS
	// Files are the names of the files, sorted.
	Files []string
	// Alone reads them without CRS in any case. Otherwise they are read behind
	// CRS, so that exclusions of its rules are known, unless they bring CRS along
	// or set the engine up.
	Alone bool
	// Disk gives the name that findings call a file by.
	Disk func(name string) string
	// Source, FirstID and LastID are as in Config.
	Source          func(file string) (text string, ok bool)
	FirstID, LastID int
}

// RuleFiles lists the names below a file system that end in .conf.
func RuleFiles(root fs.FS) (files []string, err error) {
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && path.Ext(name) == ".conf" {
			files = append(files, name)
		}
		return err
	})
	return files, err
}

// Config reads the files of a folder. broken are the mistakes that keep some of
// the text from being read, at their places on the disk; the directives are
// those that can be.
func (f Folder) Config() (c Config, broken []*seclang.Error, err error) {
	around, err := engine.RuleSets(engine.Policy{}, f.Root)
	if err != nil {
		return Config{}, nil, err
	}
	var sources []seclang.Source
	for _, file := range outermost(f.Root, f.Files) {
		sources = append(sources, include(file))
	}
	alone, broken := seclang.LoadAll(f.Root, sources)
	alone, _, _, wrong := seclang.Rewrite(alone, operators.JWT)
	broken = append(broken, wrong...)
	for _, b := range broken {
		b.Pos = f.place(b.Pos)
	}
	ds := alone
	if !f.Alone && !setsUp(alone) {
		ds = append(around[0].Directives, alone...)
	}
	return Config{
		Directives: ds, Known: around[0].Known, Elsewhere: around[0].Directives, Own: IsOwn, Place: f.place,
		Source: f.Source, FirstID: f.FirstID, LastID: f.LastID,
	}, broken, nil
}

// Findings checks the files. When some of the text cannot be read, only what
// Coraza refuses is told: the rest may follow from that.
func (f Folder) Findings() ([]report.Finding, error) {
	c, broken, err := f.Config()
	if err != nil {
		return nil, err
	}
	found := Run(c)
	if len(broken) == 0 {
		return found, nil
	}
	found = slices.DeleteFunc(found, func(f report.Finding) bool { return f.Level != report.Error })
	for _, b := range broken {
		found = append(found, Broken(b))
	}
	report.Sort(found)
	return found, nil
}

func (f Folder) place(at seclang.Position) seclang.Position {
	if !strings.HasPrefix(at.File, "@") {
		at.File = f.Disk(at.File)
	}
	return at
}

// include is a text that reads a file. Its name is not the user's, see IsOwn.
func include(file string) seclang.Source {
	return seclang.Source{Name: "tabard check", Text: "Include " + file}
}

// IsOwn says whether a file, or a text of the policy, is the user's.
func IsOwn(name string) bool {
	return !strings.HasPrefix(name, "@") && !strings.HasPrefix(name, "tabard ")
}

// outermost leaves out the files that another one includes. One that cannot be
// read stays, so that it is reported.
func outermost(root fs.FS, files []string) []string {
	included := map[string]bool{}
	for _, file := range files {
		ds, _ := seclang.Load(root, []seclang.Source{include(file)})
		for _, d := range ds {
			if d.Pos.File != file {
				included[d.Pos.File] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(files), func(file string) bool { return included[file] })
}

// setsUp says whether rules bring along what the policy's rules stand behind:
// CRS, or the engine's settings.
func setsUp(ds []seclang.Directive) bool {
	return slices.ContainsFunc(ds, func(d seclang.Directive) bool {
		id, _ := d.RuleID()
		return id == 949110 || strings.EqualFold(d.Name, "SecRuleEngine") || strings.EqualFold(d.Name, "SecDefaultAction")
	})
}
