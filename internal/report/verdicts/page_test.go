package verdicts

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

func pageOf(t *testing.T, text string, records ...engine.Record) string {
	var c Collector
	for _, r := range records {
		for range minCandidate {
			c.Add(r)
		}
	}
	r := c.Report()
	r.Policy, r.Sources, r.Notes, r.Threshold = "policy "+text, []string{"file " + text}, []string{"note " + text}, 5
	var b bytes.Buffer
	require.NoError(t, r.WriteHTML(&b))
	return b.String()
}

func TestThePageTakesNothingFromElsewhereAndRunsNothingElse(t *testing.T) {
	page := pageOf(t, "plain", record(engine.Block, "/search", 5, 942100))
	require.Contains(t, page, `default-src 'none'`)
	outside := regexp.MustCompile(`(?i)(src|href|action|poster|srcset)\s*=|url\(|@import|https?://|<link|<iframe|<object|<form|fetch\(|XMLHttpRequest|innerHTML|insertAdjacentHTML|document\.write|eval\(`)
	require.Empty(t, outside.FindAllString(page, -1))
}

func TestHostileContentIsTextOnThePage(t *testing.T) {
	page := pageOf(t, hostile, samples()...)
	require.Equal(t, 2, strings.Count(page, "</script>"), "nothing closes the page's own scripts")
	markup, rest, found := strings.Cut(page, `<script type="application/json" id="data">`)
	require.True(t, found)
	for _, text := range []string{"<img", "\x1b", "\u202e", "\u2028"} {
		require.False(t, strings.Contains(markup, text), "%q", text)
	}
	data, _, _ := strings.Cut(rest, "</script>")
	require.False(t, strings.Contains(data, "<"), "the data hold no markup")
	var entries []map[string]any
	require.NoError(t, json.Unmarshal([]byte(data), &entries))
	require.Equal(t, hostile, entries[len(entries)-1]["method"], "and are whole")
}

func TestAPageOfNothingSaysSo(t *testing.T) {
	var c Collector
	var b bytes.Buffer
	require.NoError(t, c.Report().WriteHTML(&b))
	for _, text := range []string{"does not tell when", "No rule matched", "No requests", "does not tell addresses", "None."} {
		require.Contains(t, b.String(), text)
	}
}

func TestTheSameDataAreJSON(t *testing.T) {
	var c Collector
	for _, r := range samples() {
		c.Add(r)
	}
	r := c.Report()
	r.Policy, r.Threshold = "p.yaml", 5
	var b bytes.Buffer
	require.NoError(t, r.WriteJSON(&b))
	golden(t, "report.json", b.Bytes())
}

func TestNumbersHaveSeparators(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1\u202f000", 1234567: "1\u202f234\u202f567"} {
		require.Equal(t, want, count(n))
	}
}

func TestABarThatIsThereIsSeen(t *testing.T) {
	require.Equal(t, 0.0, height(0, 1000, 140))
	require.Equal(t, 1.0, height(1, 100000, 140))
	require.Equal(t, 140.0, height(7, 7, 140))
}
