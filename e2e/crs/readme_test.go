package crs

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/internal/ftw"
	"tabard/internal/ftw/crs"
)

// maxEnvoyOverrides is the bar: tests that may differ in a real Envoy.
const maxEnvoyOverrides = 60

// README.md is written by UPDATE_GOLDEN=1 from the overrides themselves.
func TestReadmeListsEveryOverride(t *testing.T) {
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile("README.md", []byte(readme(t)), 0o644))
	}
	got, err := os.ReadFile("README.md")
	require.NoError(t, err)
	require.Equal(t, readme(t), string(got), "UPDATE_GOLDEN=1 writes it")
}

func readme(t *testing.T) string {
	t.Helper()
	engine, err := crs.Overrides()
	require.NoError(t, err)
	wasm, err := crs.OverridesWasm()
	require.NoError(t, err)
	envoy, err := crs.OverridesEnvoy()
	require.NoError(t, err)
	require.LessOrEqual(t, tests(envoy.Entries), maxEnvoyOverrides)
	extra := wasm.Entries[len(engine.Entries):]
	return fmt.Sprintf(`# The regression tests of CRS on three runners

All 4,674 tests of the module coraza-coreruleset (CRS 4.25) run at paranoia level 4 in %[1]sgo test ./e2e/crs%[1]s, on
the engine in this process, on the module under wazero and through a real Envoy over HTTP/1.1. None is ignored.
Where a runner differs from the Apache that CRS is tested with, an override says why and asserts what happens
instead; one that is no longer needed fails the run. This page is written from them (%[1]sUPDATE_GOLDEN=1 go test
./e2e/crs -run Readme%[1]s).

The policy of all three is [policy.yaml](../../internal/ftw/crs/policy.yaml). %[1]sdist/tabard test --crs%[1]s
runs the first by itself.

| runner | tests as written | by override | ignored |
|---|---:|---:|---:|
| engine | %[2]d | %[3]d | 0 |
| wasm under wazero | %[4]d | %[5]d | 0 |
| Envoy | %[6]d | %[7]d | 0 |

## Engine

%[8]s
## Wasm under wazero

As the engine, and:

%[9]s
## Envoy

%[10]s`, "`", all-tests(engine.Entries), tests(engine.Entries), all-tests(wasm.Entries), tests(wasm.Entries),
		all-tests(envoy.Entries), tests(envoy.Entries), table(engine.Entries), table(extra), table(envoy.Entries))
}

// tests counts the tests that the entries are for; each entry names its own.
func tests(entries []ftw.Override) (n int) {
	for _, e := range entries {
		n += len(e.TestIDs)
	}
	return n
}

func table(entries []ftw.Override) string {
	var b strings.Builder
	b.WriteString("| tests | what happens instead | why |\n|---|---|---|\n")
	for _, e := range entries {
		fmt.Fprintf(&b, "| %d-%s | %s | %s |\n", e.RuleID, strings.Trim(strings.ReplaceAll(fmt.Sprint(e.TestIDs), " ", ", "), "[]"),
			strings.ReplaceAll(e.Output.String(), "|", `\|`), e.Reason)
	}
	return b.String()
}
