package native_test

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/internal/ftw"
	"tabard/internal/ftw/native"
	"tabard/internal/replay"
	"tabard/rules"
)

func recorder(t *testing.T) *engine.Engine {
	e, err := engine.New(engine.Policy{Screen: engine.ScreenOff}, rules.FS())
	require.NoError(t, err)
	return e
}

// exchanges are attacks of public lists; see its README.
func exchanges(t *testing.T) (out []replay.Entry) {
	f, err := os.Open("../../explain/testdata/attacks.ndjson")
	require.NoError(t, err)
	defer f.Close()
	r, err := replay.NewReader(f, "attacks", replay.Options{})
	require.NoError(t, err)
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		entry, err := record.Entry()
		require.NoError(t, err)
		out = append(out, entry)
	}
}

func TestARecordedTestPassesToday(t *testing.T) {
	e, quiet := recorder(t), 0
	for _, entry := range exchanges(t) {
		v := replay.Play(e, entry).End()
		rule := 0
		if v.Action == engine.Pass {
			rule, quiet = 942100, quiet+1
		}
		suite, err := native.Record(native.Exchange{Request: entry.Request, Body: entry.Body}, v, rule, 7)
		require.NoError(t, err, entry.ID)
		text, err := ftw.FormatV2(suite)
		require.NoError(t, err)
		read, err := ftw.Load("recorded.test.yaml", text)
		require.NoError(t, err)
		require.Equal(t, 7, read.Tests[0].ID)
		stage := read.Tests[0].Stages[0]
		seen, err := native.Runner{Engine: e}.Play(t.Context(), entry.ID, stage.Input)
		require.NoError(t, err)
		require.Empty(t, ftw.Judge(stage, seen), "%s\n%s", entry.ID, text)
		require.True(t, rule != 0 || len(stage.Output.ExpectIDs) > 0)
	}
	require.Greater(t, quiet, 0)
}

func TestBytesThatYAMLDoesNotHaveAreSentAsTheyAre(t *testing.T) {
	request := engine.Request{Method: "POST", Target: "/?q=\xff{{", Protocol: "HTTP/2", Authority: "h", Headers: engine.Headers{{"X", "a\xfe"}}}
	v := engine.Verdict{Action: engine.Block, Status: 403, Matches: []engine.Match{{ID: 7}, {ID: 949110}, {ID: 7}}}
	suite, err := native.Record(native.Exchange{Request: request, Body: []byte("b\x00\xff")}, v, 0, 1)
	require.NoError(t, err)
	stage := suite.Tests[0].Stages[0]
	require.Equal(t, "POST /?q=\xff{{ HTTP/1.1\r\nHost: h\r\nX: a\xfe\r\n\r\nb\x00\xff", string(stage.Input.EncodedRequest))
	require.Equal(t, []int{7}, stage.Output.ExpectIDs)
	require.Equal(t, 403, stage.Output.Status)
}

func TestAVerdictAboutNoRuleIsNoTest(t *testing.T) {
	_, err := native.Record(native.Exchange{}, engine.Verdict{Action: engine.Pass}, 0, 1)
	require.EqualError(t, err, "no rule has matched: name the one that is to stay quiet")
}

func TestATwinExpectsThatItsRuleStaysQuiet(t *testing.T) {
	v := engine.Verdict{Action: engine.Block, Status: 403, Matches: []engine.Match{{ID: 7}}}
	suite, err := native.Record(native.Exchange{Request: engine.Request{Method: "GET", Target: "/"}}, v, 8, 2)
	require.NoError(t, err)
	require.Equal(t, "8-2", suite.Tests[0].Name)
	require.Equal(t, ftw.Output{NoExpectIDs: []int{8}}, suite.Tests[0].Stages[0].Output)
}
