package engine

import (
	"errors"
	"strconv"
	"time"

	"tabard/engine/coding"
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
	// Begun says that there is a text already: one that has been taken, or what
	// the policy itself gives it to begin with.
	Begun bool
}

// WithFeeds has New ask for the text that a set with a URL begins with, in place
// of what the policy itself gives it; "" is for none. It is checked like one for
// TakeFeed. An error, of first or of the check, is New's.
func WithFeeds(first func(Feed) (text string, at time.Time, err error)) Option {
	return func(e *Engine) { e.firstText = first }
}

const (
	// MaxFeedBytes bounds a feed after it is unpacked: two million addresses are
	// 30 MB, and a bomb must not fill the gigabyte that a virtual machine has.
	MaxFeedBytes = 64 << 20
	// FeedTimeoutMS is how long an answer may take: a feed of 15 MB comes in a
	// second or two, and a slow one has an hour's time to come at all.
	FeedTimeoutMS = 30_000
	// FeedRetrySeconds is how soon a fetch that has failed is tried again, unless
	// the feed is asked more often anyway.
	FeedRetrySeconds = 60
)

// UnpackFeed takes gzip off an answer, the only Content-Encoding that is asked for,
// and refuses one that is longer than MaxFeedBytes.
func UnpackFeed(contentEncoding string, body []byte) (string, error) {
	name, err := coding.Coding(contentEncoding)
	switch {
	case err != nil || name != "" && name != "gzip":
		return "", errors.New("the answer is in the coding " + strconv.Quote(contentEncoding) + ", and only gzip was asked for")
	case name == "gzip":
		if body, err = coding.Decode(name, body, MaxFeedBytes); err != nil {
			return "", errors.New("unpacking: " + err.Error())
		}
	}
	if len(body) > MaxFeedBytes {
		return "", errors.New("the answer is longer than 64 MiB when it is unpacked")
	}
	return string(body), nil
}

// feed is what a runner needs to know of a set with a URL.
func (s *addressSet) feed() Feed {
	return Feed{s.Name, s.URL, s.Cluster, s.RefreshSeconds, s.current.Load() != nil}
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
			out = append(out, s.feed())
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
// are read from, each with the name of its set. A set with a URL is none of them:
// its file is only what it begins with.
func (e *Engine) Files() map[string]string {
	out := map[string]string{}
	for _, s := range e.sets {
		if s.File != "" && s.URL == "" {
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
