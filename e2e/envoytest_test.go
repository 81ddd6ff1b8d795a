package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/e2e/envoyrun"
)

func TestRuleTestsRunInTheModuleAndInEnvoy(t *testing.T) {
	_, err := envoyrun.Binary()
	requireEnvoy(t, err)
	const test = "rule_id: 100\ntemplate: {uri: '/?q={{ .Payload }}', headers: [{name: Host, value: h}]}\ntests:\n" +
		"- {payload: attack, output: {status: 403, isolated: true, log: {expect_ids: [100], match_regex: 'found within ARGS:q'}}}\n" +
		"- {payload: tack, output: {status: 200, log: {no_expect_ids: [100]}}}\n"
	dir := t.TempDir()
	for _, folder := range []string{"a", "b"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, folder), 0o755))
		for name, text := range map[string]string{
			"suite.yaml":    "crs: {enabled: false}\ndirectives: [{inline: \"SecRule ARGS:q \\\"@streq attack\\\" \\\"id:100,phase:2,deny,log,t:none,logdata:'found within %{MATCHED_VAR_NAME}'\\\"\"}]\n",
			"100.test.yaml": test,
		} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, folder, name), []byte(text), 0o644))
		}
	}
	for _, runner := range []string{"wasm", "envoy"} {
		t.Run(runner, func(t *testing.T) {
			p := run(t, nil, "test", "--runner", runner, dir)
			require.NoError(t, p.cmd.Wait(), "%s%s", p.stdout, p.stderr)
			require.Equal(t, "4 passed\n", p.stdout.String())
		})
	}
}
