package feeds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"tabard/engine"
)

// maxRedirects is how often a publisher may send us elsewhere: from an old name
// to a new one and from there to a mirror.
const maxRedirects = 5

// NewClient returns the client that feeds are fetched with. It goes through the
// proxy that HTTPS_PROXY and its kin name, and from https to https only.
func NewClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // UnpackFeed has the limit
	return &http.Client{
		Transport: transport, Timeout: engine.FeedTimeoutMS * time.Millisecond,
		CheckRedirect: func(next *http.Request, before []*http.Request) error {
			switch {
			case len(before) > maxRedirects:
				return fmt.Errorf("more than %d redirects", maxRedirects)
			case before[0].URL.Scheme == "https" && next.URL.Scheme != "https":
				return fmt.Errorf("it is redirected from https to %s, where anybody on the way could change it", next.URL.Scheme)
			}
			return nil
		},
	}
}

// Engine takes what is fetched; *engine.Engine is one.
type Engine interface {
	Feeds() []engine.Feed
	FeedStates() []engine.FeedState
	TakeFeed(name, text string, at time.Time) error
	ConfirmFeed(name string, at time.Time)
}

// Source asks one URL. It is for one goroutine.
type Source struct {
	// Feed is what is asked for.
	Feed engine.Feed
	// Client asks.
	Client *http.Client
	// Folder is where the last good text is kept; "" keeps none.
	Folder string

	etag, modified string // of the last good text
}

// retryError is an answer that says when to come back.
type retryError struct {
	status string
	after  time.Duration
}

func (e retryError) Error() string { return "the answer has the status " + e.status }

// Refresh asks once, and gives a text that is new to the engine. After an error
// the engine has what it had.
func (s *Source) Refresh(ctx context.Context, e Engine) error {
	r, err := s.ask(ctx)
	if err != nil {
		return err
	}
	defer r.Body.Close() // what remains of it is not wanted
	now := time.Now()
	switch {
	case r.StatusCode == http.StatusNotModified && s.etag+s.modified != "":
		e.ConfirmFeed(s.Feed.Name, now)
		return confirm(s.Folder, s.Feed.Name, now)
	case r.StatusCode != http.StatusOK:
		return retryError{strconv.Itoa(r.StatusCode), retryAfter(r.Header.Get("Retry-After"), now)}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(s.Feed.MaxBytes)+1))
	if err != nil {
		return err
	}
	text, err := engine.UnpackFeed(r.Header.Get("Content-Encoding"), body, s.Feed.MaxBytes)
	if err != nil {
		return err
	}
	if err := e.TakeFeed(s.Feed.Name, text, now); err != nil {
		return err
	}
	s.etag, s.modified = r.Header.Get("ETag"), r.Header.Get("Last-Modified")
	return Keep(s.Folder, s.Feed.Name, text)
}

// ask sends the request, with what the server has said of the last good text.
func (s *Source) ask(ctx context.Context) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Feed.URL, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "tabard")
	r.Header.Set("Accept-Encoding", "gzip")
	// RFC 9110, section 13.1.3: with an entity tag the date would be ignored.
	if s.etag != "" {
		r.Header.Set("If-None-Match", s.etag)
	} else if s.modified != "" {
		r.Header.Set("If-Modified-Since", s.modified)
	}
	return s.Client.Do(r)
}

// retryAfter reads the header of that name (RFC 9110, section 10.2.3): seconds or
// a date; 0 when it says nothing.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// maxRetryAfter bounds what a server may ask for: a set must not stay old for
// ever because of one mistake in a header.
const maxRetryAfter = 24 * time.Hour

// pause is how long until a source is asked again, which has a text or, if begun is
// false, nothing yet. random is from 0 to 1, and
// keeps many instances that have begun together from asking together: it takes up
// to a tenth off the time between fetches, and up to half off that between tries.
// Tries become rarer, by twice each, until they are as rare as fetches.
func pause(refresh time.Duration, begun bool, failures int, err error, random float64) time.Duration {
	if failures == 0 {
		return time.Duration(float64(refresh) * (1 - random/10))
	}
	wait := min(refresh, engine.FeedRetrySeconds*time.Second)
	if !begun {
		wait = min(refresh, engine.FeedFirstRetrySeconds*time.Second)
	}
	for range failures - 1 {
		wait = min(2*wait, refresh)
	}
	wait = time.Duration(float64(wait) * (1 - random/2))
	var later retryError
	if errors.As(err, &later) {
		wait = max(wait, min(later.after, maxRetryAfter))
	}
	return wait
}
