package seclang

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/stretchr/testify/require"
)

func TestTheTableOfCRSIsWhatTheObserverSees(t *testing.T) {
	o := observe(coreruleset.FS, everything)
	require.NoError(t, o.err)
	table, errs := Parse(crs(t), Known{})
	require.Empty(t, errs)
	require.Empty(t, table.Unmodelled)
	require.Len(t, table.Rules, len(o.rules))
	links := 0
	for i, r := range table.Rules {
		seen := o.rules[i]
		require.Equal(t, seen.ID(), r.ID)
		require.Equal(t, int(seen.Phase()), r.Phase, "rule %d", r.ID)
		require.Equal(t, seen.SecMark(), r.Marker)
		require.Equal(t, seen.Severity().Int(), r.Severity, "rule %d", r.ID)
		require.Equal(t, strings.Join(seen.Tags(), "\n"), strings.Join(r.Tags, "\n"), "rule %d", r.ID)
		require.Equal(t, seen.Revision(), r.Rev)
		require.Equal(t, seen.Version(), r.Ver)
		require.Equal(t, seen.Maturity(), r.Maturity)
		require.Equal(t, seen.Accuracy(), r.Accuracy)
		if r.Marker == "" {
			// The observer is called before the links of a chain arrive.
			require.Equal(t, seen.Raw(), r.Directive.Raw)
		}
		require.Equal(t, r.HasChain, len(r.Chain) > 0, "rule %d", r.ID)
		links += len(r.Chain)
	}
	t.Logf("%d rules and markers, %d more links in chains, %d settings", len(table.Rules), links, len(table.Settings))
}

// paranoid makes CRS run most of its rules.
const paranoid = "Include @coraza.conf-recommended\nInclude @crs-setup.conf.example\n" +
	`SecAction "id:1,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level=4"` + "\nInclude @owasp_crs/*.conf"

func TestTheTargetsAndOperatorsOfCRSAreThoseThatCorazaEvaluates(t *testing.T) {
	o := observe(coreruleset.FS, paranoid)
	require.NoError(t, o.err)
	play(o.waf)
	ds, err := Load(coreruleset.FS, []Source{{Name: "policy", Text: paranoid}})
	require.NoError(t, err)
	table, errs := Parse(ds, Known{})
	require.Empty(t, errs)
	rules := map[string]*Rule{}
	for _, r := range table.Rules {
		rules[fmt.Sprint(r.ID)] = r
	}
	seen := map[string]bool{}
	for _, e := range o.log.evaluations {
		r := rules[e.rule]
		require.NotNil(t, r, e)
		ok := slices.ContainsFunc(append([]*Link{&r.Link}, r.Chain...), func(l *Link) bool { return evaluates(l, e) })
		require.True(t, ok, "%+v", e)
		seen[e.rule] = true
	}
	t.Logf("%d evaluations of %d rules", len(o.log.evaluations), len(seen))
	require.Greater(t, len(seen), 200)
}

// evaluates says whether a link has the operator and a variable of an evaluation.
func evaluates(l *Link, e evaluation) bool {
	if l.Operator == nil || e.data != l.Operator.Arg || e.function != map[bool]string{true: "!@", false: "@"}[l.Operator.Negated]+l.Operator.Name {
		return false
	}
	return slices.ContainsFunc(l.Targets, func(target Target) bool { return target.Variable == e.variable })
}

func TestCheckHasNothingAgainstCRS(t *testing.T) {
	require.Empty(t, Check(crs(t), Known{Files: coreruleset.FS}))
}

// corazaSource gives the folder of Coraza's source in the module cache.
func corazaSource(t *testing.T) string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/corazawaf/coraza/v3").Output()
	if err != nil {
		t.Skip("the source of Coraza is not at hand: ", err)
	}
	return strings.TrimSpace(string(out))
}

// namesIn collects the first group of an expression over the Go files of a folder.
func namesIn(t *testing.T, dir, expr string) []string {
	files, err := fs.Glob(os.DirFS(dir), "*.go")
	require.NoError(t, err)
	var out []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(expr).FindAllStringSubmatch(string(text), -1) {
			out = append(out, m[1])
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestTheWordsAreThoseOfCoraza(t *testing.T) {
	dir := filepath.Join(corazaSource(t), "internal")
	lower := func(names []string) (out []string) {
		for _, name := range names {
			out = append(out, strings.ToLower(name))
		}
		slices.Sort(out)
		return out
	}
	var actions, variables []string
	for _, a := range Actions {
		actions = append(actions, a.Name)
	}
	for _, v := range Variables {
		variables = append(variables, v.Name)
	}
	const register = `\tRegister\("(\w+)"`
	require.Equal(t, lower(namesIn(t, dir+"/actions", register)), lower(actions))
	require.Equal(t, lower(namesIn(t, dir+"/operators", register)), lower(Operators))
	require.ElementsMatch(t, namesIn(t, dir+"/operators", register), Operators)
	require.Equal(t, lower(namesIn(t, dir+"/transformations", register)), lower(Transformations))
	require.Equal(t, namesIn(t, dir+"/variables", `\t"([A-Z_]+)": `), variables)
	require.Equal(t, append([]string{"include"}, namesIn(t, dir+"/seclang", `\t"(\w+)": +directive`)...), lower(Directives()))
	require.Equal(t, namesIn(t, dir+"/actions", `case "(\w+)":\n\t\tact = `), ctlOptions)
}

func TestTheKindsAndSelectorsAreThoseOfCoraza(t *testing.T) {
	for _, v := range Variables {
		o := observe(nil, `SecRule `+v.Name+`:x "@rx x" "id:1"`)
		require.Equal(t, v.Selectable, o.err == nil, v.Name)
	}
	kinds := map[string]ActionKind{"Metadata": Metadata, "Disruptive": Disruptive, "Data": Data, "Nondisruptive": Nondisruptive, "Flow": Flow}
	dir := filepath.Join(corazaSource(t), "internal", "actions")
	for _, a := range Actions {
		text, err := os.ReadFile(filepath.Join(dir, strings.ToLower(a.Name)+".go"))
		require.NoError(t, err)
		m := regexp.MustCompile(`return plugintypes\.ActionType(\w+)`).FindSubmatch(text)
		require.Equal(t, kinds[string(m[1])], a.Kind, a.Name)
	}
}
