package filter

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tabard/engine"
)

// leaseSeconds is how long the virtual machine that fetches keeps the others
// from it; a little longer than the answer may take.
const leaseSeconds = engine.FeedTimeoutMS/1000 + 5

// feeder is an engine that wants texts from URLs. engine.Engine is one.
type feeder interface {
	Feeds() []engine.Feed
	FeedStates() []engine.FeedState
	TakeFeed(name, text string, at time.Time) error
	ConfirmFeed(name string, at time.Time)
}

// feed is one text that a plugin keeps up to date. The virtual machines of a
// proxy share it: one of them fetches and the others read what it has put into
// the proxy's shared data. Each keeps the last good text.
type feed struct {
	engine.Feed
	plugin *Plugin
	into   feeder
	// seen is the version that the engine has, or has refused.
	seen uint64
	// checked is when the shared text was last known to be current.
	checked int64
	// since is when the plugin began to want it.
	since time.Time
	// calling: an answer is awaited.
	calling bool
}

// shared is what the virtual machines know of a feed together. Times are Unix
// seconds.
type shared struct {
	version uint64 // of the text; 0 before the first
	checked int64  // when the text was fetched or found unchanged
	next    int64  // when somebody is to ask again
	etag    string
}

func (s shared) encode() []byte {
	return []byte(strconv.FormatUint(s.version, 10) + " " + strconv.FormatInt(s.checked, 10) + " " + strconv.FormatInt(s.next, 10) + " " + s.etag)
}

func decodeShared(data []byte) (s shared) {
	version, rest, _ := strings.Cut(string(data), " ")
	checked, rest, _ := strings.Cut(rest, " ")
	next, etag, _ := strings.Cut(rest, " ")
	s.version, _ = strconv.ParseUint(version, 10, 64)
	s.checked, _ = strconv.ParseInt(checked, 10, 64)
	s.next, _ = strconv.ParseInt(next, 10, 64)
	s.etag = etag
	return s
}

func (f *feed) stateKey() string { return "tabard.feed.state " + f.Name + " " + f.URL }
func (f *feed) textKey() string  { return "tabard.feed.text " + f.Name + " " + f.URL }

// watchFeeds has OnTick look after what the engine wants.
func (p *Plugin) watchFeeds() {
	p.feeds = nil
	e, ok := p.engine.(feeder)
	if !ok {
		return
	}
	for _, wanted := range e.Feeds() {
		f := &feed{Feed: wanted, plugin: p, into: e, since: p.vm.wall()}
		p.feeds = append(p.feeds, f)
		// What the others have is there before the first request. Fetching waits for
		// a tick, when the proxy knows its clusters.
		if state, _, err := f.state(); err != nil {
			f.failed(err)
		} else if err := f.adopt(state); err != nil {
			f.failed(err)
		}
	}
}

// tickFeeds looks after each feed and shows their ages. What fails here is
// logged and changes no verdict: the last good text stays.
func (p *Plugin) tickFeeds() {
	now := p.vm.wall()
	for _, f := range p.feeds {
		if err := f.tick(now); err != nil {
			f.failed(err)
		}
	}
	if len(p.feeds) > 0 {
		p.metrics.feeds(p.feeds[0].into.FeedStates(), p.feeds[0].since, now)
	}
}

func (f *feed) tick(now time.Time) error {
	state, cas, err := f.state()
	if err != nil {
		return err
	}
	if err := f.adopt(state); err != nil {
		return err
	}
	if now.Unix() < state.next || f.calling {
		return nil
	}
	// Whoever writes this first fetches; with cas 0, before anybody has written,
	// two may do so once.
	state.next = now.Unix() + leaseSeconds
	switch err := f.plugin.host.SetShared(f.stateKey(), state.encode(), cas); {
	case errors.Is(err, ErrConflict):
		return nil
	case err != nil:
		return stepError{"sharing the state", err}
	}
	return f.fetch(state)
}

func (f *feed) state() (s shared, cas uint32, err error) {
	data, cas, err := f.plugin.host.Shared(f.stateKey())
	if errors.Is(err, ErrNotFound) {
		return s, 0, nil
	}
	if err != nil {
		return s, 0, stepError{"reading the shared state", err}
	}
	return decodeShared(data), cas, nil
}

// adopt gives the engine what others have fetched.
func (f *feed) adopt(s shared) error {
	switch {
	case s.version != f.seen:
		f.seen, f.checked = s.version, s.checked // a text that is bad is looked at once
		text, _, err := f.plugin.host.Shared(f.textKey())
		if err != nil {
			return stepError{"reading the shared text", err}
		}
		return f.into.TakeFeed(f.Name, string(text), time.Unix(s.checked, 0))
	case s.checked != f.checked:
		f.checked = s.checked
		f.into.ConfirmFeed(f.Name, time.Unix(s.checked, 0))
	}
	return nil
}

// fetch asks the feed's cluster.
func (f *feed) fetch(s shared) error {
	u, err := url.Parse(f.URL)
	if err != nil {
		return err
	}
	h := engine.Headers{
		{":method", "GET"}, {":scheme", u.Scheme}, {":authority", u.Host}, {":path", u.RequestURI()},
		{"accept-encoding", "gzip"}, {"user-agent", "tabard"},
	}
	if s.version > 0 && s.etag != "" {
		h = append(h, [2]string{"if-none-match", s.etag})
	}
	f.calling = true
	err = f.plugin.host.Fetch(f.Cluster, h, engine.FeedTimeoutMS, f.answered)
	if err != nil {
		f.calling = false
		return stepError{"asking the cluster " + f.Cluster, err}
	}
	return nil
}

// answered takes an answer; none at all comes as one without headers.
func (f *feed) answered(h engine.Headers, body []byte) {
	f.calling = false
	defer func() {
		if r := recover(); r != nil {
			f.failed(panicError{r})
		}
	}()
	if err := f.take(h, body, f.plugin.vm.wall()); err != nil {
		f.failed(err)
		f.postpone()
	}
}

func (f *feed) take(h engine.Headers, body []byte, now time.Time) error {
	state, _, err := f.state()
	if err != nil {
		return err
	}
	status := h.Get(":status")
	switch {
	case status == "200":
		text, err := engine.UnpackFeed(h.Get("content-encoding"), body, f.MaxBytes)
		if err != nil {
			return err
		}
		if err := f.into.TakeFeed(f.Name, text, now); err != nil {
			return err
		}
		if err := f.plugin.host.SetShared(f.textKey(), []byte(text), 0); err != nil {
			return stepError{"sharing the text", err}
		}
		state.version++
		state.etag = h.Get("etag")
	case status == "304" && state.version > 0:
		f.into.ConfirmFeed(f.Name, now)
	case status == "":
		return errors.New("no answer from the cluster " + f.Cluster)
	default:
		return errors.New("the answer has the status " + status)
	}
	state.checked, state.next = now.Unix(), now.Unix()+int64(f.RefreshSeconds)
	f.seen, f.checked = state.version, state.checked
	f.plugin.metrics.add(f.plugin.metrics.fetches[fetchGood], 1)
	if err := f.plugin.host.SetShared(f.stateKey(), state.encode(), 0); err != nil {
		return stepError{"sharing the state", err}
	}
	return nil
}

// postpone says when a fetch that has failed is tried again.
func (f *feed) postpone() {
	state, _, err := f.state()
	if err != nil {
		return // the lease will end
	}
	wait := int64(engine.FeedRetrySeconds)
	if state.version == 0 {
		wait = engine.FeedFirstRetrySeconds
	}
	state.next = f.plugin.vm.wall().Unix() + min(wait, int64(f.RefreshSeconds))
	_ = f.plugin.host.SetShared(f.stateKey(), state.encode(), 0)
}

// failed counts and logs.
func (f *feed) failed(err error) {
	f.plugin.metrics.add(f.plugin.metrics.fetches[fetchBad], 1)
	f.plugin.host.Log(Warn, "tabard: the feed "+f.Name+" is not updated and stays what it was: "+err.Error())
}
