package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/e2e/envoyrun"
)

// Each wrong policy is refused with a message that says where the mistake is
// and what would work: testdata/policies/*.golden is what a person reads.
func TestAWrongPolicyIsRefusedWithItsPlaceAndWhatWouldWork(t *testing.T) {
	root, err := envoyrun.Root()
	require.NoError(t, err)
	binary := filepath.Join(root, "dist", "tabard")
	files, err := filepath.Glob(filepath.Join("testdata", "policies", "*.yaml"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 20)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			replay := exec.CommandContext(t.Context(), binary, "replay", "--policy", filepath.Base(file), os.DevNull)
			replay.Dir = filepath.Dir(file)
			var stdout, stderr bytes.Buffer
			replay.Stdout, replay.Stderr = &stdout, &stderr
			var exit *exec.ExitError
			require.True(t, errors.As(replay.Run(), &exit), "it ran: %s", &stdout)
			require.Equal(t, 1, exit.ExitCode())
			require.Empty(t, stdout.String())
			require.Regexp(t, `^tabard replay: [a-z-]+\.yaml:\d+:\d+: .+\n$`, stderr.String(), "no place, or more than one line")
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", stderr.String())
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
