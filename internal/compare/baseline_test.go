package compare

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

func TestABaselineIsReadInBothForms(t *testing.T) {
	b := NewBaseline(strings.NewReader(
		`{"id":"a","verdict":"block","status":403,"phase":2,"score":5,"rules":[942100,949110],"screen":"miss"}
{"transaction_id":"b","verdict":"detect","status":0,"route":"api","rules":[{"id":920350,"target":"REQUEST_HEADERS:Host","value":"1.2.3.4"}]}
`), "run.json")
	r, err := b.Next("a")
	require.NoError(t, err)
	require.Equal(t, engine.Record{TransactionID: "a", Verdict: engine.Block, Status: 403, Phase: 2, Score: 5, Rules: []engine.RecordMatch{{ID: 942100}, {ID: 949110}}}, r)
	r, err = b.Next("b")
	require.NoError(t, err)
	require.Equal(t, "api", r.Route)
	require.Equal(t, []engine.RecordMatch{{ID: 920350, Target: "REQUEST_HEADERS:Host", Value: "1.2.3.4"}}, r.Rules)
	require.NoError(t, b.End())
}

func TestABaselineOfOtherTrafficIsRefused(t *testing.T) {
	const two = `{"id":"a","verdict":"pass"}` + "\n" + `{"id":"b","verdict":"pass"}`
	for name, c := range map[string]struct {
		text string
		ids  []string
		want string
	}{
		"another request": {two, []string{"a", "c"}, `run.json: verdict 2 is about "b", and the traffic has "c" there: replay the same traffic in the same order for both`},
		"it ends early":   {two, []string{"a", "b", "c"}, `run.json ends after 2 verdicts, and the traffic goes on with "c": replay the same traffic for both`},
		"it goes on":      {two, []string{"a"}, `run.json goes on with "b" where the traffic ends after 1 requests: replay the same traffic for both`},
		"it is no JSON":   {"block", []string{"a"}, "run.json: verdict 1: invalid character 'b' looking for beginning of value; tabard replay --json writes what is needed"},
		"a rule that is a text": {`{"id":"a","rules":["x"]}`, []string{"a"},
			"run.json: verdict 1: json: cannot unmarshal string into Go struct field line.rules of type int; tabard replay --json writes what is needed"},
	} {
		t.Run(name, func(t *testing.T) {
			b := NewBaseline(strings.NewReader(c.text), "run.json")
			var err error
			for _, id := range c.ids {
				if err == nil {
					_, err = b.Next(id)
				}
			}
			if err == nil {
				err = b.End()
			}
			require.EqualError(t, err, c.want)
		})
	}
}
