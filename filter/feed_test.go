package filter_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/engine/jwt/jwttest"
	"tabard/filter"
	"tabard/filter/filtertest"
	"tabard/rules"
)

// feedPolicy blocks what a feed holds.
const feedPolicy = `crs: {enabled: false}
ip_sets: [{name: bad, url: "https://feeds.example/bad.txt?v=1", cluster: feeds, refresh_seconds: 600}]
ip: {sets: [{set: bad, action: block}]}
`

// worker is one virtual machine of a proxy with the filter in it.
type worker struct {
	*filtertest.Host
	plugin *filter.Plugin
}

// proxyOf starts n virtual machines that share their data, and a clock.
func proxyOf(t *testing.T, n int, policy string) (workers []*worker, now *time.Time) {
	t.Helper()
	now = new(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC))
	for range n {
		w := &worker{Host: filtertest.New(policy)}
		if len(workers) > 0 {
			w.Data = workers[0].Data
		}
		vm := filter.NewVM(w.Host, filter.Compile(rules.FS()), filter.WithWallClock(func() time.Time { return *now }))
		w.plugin = vm.NewPlugin()
		require.True(t, w.plugin.OnStart(), "%v", w.Entries)
		workers = append(workers, w)
	}
	return workers, now
}

// blocks says whether the filter refuses a client.
func (w *worker) blocks(client string) bool {
	s := w.Stream(9)
	s.Replies = nil
	s.Properties["source.address"] = client + ":4711"
	s.Blocks[filter.RequestHeaders] = engine.Headers{{":method", "GET"}, {":path", "/"}, {":authority", "h"}}
	stream := w.plugin.NewStream(9)
	stream.OnRequestHeaders(true)
	stream.OnDone()
	return len(s.Replies) > 0
}

// fetch is the only request that has not been answered.
func (w *worker) fetch(t *testing.T) *filtertest.Fetch {
	t.Helper()
	require.Len(t, w.Fetches, 1)
	f := w.Fetches[0]
	w.Fetches = nil
	return f
}

func TestOneVirtualMachineFetchesAndAllHaveIt(t *testing.T) {
	workers, now := proxyOf(t, 3, feedPolicy)
	for _, w := range workers {
		require.Empty(t, w.Fetches, "nothing is fetched before the proxy runs")
		w.plugin.OnTick()
		require.False(t, w.blocks("192.0.2.1"))
	}
	for _, w := range workers[1:] {
		require.Empty(t, w.Fetches, "the first one has the lease")
	}
	f := workers[0].fetch(t)
	require.Equal(t, "feeds", f.Cluster)
	require.Equal(t, engine.Headers{
		{":method", "GET"}, {":scheme", "https"}, {":authority", "feeds.example"}, {":path", "/bad.txt?v=1"},
		{"accept-encoding", "gzip"}, {"user-agent", "tabard"},
	}, f.Headers)
	f.Answer("192.0.2.1\n", [2]string{":status", "200"}, [2]string{"etag", `"a b"`})
	*now = now.Add(7 * time.Second)
	for _, w := range workers {
		w.plugin.OnTick()
		require.True(t, w.blocks("192.0.2.1"))
		require.EqualValues(t, 7, w.Values["tabard.feed_age_seconds.feed.bad"])
		require.EqualValues(t, 1, w.Values["tabard.feed_entries.feed.bad"])
		require.Empty(t, w.Fetches)
	}

	*now = now.Add(10 * time.Minute)
	for _, w := range workers[1:] {
		w.plugin.OnTick()
	}
	again := workers[1].fetch(t)
	require.Empty(t, workers[2].Fetches)
	require.Equal(t, `"a b"`, again.Headers.Get("if-none-match"))
	again.Answer("", [2]string{":status", "304"})
	for _, w := range workers {
		w.plugin.OnTick()
		require.True(t, w.blocks("192.0.2.1"), "an unchanged feed stays")
		require.Zero(t, w.Values["tabard.feed_age_seconds.feed.bad"])
	}
}

func TestANewVirtualMachineBeginsWithWhatTheOthersHave(t *testing.T) {
	workers, _ := proxyOf(t, 1, feedPolicy)
	workers[0].plugin.OnTick()
	workers[0].fetch(t).Answer("192.0.2.1\n", [2]string{":status", "200"})
	late := &worker{Host: filtertest.New(feedPolicy)}
	late.Data = workers[0].Data
	late.plugin = filter.NewVM(late.Host, filter.Compile(rules.FS())).NewPlugin()
	require.True(t, late.plugin.OnStart())
	require.True(t, late.blocks("192.0.2.1"), "before its first tick")
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

func TestGzipIsTakenOff(t *testing.T) {
	workers, _ := proxyOf(t, 1, feedPolicy)
	workers[0].plugin.OnTick()
	workers[0].fetch(t).Answer(zipped("192.0.2.1\n"), [2]string{":status", "200"}, [2]string{"content-encoding", "gzip"})
	require.True(t, workers[0].blocks("192.0.2.1"))
}

func TestTheLastGoodFeedStays(t *testing.T) {
	ok := [2]string{":status", "200"}
	for name, row := range map[string]struct {
		body    string
		headers [][2]string
		why     string
	}{
		"no answer":                 {"", nil, "no answer from the cluster feeds"},
		"an error":                  {"192.0.2.9", [][2]string{{":status", "503"}}, "the answer has the status 503"},
		"a page in place of a feed": {"<html>", [][2]string{ok}, `https://feeds.example/bad.txt?v=1:1:1: "<html>" is no address`},
		"nothing in it":             {"", [][2]string{ok}, "the text has no entry"},
		"broken gzip":               {"192.0.2.9 and more bytes than a header", [][2]string{ok, {"content-encoding", "gzip"}}, "unpacking: the body is not in its coding"},
		"gzip that is cut":          {zipped("192.0.2.9\n")[:15], [][2]string{ok, {"content-encoding", "gzip"}}, "unpacking: the body is not in its coding"},
		"another coding":            {"192.0.2.9", [][2]string{ok, {"content-encoding", "br"}}, `in the coding "br"`},
		"a bomb":                    {zipped(strings.Repeat("192.0.2.9\n", 7<<20)), [][2]string{ok, {"content-encoding", "gzip"}}, "longer than 67108864 bytes when it is unpacked"},
	} {
		t.Run(name, func(t *testing.T) {
			workers, now := proxyOf(t, 2, feedPolicy)
			w := workers[0]
			w.plugin.OnTick()
			w.fetch(t).Answer("192.0.2.1\n", ok, [2]string{"etag", "x"})
			*now = now.Add(600 * time.Second)
			w.plugin.OnTick()
			w.Entries = nil
			w.fetch(t).Answer(row.body, row.headers...)
			require.Len(t, w.Entries, 1)
			require.Contains(t, w.Entries[0], "warn: tabard: the feed bad is not updated and stays what it was: ")
			require.Contains(t, w.Entries[0], row.why)
			require.EqualValues(t, 1, w.Values["tabard.feed_fetches.result.bad"])
			*now = now.Add(59 * time.Second)
			for _, other := range workers {
				other.plugin.OnTick()
				require.True(t, other.blocks("192.0.2.1"))
				require.False(t, other.blocks("192.0.2.9"))
				require.EqualValues(t, 659, other.Values["tabard.feed_age_seconds.feed.bad"])
				require.Empty(t, other.Fetches)
			}
			*now = now.Add(time.Second)
			workers[1].plugin.OnTick()
			require.Equal(t, "x", workers[1].fetch(t).Headers.Get("if-none-match"), "it is tried again before the hour")
		})
	}
}

func TestAVirtualMachineThatDiesWhileItFetchesIsReplaced(t *testing.T) {
	workers, now := proxyOf(t, 2, feedPolicy)
	workers[0].plugin.OnTick()
	workers[0].fetch(t) // and is gone
	*now = now.Add(34 * time.Second)
	workers[1].plugin.OnTick()
	require.Empty(t, workers[1].Fetches)
	*now = now.Add(time.Second)
	workers[1].plugin.OnTick()
	workers[1].fetch(t)
}

func TestAHostThatFailsCostsTheUpdateOnly(t *testing.T) {
	for _, call := range []string{"shared(", "share(", "fetch("} {
		t.Run(call, func(t *testing.T) {
			workers, now := proxyOf(t, 1, feedPolicy)
			w := workers[0]
			w.plugin.OnTick()
			w.fetch(t).Answer("192.0.2.1\n", [2]string{":status", "200"})
			*now = now.Add(time.Hour)
			w.Break(call, errors.New("broken"))
			w.plugin.OnTick()
			require.Contains(t, w.Entries[len(w.Entries)-1], "warn: tabard: the feed bad is not updated and stays what it was: ")
			require.True(t, w.blocks("192.0.2.1"))
			w.Mend()
			*now = now.Add(time.Minute)
			w.plugin.OnTick()
			w.fetch(t).Answer("192.0.2.2\n", [2]string{":status", "200"})
			require.True(t, w.blocks("192.0.2.2"))
		})
	}
}

func TestAFeedOfAProxyNeedsACluster(t *testing.T) {
	host := filtertest.New(strings.Replace(feedPolicy, "cluster: feeds, ", "", 1))
	require.False(t, filter.NewVM(host, filter.Compile(rules.FS())).NewPlugin().OnStart())
	require.Contains(t, host.Entries[0], "the set bad has a url and no cluster: name the cluster of https://feeds.example/bad.txt?v=1")
}

// keysPolicy wants a good token of an issuer whose keys are fetched.
const keysPolicy = `crs: {enabled: false}
jwt: {mode: required, keys_from: {url: "https://id.example/jwks", cluster: id}}
`

// takes says whether the filter lets a token pass.
func (w *worker) takes(token string) bool {
	s := w.Stream(9)
	s.Replies = nil
	s.Blocks[filter.RequestHeaders] = engine.Headers{{":method", "GET"}, {":path", "/"}, {":authority", "h"}, {"authorization", "Bearer " + token}}
	stream := w.plugin.NewStream(9)
	stream.OnRequestHeaders(true)
	stream.OnDone()
	return len(s.Replies) == 0
}

func TestKeysAreFetchedAndRotate(t *testing.T) {
	ok := [2]string{":status", "200"}
	oldKey, newKey := jwttest.NewSigner("old"), jwttest.NewSigner("new")
	oldToken, newToken := oldKey.Token(`{}`), newKey.Token(`{}`)
	workers, now := proxyOf(t, 2, keysPolicy)
	all := func(old, fresh bool, age int, why string) {
		t.Helper()
		for i, w := range workers {
			w.plugin.OnTick()
			require.Equal(t, old, w.takes(oldToken), "%d %s", i, why)
			require.Equal(t, fresh, w.takes(newToken), "%d %s", i, why)
			require.EqualValues(t, age, w.Values["tabard.feed_age_seconds.feed.jwks"], why)
		}
	}
	// next has one worker ask, with what the answer is to be.
	next := func(text string, headers ...[2]string) string {
		t.Helper()
		*now = now.Add(300 * time.Second)
		workers[1].plugin.OnTick()
		f := workers[1].fetch(t)
		f.Answer(text, headers...)
		return f.Headers.Get("if-none-match")
	}
	all(false, false, 0, "before the first answer no token is good")
	f := workers[0].fetch(t)
	require.Equal(t, []string{"id", "id.example", "/jwks"}, []string{f.Cluster, f.Headers.Get(":authority"), f.Headers.Get(":path")})
	f.Answer(jwttest.KeySet(oldKey), ok, [2]string{"etag", `"1"`})
	all(true, false, 0, "the first answer")
	for range 100 {
		require.False(t, workers[0].takes(newToken))
		workers[0].plugin.OnTick()
	}
	require.Empty(t, workers[0].Fetches, "an unknown key id asks no earlier")

	require.Equal(t, `"1"`, next(jwttest.KeySet(oldKey, newKey), ok, [2]string{"etag", `"2"`}))
	all(true, true, 0, "the new key is published")
	require.Equal(t, `"2"`, next("", [2]string{":status", "304"}))
	all(true, true, 0, "nothing has changed")
	next(zipped(jwttest.KeySet(newKey)), ok, [2]string{"content-encoding", "gzip"})
	all(false, true, 0, "the old key has left")
	for _, w := range workers {
		w.Entries = nil
	}
	next(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`, ok)
	all(false, true, 300, "a bad key set replaces nothing")
	require.Contains(t, workers[1].Entries[0], "warn: tabard: the feed jwks is not updated and stays what it was: https://id.example/jwks: keys[0].n has 24 bits: 2048 to 16384 are safe")
	require.EqualValues(t, 1, workers[1].Values["tabard.feed_fetches.result.bad"])
	next(jwttest.KeySet(oldKey)+strings.Repeat(" ", 256<<10), ok)
	all(false, true, 600, "nor does one that is too long")
	require.Contains(t, strings.Join(workers[1].Entries, "\n"), "the answer is longer than 262144 bytes")
	next(jwttest.KeySet(oldKey), ok)
	all(true, false, 0, "and a good one does")
}

func TestTheFirstFetchIsTriedAgainSoon(t *testing.T) {
	workers, now := proxyOf(t, 1, keysPolicy)
	w := workers[0]
	for range 3 {
		w.plugin.OnTick()
		w.fetch(t).Answer("", [2]string{":status", "503"})
		*now = now.Add(4 * time.Second)
		w.plugin.OnTick()
		require.Empty(t, w.Fetches)
		*now = now.Add(time.Second)
	}
	w.plugin.OnTick()
	key := jwttest.NewSigner("k")
	w.fetch(t).Answer(jwttest.KeySet(key), [2]string{":status", "200"})
	require.True(t, w.takes(key.Token(`{}`)))
}
