package seclang

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzLoad checks that Load never panics and that it splits a text as Coraza
// does wherever Coraza accepts it.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"SecMarker A\n", "SecRule ARGS \"@rx x\" \\\n \"id:1,phase:2\"", "SecDataset x `\na\n#b\n`\nSecMarker A",
		"# c \\\n\\\n\nSecMarker \\", "SecAction \"\"\"id:1\"\"\"", "SecMarker\tA", "\u00a0SecMarker A\u0085", "SecMarker \xa0",
		"`\n`\n`", "SecMarker a`\n`b\\\nc", "include x", "Include \"\n", "\r\nSecMarker A\r",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ds, err := Load(nil, []Source{{Name: "fuzz", Text: text}})
		for _, d := range ds {
			for off := range d.Raw {
				require.Positive(t, d.At(off).Col)
			}
		}
		RulePositions(ds)
		if o := observe(noFiles{}, text); o.err == nil && err == nil {
			require.Equal(t, o.log.directives, raws(ds))
		}
	})
}

// notHere are words of directives and operators that read or write files, and
// defaults, whose mistakes Coraza finds only when a rule needs them.
var notHere = []string{"include", "secauditlog", "secdebuglog", "fromfile", "@pmf", "ipmatchf", "validateschema", "secdefaultaction"}

// FuzzCheck checks that Check never panics, and that it and Coraza accept and
// refuse the same texts.
func FuzzCheck(f *testing.F) {
	m := maker{Rand: rand.New(rand.NewPCG(1, 1)), oddness: 20}
	for range 40 {
		f.Add(m.directive())
	}
	for _, name := range Directives() {
		f.Add(name + " 1")
		f.Add(name + " On")
	}
	for _, seed := range []string{
		`SecRule ARGS "@rx \x{ff}\xe4[a" "id:1"`, `SecRule ARGS "@restpath /a/{b}/{}" "id:1"`, `SecRule ARGS "@validateNid cl \d+" "id:1"`,
		`SecRule ARGS "@validateByteRange 1-2, 3" "id:1"`, "SecDataset a `\nb\n`\nSecRule ARGS \"@ipMatchFromDataset a\" \"id:1\"",
		`SecAction "id:1,ctl:ruleRemoveTargetById=1;ARGS:/a/,setenv:a=%{tx.b},initcol:ip=%{remote_addr}"`, `SecRule XML:/*|JSON:a "!" "id:1"`,
		`SecRule ARGS "@eq %{tx.a%{}" "id:1,msg:'%{args.a[1]}'"`, `SecAction "id:1,severity:8,maturity:0,status:x,skip:0,allow:phase"`,
	} {
		f.Add(seed)
	}
	f.Add("SecRule ARGS \"@rx \xff\" \"id:1\"")
	f.Fuzz(func(t *testing.T, text string) {
		ds, err := Load(nil, []Source{{Name: "fuzz", Text: text}})
		errs := Check(ds, Known{})
		lower := strings.ToLower(text)
		if err != nil || slices.ContainsFunc(notHere, func(word string) bool { return strings.Contains(lower, word) }) {
			return
		}
		o := observe(noFiles{}, text)
		switch {
		case len(errs) == 0 && o.err != nil:
			t.Fatalf("Check accepts what Coraza refuses: %v", o.err)
		case len(errs) > 0 && o.err == nil && !strings.Contains(errs[0].Msg, "panics on the request"):
			t.Fatalf("Check refuses what Coraza accepts: %v", errs[0])
		}
	})
}
