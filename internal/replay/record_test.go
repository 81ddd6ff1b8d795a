package replay

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/rules"
)

func TestTimeAndLabelAreReadWhereASourceHasThem(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 30, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		source string
		time   time.Time
		label  string
	}{
		"NDJSON with both":                        {`{"method":"GET","path":"/","time":"2026-11-24T10:30:05+01:00","label":"benign"}`, at, "benign"},
		"NDJSON whose time and label are numbers": {`{"method":"GET","path":"/","time":1764000000,"label":1}`, time.Time{}, "1"},
		"an access log":                           {`192.0.2.7 - - [24/Nov/2026:10:30:05 +0100] "GET / HTTP/1.1" 200 1`, at, ""},
		"an access log with a clock of its own":   {`192.0.2.7 - - [2026-11-24] "GET / HTTP/1.1" 200 1`, time.Time{}, ""},
		"an archive":                              {`{"log":{"entries":[{"startedDateTime":"2026-11-24T09:30:05.000Z","request":{"method":"GET","url":"http://h/"}}]}}`, at, ""},
		"an archive without a clock":              {`{"log":{"entries":[{"startedDateTime":"yesterday","request":{"method":"GET","url":"http://h/"}}]}}`, time.Time{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := NewReader(strings.NewReader(c.source), "in", Options{})
			require.NoError(t, err)
			record, err := r.Next()
			require.NoError(t, err)
			e, err := record.Entry()
			require.NoError(t, err)
			require.True(t, c.time.Equal(e.Time), "%s", e.Time)
			require.Equal(t, c.label, e.Label)
			_, err = r.Next()
			require.ErrorIs(t, err, io.EOF)
		})
	}
}

func TestARecordHasTheEntrysIDAndTimeAndNoSecret(t *testing.T) {
	policy, err := engine.ParsePolicy("p", []byte("redact: [token]\n"+phases))
	require.NoError(t, err)
	e, err := engine.New(policy, rules.FS())
	require.NoError(t, err)
	entry := Entry{ID: "an id with blanks", Time: time.Unix(7, 0), Request: engine.Request{
		Method: "GET", Target: "/?token=s3cr3t&q=1", Protocol: "HTTP/1.1", Authority: "shop.example", Headers: engine.Headers{{"X", "1"}}}}
	require.Nil(t, Native{Engine: e}.Judge(t.Context(), entry).Record)
	r := Native{Engine: e, Records: true}.Judge(t.Context(), entry).Record
	require.Equal(t, entry.ID, r.TransactionID)
	require.Equal(t, entry.Time, r.Time)
	require.Equal(t, engine.Block, r.Verdict)
	require.Equal(t, "/?token=[redacted]&q=1", r.Target)
	require.NotEmpty(t, r.Rules)
}
