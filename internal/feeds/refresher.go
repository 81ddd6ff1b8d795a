package feeds

import (
	"context"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"tabard/engine"
)

// firstLimit is how long Start waits for the first answers: a proxy should begin
// with its sets, and must begin without them when a publisher is slow.
const firstLimit = 10 * time.Second

// Options say what is kept up to date.
type Options struct {
	// Engine has the sets.
	Engine Engine
	// Client asks URLs; NewClient's when nil.
	Client *http.Client
	// Folder is where the last good texts of URLs are kept; "" keeps none.
	Folder string
	// Files are read anew when they change.
	Files []*File
	// More are states besides the engine's, such as those of databases.
	More func() []engine.FeedState
	// Log gets what changes and what fails.
	Log *log.Logger
}

// Refresher keeps the sets of an engine up to date. It is safe for concurrent use.
type Refresher struct {
	options Options
	started time.Time
	counts  counts
}

// counts are how often something was fetched or read, and how that ended.
type counts struct{ good, bad atomic.Uint64 }

// failed counts and logs, in the filter's words.
func (c *counts) failed(to *log.Logger, name string, err error) {
	c.bad.Add(1)
	to.Printf("the feed %s is not updated and stays what it was: %v", name, err)
}

// NewRefresher begins with the texts that are kept in the folder; one that the
// engine does not take is logged. Files are those that were read just before.
func NewRefresher(o Options) *Refresher {
	if o.Client == nil {
		o.Client = NewClient()
	}
	r := &Refresher{options: o, started: time.Now()}
	for _, f := range o.Files {
		f.loaded, _ = os.Stat(f.Path) // one that is gone is read when it is back
	}
	for _, f := range o.Engine.Feeds() {
		if o.Folder == "" {
			break
		}
		text, at, err := Kept(o.Folder, f.Name)
		if err == nil {
			err = o.Engine.TakeFeed(f.Name, text, at)
		}
		if err != nil && !os.IsNotExist(err) {
			r.counts.failed(o.Log, f.Name, err)
		}
	}
	return r
}

// Start looks after everything until ctx ends. It returns when each URL has been
// asked once, or after ten seconds.
func (r *Refresher) Start(ctx context.Context) {
	var first sync.WaitGroup
	for _, f := range r.options.Engine.Feeds() {
		first.Add(1)
		source := &Source{Feed: f, Client: r.options.Client, Folder: r.options.Folder}
		go r.follow(ctx, source, sync.OnceFunc(first.Done))
	}
	if len(r.options.Files) > 0 {
		w := &watcher{files: r.options.Files, log: r.options.Log, counts: &r.counts}
		w.start(ctx)
	}
	asked := make(chan struct{})
	go func() { first.Wait(); close(asked) }()
	select {
	case <-asked:
	case <-time.After(firstLimit):
		r.options.Log.Printf("not all feeds have answered yet")
	case <-ctx.Done():
	}
}

// follow asks a URL again and again. asked is called after each time.
func (r *Refresher) follow(ctx context.Context, s *Source, asked func()) {
	failures, begun := 0, s.Feed.Begun
	for {
		err := s.Refresh(ctx, r.options.Engine)
		switch {
		case ctx.Err() != nil:
			asked()
			return
		case err != nil:
			failures++
			r.counts.failed(r.options.Log, s.Feed.Name, err)
		default:
			failures, begun = 0, true
			r.counts.good.Add(1)
		}
		asked()
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause(time.Duration(s.Feed.RefreshSeconds)*time.Second, begun, failures, err, rand.Float64())):
		}
	}
}

// Fetches are how many fetches and reads of files have ended well, and how many
// have not.
func (r *Refresher) Fetches() (good, bad uint64) { return r.counts.good.Load(), r.counts.bad.Load() }

// States are those of all sets that may change. One that has never come is as old
// as the Refresher.
func (r *Refresher) States() []engine.FeedState {
	states := r.options.Engine.FeedStates()
	if r.options.More != nil {
		states = append(states, r.options.More()...)
	}
	for i := range states {
		if states[i].Updated.IsZero() {
			states[i].Updated = r.started
		}
	}
	return states
}
