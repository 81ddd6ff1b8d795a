package lsp

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sourcegraph/jsonrpc2"

	"tabard/engine/seclang"
	"tabard/internal/format"
	"tabard/internal/lint"
	"tabard/internal/report"
	"tabard/internal/textfs"
	"tabard/rules"
)

// editorFS is a folder with the texts that are open in the editor over what is
// on the disk.
type editorFS struct {
	fs.FS
	open textfs.FS
}

// Open implements fs.FS.
func (e editorFS) Open(name string) (fs.File, error) {
	if f, err := e.open.Open(name); err == nil {
		return f, nil
	}
	return e.FS.Open(name)
}

// folder gives a folder as the editor sees it.
func (s *server) folder(dir string) (lint.Folder, error) {
	s.mu.Lock()
	open := textfs.FS{}
	for file, text := range s.open {
		if name, err := filepath.Rel(dir, file); err == nil && !strings.HasPrefix(name, "..") {
			open[filepath.ToSlash(name)] = text
		}
	}
	s.mu.Unlock()
	disk := os.DirFS(dir)
	files, err := lint.RuleFiles(disk)
	if err != nil {
		return lint.Folder{}, err
	}
	for name := range open {
		if isRules(name) && !slices.Contains(files, name) {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return lint.Folder{
		Root: rules.Overlay(editorFS{disk, open}), Files: files, FirstID: s.options.FirstID, LastID: s.options.LastID,
		Disk:   func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) },
		Source: s.text,
	}, nil
}

// text gives the text of a file as the editor sees it.
func (s *server) text(file string) (string, bool) {
	s.mu.Lock()
	text, ok := s.open[file]
	s.mu.Unlock()
	if ok {
		return text, true
	}
	read, err := os.ReadFile(file)
	return string(read), err == nil
}

// check publishes the findings of a folder. A folder that cannot be read has
// none: the editor says so itself.
func (s *server) check(ctx context.Context, c *jsonrpc2.Conn, dir string) {
	f, err := s.folder(dir)
	if err != nil {
		return
	}
	findings, err := f.Findings()
	if err != nil {
		findings = nil
	}
	s.publish(ctx, c, dir, findings)
}

// publish sends findings, file by file, and takes back those that the same
// origin had for other files.
func (s *server) publish(ctx context.Context, c *jsonrpc2.Conn, origin string, findings []report.Finding) {
	by := map[string][]diagnostic{}
	for _, f := range findings {
		by[f.Pos.File] = append(by[f.Pos.File], s.diagnostic(f))
	}
	s.mu.Lock()
	for _, file := range s.published[origin] {
		if by[file] == nil {
			by[file] = []diagnostic{}
		}
	}
	if isDir(origin) {
		for file := range s.open {
			if by[file] == nil && filepath.Dir(file) == origin {
				by[file] = []diagnostic{}
			}
		}
	}
	var files []string
	for file := range by {
		files = append(files, file)
	}
	slices.Sort(files)
	s.published[origin] = files
	s.mu.Unlock()
	for _, file := range files {
		s.notify(ctx, c, "textDocument/publishDiagnostics", publishParams{uriOf(file), by[file]})
	}
}

func isDir(origin string) bool { return !strings.HasPrefix(origin, "tests of ") }

// diagnostic is a finding as the protocol has it.
func (s *server) diagnostic(f report.Finding) diagnostic {
	text, _ := s.text(f.Pos.File)
	line := max(f.Pos.Line-1, 0)
	source := lineOf(text, line)
	from, to := f.Span(source)
	d := diagnostic{
		Range:    textRange{position{line, s.character(source, from)}, position{line, s.character(source, to)}},
		Severity: severityWarning, Code: f.Check, Source: "tabard",
		Message: strings.Join(append([]string{f.Text()}, f.Details...), "\n"),
	}
	if f.Level == report.Error {
		d.Severity = severityError
	}
	return d
}

// format gives the edit that lays a document out.
func (s *server) format(file string) ([]textEdit, error) {
	text, ok := s.text(file)
	if !ok || !isRules(file) {
		return nil, nil
	}
	out, err := format.Source(file, text)
	if err != nil {
		return nil, err
	}
	if out == text {
		return nil, nil
	}
	all := textRange{End: position{Line: strings.Count(text, "\n") + 1}}
	return []textEdit{{all, out}}, nil
}

// table reads the rules of a file's folder, with those of CRS around them.
func (s *server) table(file string) (*seclang.Table, lint.Config, error) {
	f, err := s.folder(filepath.Dir(file))
	if err != nil {
		return nil, lint.Config{}, err
	}
	c, _, err := f.Config()
	if err != nil {
		return nil, lint.Config{}, err
	}
	table, _ := seclang.Parse(c.Directives, c.Known)
	return table, c, nil
}
