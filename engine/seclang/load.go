package seclang

import (
	"errors"
	"io/fs"
	"path"
	"strings"
)

// maxIncludes is how many Include directives one configuration may hold in all,
// nested or not. It is Coraza's limit, met here so that the error has a place.
const maxIncludes = 100

// Source is a text of directives with the name that errors call it by.
type Source struct {
	Name, Text string
}

// Load splits the sources into directives and follows Include through fsys, in
// the order in which Coraza parses the same sources given one by one to
// WithDirectives with fsys as root. An Include stands in the result before the
// directives of its files.
//
// The error, an *[Error], is the first place where Coraza would fail or would
// drop text in silence: an Include that matches nothing, an open backtick, a
// continuation at the end of a file, a line over 65,535 bytes. The directives up
// to it are returned as well. Quotes and words inside a directive are left to
// [Check].
func Load(fsys fs.FS, sources []Source) ([]Directive, error) {
	l := loader{fsys: fsys}
	for _, s := range sources {
		if err := l.text(s.Name, "", s.Text); err != nil {
			return l.out, err
		}
	}
	return l.out, nil
}

// LoadAll is Load for tools that show all mistakes at once: it goes on behind an
// Include that fails and with the next source, and gives every error.
func LoadAll(fsys fs.FS, sources []Source) ([]Directive, []*Error) {
	l := loader{fsys: fsys, goOn: true}
	for _, s := range sources {
		if err := l.text(s.Name, "", s.Text); err != nil {
			l.errs = append(l.errs, err)
		}
	}
	return l.out, l.errs
}

// Split gives the directives of one text and does not follow Include. The
// error is as for Load.
func Split(s Source) ([]Directive, error) {
	in := lines{file: s.Name, rest: s.Text}
	var out []Directive
	for {
		d, ok, err := in.next()
		if err != nil {
			return out, err
		}
		if !ok {
			return out, nil
		}
		out = append(out, d)
	}
}

type loader struct {
	fsys     fs.FS
	out      []Directive
	includes int
	open     []string
	// goOn collects the errors of Includes in errs instead of ending at them.
	goOn bool
	errs []*Error
}

// text reads one text. dir is the folder that relative Includes start from.
func (l *loader) text(file, dir, text string) *Error {
	in := lines{file: file, dir: dir, rest: text}
	for {
		d, ok, err := in.next()
		if err != nil || !ok {
			return err
		}
		l.out = append(l.out, d)
		if d.is("include") {
			if err := l.include(&d); err != nil && !l.goOn {
				return err
			} else if err != nil {
				l.errs = append(l.errs, err)
			}
		}
	}
}

// include reads the files that an Include names.
func (l *loader) include(d *Directive) *Error {
	at := d.place(d.args().trim().off)
	if l.includes++; l.includes > maxIncludes {
		return &Error{Pos: d.Pos, Msg: "more than 100 Include directives, Coraza reads no more", Hint: "join them with a glob such as rules/*.conf"}
	}
	if strings.TrimSpace(d.Args) == "" {
		return &Error{Pos: d.Pos, Msg: "Include names no file"}
	}
	if l.fsys == nil {
		return &Error{Pos: at, Msg: "Include needs a file system and there is none"}
	}
	files, err := l.match(d, at)
	if err != nil {
		return err
	}
	for _, name := range files {
		if err := l.file(name, d.Args, at); err != nil {
			return err
		}
	}
	return nil
}

// match gives the files of an Include. Coraza reads an argument without "*" as
// the name of a file beside the including one, unless it begins with "/", and
// one with "*" as a pattern from the root of the file system.
func (l *loader) match(d *Directive, at Position) ([]string, *Error) {
	arg := d.Args
	if !strings.Contains(arg, "*") {
		arg = strings.TrimSpace(arg)
		if !strings.HasPrefix(arg, "/") {
			arg = path.Join(d.Dir, arg)
		}
		return []string{arg}, nil
	}
	files, err := fs.Glob(l.fsys, arg)
	if err != nil {
		return nil, &Error{Pos: at, Msg: "Include has a malformed pattern " + quote(arg)}
	}
	if len(files) > 0 {
		return files, nil
	}
	e := &Error{Kind: NoFile, Pos: at, Msg: "Include " + quote(arg) + " matches no file"}
	if beside := path.Join(d.Dir, arg); d.Dir != "" {
		if files, _ := fs.Glob(l.fsys, beside); len(files) > 0 {
			e.Hint = "a pattern starts at the root of the rules: did you mean " + quote(beside) + "?"
		}
	}
	return nil, e
}

// file reads one included file; at is where the Include names it.
func (l *loader) file(name, written string, at Position) *Error {
	name = strings.TrimSpace(name)
	for _, open := range l.open {
		if open == name {
			return &Error{Pos: at, Msg: "Include of " + quote(name) + " inside itself never ends"}
		}
	}
	text, err := fs.ReadFile(l.fsys, name)
	if err != nil {
		return l.unreadable(name, written, at, err)
	}
	l.open = append(l.open, name)
	defer func() { l.open = l.open[:len(l.open)-1] }()
	return l.text(name, path.Dir(name), string(text))
}

// unreadable says why an included file cannot be read and which file of the same
// folder has a name like it.
func (l *loader) unreadable(name, written string, at Position, err error) *Error {
	if info, statErr := fs.Stat(l.fsys, name); statErr == nil && info.IsDir() {
		return &Error{Kind: NoFile, Pos: at, Msg: "Include " + quote(written) + " names a folder", Hint: didYouMean(name + "/*.conf")}
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) {
		return &Error{Pos: at, Msg: "Include " + quote(written) + ": " + err.Error()}
	}
	e := &Error{Kind: NoFile, Pos: at, Msg: "Include " + quote(written) + " matches no file"}
	e.Hint = didYouMean(nearestFile(l.fsys, name))
	return e
}

// nearestFile gives the file beside the named one whose name is closest, or "".
func nearestFile(fsys fs.FS, name string) string {
	dir, base := path.Split(name)
	entries, err := fs.ReadDir(fsys, path.Clean(dir))
	if err != nil {
		return ""
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		if !entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	if near := nearest(base, names); near != "" {
		return dir + near
	}
	return ""
}
