package ftw_test

import (
	"io/fs"
	"os"
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/internal/ftw"
	"tabard/internal/ftw/native"
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
				cases := []ftw.Case{{Test: test, Suite: &suite, Runner: native.Runner{Engine: engines[dir]}}}
				require.NoError(t, ftw.Run(t.Context(), cases, 1, func(r ftw.Result) {
					require.NoError(t, r.Err)
					for _, failure := range r.Failures {
						t.Errorf("rules/%s (%s)", failure, test.Description)
					}
				}))
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
