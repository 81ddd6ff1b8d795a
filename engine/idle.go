package engine

import (
	"io/fs"
	"slices"
	"strings"

	"tabard/engine/screen"
	"tabard/engine/seclang"
)

// givenRules is how the names of the files begin that come with the program: of
// these, unlike of the user's, it is known that Coraza takes them.
const givenRules = "@"

// shortens says whether Coraza gets the rules without those that do the same in
// every exchange. Who wants to compare with plain Coraza, or to watch it, gets all.
func (c *compiler) shortens() bool {
	return or(c.policy.Screen, ScreenOn) == ScreenOn && c.watcher == nil
}

// shorten leaves rules out of the files that come with the program, of which it
// is known what comes of them: to compile them and to walk over them would be
// most of Coraza's work. Rules that the user's directives update stay.
func shorten(files sharedFS, table *seclang.Table, directives []seclang.Directive, options screen.Options) (sharedFS, []screen.TXVar, error) {
	fixed := screen.Fix(table, options, seclang.Spared(directives, givenRules))
	texts, err := seclang.Without(files, table, slices.Concat(fixed.Idle, fixed.Settled))
	if err != nil {
		return files, nil, err
	}
	return sharedFS{FS: shortenedFS{files, texts}, made: files.made}, fixed.Variables, nil
}

// shortenedFS lays shortened rule files over the whole ones.
type shortenedFS struct {
	fs.FS
	texts map[string]string
}

// ReadFile implements fs.ReadFileFS. Coraza puts the including file's folder in
// front of a name; what starts with "@" is always meant from the root.
func (s shortenedFS) ReadFile(name string) ([]byte, error) {
	if text, ok := s.texts[name[max(strings.IndexByte(name, '@'), 0):]]; ok {
		return []byte(text), nil
	}
	return fs.ReadFile(s.FS, name)
}

// Glob implements fs.GlobFS.
func (s shortenedFS) Glob(pattern string) ([]string, error) { return fs.Glob(s.FS, pattern) }
