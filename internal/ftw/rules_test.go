package ftw_test

import (
	"io/fs"
	"net/netip"
	"os"
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/internal/ftw"
	"tabard/rules"
)

// TestOurRules runs the tests beside our rules in this process, with the policy
// of the folder that they are in.
func TestOurRules(t *testing.T) {
	files := os.DirFS("../../rules")
	suites, err := ftw.LoadAll(files)
	require.NoError(t, err)
	engines := map[string]*engine.Engine{}
	for _, suite := range suites {
		dir := path.Dir(suite.File)
		if engines[dir] == nil {
			engines[dir] = newEngine(t, files, dir+"/suite.yaml")
		}
		for _, test := range suite.Tests {
			t.Run(test.Name, func(t *testing.T) {
				for _, stage := range test.Stages {
					verdict := play(engines[dir], stage.Input)
					require.NoError(t, verdict.Err)
					for _, failure := range ftw.Judge(stage, verdict.IDs(), verdict.Status) {
						t.Errorf("rules/%s (%s)", failure, test.Description)
					}
				}
			})
		}
	}
	require.GreaterOrEqual(t, len(suites), 7)
}

func newEngine(t *testing.T, files fs.FS, name string) *engine.Engine {
	t.Helper()
	text, err := fs.ReadFile(files, name)
	require.NoError(t, err)
	policy, err := engine.ParsePolicy("rules/"+name, text)
	require.NoError(t, err)
	e, err := engine.New(policy, rules.FS())
	require.NoError(t, err)
	return e
}

// play sends one request through the engine, as far as it lets it.
func play(e *engine.Engine, in ftw.Input) engine.Verdict {
	x := e.Begin(engine.Conn{Peer: netip.MustParseAddrPort("192.0.2.250:1234")})
	request := engine.Request{Method: in.Method, Target: in.URI, Protocol: in.Version, Scheme: in.Protocol}
	for _, h := range in.AllHeaders() {
		request.Headers = append(request.Headers, [2]string{h.Name, h.Value})
	}
	x.RequestHeaders(request, len(in.Data) == 0)
	if x.HoldRequest() {
		x.RequestBody(in.Data, true)
	}
	return x.End()
}
