package crs

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/e2e/envoyrun"
	"tabard/e2e/function"
	"tabard/engine"
	"tabard/internal/ftw"
	"tabard/internal/ftw/crs"
	"tabard/internal/ftw/native"
	"tabard/internal/wasmhost"
	"tabard/rules"
)

// all is the number of tests of the module.
const all = 4674

func TestEngine(t *testing.T) {
	policy, err := engine.ParsePolicy("policy.yaml", []byte(crs.Policy))
	require.NoError(t, err)
	e, err := engine.New(policy, rules.FS())
	require.NoError(t, err)
	overrides, err := crs.Overrides()
	require.NoError(t, err)
	play(t, native.Runner{Engine: e}, overrides, runtime.GOMAXPROCS(0))
}

func TestWasm(t *testing.T) {
	root, err := envoyrun.Root()
	require.NoError(t, err)
	code, err := os.ReadFile(filepath.Join(root, "dist", "tabard.wasm"))
	require.NoError(t, err, "run make build first")
	module, err := wasmhost.Compile(t.Context(), code, wasmhost.WithCacheDir(filepath.Join(root, "dist", "wazero")))
	require.NoError(t, err)
	defer func() { require.NoError(t, module.Close(t.Context())) }()
	player, err := wasmhost.NewPlayer(t.Context(), module, crs.Policy, runtime.GOMAXPROCS(0))
	require.NoError(t, err)
	overrides, err := crs.OverridesWasm()
	require.NoError(t, err)
	play(t, player, overrides, runtime.GOMAXPROCS(0))
}

// atOnce is how many exchanges are under way in Envoy, which waits for its own
// timers now and then.
const atOnce = 16

func TestEnvoy(t *testing.T) {
	f, err := function.StartWith(http.HandlerFunc(envoyrun.Backend))
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Stop()) }()
	e, err := envoyrun.Start(t.Context(), envoyrun.Options{
		Upstream: f.Addr(), Concurrency: runtime.GOMAXPROCS(0),
		Sites: []envoyrun.Site{{Name: "crs", Policy: crs.Policy, Adjust: envoyrun.AsSent}},
	})
	if errors.Is(err, envoyrun.ErrNoEnvoy) && os.Getenv("ENVOY") == "" {
		t.Skip(err)
	}
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Stop()) }()
	overrides, err := crs.OverridesEnvoy()
	require.NoError(t, err)
	play(t, envoyrun.Player{Envoy: e, Site: "crs"}, overrides, atOnce)
}

// play runs all tests and reports each that is not as expected.
func play(t *testing.T, runner ftw.Runner, overrides ftw.Overrides, atOnce int) {
	t.Helper()
	suites, err := crs.Load()
	require.NoError(t, err)
	require.Empty(t, overrides.Check(suites))
	var cases []ftw.Case
	for i := range suites {
		for _, test := range suites[i].Tests {
			cases = append(cases, ftw.Case{
				Test: test, Suite: &suites[i], Runner: runner, Override: overrides.For(suites[i].RuleID, test.ID),
			})
		}
	}
	require.Len(t, cases, all)
	counts := map[ftw.Outcome]int{}
	require.NoError(t, ftw.Run(t.Context(), cases, atOnce, func(r ftw.Result) {
		counts[r.Outcome]++
		if r.Err != nil {
			t.Errorf("%s: %v", r.Name, r.Err)
		}
		for _, failure := range r.Failures {
			t.Errorf("%s: %s; status %d", r.Name, failure, r.Seen[len(r.Seen)-1].Status)
		}
	}))
	t.Logf("%v", counts)
}
