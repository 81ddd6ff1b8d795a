// Package textfs is a file system of texts that are in memory, such as those
// open in an editor: the rules for an HTTP exchange, before they are a file.
package textfs

import (
	"io/fs"
	"path"
	"strings"
	"time"
)

// FS holds texts by their names. It is safe for concurrent use as long as
// nobody changes it.
type FS map[string]string

// Open implements fs.FS. Folders cannot be opened.
func (t FS) Open(name string) (fs.File, error) {
	text, ok := t[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &file{strings.NewReader(text), info{path.Base(name), int64(len(text))}}, nil
}

// file has no time and cannot be written.
type file struct {
	*strings.Reader
	info info
}

func (f *file) Close() error               { return nil }
func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }

type info struct {
	name  string
	bytes int64
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.bytes }
func (i info) Mode() fs.FileMode  { return 0o444 }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return nil }
