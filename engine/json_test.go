package engine

import (
	"encoding/json"
	"testing"

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
	line := auditRecord{Time: "now", TransactionID: "t", Verdict: "pass", Mode: "block", Method: "GET", Target: "/"}.line()
	require.JSONEq(t, `{"time":"now","transaction_id":"t","verdict":"pass","mode":"block","status":0,"phase":0,"score":0,"outbound_score":0,"method":"GET","target":"/","rules":[]}`, string(line))
}
