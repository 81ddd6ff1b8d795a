package replay

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Traffic is a Reader of many sources, one behind the other. Only Read and Close
// may be called from another goroutine.
type Traffic struct {
	// mu is held by Next, which may outlive the run that called it.
	mu      sync.Mutex
	options Options
	files   []input
	current Reader
	closer  io.Closer
	name    string
	read    atomic.Int64
	size    int64
	source  int // of current
	// skipped are the records of the source resumed that an earlier run has done.
	resumed, skipped int
}

// input is a file to read. In a folder there may be files that are no
// traffic, so that one of an unknown format is no reason to stop.
type input struct {
	path     string
	inFolder bool
}

// Open finds the files that paths name: files, folders (all files below them
// but hidden ones, sorted), patterns such as "logs/*.gz" (as path/filepath's
// Match has them, for callers without a shell) and "-" for standard input. The error names the
// first path that cannot be read.
func Open(paths []string, o Options) (*Traffic, error) {
	if o.Format != "" && !slices.Contains(Formats(), o.Format) {
		return nil, fmt.Errorf("unknown format %q: use %s", o.Format, formatNames())
	}
	t := &Traffic{options: o, source: -1}
	for _, path := range paths {
		if err := t.add(path); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *Traffic) add(path string) error {
	if path == stdin {
		t.files, t.size = append(t.files, input{path: path}), -1
		return nil
	}
	info, err := os.Stat(path)
	if err != nil && strings.ContainsAny(path, "*?[") {
		return t.addPattern(path)
	}
	if err != nil {
		return sourceError(path, err)
	}
	if !info.IsDir() {
		return t.addFile(input{path: path}, info)
	}
	found := len(t.files)
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return sourceError(p, err)
		}
		if p != path && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := os.Stat(p) // follows a link to a file; WalkDir follows none
		if err != nil {
			return sourceError(p, err)
		}
		if info.IsDir() {
			return nil
		}
		return t.addFile(input{path: p, inFolder: true}, info)
	})
	if err == nil && len(t.files) == found {
		err = &SourceError{path, errors.New("the folder has no files")}
	}
	return err
}

// addPattern adds what a pattern matches, sorted. A file whose name has such
// signs in it goes before.
func (t *Traffic) addPattern(pattern string) error {
	paths, err := filepath.Glob(pattern)
	if err == nil && len(paths) == 0 {
		err = errors.New("the pattern matches no file")
	}
	if err != nil {
		return &SourceError{pattern, err}
	}
	for _, path := range paths {
		if err := t.add(path); err != nil {
			return err
		}
	}
	return nil
}

// addFile opens the file once, so that one without permission is known before
// hours of replay. A pipe could not be opened twice.
func (t *Traffic) addFile(in input, info fs.FileInfo) error {
	t.files = append(t.files, in)
	if !info.Mode().IsRegular() {
		t.size = -1
		return nil
	}
	if t.size >= 0 {
		t.size += info.Size()
	}
	f, err := os.Open(in.path)
	if err != nil {
		return sourceError(in.path, err)
	}
	return f.Close()
}

// stdin is the path of standard input.
const stdin = "-"

// sourceError makes a SourceError of an error that names its file already.
func sourceError(path string, err error) error {
	var named *fs.PathError
	if errors.As(err, &named) {
		err = named.Err
	}
	return &SourceError{path, err}
}

// File is one of the sources.
type File struct {
	Path     string
	InFolder bool
}

// Files are the sources in their order, before the first Next.
func (t *Traffic) Files() []File {
	files := make([]File, len(t.files))
	for i, in := range t.files {
		files[i] = File{in.path, in.inFolder}
	}
	return files
}

// Size is the number of bytes of all files, or -1 when it is not known.
func (t *Traffic) Size() int64 { return t.size }

// Read is the number of bytes that have been read so far, of the files as they
// are stored. It is safe to call at any time.
func (t *Traffic) Read() int64 { return t.read.Load() }

// skip has Next begin behind so many sources and records of the one after them.
func (t *Traffic) skip(sources, records int) {
	for _, in := range t.files[:sources] {
		if info, err := os.Stat(in.path); err == nil {
			t.read.Add(info.Size())
		}
	}
	t.files, t.source = t.files[sources:], sources-1
	t.resumed, t.skipped = sources, records
}

// Next returns the next record of the sources in their order. Besides what a
// Reader returns there is *SourceError, after which it goes on with the next
// source.
func (t *Traffic) Next() (Record, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		r, err := t.next()
		if t.skipped == 0 || errors.Is(err, io.EOF) {
			return r, err
		}
		t.skipped--
	}
}

func (t *Traffic) next() (Record, error) {
	for {
		if t.current == nil {
			if err := t.open(); err != nil {
				return Record{source: t.source}, err
			}
		}
		r, err := t.current.Next()
		r.source = t.source
		var broken *EntryError
		if err == nil || errors.As(err, &broken) {
			return r, err
		}
		closed := t.close()
		if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return r, sourceError(t.name, err)
		}
		if closed != nil {
			return r, sourceError(t.name, closed)
		}
	}
}

// open starts the next file.
func (t *Traffic) open() error {
	if len(t.files) == 0 {
		return io.EOF
	}
	in := t.files[0]
	t.files = t.files[1:]
	if t.source++; t.source > t.resumed {
		t.skipped = 0 // the source resumed has become shorter
	}
	from := t.options.Stdin
	t.name = "stdin"
	if in.path != stdin {
		f, err := os.Open(in.path)
		if err != nil {
			return sourceError(in.path, err)
		}
		from, t.closer, t.name = f, f, in.path
	}
	r, err := NewReader(counter{from, &t.read}, t.name, t.options)
	if err == nil {
		t.current = r
		return nil
	}
	closed := t.close()
	if in.inFolder && errors.Is(err, ErrUnknownFormat) {
		return &EntryError{Position{File: t.name, Line: 1}, err.Error()}
	}
	return sourceError(t.name, errors.Join(err, closed))
}

// Close closes the current file. A Next that still waits for input keeps it: a
// run that was interrupted does not wait for what may never come.
func (t *Traffic) Close() error {
	if !t.mu.TryLock() {
		return nil
	}
	defer t.mu.Unlock()
	return t.close()
}

func (t *Traffic) close() error {
	c := t.closer
	t.current, t.closer = nil, nil
	if c == nil {
		return nil
	}
	return c.Close()
}

// counter counts what is read.
type counter struct {
	io.Reader
	n *atomic.Int64
}

func (c counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}
