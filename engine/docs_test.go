package engine_test

import (
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/engine/jwt/jwttest"
	"tabard/rules"
)

// example is a policy that a page shows.
type example struct{ place, text string }

// The two ways in which pages show a policy: behind a fence, or four spaces in
// and beginning with one of its keys.
var (
	fenced   = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")
	indented = regexp.MustCompile(`(?m)(?:^    .*\n)+`)
	aKey     = regexp.MustCompile(`^[a-z_]+:(\s|$)`)
)

// examples finds the policies of a page.
func examples(page, text string) (out []example) {
	for _, m := range fenced.FindAllStringSubmatch(text, -1) {
		out = append(out, example{page, m[1]})
	}
	for _, block := range indented.FindAllString(fenced.ReplaceAllString(text, ""), -1) {
		if block = regexp.MustCompile(`(?m)^    `).ReplaceAllString(block, ""); aKey.MatchString(block) {
			out = append(out, example{page, block})
		}
	}
	return out
}

// standIns are the files that examples name.
type standIns struct{}

// Open implements fs.FS.
func (standIns) Open(name string) (fs.File, error) {
	text := "192.0.2.1\n"
	switch filepath.Ext(name) {
	case ".txt", ".mmdb":
	case ".json":
		text = jwttest.KeySet(jwttest.NewSigner("a"))
	case ".csv":
		text = "ip,confidence,kind,until\n192.0.2.1,3,scanner,\n"
	default:
		return nil, fs.ErrNotExist
	}
	return fstest.MapFS{name: {Data: []byte(text)}}.Open(name)
}

func TestPoliciesInTheDocumentationAreGood(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	found := map[string]int{}
	for _, page := range append(pages, "../README.md", "../RATIONALE.md", "../envoy/README.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, x := range examples(page, string(text)) {
			found[filepath.Base(page)]++
			p, err := engine.ParsePolicy(page, []byte(x.text))
			require.NoError(t, err, "%s\n%s", page, x.text)
			_, err = engine.New(p, rules.Overlay(standIns{}), engine.WithLateScreener(),
				engine.WithGeo(func(netip.Addr) engine.Geo { return engine.Geo{} }),
				engine.WithDatabases(func(data string) (string, error) { return data, nil }))
			require.NoError(t, err, "%s\n%s", page, x.text)
			_, err = engine.ParsePolicy(page, []byte(strings.Replace(x.text, ":", "x:", 1)))
			require.Error(t, err, "a mistake in it would be found")
		}
	}
	require.GreaterOrEqual(t, found["addresses.md"], 3)
	require.GreaterOrEqual(t, found["README.md"], 2)
}
