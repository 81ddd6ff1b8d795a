package feeds

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/engine/jwt/jwttest"
	"tabard/rules"
)

// newEngine has the set bad, at a URL, and what more adds to the policy.
func newEngine(t *testing.T, policy string, files fs.FS) *engine.Engine {
	t.Helper()
	p, err := engine.ParsePolicy("policy.yaml", []byte("crs: {enabled: false}\nscreen: off\n"+policy))
	require.NoError(t, err)
	e, err := engine.New(p, rules.Overlay(files))
	require.NoError(t, err)
	return e
}

// atURL is a policy that blocks what a URL gives.
func atURL(url, more string) string {
	return "ip_sets: [{name: bad, url: '" + url + "', refresh_seconds: 600" + more + "}]\nip: {sets: [{set: bad, action: block}]}\n"
}

func blocks(e *engine.Engine, client string) bool {
	x := e.Begin(engine.Conn{Peer: netip.AddrPortFrom(netip.MustParseAddr(client), 4711)})
	x.RequestHeaders(engine.Request{Method: "GET", Target: "/", Protocol: "HTTP/1.1", Authority: "h"}, true)
	return x.End().Action == engine.Block
}

// publisher is a server with one text. It notes what it is asked.
type publisher struct {
	*httptest.Server
	answer atomic.Pointer[http.HandlerFunc]
	mu     sync.Mutex
	asked  []http.Header
}

func newPublisher(t *testing.T, answer http.HandlerFunc) *publisher {
	p := &publisher{}
	p.answer.Store(&answer)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked = append(p.asked, r.Header)
		p.mu.Unlock()
		(*p.answer.Load())(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *publisher) set(answer http.HandlerFunc) { p.answer.Store(&answer) }

func (p *publisher) last() http.Header {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[len(p.asked)-1]
}

// says answers with a status, a text and headers by name and value.
func says(status int, text string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

func TestATextIsFetchedOnceAndThenAskedFor(t *testing.T) {
	p := newPublisher(t, says(200, zipped("192.0.2.1\n"), "Content-Encoding", "gzip", "ETag", `"1"`, "Last-Modified", "Sun, 01 Nov 2026 00:00:00 GMT"))
	e := newEngine(t, atURL(p.URL, ""), nil)
	folder := filepath.Join(t.TempDir(), "kept")
	s := &Source{Feed: e.Feeds()[0], Client: NewClient(), Folder: folder}
	require.NoError(t, s.Refresh(t.Context(), e))
	require.True(t, blocks(e, "192.0.2.1"))
	require.Equal(t, "gzip", p.last().Get("Accept-Encoding"))
	require.Empty(t, p.last().Get("If-None-Match"))
	long := time.Now().Add(-48 * time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(folder, "bad.feed"), long, long))

	p.set(says(304, "", "ETag", `"1"`))
	before := e.FeedStates()[0].Updated
	require.NoError(t, s.Refresh(t.Context(), e))
	require.Equal(t, `"1"`, p.last().Get("If-None-Match"))
	require.Empty(t, p.last().Get("If-Modified-Since"), "the entity tag says more")
	require.True(t, e.FeedStates()[0].Updated.After(before))
	text, at, err := Kept(folder, "bad")
	require.NoError(t, err)
	require.Equal(t, "192.0.2.1\n", text)
	require.Less(t, time.Since(at), time.Hour, "what is kept is as old as the last answer")

	p.set(says(200, "192.0.2.2\n", "Last-Modified", "Mon, 02 Nov 2026 00:00:00 GMT"))
	require.NoError(t, s.Refresh(t.Context(), e))
	require.True(t, blocks(e, "192.0.2.2"))
	require.False(t, blocks(e, "192.0.2.1"))
	p.set(says(304, ""))
	require.NoError(t, s.Refresh(t.Context(), e))
	require.Equal(t, "Mon, 02 Nov 2026 00:00:00 GMT", p.last().Get("If-Modified-Since"))
	require.Empty(t, p.last().Get("If-None-Match"))
}

func TestTheLastGoodTextStays(t *testing.T) {
	for name, row := range map[string]struct {
		answer http.HandlerFunc
		why    string
	}{
		"an error":                     {says(503, "192.0.2.9"), "the answer has the status 503"},
		"unchanged, and nobody asked":  {says(304, ""), "the answer has the status 304"},
		"a page in place of a feed":    {says(200, "<html>"), `:1:1: "<html>" is no address`},
		"nothing":                      {says(200, ""), "the text has no entry"},
		"no signature":                 {says(200, "192.0.2.9\n"), "the text has no signature"},
		"another coding":               {says(200, "192.0.2.9", "Content-Encoding", "br"), `in the coding "br"`},
		"broken gzip":                  {says(200, "192.0.2.9", "Content-Encoding", "gzip"), "unpacking: the body is not in its coding"},
		"a bomb":                       {says(200, zipped(strings.Repeat("192.0.2.9\n", 7<<20)), "Content-Encoding", "gzip"), "longer than 67108864 bytes when it is unpacked"},
		"a long answer":                {says(200, strings.Repeat("192.0.2.9\n", 7<<20)), "longer than 67108864 bytes when it is unpacked"},
		"an answer that breaks off":    {says(200, "192.0.2.9\n", "Content-Length", "999"), "unexpected EOF"},
		"a way that leads in a circle": {says(302, "", "Location", "/"), "more than 5 redirects"},
	} {
		t.Run(name, func(t *testing.T) {
			public, private, err := ed25519.GenerateKey(rand.Reader)
			require.NoError(t, err)
			signed := "192.0.2.1\n"
			signed += "# signature: " + base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte(signed)))
			p := newPublisher(t, says(200, signed))
			key := ""
			if name == "no signature" {
				key = ", public_key: '" + base64.StdEncoding.EncodeToString(public) + "'"
			}
			e := newEngine(t, atURL(p.URL, key), nil)
			s := &Source{Feed: e.Feeds()[0], Client: NewClient(), Folder: t.TempDir()}
			require.NoError(t, s.Refresh(t.Context(), e))
			p.set(row.answer)
			require.ErrorContains(t, s.Refresh(t.Context(), e), row.why)
			require.True(t, blocks(e, "192.0.2.1"))
			require.False(t, blocks(e, "192.0.2.9"))
			text, _, err := Kept(s.Folder, "bad")
			require.NoError(t, err)
			require.Equal(t, signed, text)
		})
	}
}

func TestAnEncryptedFeedIsNotFetchedInTheClear(t *testing.T) {
	clear := newPublisher(t, says(200, "192.0.2.9\n"))
	secure := httptest.NewTLSServer(says(302, "", "Location", clear.URL))
	defer secure.Close()
	e := newEngine(t, atURL(secure.URL, ""), nil)
	client := NewClient()
	client.Transport = secure.Client().Transport
	s := &Source{Feed: e.Feeds()[0], Client: client}
	require.ErrorContains(t, s.Refresh(t.Context(), e), "it is redirected from https to http, where anybody on the way could change it")
	require.Empty(t, clear.asked)
}

func TestWhatIsKeptStaysInItsFolder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "kept")
	for _, name := range []string{"..", "jwks.a/../../b", "drop"} {
		require.NoError(t, Keep(folder, name, name))
		text, _, err := Kept(folder, name)
		require.NoError(t, err)
		require.Equal(t, name, text)
	}
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, files, 3)
	_, _, err = Kept(folder, "other")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestTriesBecomeRarerAndSpread(t *testing.T) {
	const refresh = time.Hour
	failed := errors.New("no")
	for _, row := range []struct {
		name     string
		refresh  time.Duration
		begun    bool
		failures int
		err      error
		random   float64
		want     time.Duration
	}{
		{"after a good answer, the whole time", refresh, true, 0, nil, 0, refresh},
		{"or up to a tenth sooner", refresh, true, 0, nil, 1, 54 * time.Minute},
		{"after a bad one, a minute", refresh, true, 1, failed, 0, time.Minute},
		{"or half of it", refresh, true, 1, failed, 1, 30 * time.Second},
		{"then twice as long", refresh, true, 3, failed, 0, 4 * time.Minute},
		{"but not longer than between good ones", refresh, true, 99, failed, 0, refresh},
		{"a feed that is asked often is tried as often", 10 * time.Second, true, 2, failed, 0, 10 * time.Second},
		{"one that has nothing yet is tried sooner", refresh, false, 1, failed, 0, 5 * time.Second},
		{"a server that names a time is believed", refresh, true, 1, retryError{"429", 2 * time.Hour}, 1, 2 * time.Hour},
		{"for a day", refresh, true, 1, retryError{"429", 99 * time.Hour}, 0, 24 * time.Hour},
	} {
		require.Equal(t, row.want, pause(row.refresh, row.begun, row.failures, row.err, row.random), row.name)
	}
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"120": 2 * time.Minute, "Tue, 24 Nov 2026 12:00:30 GMT": 30 * time.Second, "Tue, 24 Nov 2026 11:00:00 GMT": 0, "": 0, "-1": 0, "soon": 0,
	} {
		require.Equal(t, want, retryAfter(value, now), value)
	}
}

// buffer is a log for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// soon waits for something that another goroutine does.
func soon(t *testing.T, what string, done func() bool) {
	t.Helper()
	require.Eventually(t, done, 30*time.Second, 10*time.Millisecond, what)
}

func TestARefresherBeginsWithWhatIsKept(t *testing.T) {
	p := newPublisher(t, says(503, ""))
	e := newEngine(t, atURL(p.URL, ""), nil)
	folder := t.TempDir()
	require.NoError(t, Keep(folder, "bad", "192.0.2.1\n"))
	logged := &buffer{}
	r := NewRefresher(Options{Engine: e, Folder: folder, Log: log.New(logged, "", 0)})
	require.True(t, blocks(e, "192.0.2.1"), "before anything is asked")
	r.Start(t.Context())
	require.True(t, blocks(e, "192.0.2.1"))
	good, bad := r.Fetches()
	require.Equal(t, []uint64{0, 1}, []uint64{good, bad})
	require.Equal(t, "the feed bad is not updated and stays what it was: the answer has the status 503\n", logged.String())

	require.NoError(t, Keep(folder, "bad", "<html>"))
	logged = &buffer{}
	r = NewRefresher(Options{Engine: newEngine(t, atURL(p.URL, ""), nil), Folder: folder, Log: log.New(logged, "", 0)})
	require.Contains(t, logged.String(), "the feed bad is not updated")
	require.False(t, r.States()[0].Updated.IsZero(), "one that never came ages, too")
}

func TestStartHasAskedOnce(t *testing.T) {
	p := newPublisher(t, says(200, "192.0.2.1\n"))
	e := newEngine(t, atURL(p.URL, ""), nil)
	r := NewRefresher(Options{Engine: e, Log: log.New(io.Discard, "", 0)})
	r.Start(t.Context())
	require.True(t, blocks(e, "192.0.2.1"))
	good, bad := r.Fetches()
	require.Equal(t, []uint64{1, 0}, []uint64{good, bad})
	require.Equal(t, 1, r.States()[0].Entries)
}

// Each way in which people replace a file is seen; requests go on meanwhile, and
// each sees the old content or the new one.
func TestAFileIsReadAnewHoweverItChanges(t *testing.T) {
	for name, row := range map[string]struct {
		make   func(t *testing.T, dir, text string) // the file list in dir
		change func(t *testing.T, dir, text string)
	}{
		"moved into place": {put, func(t *testing.T, dir, text string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "new"), []byte(text), 0o600))
			require.NoError(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "list")))
		}},
		"written in place": {put, put},
		"removed and made again": {put, func(t *testing.T, dir, text string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "list")))
			put(t, dir, text)
		}},
		"a link in a folder that is swapped, as a ConfigMap": {mount, mount},
		"a link to a file elsewhere, which changes": {func(t *testing.T, dir, text string) {
			elsewhere := filepath.Join(dir, "elsewhere")
			require.NoError(t, os.Mkdir(elsewhere, 0o700))
			put(t, elsewhere, text)
			require.NoError(t, os.Symlink("elsewhere/list", filepath.Join(dir, "list")))
		}, func(t *testing.T, dir, text string) { put(t, filepath.Join(dir, "elsewhere"), text) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			row.make(t, dir, "192.0.2.1\n192.0.2.3\n")
			e := newEngine(t, "ip: {block_files: [list]}\n", os.DirFS(dir))
			logged := &buffer{}
			r := NewRefresher(Options{Engine: e, Log: log.New(logged, "", 0), Files: []*File{listFile(e, dir)}})
			r.Start(t.Context())
			stop, lost := make(chan struct{}), make(chan bool)
			go func() { // 192.0.2.3 is in both contents
				passed := false
				for {
					select {
					case <-stop:
						lost <- passed
						return
					default:
						passed = passed || !blocks(e, "192.0.2.3")
					}
				}
			}()
			row.change(t, dir, "192.0.2.2\n192.0.2.3\n192.0.2.4\n")
			soon(t, "the change is seen", func() bool { return blocks(e, "192.0.2.2") })
			require.False(t, blocks(e, "192.0.2.1"))
			close(stop)
			require.False(t, <-lost, "a request saw neither the old content nor the new one")
			require.Contains(t, logged.String(), "the feed list is read anew from "+filepath.Join(dir, "list"))
		})
	}
}

func put(t *testing.T, dir, text string) {
	require.NoError(t, os.WriteFile(filepath.Join(dir, "list"), []byte(text), 0o600))
}

// mount does as the kubelet does: list -> ..data/list, and ..data -> a new folder.
func mount(t *testing.T, dir, text string) {
	version, err := os.MkdirTemp(dir, "..v")
	require.NoError(t, err)
	put(t, version, text)
	require.NoError(t, os.Symlink(filepath.Base(version), filepath.Join(dir, "..data_tmp")))
	require.NoError(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	_ = os.Symlink("..data/list", filepath.Join(dir, "list")) // it is there the second time
}

// listFile is the file of ip.block_files.
func listFile(e *engine.Engine, dir string) *File {
	path := filepath.Join(dir, "list")
	return &File{Name: "list", Path: path, Load: func(info os.FileInfo) error {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return e.TakeFeed("list", string(text), info.ModTime())
	}}
}

func TestAFileThatIsWrongOrGoneChangesNothing(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "192.0.2.1\n")
	e := newEngine(t, "ip: {block_files: [list]}\n", os.DirFS(dir))
	logged := &buffer{}
	r := NewRefresher(Options{Engine: e, Log: log.New(logged, "", 0), Files: []*File{listFile(e, dir)}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.Start(ctx)
	bad := func() uint64 { _, bad := r.Fetches(); return bad }
	put(t, dir, "<html>\n")
	soon(t, "it is found wrong", func() bool { return bad() == 1 })
	require.True(t, blocks(e, "192.0.2.1"))
	require.Contains(t, logged.String(), `the feed list is not updated and stays what it was: list:1:1: "<html>" is no address`)
	require.NoError(t, os.Remove(filepath.Join(dir, "list")))
	soon(t, "it is found missing", func() bool { return bad() == 2 })
	require.True(t, blocks(e, "192.0.2.1"))
	put(t, dir, "192.0.2.2\n")
	soon(t, "it is back", func() bool { return blocks(e, "192.0.2.2") })
	require.EqualValues(t, 2, bad())
}

func TestFilesThatDoNotChangeAreNotRead(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "192.0.2.1\n")
	reads := 0
	f := &File{Name: "list", Path: filepath.Join(dir, "list"), Load: func(os.FileInfo) error { reads++; return nil }}
	r := NewRefresher(Options{Engine: newEngine(t, "", nil), Files: []*File{f}, Log: log.New(io.Discard, "", 0)})
	w := watcher{files: r.options.Files, log: r.options.Log, counts: &r.counts}
	require.False(t, w.look())
	put(t, dir, "192.0.2.1\n192.0.2.2\n")
	require.True(t, w.look(), "it may still be written to")
	require.Zero(t, reads)
	require.False(t, w.look())
	require.Equal(t, 1, reads)
	require.False(t, w.look())
	require.Equal(t, 1, reads)
}

// Keys come on the same way, with a limit of their own.
func TestKeySetsAreFetchedLikeAddresses(t *testing.T) {
	p := newPublisher(t, says(200, jwttest.KeySet(jwttest.NewSigner("a"))))
	e := newEngine(t, "jwt: {mode: required, keys_from: {url: '"+p.URL+"/jwks'}}\n", nil)
	NewRefresher(Options{Engine: e, Log: log.New(io.Discard, "", 0)}).Start(t.Context())
	require.Equal(t, 1, e.FeedStates()[0].Entries)
	p.set(says(200, jwttest.KeySet(jwttest.NewSigner("a"))+strings.Repeat(" ", 256<<10)))
	s := &Source{Feed: e.Feeds()[0], Client: NewClient()}
	require.ErrorContains(t, s.Refresh(t.Context(), e), "longer than 262144 bytes")
}
