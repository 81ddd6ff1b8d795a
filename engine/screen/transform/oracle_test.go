package transform

import (
	"fmt"
	"strings"
	"testing"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental/plugins"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/stretchr/testify/require"
)

// tap is an operator that matches nothing and records every value that it is shown. The tests of this
// package that use it do not run in parallel.
type tap struct{ name string }

var tapped = map[string][]string{}

func (o tap) Evaluate(_ plugintypes.TransactionState, value string) bool {
	tapped[o.name] = append(tapped[o.name], strings.Clone(value))
	return false
}

func init() {
	plugins.RegisterOperator("tap", func(o plugintypes.OperatorOptions) (plugintypes.Operator, error) {
		return tap{o.Arguments}, nil
	})
}

// chains is a Coraza that applies lists of transformations, each given as the text of a rule's actions.
type chains struct {
	waf   coraza.WAF
	lists []string
}

func newChains(t testing.TB, lists []string) *chains {
	var rules strings.Builder
	rules.WriteString("SecRuleEngine On\nSecArgumentsLimit 1000000\n")
	for i, list := range lists {
		fmt.Fprintf(&rules, "SecRule ARGS_GET:v \"@tap %d\" \"id:%d,phase:1,pass,nolog,t:none,%s\"\n", i, i+1, list)
	}
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithDirectives(rules.String()))
	require.NoError(t, err)
	return &chains{waf, lists}
}

// run returns for each list what the operator saw of the values, in order: one name for all of them
// keeps Coraza's collection in the order of insertion.
func (c *chains) run(t testing.TB, values ...string) [][]string {
	clear(tapped)
	tx := c.waf.NewTransaction()
	defer tx.Close()
	for _, value := range values {
		tx.AddGetRequestArgument("v", value)
	}
	require.Nil(t, tx.ProcessRequestHeaders())
	seen := make([][]string, len(c.lists))
	for i := range c.lists {
		seen[i] = tapped[fmt.Sprint(i)]
	}
	return seen
}

// marker is a value that no transformation makes of another one.
const marker = "q7x2m9w4k1z8"

// corazaNames is what Coraza registers, in its own spelling, without none.
var corazaNames = []string{
	"base64Decode", "base64DecodeExt", "base64Encode", "cmdLine", "compressWhitespace", "cssDecode",
	"escapeSeqDecode", "hexDecode", "hexEncode", "htmlEntityDecode", "jsDecode", "length", "lowercase", "md5",
	"normalisePath", "normalisePathWin", "normalizePath", "normalizePathWin", "removeComments",
	"removeCommentsChar", "removeNulls", "removeWhitespace", "replaceComments", "replaceNulls", "sha1",
	"uppercase", "urlDecode", "urlDecodeUni", "urlEncode", "utf8toUnicode", "trim", "trimLeft", "trimRight",
}

// oracle applies each of Coraza's transformations alone, plainly and with multiMatch.
type oracle struct {
	single, multi *chains
	markerSeen    []int
}

func newOracle(t testing.TB) *oracle {
	var single, multi []string
	for _, name := range corazaNames {
		single = append(single, "t:"+name)
		multi = append(multi, "multiMatch,t:"+name)
	}
	o := &oracle{single: newChains(t, single), multi: newChains(t, multi)}
	for _, seen := range o.multi.run(t, marker) {
		o.markerSeen = append(o.markerSeen, len(seen))
	}
	return o
}

// result is what a transformation made of a value.
type result struct {
	out     string
	changed bool
	shown   string // what multiMatch showed as the changed value
}

// run returns the results by transformation and value.
func (o *oracle) run(t testing.TB, values []string) [][]result {
	outs := o.single.run(t, values...)
	separated := []string{marker}
	for _, value := range values {
		separated = append(separated, value, marker)
	}
	shown := o.multi.run(t, separated...)
	results := make([][]result, len(corazaNames))
	for i := range corazaNames {
		require.Len(t, outs[i], len(values))
		rest := shown[i][o.markerSeen[i]:]
		for j, value := range values {
			require.Equal(t, value, rest[0])
			r := result{out: outs[i][j]}
			if rest = rest[1:]; rest[0] != marker {
				r.changed, r.shown = true, rest[0]
				rest = rest[1:]
			}
			require.Equal(t, marker, rest[0])
			rest = rest[o.markerSeen[i]:]
			results[i] = append(results[i], r)
		}
		require.Empty(t, rest)
	}
	return results
}

// compare checks every transformation against Coraza for the values: output, flag, what the trigger claims,
// and that nothing is allocated for equal values.
func (o *oracle) compare(t testing.TB, values ...string) {
	var arena Arena
	for i, results := range o.run(t, values) {
		tr, ok := Find(corazaNames[i])
		require.True(t, ok)
		plain, _ := Lookup(corazaNames[i])
		for j, want := range results {
			s := values[j]
			out, changed := tr.Apply(&arena, s)
			if out != want.out || changed != want.changed || want.changed && want.shown != want.out {
				require.Equal(t, want, result{out, changed, out}, "t:%s of %q", corazaNames[i], s)
			}
			if !tr.Trigger().May(Classify(s)) && (out != s || changed) {
				require.Fail(t, "trigger misses a change", "t:%s of %q", corazaNames[i], s)
			}
			plainOut, plainChanged := plain(s)
			if plainOut != out || plainChanged != changed {
				require.Fail(t, "Lookup and Apply differ", "t:%s of %q", corazaNames[i], s)
			}
		}
	}
}
