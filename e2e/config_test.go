package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"tabard/e2e/envoyrun"
)

// Each configuration that we hand out is one that Envoy takes, from the folder
// that its comments name.
func TestEveryEnvoyConfigurationIsValid(t *testing.T) {
	t.Parallel()
	root, err := envoyrun.Root()
	require.NoError(t, err)
	binary, err := envoyrun.Binary()
	requireEnvoy(t, err)
	for _, file := range envoyConfigurations(t, root) {
		t.Run(file, func(t *testing.T) {
			validate := exec.CommandContext(t.Context(), binary, "--mode", "validate", "-c", file)
			validate.Dir = root
			out, err := validate.CombinedOutput()
			require.NoError(t, err, string(out))
		})
	}
}

// envoyConfigurations are the bootstrap files below envoy/.
func envoyConfigurations(t *testing.T, root string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "envoy", "*.yaml"))
	require.NoError(t, err)
	var out []string
	for _, file := range files {
		if _, ok := readYAML(t, file)["static_resources"]; ok {
			out = append(out, file)
		}
	}
	require.NotEmpty(t, out)
	return out
}

// Envoy cannot read a plugin's configuration from a file, so the sample holds
// the policy's text.
func TestTheSampleHoldsThePolicyFile(t *testing.T) {
	root, err := envoyrun.Root()
	require.NoError(t, err)
	policy, err := os.ReadFile(filepath.Join(root, "envoy", "policy.yaml"))
	require.NoError(t, err)
	var sample struct {
		Resources struct {
			Listeners []struct {
				Chains []struct {
					Filters []struct {
						Manager struct {
							Filters []struct {
								Wasm struct {
									Config struct {
										Configuration struct {
											Value string `yaml:"value"`
										} `yaml:"configuration"`
									} `yaml:"config"`
								} `yaml:"typed_config"`
							} `yaml:"http_filters"`
						} `yaml:"typed_config"`
					} `yaml:"filters"`
				} `yaml:"filter_chains"`
			} `yaml:"listeners"`
		} `yaml:"static_resources"`
	}
	text, err := os.ReadFile(filepath.Join(root, "envoy", "envoy.yaml"))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &sample))
	inline := sample.Resources.Listeners[0].Chains[0].Filters[0].Manager.Filters[0].Wasm.Config.Configuration.Value
	require.Equal(t, string(policy), inline, "copy envoy/policy.yaml into envoy/envoy.yaml, 20 spaces in")
}

func readYAML(t *testing.T, file string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	tree := map[string]any{}
	require.NoError(t, yaml.Unmarshal(text, &tree))
	return tree
}
