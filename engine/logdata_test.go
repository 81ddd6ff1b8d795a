package engine_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

func TestAMatchHasItsLogdata(t *testing.T) {
	for name, row := range map[string]struct{ rule, target, want string }{
		"with its macros expanded": {`msg:'m',logdata:'found %{MATCHED_VAR} within %{MATCHED_VAR_NAME}'`, "/?q=attack", "found attack within ARGS:q"},
		"of a rule without msg":    {`logdata:'found within %{MATCHED_VAR_NAME}'`, "/?q=attack", "found within ARGS:q"},
		"none":                     {`msg:'m'`, "/?q=attack", ""},
		"without what is secret":   {`msg:'m',logdata:'saw %{MATCHED_VAR}'`, "/?pin=attack", "saw [redacted]"},
		"cut":                      {`msg:'m',logdata:'%{MATCHED_VAR}'`, "/?q=attack" + strings.Repeat("x", 400), "attack" + strings.Repeat("x", engine.MaxDataBytes-9) + "..."},
	} {
		t.Run(name, func(t *testing.T) {
			waf := newEngine(t, "crs: {enabled: false}\nredact: [pin]\ndirectives:\n- inline: |\n    SecRule ARGS \"@beginsWith attack\" \"id:100,phase:1,deny,log,t:none,"+row.rule+"\"\n")
			x := waf.Begin(engine.Conn{})
			x.RequestHeaders(get(row.target), true)
			v := x.End()
			require.Len(t, v.Matches, 1)
			require.Equal(t, row.want, v.Matches[0].Data)
			line, ok := x.AuditLine()
			require.True(t, ok)
			require.Equal(t, row.want != "", strings.Contains(string(line), `"data":"`), string(line))
		})
	}
}
