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
	// MaxBytes is the longest text to hand over, after it is unpacked.
	MaxBytes int
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

// beginFeeds takes first texts.
func (e *Engine) beginFeeds() error {
	if e.firstText == nil {
		return nil
	}
	for _, s := range e.sources {
		f := s.wanted()
		if f.URL == "" {
			continue
		}
		text, at, err := e.firstText(f)
		if err == nil && text != "" {
			err = s.update(text, at, e.now())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	// FeedTimeoutMS is how long an answer may take: a feed of 15 MB comes in a
	// second or two, and a slow one has an hour's time to come at all.
	FeedTimeoutMS = 30_000
	// FeedRetrySeconds is how soon a fetch that has failed is tried again, unless
	// the feed is asked more often anyway.
	FeedRetrySeconds = 60
	// FeedFirstRetrySeconds is the same while there is nothing yet: at the start of
	// a proxy its clusters may not be there, and without keys no token is good.
	FeedFirstRetrySeconds = 5
)

// UnpackFeed takes gzip off an answer, the only Content-Encoding that is asked for,
// and refuses one that is longer than maxBytes.
func UnpackFeed(contentEncoding string, body []byte, maxBytes int) (string, error) {
	name, err := coding.Coding(contentEncoding)
	switch {
	case err != nil || name != "" && name != "gzip":
		return "", errors.New("the answer is in the coding " + strconv.Quote(contentEncoding) + ", and only gzip was asked for")
	case name == "gzip":
		if body, err = coding.Decode(name, body, maxBytes); err != nil {
			return "", errors.New("unpacking: " + err.Error())
		}
	}
	if len(body) > maxBytes {
		return "", errors.New("the answer is longer than " + strconv.Itoa(maxBytes) + " bytes when it is unpacked")
	}
	return string(body), nil
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
// and of keys are read from, each with the name of its set. One with a URL is none
// of them: its file is only what it begins with.
func (e *Engine) Files() map[string]string {
	out := map[string]string{}
	for _, s := range e.sources {
		if f := s.wanted(); f.URL == "" && s.file() != "" {
			out[f.Name] = s.file()
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
