package format

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/stretchr/testify/require"

	"tabard/engine/seclang"
)

func TestALayoutForEachDirective(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a long rule has an action a line": {
			"secrule ARGS:q   \"@rx x\"  \"phase:2, ID:100 , deny,\\\nt:none,msg:'a, b', tag:'x'\"",
			"SecRule ARGS:q \"@rx x\" \\\n    \"id:100,\\\n    phase:2,\\\n    deny,\\\n    t:none,\\\n    msg:'a, b',\\\n    tag:'x'\"\n",
		},
		"a short rule on one line stays there": {
			`SecRule ARGS:q "@rx x"   "phase:2,id:1,deny"  `,
			"SecRule ARGS:q \"@rx x\" \"id:1,phase:2,deny\"\n",
		},
		"a rule on one line that is too long is broken": {
			`SecRule ARGS:q "@rx x" "id:1,phase:2,deny,msg:'` + strings.Repeat("m", 120) + `'"`,
			"SecRule ARGS:q \"@rx x\" \\\n    \"id:1,\\\n    phase:2,\\\n    deny,\\\n    msg:'" + strings.Repeat("m", 120) + "'\"\n",
		},
		"links stand below their rule, comments with them": {
			"SecRule A \"@rx x\" \"id:1,chain\"\n\n# why\nSecRule B \"x\" \\\n\"chain,t:none\"\n  SecRule C \"y\"\nSecRule D \"z\" \"id:2\"\n",
			"SecRule A \"@rx x\" \"id:1,chain\"\n    # why\n    SecRule B \"x\" \\\n        \"chain,\\\n        t:none\"\n        SecRule C \"y\"\nSecRule D \"z\" \"id:2\"\n",
		},
		"of blank lines one stays, and comments are trimmed": {
			"\n\n#  a   \n\n\n   # b\nSecMarker  END \n\n\n",
			"#  a\n\n# b\nSecMarker END\n",
		},
		"a comment inside a directive keeps it as it is": {
			"SecRule ARGS \"x\" \\\n# why  \n  \"phase:1,id:1\"\n",
			"SecRule ARGS \"x\" \\\n# why\n  \"phase:1,id:1\"\n",
		},
		"a block in backticks stays as it is": {
			"SecDataset a `\n  x\n`\n",
			"SecDataset a `\n  x\n`\n",
		},
		"an action is a rule without variables": {
			"SecAction \"phase:1,id:1,\\\n  nolog,pass\"",
			"SecAction \\\n    \"id:1,\\\n    phase:1,\\\n    nolog,\\\n    pass\"\n",
		},
		"what Coraza refuses to cut stays as it is": {
			"SecRule ARGS @rx \"id:1\"  \nSecRul X\n",
			"SecRule ARGS @rx \"id:1\"\nSecRul X\n",
		},
		"line ends of Windows go": {"SecMarker A\r\nSecMarker B\r\n", "SecMarker A\nSecMarker B\n"},
		"nothing is nothing":      {"\n \n", ""},
		"a comma in a value that is not quoted": {
			`SecAction "id:1,phase:1,pass,msg:a\,b,nolog"`,
			"SecAction \"id:1,phase:1,pass,msg:a\\,b,nolog\"\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Source("f", c.text)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			again, err := Source("f", got)
			require.NoError(t, err)
			require.Equal(t, got, again)
		})
	}
}

func TestATextThatEndsTooEarlyIsNotFormatted(t *testing.T) {
	_, err := Source("f", "SecAction \\\n")
	require.ErrorContains(t, err, "f:1:1: the directive ends in a backslash")
}

// formatted is a file system of formatted rules.
type formatted struct{ fs.FS }

func (f formatted) ReadFile(name string) ([]byte, error) {
	text, err := fs.ReadFile(f.FS, name)
	if err != nil || !isRules(name) {
		return text, err
	}
	out, err := Source(name, string(text))
	return []byte(out), err
}

func isRules(name string) bool {
	return strings.HasSuffix(name, ".conf") || strings.Contains(name, "conf-recommended") || strings.Contains(name, "conf.example")
}

func (f formatted) Glob(pattern string) ([]string, error) { return fs.Glob(f.FS, pattern) }

func TestFormattedRulesOfCRSMeanTheSame(t *testing.T) {
	table := func(fsys fs.FS) *seclang.Table {
		ds, err := seclang.Load(fsys, []seclang.Source{{Name: "p", Text: "Include @coraza.conf-recommended\nInclude @crs-setup.conf.example\nInclude @owasp_crs/*.conf"}})
		require.NoError(t, err)
		out, errs := seclang.Parse(ds, seclang.Known{})
		require.Empty(t, errs)
		return out
	}
	before, after := table(coreruleset.FS), table(formatted{coreruleset.FS})
	require.Len(t, after.Rules, len(before.Rules))
	require.Len(t, after.Settings, len(before.Settings))
	for i, r := range before.Rules {
		other := after.Rules[i]
		require.Equal(t, len(r.Chain), len(other.Chain))
		all, others := append([]*seclang.Link{&r.Link}, r.Chain...), append([]*seclang.Link{&other.Link}, other.Chain...)
		for j := range all {
			require.Equal(t, bare(all[j]), bare(others[j]), "rule %d", r.ID)
		}
	}
}

// bare is a link without its places.
func bare(l *seclang.Link) seclang.Link {
	out := *l
	out.Directive = seclang.Directive{}
	out.Targets = nil
	for _, t := range l.Targets {
		t.Pos = seclang.Position{}
		out.Targets = append(out.Targets, t)
	}
	out.Actions = nil
	for _, a := range l.Actions {
		a.Pos, a.ArgPos = seclang.Position{}, seclang.Position{}
		out.Actions = append(out.Actions, a)
	}
	if l.Operator != nil {
		op := *l.Operator
		op.Pos, op.ArgPos = seclang.Position{}, seclang.Position{}
		out.Operator = &op
	}
	return out
}

func TestOurOwnRulesAreFormatted(t *testing.T) {
	files, err := filepath.Glob("../../rules/*/*.conf")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		got, err := Source(file, string(text))
		require.NoError(t, err)
		require.Equal(t, string(text), got, "tabard fmt --write %s", file)
	}
}

func FuzzSource(f *testing.F) {
	f.Add("SecRule ARGS \"@rx x\" \\\n    \"id:1,\\\n    phase:2\"\n# c\nSecMarker A")
	f.Add("secaction \"a:'b,c',d\\,:e, chain\"\nSecRule X \"y\"\n")
	f.Add("SecRule A \"\\\"\" \"id:1,msg:'x'\"\nSecDataset a `\nb\n`")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Source("f", text)
		if err != nil {
			return
		}
		again, err := Source("f", got)
		if err != nil || again != got {
			t.Errorf("not stable:\n%q\n%q\n%q %v", text, got, again, err)
		}
		before, _ := seclang.Split(seclang.Source{Text: strings.ReplaceAll(text, "\r\n", "\n")})
		after, err := seclang.Split(seclang.Source{Text: got})
		if err != nil || len(before) != len(after) {
			t.Errorf("%d directives became %d: %v", len(before), len(after), err)
		}
	})
}
