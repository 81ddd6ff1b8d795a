package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/rules"
)

// Each wrong policy is refused with a message that says where the mistake is
// and what would work: testdata/policies/*.golden is what a person reads.
func TestAWrongPolicyIsRefusedWithItsPlaceAndWhatWouldWork(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "policies", "*.yaml"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 20)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			policy, err := engine.ParsePolicy(filepath.Base(file), text)
			if err == nil {
				_, err = engine.New(policy, rules.FS())
			}
			require.Error(t, err)
			require.Regexp(t, `^[a-z-]+\.yaml:\d+:\d+: `, err.Error(), "no place")
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", err.Error()+"\n")
		})
	}
}

// golden compares with a file, or writes it when UPDATE_GOLDEN is set.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run make golden, then read the diff")
	require.Equal(t, string(want), got, "if this is better, run make golden")
}
