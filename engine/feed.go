package engine

import (
	"errors"
	"strconv"
	"time"
)

// Feed is a text that the engine wants from a URL. It opens no socket itself:
// its runner asks again and again, and hands over what is new.
type Feed struct {
	// Name is what TakeFeed and ConfirmFeed call it, and metrics.
	Name string
	// URL is where it is, http or https.
	URL string
	// Cluster is Envoy's cluster for it; empty if the policy names none.
	Cluster string
	// RefreshSeconds is how often to ask.
	RefreshSeconds int
}

// FeedState says how old a feed is.
type FeedState struct {
	Name string
	// Updated is when its text was fetched, read or last found unchanged; zero
	// when there is none yet.
	Updated time.Time
	// Entries and BadLines count what is in it, and what was left out.
	Entries, BadLines int
}

// Feeds returns the texts that the policy wants from URLs.
func (e *Engine) Feeds() []Feed {
	var out []Feed
	for _, s := range e.sets {
		if s.URL != "" {
			out = append(out, Feed{s.Name, s.URL, s.Cluster, s.RefreshSeconds})
		}
	}
	return out
}

// FeedStates returns the states of all texts that may change while the engine
// runs, those of files among them. Safe for concurrent use.
func (e *Engine) FeedStates() []FeedState {
	out := make([]FeedState, 0, len(e.sets))
	for _, s := range e.sets {
		if s.URL == "" && s.File == "" {
			continue
		}
		state := FeedState{Name: s.Name}
		if now := s.current.Load(); now != nil {
			state.Updated, state.Entries, state.BadLines = now.updated, now.Len(), now.report.Bad
		}
		out = append(out, state)
	}
	return out
}

// Files returns the names of the files below the rules that sets of addresses
// are read from, each with the name of its set.
func (e *Engine) Files() map[string]string {
	out := map[string]string{}
	for _, s := range e.sets {
		if s.File != "" {
			out[s.Name] = s.File
		}
	}
	return out
}

// TakeFeed replaces a feed by a text that was fetched or read at a time. After an
// error the last good text stays. Safe for concurrent use; exchanges that have
// begun keep what they began with.
func (e *Engine) TakeFeed(name, text string, at time.Time) error {
	for _, s := range e.sets {
		if s.Name == name {
			return s.update(text, at, e.now())
		}
	}
	return errors.New("there is no feed " + strconv.Quote(name))
}

// ConfirmFeed notes that a feed was found unchanged at a time. Safe for
// concurrent use.
func (e *Engine) ConfirmFeed(name string, at time.Time) {
	for _, s := range e.sets {
		if now := s.current.Load(); s.Name == name && now != nil {
			confirmed := *now
			confirmed.updated = at
			s.current.CompareAndSwap(now, &confirmed)
		}
	}
}
