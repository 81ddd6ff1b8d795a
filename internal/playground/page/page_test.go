package page_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/internal/playground"
	"tabard/internal/playground/page"
)

// between gives what stands between two texts of a page, the first of which is
// there once.
func between(t *testing.T, text, before, after string) string {
	t.Helper()
	require.Equal(t, 1, strings.Count(text, before), before)
	_, rest, _ := strings.Cut(text, before)
	inside, _, found := strings.Cut(rest, after)
	require.True(t, found, after)
	return inside
}

func written(t *testing.T, p page.Page) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, p.Write(&out))
	return out.String()
}

func TestThePageHoldsTheEngineAndWhatItStartsWith(t *testing.T) {
	engine := []byte(strings.Repeat("an engine", 1000))
	const evil = "</script><img src=x onerror=alert(1)><!--"
	start := playground.Case{Version: playground.FileVersion, Rules: evil, Request: evil}
	for _, small := range []bool{false, true} {
		text := written(t, page.Page{Engine: engine, Start: &start, Small: small})
		packed, err := base64.StdEncoding.DecodeString(between(t, text, `id="engine">`, "</script>"))
		require.NoError(t, err)
		r, err := gzip.NewReader(bytes.NewReader(packed))
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, engine, got)

		require.NotContains(t, text, "<img", "a text is only ever data")
		var data struct {
			Start    playground.Case
			Examples []playground.Example
			Worker   string
			First    bool
		}
		require.NoError(t, json.Unmarshal([]byte(between(t, text, `id="data">`, "</script>")), &data))
		require.Equal(t, start, data.Start)
		require.Equal(t, playground.Examples(), data.Examples)
		require.Contains(t, data.Worker, "wasi_snapshot_preview1")
		require.False(t, data.First)
	}
}

func TestThePageNamesNoHostAndTakesNoOtherScript(t *testing.T) {
	text := written(t, page.Page{Engine: []byte("x")})
	policy := html.UnescapeString(between(t, text, `http-equiv="Content-Security-Policy" content="`, `"`))
	require.Equal(t, page.SecurityPolicy(), policy)
	require.Regexp(t, regexp.MustCompile(`^default-src 'none'; img-src data:; style-src 'sha256-[^']+'; script-src 'sha256-[^']+' 'wasm-unsafe-eval'; worker-src blob:; base-uri 'none'; form-action 'none'$`), policy)
	require.NotRegexp(t, regexp.MustCompile(`(?:src|href)="(?:https?:)?//`), text)
}

// full fails each write behind the first n bytes.
type full struct{ n int }

var errFull = errors.New("the disk is full")

func (f *full) Write(p []byte) (int, error) {
	if f.n -= len(p); f.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestAPageThatCannotBeWrittenIsAnError(t *testing.T) {
	p := page.Page{Engine: []byte("x")}
	length := len(written(t, p))
	for _, n := range []int{0, length / 2, length - 1} {
		require.ErrorIs(t, p.Write(&full{n}), errFull)
	}
}
