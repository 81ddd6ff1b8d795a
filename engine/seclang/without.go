package seclang

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Without returns the texts, by name, of those files below prefix that hold rules
// with one of the ids, with empty lines in the place of these rules: everything
// else stays where it is. Rules of which a later directive needs the id stay, too.
func Without(files fs.FS, t *Table, ds []Directive, ids []int, prefix string) (map[string]string, error) {
	gone := map[int]bool{}
	for _, id := range ids {
		gone[id] = true
	}
	for i := range ds {
		for _, id := range ds[i].updates() {
			delete(gone, id)
		}
	}
	lines := map[string][]string{}
	for _, r := range t.Rules {
		if r.Marker != "" || !gone[r.ID] || !r.isBelow(prefix) {
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

// updates gives the single ids that a directive says to update: Coraza fails
// where there is no such rule. It takes ranges as they come.
func (d *Directive) updates() (ids []int) {
	if name := strings.ToLower(d.Name); !strings.HasPrefix(name, "secruleupdate") || !strings.HasSuffix(name, "byid") {
		return nil
	}
	for _, word := range strings.Fields(d.Args) {
		if id, err := strconv.Atoi(word); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
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
