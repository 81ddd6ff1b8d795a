package verdicts

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/stretchr/testify/require"

	"tabard/engine"
)

// hostile writes into every field that a client has a hand in.
const hostile = "</script><img src=x onerror=\"document.body.dataset.pwned=1\">'\"`${1}\x1b[31m\u202e\u2028=cmd|' /C calc'!A0"

// samples have one of each verdict, a failure, and hostile text everywhere.
func samples() []engine.Record {
	pass := record(engine.Pass, "/", 0)
	pass.Time, pass.Client, pass.Host = time.Time{}, "", ""
	block := record(engine.Block, "/search?q=1%27", 5, 942100, 949110)
	block.Host, block.Route, block.Country = "shop.example:8443", "search", "NL"
	failed := record(engine.Block, "/", 0)
	failed.Reason, failed.Error, failed.Status, failed.Host = engine.ReasonInternalError, "panic: x", 500, "[2001:db8::1]:443"
	evil := record(engine.Detect, "/"+hostile, 2, 920350)
	evil.TransactionID, evil.Method, evil.Host, evil.Client, evil.Country, evil.Route = hostile, hostile, hostile, hostile, hostile, hostile
	evil.Rules[0].Target, evil.Rules[0].Value, evil.Rules[0].Message = hostile, hostile, hostile
	return []engine.Record{pass, block, failed, evil}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestEachFormatIsAsItsSchemaHasIt(t *testing.T) {
	for file, open := range map[string]func(*bytes.Buffer) Lines{
		"lines.ndjson": func(b *bytes.Buffer) Lines { return NewNDJSON(b) },
		"lines.csv":    func(b *bytes.Buffer) Lines { return NewCSV(b) },
		"ecs.ndjson":   func(b *bytes.Buffer) Lines { return NewECS(b, noon) },
		"ocsf.ndjson":  func(b *bytes.Buffer) Lines { return NewOCSF(b, noon) },
	} {
		t.Run(file, func(t *testing.T) {
			var b bytes.Buffer
			out := open(&b)
			for _, r := range samples() {
				out.Add(r)
			}
			require.NoError(t, out.Flush())
			golden(t, file, b.Bytes())
			if strings.HasSuffix(file, ".ndjson") {
				require.Equal(t, len(samples()), strings.Count(b.String(), "\n"))
				for line := range strings.Lines(b.String()) {
					require.True(t, json.Valid([]byte(line)))
				}
			}
		})
	}
}

func TestARecordThatWasWrittenIsReadAgain(t *testing.T) {
	var b bytes.Buffer
	out := NewNDJSON(&b)
	for _, r := range samples()[:3] {
		out.Add(r)
	}
	require.NoError(t, out.Flush())
	d := json.NewDecoder(&b)
	for _, want := range samples()[:3] {
		var got engine.Record
		require.NoError(t, d.Decode(&got))
		require.Equal(t, want, got)
	}
}

func TestNoCellIsAFormula(t *testing.T) {
	var b bytes.Buffer
	out := NewCSV(&b)
	for _, start := range []string{"=", "+", "-", "@", "\t", "\r"} {
		out.Add(engine.Record{TransactionID: start + "1", Host: start})
	}
	require.NoError(t, out.Flush())
	rows, err := csv.NewReader(&b).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 7)
	for _, row := range rows {
		for _, cell := range row {
			require.False(t, cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r"), "%q", cell)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestAWriterThatFailsIsTold(t *testing.T) {
	for _, out := range []Lines{NewNDJSON(brokenPipe{}), NewCSV(brokenPipe{}), NewECS(brokenPipe{}, noon), NewOCSF(brokenPipe{}, noon)} {
		for range 500 {
			out.Add(samples()[1])
		}
		require.ErrorIs(t, out.Flush(), os.ErrClosed)
	}
}

func TestOCSFHasWhatItsClassAsksFor(t *testing.T) {
	for _, r := range samples() {
		o := ocsf(r, noon)
		for _, name := range []string{"activity_id", "category_uid", "class_uid", "type_uid", "severity_id", "time", "metadata", "action_id", "disposition_id", "http_request", "dst_endpoint"} {
			require.Contains(t, o, name)
		}
		require.Equal(t, o["class_uid"].(int)*100+o["activity_id"].(int), o["type_uid"])
	}
}

func TestSARIFIsValidAndHasAPlaceForEachMatch(t *testing.T) {
	var f Findings
	for i, r := range samples() {
		f.Add(r, "traffic/a b.ndjson", i+1)
	}
	var b bytes.Buffer
	require.NoError(t, f.WriteSARIF(&b))
	read, err := sarif.FromString(b.String())
	require.NoError(t, err)
	require.NoError(t, read.Validate())
	require.Len(t, read.Runs[0].Results, 2, "the rule that sums up is none")
	require.Equal(t, "error", read.Runs[0].Results[0].Level)
	require.Equal(t, 2, *read.Runs[0].Results[0].Locations[0].PhysicalLocation.Region.StartLine)
	require.Contains(t, b.String(), "traffic/a%20b.ndjson")
}

func TestSARIFIsBounded(t *testing.T) {
	var f Findings
	for range maxFindings + 3 {
		f.Add(record(engine.Block, "/", 5, 1), "a", 1)
	}
	require.Len(t, f.found, maxFindings)
	require.Equal(t, 3, f.Left)
}
