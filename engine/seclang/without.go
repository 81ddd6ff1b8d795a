package seclang

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Without returns the texts, by name, of the files that hold rules with one of
// the ids, with empty lines in the place of these rules: everything else stays
// where it is. All of the rules must stand in files.
func Without(files fs.FS, t *Table, ids []int) (map[string]string, error) {
	gone := map[int]bool{}
	for _, id := range ids {
		gone[id] = true
	}
	lines := map[string][]string{}
	for _, r := range t.Rules {
		if r.Marker != "" || !gone[r.ID] {
			continue
		}
		for n := range 1 + len(r.Chain) {
			if err := blank(files, lines, &r.link(n).Directive); err != nil {
				return nil, err
			}
		}
	}
	texts := map[string]string{}
	for name, list := range lines {
		texts[name] = strings.Join(list, "\n")
	}
	return texts, nil
}

// Spared says of a rule whether Coraza takes the directives without it: all of it
// stands in files whose names begin with prefix, and no directive updates it by
// its id alone. Of a range, Coraza takes the rules that there are.
func Spared(ds []Directive, prefix string) func(*Rule) bool {
	updated := map[int]bool{}
	for i := range ds {
		if name := strings.ToLower(ds[i].Name); !strings.HasPrefix(name, "secruleupdate") || !strings.HasSuffix(name, "byid") {
			continue
		}
		for _, word := range strings.Fields(ds[i].Args) {
			if id, err := strconv.Atoi(word); err == nil {
				updated[id] = true
			}
		}
	}
	return func(r *Rule) bool { return r.isBelow(prefix) && !updated[r.ID] }
}

// link gives the n-th link of the rule's chain.
func (r *Rule) link(n int) *Link {
	if n == 0 {
		return &r.Link
	}
	return r.Chain[n-1]
}

func (r *Rule) isBelow(prefix string) bool {
	for n := range 1 + len(r.Chain) {
		if !strings.HasPrefix(r.link(n).Directive.Pos.File, prefix) {
			return false
		}
	}
	return true
}

// blank empties the lines of a directive, reading its file when it is the first.
func blank(files fs.FS, lines map[string][]string, d *Directive) error {
	name := d.Pos.File
	if lines[name] == nil {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return fmt.Errorf("read the rules %s again: %w", name, err)
		}
		lines[name] = strings.Split(string(text), "\n")
	}
	for n := d.Pos.Line; n <= d.EndLine; n++ {
		lines[name][n-1] = ""
	}
	return nil
}
