package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"tabard/engine"
	"tabard/rules"
)

// Job is a replay that other machines do in parts: what they need to know, as a
// value that can be sent.
type Job struct {
	// Policy is the policy's text, and Name what errors call it.
	Policy []byte
	Name   string
	// Files are those that the policy names, besides the built-in rules.
	Files map[string][]byte
	// Paths are what to read, as for Open, or names that only the other machines
	// know.
	Paths []string
	// Format and Host are those of Options.
	Format Format
	Host   string
	// ShardBytes is about how long a shard is.
	ShardBytes int64
}

// Engine compiles the job's policy.
func (j Job) Engine() (*engine.Engine, error) {
	policy, err := engine.ParsePolicy(j.Name, j.Policy)
	if err != nil {
		return nil, err
	}
	return engine.New(policy, rules.Overlay(files(j.Files)))
}

// Do judges one shard. open gives the file from its first byte. What cannot be
// read is counted in the same way as by a local run, and told to report.
func (s Shard) Do(judge Judge, open func(path string) (io.ReadCloser, error), report func(error)) (sum Summary) {
	add := func(r Result) {
		sum.Add(r)
		if r.Err != nil {
			report(r.Err)
		}
	}
	f, err := open(s.Path)
	if err != nil {
		add(Result{Err: sourceError(s.Path, err)})
		return sum
	}
	defer f.Close() // it is only read
	r, err := s.Reader(f)
	if err != nil && s.InFolder && errors.Is(err, ErrUnknownFormat) {
		add(Result{Err: &EntryError{Position{File: s.Path, Line: 1}, err.Error()}})
		return sum
	}
	for err == nil {
		var record Record
		if record, err = r.Next(); err == nil {
			add(item{record: record}.result(context.Background(), judge))
		}
		var broken *EntryError
		if errors.As(err, &broken) {
			add(Result{Err: err})
			err = nil
		}
	}
	if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		add(Result{Err: sourceError(s.Path, err)})
	}
	return sum
}

// files is a file system of texts in memory, without folders.
type files map[string][]byte

// Open implements fs.FS.
func (f files) Open(name string) (fs.File, error) {
	text, ok := f[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &memoryFile{bytes.NewReader(text), name}, nil
}

// memoryFile is one of them, and says of itself what it is.
type memoryFile struct {
	*bytes.Reader
	name string
}

func (f *memoryFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *memoryFile) Close() error               { return nil }
func (f *memoryFile) Name() string               { return f.name }
func (f *memoryFile) Mode() fs.FileMode          { return 0o444 }
func (f *memoryFile) ModTime() time.Time         { return time.Time{} }
func (f *memoryFile) IsDir() bool                { return false }
func (f *memoryFile) Sys() any                   { return nil }

// String is for errors.
func (s Shard) String() string {
	if s.To == 0 {
		return s.Path
	}
	return fmt.Sprintf("%s, bytes %d to %d", s.Path, s.From, s.To)
}
