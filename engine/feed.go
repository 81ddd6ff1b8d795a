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
	// MaxBytes is the longest text to hand over, after it is unpacked.
	MaxBytes int
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

// source is a text of the policy that may change while the engine runs: a set
// of addresses or of keys. It is safe for concurrent use.
type source interface {
	// wanted names it, and says where to fetch it; its URL may be empty.
	wanted() Feed
	// file is the file that it is read from, or "".
	file() string
	state() FeedState
	// update replaces what it says by a text of a time, or keeps it.
	update(text string, at, now time.Time) error
	// confirm notes that it was found unchanged.
	confirm(at time.Time)
}

// sourcesOf lists the address sets and then the key sets.
func sourcesOf(sets []*addressSet, keys []*keySet) []source {
	out := make([]source, 0, len(sets)+len(keys))
	for _, s := range sets {
		out = append(out, s)
	}
	for _, k := range keys {
		out = append(out, k)
	}
	return out
}

// Feeds returns the texts that the policy wants from URLs.
func (e *Engine) Feeds() []Feed {
	var out []Feed
	for _, s := range e.sources {
		if f := s.wanted(); f.URL != "" {
			out = append(out, f)
		}
	}
	return out
}

// FeedStates returns the states of all texts that may change while the engine
// runs, those of files among them. Safe for concurrent use.
func (e *Engine) FeedStates() []FeedState {
	out := make([]FeedState, 0, len(e.sources))
	for _, s := range e.sources {
		if s.wanted().URL != "" || s.file() != "" {
			out = append(out, s.state())
		}
	}
	return out
}

// Files returns the names of the files below the rules that sets of addresses
// and of keys are read from, each with the name of its set.
func (e *Engine) Files() map[string]string {
	out := map[string]string{}
	for _, s := range e.sources {
		if s.file() != "" {
			out[s.wanted().Name] = s.file()
		}
	}
	return out
}

// TakeFeed replaces a feed by a text that was fetched or read at a time. After an
// error, which names the place of what is wrong, the last good text stays. Safe
// for concurrent use; exchanges that have begun keep what they began with.
func (e *Engine) TakeFeed(name, text string, at time.Time) error {
	for _, s := range e.sources {
		if s.wanted().Name == name {
			return s.update(text, at, e.now())
		}
	}
	return errors.New("there is no feed " + strconv.Quote(name))
}

// ConfirmFeed notes that a feed was found unchanged at a time. Safe for
// concurrent use.
func (e *Engine) ConfirmFeed(name string, at time.Time) {
	for _, s := range e.sources {
		if s.wanted().Name == name {
			s.confirm(at)
		}
	}
}
