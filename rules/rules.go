// Package rules holds the rule texts that an exchange is judged by: our own,
// one file a rule with its tests beside it, over the OWASP Core Rule Set of
// the module coraza-coreruleset.
package rules

import (
	"embed"
	"errors"
	"io/fs"
	"slices"
	"strings"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
)

//go:embed base/*.conf api/*.conf auth/*.conf ip/*.conf profiles/api/*.conf profiles/api/after/*.conf upload/*.conf
var own embed.FS

// ownPrefix is where directives find our own rules, as CRS is found under
// "@owasp_crs/".
const ownPrefix = "@tabard/"

// FS returns our own rules under "@tabard/" over the files of the CRS module:
// "@owasp_crs/", "@crs-setup.conf.example" and "@coraza.conf-recommended".
func FS() fs.FS { return layers{} }

// Overlay returns FS with the files of dir in front of it: the user's own
// directives and address sets, and any file below "@tabard/" that is to
// replace one of ours.
func Overlay(dir fs.FS) fs.FS { return layers{over: dir} }

// layers tries the user's files first, then our own, then CRS.
type layers struct{ over fs.FS }

// Open implements fs.FS.
func (l layers) Open(name string) (fs.File, error) {
	if l.over != nil {
		if f, err := l.over.Open(name); !missing(err) {
			return f, err
		}
	}
	if inner, ok := strings.CutPrefix(name, ownPrefix); ok {
		return own.Open(inner)
	}
	return coreruleset.FS.Open(name)
}

// ReadFile implements fs.ReadFileFS. Coraza puts the including file's folder
// in front of a name; what starts with "@" is always meant from the root.
func (l layers) ReadFile(name string) ([]byte, error) {
	if at := strings.IndexByte(name, '@'); at > 0 {
		name = name[at:]
	}
	if l.over != nil {
		if data, err := fs.ReadFile(l.over, name); !missing(err) {
			return data, err
		}
	}
	if inner, ok := strings.CutPrefix(name, ownPrefix); ok {
		return own.ReadFile(inner)
	}
	return fs.ReadFile(coreruleset.FS, name)
}

// missing says that a layer does not have a file, so that the next is asked.
// A file that is there and cannot be read is an error, not a reason to take
// another one.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid)
}

// Glob implements fs.GlobFS. Below "@" the user's files come on top of ours, so
// that replacing one rule of a folder keeps the others; any other pattern is
// answered by the first layer that has matches.
func (l layers) Glob(pattern string) ([]string, error) {
	found, err := l.globBase(pattern)
	if l.over == nil || err != nil {
		return found, err
	}
	over, err := fs.Glob(l.over, pattern)
	if err != nil || len(over) == 0 {
		return found, err
	}
	if !strings.HasPrefix(pattern, "@") {
		return over, nil
	}
	found = append(found, over...)
	slices.Sort(found)
	return slices.Compact(found), nil
}

// globBase looks in our own files or in those of CRS.
func (layers) globBase(pattern string) ([]string, error) {
	inner, ok := strings.CutPrefix(pattern, ownPrefix)
	if !ok {
		return fs.Glob(coreruleset.FS, pattern)
	}
	found, err := fs.Glob(own, inner)
	for i := range found {
		found[i] = ownPrefix + found[i]
	}
	return found, err
}
