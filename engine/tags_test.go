package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

// TestTheBuildTagsAreOn proves by behaviour that Coraza was built as the
// Makefile's TAGS say; verdicts differ without them.
func TestTheBuildTagsAreOn(t *testing.T) {
	const hint = "run make test, or set GOFLAGS to the TAGS of the Makefile"
	t.Run("argument names keep their case", func(t *testing.T) {
		waf := newEngine(t, "crs: {enabled: false}\ndirectives:\n  - inline: 'SecRule ARGS:foo \"@unconditionalMatch\" \"id:1,phase:1,log,pass\"'\n")
		ex := waf.Begin(engine.Conn{})
		defer ex.End()
		v := ex.RequestHeaders(get("/?Foo=1"), true)
		require.Empty(t, v.IDs(), hint)
	})
	t.Run("a dollar in a pattern does not match before a line break", func(t *testing.T) {
		waf := newEngine(t, "crs: {enabled: false}\ndirectives:\n  - inline: 'SecRule ARGS \"@rx ^a$\" \"id:1,phase:1,log,pass\"'\n")
		ex := waf.Begin(engine.Conn{})
		defer ex.End()
		v := ex.RequestHeaders(get("/?x=a%0Ab"), true)
		require.Empty(t, v.IDs(), hint)
	})
	t.Run("a rule without an id is refused", func(t *testing.T) {
		_, err := engine.New(parse(t, "directives:\n  - inline: 'SecRule ARGS \"@rx a\" \"phase:1,pass\"'\n"), ruleFS)
		require.Error(t, err, hint)
	})
}
