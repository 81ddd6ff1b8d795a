package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"tabard/internal/ftw"
)

// settle is how long files must be still before the tests run: editors write
// a file in several steps.
const settle = 50 * time.Millisecond

// watchTests runs the tests, and again after each change, until ctx ends. The
// code is that of the last run.
func watchTests(ctx context.Context, b *testBench, io stdio) (code int, err error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return exitFail, err
	}
	defer watcher.Close()
	if err := watchFolders(watcher, b.options); err != nil {
		return exitFail, err
	}
	var changed []string
	for {
		code = b.again(ctx, changed, io)
		if changed, err = nextChange(ctx, watcher); err != nil || changed == nil {
			return code, err
		}
		if slices.ContainsFunc(changed, func(file string) bool { return !isTest(file) }) {
			changed = nil
			if err := b.forget(); err != nil {
				return exitFail, err
			}
		}
	}
}

func isTest(file string) bool { return strings.HasSuffix(file, ftw.Suffix) }

// again runs the tests of the changed files, or all. What cannot be run is
// printed: the author will save again.
func (b *testBench) again(ctx context.Context, changed []string, io stdio) int {
	cases, err := b.changedCases(ctx, changed)
	code := exitFail
	if err == nil {
		code, err = b.run(ctx, cases, io)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(io.err, "%v\n", err)
	}
	return code
}

func (b *testBench) changedCases(ctx context.Context, changed []string) ([]ftw.Case, error) {
	files, err := ftw.Find(b.options.paths)
	if err != nil || len(changed) == 0 {
		return b.cases(ctx)
	}
	return b.fileCases(ctx, slices.DeleteFunc(files, func(f string) bool { return !slices.Contains(changed, f) }))
}

// watchFolders watches the folders of the tests, all below them, and the
// policy's.
func watchFolders(w *fsnotify.Watcher, o testOptions) error {
	files, err := ftw.Find(o.paths)
	if err != nil {
		return err
	}
	if o.policy != "" {
		files = append(files, o.policy)
	}
	for _, file := range files {
		if err := w.Add(filepath.Dir(file)); err != nil {
			return fmt.Errorf("watch %s: %w", filepath.Dir(file), err)
		}
	}
	for _, path := range o.paths {
		err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			return w.Add(p)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// nextChange waits until files have changed and are still. It returns nil when
// ctx ends.
func nextChange(ctx context.Context, w *fsnotify.Watcher) (changed []string, err error) {
	var still <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil, nil
		case err := <-w.Errors:
			return nil, errors.Join(err, errors.New("the files can no longer be watched"))
		case event := <-w.Events:
			if event.Has(fsnotify.Chmod) || strings.HasPrefix(filepath.Base(event.Name), ".") || strings.HasSuffix(event.Name, "~") {
				continue
			}
			changed = append(changed, filepath.Clean(event.Name))
			still = time.After(settle)
		case <-still:
			return changed, nil
		}
	}
}
