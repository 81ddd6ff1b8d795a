package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWatchRunsTheTestsAgainAtEachSave(t *testing.T) {
	dir := t.TempDir()
	save := func(name, text string) time.Time {
		// As editors do: a new file that takes the place of the old one.
		part := filepath.Join(dir, "."+name+".part")
		require.NoError(t, os.WriteFile(part, []byte(text), 0o644))
		require.NoError(t, os.Rename(part, filepath.Join(dir, name)))
		return time.Now()
	}
	const test = "rule_id: 100\ntemplate: {uri: '/?q={{ .Payload }}', headers: [{name: Host, value: h}]}\ntests:\n- {payload: attack, output: {log: {expect_ids: [100]}}}\n"
	save("suite.yaml", "crs: {enabled: false}\ndirectives: [{file: rule.conf}]\n")
	save("rule.conf", `SecRule ARGS:q "@streq atack" "id:100,phase:2,deny,log,t:none"`)
	save("100.test.yaml", test)
	p := run(t, nil, "test", "--watch", dir)
	p.wait(p.stdout, `(0 passed, 1 failed\n)`)

	saved := save("rule.conf", `SecRule ARGS:q "@streq attack" "id:100,phase:2,deny,log,t:none"`)
	p.wait(p.stdout, `failed\n(1 passed\n)`)
	t.Logf("%s after a rule was saved", time.Since(saved))

	saved = save("100.test.yaml", test+"- {payload: tack, output: {log: {no_expect_ids: [100]}}}\n")
	p.wait(p.stdout, `1 passed\n(2 passed\n)`)
	t.Logf("%s after a test was saved", time.Since(saved))

	save("rule.conf", `SecRule ARGS:q "@streq attack" "id:100,phase:2,denny,log,t:none"`)
	p.wait(p.stderr, `(rule.conf:1:48: .*did you mean "deny"\?)`)
	save("rule.conf", `SecRule ARGS:q "@streq attack" "id:100,phase:2,deny,log,t:none"`)
	p.wait(p.stdout, `2 passed\n(2 passed\n)`)
	require.Zero(t, p.stop(syscall.SIGTERM), p.stderr)
}
