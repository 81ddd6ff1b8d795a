package lint

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/rules"
)

func TestOurOwnRulesAreClean(t *testing.T) {
	policy := engine.Policy{
		ContentTypes: []string{"application/json"}, JWT: engine.JWT{Mode: engine.JWTRequired},
		IP: engine.IP{Block: []string{"192.0.2.0/24"}},
	}
	sets, err := engine.RuleSets(policy, rules.FS())
	require.NoError(t, err)
	own := 0
	found := Run(Config{
		Directives: sets[0].Directives, Known: sets[0].Known, FirstID: 100_000, LastID: 100_999,
		Source: func(file string) (string, bool) {
			text, err := fs.ReadFile(rules.FS(), file)
			return string(text), err == nil
		},
		Own: func(file string) bool {
			mine := len(file) > 8 && file[:8] == "@tabard/"
			if mine {
				own++
			}
			return mine
		},
	})
	require.Empty(t, found)
	require.Greater(t, own, 10)
}
