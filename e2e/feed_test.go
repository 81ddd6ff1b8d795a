package e2e

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/e2e/envoyrun"
)

// feedServer is where addresses come from: with gzip and entity tags, like the
// servers of public feeds.
type feedServer struct {
	*httptest.Server
	mu       sync.Mutex
	text     string
	broken   bool
	statuses []int
	asked    []string // what If-None-Match and Accept-Encoding said
}

func newFeedServer(t *testing.T, text string) *feedServer {
	f := &feedServer{text: text}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *feedServer) set(text string, broken bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text, f.broken, f.statuses, f.asked = text, broken, nil, nil
}

// seen gives the statuses of the answers since the last set.
func (f *feedServer) seen() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]int(nil), f.statuses...)
}

func (f *feedServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	tag := strconv.Quote(strconv.Itoa(len(f.text)) + f.text[:min(9, len(f.text))])
	status := http.StatusOK
	switch {
	case f.broken:
		status = http.StatusServiceUnavailable
	case r.Header.Get("If-None-Match") == tag:
		status = http.StatusNotModified
	}
	f.statuses = append(f.statuses, status)
	f.asked = append(f.asked, fmt.Sprintf("%s %s %s", r.Host, r.URL, r.Header.Get("Accept-Encoding")))
	w.Header().Set("ETag", tag)
	if status != http.StatusOK {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = io.WriteString(z, f.text)
	_ = z.Close()
}

const fetchedPolicy = `crs: {enabled: false}
client_address: {trusted_hops: 1}
ip_sets:
- {name: bad, url: "http://feeds.example/bad.txt", cluster: feeds, refresh_seconds: 10}
- {name: gone, url: "http://feeds.example/gone.txt", cluster: nowhere}
ip: {sets: [{set: bad, action: block}]}
`

// One Envoy with two workers fetches a feed, follows it, and keeps it while its
// server is broken.
func TestAFeedIsFetchedByOneAndKnownToAll(t *testing.T) {
	t.Parallel()
	server := newFeedServer(t, "192.0.2.1\n")
	p := own(t, envoyrun.Options{
		Concurrency: 2, Clusters: map[string]string{"feeds": server.Listener.Addr().String()},
		Sites: []envoyrun.Site{{Name: "fetched", Policy: fetchedPolicy, Adjust: withoutOwnHop}},
	})
	status := func(from string) int {
		// A connection of its own each time: any of the workers may take it.
		c := client{"HTTP1", newClient(false)}
		defer c.http.CloseIdleConnections()
		return c.send(t, p.Addr("fetched"), request{path: "/anything", header: [][2]string{{"X-Forwarded-For", from}}}).status
	}
	always := func(from string, want int) func() bool {
		return func() bool {
			for range 8 {
				if status(from) != want {
					return false
				}
			}
			return true
		}
	}
	wait := func(what string, done func() bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		require.NoError(t, p.WaitFor(ctx, done), "%s\n%s", what, p.Log())
	}
	wait("the first text blocks its address in every worker", always("192.0.2.1", 403))
	require.Equal(t, 200, status("192.0.2.2"))
	require.Equal(t, []int{200}, server.seen(), "one worker has asked")
	require.Equal(t, []string{"feeds.example /bad.txt gzip"}, server.asked)

	server.set("192.0.2.1\n", false)
	wait("an unchanged text is not sent again", func() bool { return len(server.seen()) > 0 })
	require.Equal(t, http.StatusNotModified, server.seen()[0])

	server.set("192.0.2.2\n192.0.2.3\n", false)
	wait("the next text replaces the first", always("192.0.2.2", 403))
	require.Equal(t, 200, status("192.0.2.1"))

	server.set("", true)
	wait("the server is asked again while it is broken", func() bool { return len(server.seen()) > 0 })
	require.True(t, always("192.0.2.2", 403)(), "the last good text stays")

	stats, err := p.Admin(t.Context(), "/stats/prometheus")
	require.NoError(t, err)
	gauge := func(name, label, value string) int {
		m := regexp.MustCompile(`(?m)^tabard_feed_` + name + `\{[^}]*` + label + `="` + value + `"[^}]*\} (\d+)`).FindStringSubmatch(stats)
		require.NotNil(t, m, "%s in\n%s", name, stats)
		n, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		return n
	}
	require.Equal(t, 2, gauge("entries", "feed", "bad"))
	require.Less(t, gauge("age_seconds", "feed", "bad"), 60)
	require.Zero(t, gauge("entries", "feed", "gone"))
	require.Positive(t, gauge("fetches", "result", "good"))
	require.Positive(t, gauge("fetches", "result", "bad"))
	require.Contains(t, p.Log(), "the feed gone is not updated and stays what it was: asking the cluster nowhere")
	require.NotContains(t, p.Log(), "panic")
}
