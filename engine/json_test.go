package engine

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAppendJSONIsReadByEncodingJSON(t *testing.T) {
	for _, s := range []string{"", "plain", `a "b" \ c`, "a\nb\tc\rd\x00e\x7f", "\u2028\u2029", "grüße 世界 🎉", "bad \xff\xc3 bytes", "</script>"} {
		line := appendJSON(nil, s)
		var back string
		require.NoError(t, json.Unmarshal(line, &back), "%q", line)
		require.Equal(t, string([]rune(s)), back)
		require.NotContains(t, string(line), "\n")
	}
}

func FuzzAppendJSON(f *testing.F) {
	f.Add("a\"\\\x01\xff")
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		require.NoError(t, json.Unmarshal(appendJSON(nil, s), &back))
		require.Equal(t, string([]rune(s)), back)
	})
}

func TestARecordLeavesOutWhatIsEmpty(t *testing.T) {
	line := Record{TransactionID: "t", Verdict: "pass", Mode: "block", Method: "GET", Target: "/"}.line()
	require.JSONEq(t, `{"time":"0001-01-01T00:00:00Z","transaction_id":"t","verdict":"pass","mode":"block","status":0,"phase":0,"score":0,"outbound_score":0,"method":"GET","target":"/","rules":[]}`, string(line))
}

func TestAnAuditLineIsReadBackAsTheSameRecord(t *testing.T) {
	record := Record{
		Time: time.Date(2026, 11, 24, 9, 30, 0, 5, time.UTC), TransactionID: "t-1", Verdict: Block, Reason: ReasonRule, Mode: ModeBlock,
		Status: 403, Phase: 2, Score: 5, OutboundScore: 1, Route: "orders", Client: "192.0.2.7", Country: "NL", ResponseStatus: 200, Principal: "ab", Bypassed: true, Method: "GET", Host: "shop.example",
		Target: "/?q=\x00\"<", Error: "panic: x",
		Rules: []RecordMatch{{ID: 942100, Rule: "a.conf:1:2", Phase: 2, Severity: "critical", Target: "ARGS:q", Message: "SQL", Value: "1'"}},
	}
	var back Record
	require.NoError(t, json.Unmarshal(record.line(), &back))
	require.Equal(t, record, back)
	ours, err := json.Marshal(record)
	require.NoError(t, err)
	require.JSONEq(t, string(ours), string(record.line()), "the tags and the writer agree")
}

func TestJudgingRulesAreThoseThatDoNotOnlySumUp(t *testing.T) {
	r := Record{Rules: []RecordMatch{{ID: 942100, Target: "ARGS:a"}, {ID: 942100, Target: "ARGS:b"}, {ID: 949110}, {ID: 959100}, {ID: 980170}, {ID: 100200}}}
	require.Equal(t, []RecordMatch{{ID: 942100, Target: "ARGS:a"}, {ID: 100200}}, r.Judging())
}
