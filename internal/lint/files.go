package lint

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"tabard/engine"
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

// Config reads the files of a folder. A mistake that keeps them from being
// taken apart is an *seclang.Error with its place on the disk.
func (f Folder) Config() (Config, error) {
	around, err := engine.RuleSets(engine.Policy{}, f.Root)
	if err != nil {
		return Config{}, err
	}
	var sources []seclang.Source
	for _, file := range outermost(f.Root, f.Files) {
		sources = append(sources, include(file))
	}
	alone, err := seclang.Load(f.Root, sources)
	if err != nil {
		var at *seclang.Error
		if errors.As(err, &at) {
			at.Pos = f.place(at.Pos)
		}
		return Config{}, err
	}
	ds := alone
	if !f.Alone && !setsUp(alone) {
		ds = append(around[0].Directives, alone...)
	}
	return Config{
		Directives: ds, Known: around[0].Known, Elsewhere: around[0].Directives, Own: IsOwn, Place: f.place,
		Source: f.Source, FirstID: f.FirstID, LastID: f.LastID,
	}, nil
}

// Findings checks the files.
func (f Folder) Findings() ([]report.Finding, error) {
	c, err := f.Config()
	var at *seclang.Error
	switch {
	case errors.As(err, &at):
		return []report.Finding{Broken(at)}, nil
	case err != nil:
		return nil, err
	}
	return Run(c), nil
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
