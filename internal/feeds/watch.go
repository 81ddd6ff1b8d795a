package feeds

import (
	"context"
	"errors"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle is how long a file must stay as it is before it is read: one that is
	// written in place is whole only at the end.
	settle = 100 * time.Millisecond
	// pollEvery is how often files are looked at without an event: file systems of
	// a network send none.
	pollEvery = 10 * time.Second
)

// File is a file that is read anew when it changes.
type File struct {
	// Name is what logs call it.
	Name string
	// Path is where it is; links on the way may change, as in a mounted ConfigMap.
	Path string
	// Load reads it. After an error it must leave things as they were.
	Load func(info os.FileInfo) error

	loaded, seen os.FileInfo
	missing      bool
}

// watcher looks after files.
type watcher struct {
	files  []*File
	log    *log.Logger
	counts *counts
}

// start reads what changes until ctx ends. Every change after it has returned is
// an event; one before it is found by a look at the beginning.
func (w *watcher) start(ctx context.Context) {
	events, errs, closeEvents := w.subscribe()
	go func() {
		defer closeEvents()
		w.run(ctx, events, errs)
	}()
}

func (w *watcher) run(ctx context.Context, events <-chan fsnotify.Event, errs <-chan error) {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	still := time.After(0)
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-errs: // such as an overflow: what was missed, the next look finds
			w.log.Printf("watching files: %v", err)
			still = time.After(settle)
		case <-events:
			if still == nil {
				still = time.After(settle)
			}
		case <-poll.C:
			if still == nil {
				still = time.After(0)
			}
		case <-still:
			still = nil
			if w.look() {
				still = time.After(settle)
			}
		}
	}
}

// subscribe asks the system for events. Without it there are the looks of
// pollEvery, and a line in the log.
func (w *watcher) subscribe() (<-chan fsnotify.Event, <-chan error, func()) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		w.log.Printf("files are looked at every %s: %v", pollEvery, err)
		return nil, nil, func() {}
	}
	events := make(chan fsnotify.Event)
	done := make(chan struct{})
	w.addFolders(notify)
	go func() {
		for {
			select {
			case <-done:
				return
			case event, ok := <-notify.Events:
				if !ok {
					return
				}
				w.addFolders(notify) // a link may lead elsewhere now
				select {
				case events <- event:
				case <-done:
					return
				}
			}
		}
	}()
	return events, notify.Errors, func() { close(done); _ = notify.Close() }
}

// addFolders watches the folders of all files, and those that links lead to: a
// file that is replaced is another one, its folder stays.
func (w *watcher) addFolders(notify *fsnotify.Watcher) {
	for _, f := range w.files {
		_ = notify.Add(filepath.Dir(f.Path)) // what cannot be watched is polled
		if real, err := filepath.EvalSymlinks(f.Path); err == nil {
			_ = notify.Add(filepath.Dir(real))
		}
	}
}

// look reads the files that have changed and are still. again says that one has
// changed since the last look, and is to be looked at soon.
func (w *watcher) look() (again bool) {
	for _, f := range w.files {
		now, err := os.Stat(f.Path)
		switch {
		case err != nil:
			if !f.missing {
				w.counts.failed(w.log, f.Name, err)
			}
			f.missing = true
		case same(now, f.loaded):
			f.missing, f.seen = false, nil
		case !same(now, f.seen):
			f.missing, f.seen, again = false, now, true
		default:
			w.load(f, now)
		}
	}
	return again
}

// load reads a file. The same bytes stay wrong, so they are tried once; what
// cannot be opened is tried again.
func (w *watcher) load(f *File, now os.FileInfo) {
	f.loaded, f.seen = now, nil
	err := f.Load(now)
	if err == nil {
		w.counts.good.Add(1)
		w.log.Printf("the feed %s is read anew from %s", f.Name, f.Path)
		return
	}
	w.counts.failed(w.log, f.Name, err)
	if unreadable := (*fs.PathError)(nil); errors.As(err, &unreadable) {
		f.loaded = nil
	}
}

func same(a, b os.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
