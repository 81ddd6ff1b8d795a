package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tabard/engine"
	"tabard/engine/seclang"
	"tabard/internal/lint"
	"tabard/internal/report"
	"tabard/internal/report/output"
	"tabard/rules"
)

var checkCommand = command{
	name:    "check",
	summary: "find mistakes in rules and policies, each with its place",
	help: `usage: tabard check [flags] PATH...

Finds what Coraza refuses, with file, line and column, what it accepts and does
not do, and what is likely another rule than was meant. A PATH is a policy (.yaml,
.yml, .json), a rule file, or a folder, of which all .conf files are read together;
what they Include is looked for in the folder, then below the folder that
TABARD_RULES names, then among the built-in rules.

Rules are read behind CRS, so that exclusions of its rules are known; files that
bring CRS along, or set the engine up, are read alone.

  --alone        read the files without CRS in any case
  --ids A-B      the ids for own rules (default ` + defaultIDs + `)
  --skip NAMES   checks to leave out, with commas between
  --format F     text (default), json, sarif, or github: annotations of a workflow
  --list         print the checks and end

A finding is excused by a comment above its directive, which needs a reason:
  # tabard: allow missing-phase, because ...
Each check has a page in docs/checks.
Exit codes: 0 nothing found; 1 not done; 2 something found.`,
	run: runCheck,
}

var defaultIDs = strconv.Itoa(lint.DefaultFirstID) + "-" + strconv.Itoa(lint.DefaultLastID)

// checkOptions are the flags.
type checkOptions struct {
	alone, list bool
	ids, skip   string
	format      string
	first, last int
	skipped     []string
	paths       []string
}

func parseCheck(args []string) (checkOptions, error) {
	var o checkOptions
	f := newFlags("check")
	f.BoolVar(&o.alone, "alone", false, "")
	f.BoolVar(&o.list, "list", false, "")
	f.StringVar(&o.ids, "ids", defaultIDs, "")
	f.StringVar(&o.skip, "skip", "", "")
	f.StringVar(&o.format, "format", string(output.Text), "")
	var err error
	if o.paths, err = parse(f, args); err != nil {
		return o, err
	}
	if err := output.Format(o.format).Check(); err != nil {
		return o, fmt.Errorf("--format: %w", err)
	}
	if o.first, o.last, err = parseIDs(o.ids); err != nil {
		return o, err
	}
	if o.skip != "" {
		o.skipped = strings.Split(o.skip, ",")
	}
	for _, name := range o.skipped {
		if !slices.ContainsFunc(lint.Checks(), func(c lint.Check) bool { return c.Name == name }) {
			return o, fmt.Errorf("there is no check %q: tabard check --list prints them", name)
		}
	}
	if len(o.paths) == 0 && !o.list {
		return o, errors.New("nothing to check: name a policy, a rule file or a folder")
	}
	return o, nil
}

// parseIDs reads a range of ids.
func parseIDs(text string) (first, last int, err error) {
	from, to, _ := strings.Cut(text, "-")
	first, err = strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	if err != nil || err2 != nil || first < 1 || last < first {
		return 0, 0, fmt.Errorf("--ids cannot be %q: write it as 1-99999", text)
	}
	return first, last, nil
}

func runCheck(args []string, io stdio) (int, error) {
	o, err := parseCheck(args)
	if err != nil {
		return exitFail, err
	}
	if o.list {
		for _, c := range lint.Checks() {
			if _, err := fmt.Fprintf(io.out, "%-20s %-8s %s\n", c.Name, c.Level, c.Summary); err != nil {
				return exitFail, err
			}
		}
		return exitOK, nil
	}
	var found []report.Finding
	for _, p := range o.paths {
		more, err := o.checkPath(p)
		if err != nil {
			return exitFail, err
		}
		found = append(found, more...)
	}
	found = slices.DeleteFunc(found, func(f report.Finding) bool { return slices.Contains(o.skipped, f.Check) })
	report.Sort(found)
	err = output.Write(io.out, output.Format(o.format), found, output.Options{Source: readSource, Rules: lint.Rules()})
	if err != nil || len(found) == 0 {
		return exitOK, err
	}
	return exitHit, nil
}

// readSource gives the text of a file on the disk.
func readSource(file string) (string, bool) {
	text, err := os.ReadFile(file)
	return string(text), err == nil
}

// checkPath checks a policy, a file or a folder.
func (o checkOptions) checkPath(p string) ([]report.Finding, error) {
	info, err := os.Stat(p)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(p)) {
		return o.checkPolicy(p)
	}
	if !info.IsDir() {
		return o.checkFiles(filepath.Dir(p), []string{filepath.Base(p)})
	}
	files, err := confFiles(p)
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s holds no .conf file", p)
	}
	if err != nil {
		return nil, err
	}
	return o.checkFiles(p, files)
}

// confFiles lists the rule files below a folder, as fs.FS names them.
func confFiles(root string) ([]string, error) {
	if _, err := os.Stat(root); err != nil {
		return nil, err // a walk would call it "."
	}
	return lint.RuleFiles(os.DirFS(root))
}

// checkPolicy checks a policy and the rules of all its routes.
func (o checkOptions) checkPolicy(file string) ([]report.Finding, error) {
	p, err := readPolicy(file)
	if err != nil {
		return asFinding(err)
	}
	sets, err := engine.RuleSets(p.policy, p.rules)
	if err != nil {
		return asFinding(err)
	}
	folder := filepath.Dir(file)
	var out []report.Finding
	for _, s := range sets {
		c := o.config(s.Directives, s.Known)
		c.Own = lint.IsOwn
		c.Place = func(at seclang.Position) seclang.Position { return onDisk(folder, file, s.Place(at)) }
		out = append(out, lint.Run(c)...)
	}
	report.Sort(out)
	out = slices.CompactFunc(out, func(a, b report.Finding) bool { return a.Pos == b.Pos && a.Text() == b.Text() })
	if len(out) > 0 {
		return out, nil
	}
	// What only Coraza, or the policy's own rules about its parts, refuses.
	if err := p.compiles(); err != nil {
		return asFinding(err)
	}
	return nil, nil
}

// onDisk names a rule file beside the policy by its path.
func onDisk(folder, policy string, at seclang.Position) seclang.Position {
	if at.File != policy && !strings.HasPrefix(at.File, "@") {
		at.File = filepath.Join(folder, at.File)
	}
	return at
}

func (o checkOptions) config(ds []seclang.Directive, known seclang.Known) lint.Config {
	return lint.Config{Directives: ds, Known: known, Source: readSource, FirstID: o.first, LastID: o.last}
}

// checkFiles checks rule files of one folder together.
func (o checkOptions) checkFiles(root string, files []string) ([]report.Finding, error) {
	over := folders{root}
	if more := os.Getenv(rulesVariable); more != "" {
		over = append(over, more)
	}
	return lint.Folder{
		Root: rules.Overlay(over), Files: files, Alone: o.alone, Source: readSource, FirstID: o.first, LastID: o.last,
		Disk: func(name string) string { return filepath.Join(root, name) },
	}.Findings()
}

// asFinding makes a finding of an error with a place.
func asFinding(err error) ([]report.Finding, error) {
	var at *seclang.Error
	if !errors.As(err, &at) {
		return nil, err
	}
	return []report.Finding{lint.Broken(at)}, nil
}
