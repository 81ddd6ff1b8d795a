package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/e2e/envoyrun"
)

// What README shows first must work: each exchange goes as it should, and the
// demo takes away what it has made.
func TestTheDemoGoesAsItShouldAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	_, err := envoyrun.Binary()
	requireEnvoy(t, err)
	root, err := envoyrun.Root()
	require.NoError(t, err)
	program, temp := filepath.Join(t.TempDir(), "demo"), t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./tools/demo")
	build.Dir = root
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	demo := exec.CommandContext(t.Context(), program)
	demo.Dir = root
	demo.Env = append(os.Environ(), "TMPDIR="+temp)
	out, err = demo.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "REQUEST")
	require.NotContains(t, string(out), "WRONG")
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
}
