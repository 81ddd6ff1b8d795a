package arch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxCodeBytes is the size that the filter's code section may have. Envoy
// compiles all of it before its first request, about one CPU second for each
// megabyte, on every start of every Envoy. The engine with its fast path had
// 6,423,823 bytes; the detectors, with the checker of API descriptions (93 KB)
// and the fetching of feeds (59 KB), may add one megabyte.
const maxCodeBytes = 6_423_823 + 1_000_000

// unwanted are packages that the filter may not link, with what to use instead.
// Each was seen in an ordinary build of Coraza, which Envoy needs 14 s to start.
var unwanted = map[string]string{
	"google.golang.org/protobuf":      "it comes with Coraza's OCSF audit log; build with the tag tinygo",
	"github.com/kaptinlin/jsonschema": "it comes with Coraza's @validateSchema; build with the tag tinygo",
	"github.com/kaptinlin/go-i18n":    "it comes with jsonschema",
	"github.com/goccy/go-json":        "encoding/json is linked already",
	"github.com/goccy/go-yaml":        "go.yaml.in/yaml/v3 is linked already",
	"github.com/invopop/jsonschema":   "the schema is generated natively, by make generate",
	"github.com/stretchr/testify":     "it is for tests",
	"github.com/tetratelabs/wazero":   "it is for tests",
	"github.com/valllabh/ocsf-schema": "it comes with Coraza's OCSF audit log; build with the tag tinygo",
	"golang.org/x/text":               "it comes with jsonschema",
	"github.com/andybalholm/brotli":   "the filter refuses br: see RATIONALE.md",
	"crypto/tls":                      "build with the overlay of tools/overlay",
	"crypto/ecdsa":                    "engine/jwt verifies with less code: see RATIONALE.md",
	"crypto/rsa":                      "engine/jwt verifies with less code: see RATIONALE.md",
	"github.com/go-jose/go-jose":      "engine/jwt verifies with less code: see RATIONALE.md",
	"net/http/internal":               "build with the overlay of tools/overlay",
	"crypto/x509":                     "build with the overlay of tools/overlay",
	"log/syslog":                      "there is no socket in a filter; the audit line goes to Envoy's log",
	"testing":                         "it is for tests",
	"html/template":                   "a block response is not worth 1 MB of code",
	"text/template":                   "a block response is not worth 1 MB of code",
	"go/ast":                          "it is for tests",
	"database/sql":                    "nothing in a filter opens one",
	"github.com/oschwald/maxminddb":   "databases are read natively; in Envoy its geoip filter does",
	"github.com/maxmind/mmdbwriter":   "it is for tests",
	"github.com/fsnotify/fsnotify":    "there is no file to watch in a filter",
	"github.com/mccutchen/go-httpbin": "it is for tests",
	"github.com/schollz/progressbar":  "it is for a terminal",
	"github.com/rogpeppe/go-internal": "it is for tests",
}

func TestFilterLinksNothingItDoesNotNeed(t *testing.T) {
	for _, pkg := range filterPackages(t) {
		for prefix, instead := range unwanted {
			if pkg == prefix || strings.HasPrefix(pkg, prefix+"/") || strings.HasPrefix(pkg, prefix+"-") {
				t.Errorf("the filter links %s: %s", pkg, instead)
			}
		}
	}
}

// The size by package is printed, so that a change shows what it costs:
//
//	go test -count=1 -v -run Size ./internal/arch
func TestFilterCodeSizeIsWithinItsLimit(t *testing.T) {
	out := filepath.Join(t.TempDir(), "filter.wasm")
	// Without -s the linker keeps the function names, from which the sizes by
	// package follow; the code section is the same.
	args := []string{"build", "-overlay", overlay(t), "-trimpath", "-ldflags=-w", "-buildmode=c-shared", "-o", out}
	cold, err := makefileLine("COLD := ")
	require.NoError(t, err)
	for _, pkg := range strings.Fields(cold) {
		args = append(args, "-gcflags="+pkg+"=-l")
	}
	wasmGo(t, append(args, "./filter/wasm")...)
	binary, err := os.ReadFile(out)
	require.NoError(t, err)
	module, err := parseModule(binary)
	require.NoError(t, err)
	t.Logf("code section: %d bytes of %d allowed\n%s", module.codeBytes, maxCodeBytes, sizeTable(module, filterPackages(t)))
	require.LessOrEqual(t, module.codeBytes, maxCodeBytes,
		"the filter's code section has outgrown what Envoy compiles in time; the table above says what grew")
}

func filterPackages(t *testing.T) []string {
	return strings.Fields(wasmGo(t, "list", "-overlay", overlay(t), "-deps", "./filter/wasm"))
}

// overlay writes the file that the Makefile builds the filter with.
func overlay(t *testing.T) string {
	file := filepath.Join(t.TempDir(), "overlay.json")
	goCommand(t, nil, "run", "./tools/overlay", file)
	return file
}

// wasmGo runs the go command as the Makefile does for the filter.
func wasmGo(t *testing.T, args ...string) string {
	t.Helper()
	tags, err := makefileLine("TAGS := ")
	require.NoError(t, err)
	return goCommand(t, []string{"GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=-buildvcs=false -tags=" + tags + ",tinygo"}, args...)
}

// goCommand runs the go command in the root and returns what it prints.
func goCommand(t *testing.T, env []string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = root()
	cmd.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "go %s: %s", strings.Join(args, " "), &stderr)
	return string(out)
}

// makefileLine reads what stands behind a word in the Makefile.
func makefileLine(start string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root(), "Makefile"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, start); ok {
			return strings.TrimSpace(rest), nil
		}
	}
	return "", fmt.Errorf("Makefile has no line that starts with %q", start)
}

// sizeTable adds the functions' sizes up by package, the largest first.
func sizeTable(m wasmModule, packages []string) string {
	bySymbol := map[string]string{}
	for _, pkg := range packages {
		bySymbol[symbolPrefix(pkg)] = pkg
	}
	sums := map[string]int{}
	for _, fn := range m.functions {
		sums[packageOf(fn.name, bySymbol)] += fn.bytes
	}
	type row struct {
		name  string
		bytes int
	}
	var rows []row
	for name, bytes := range sums {
		rows = append(rows, row{name, bytes})
	}
	slices.SortFunc(rows, func(a, b row) int { return b.bytes - a.bytes })
	var table strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&table, "%9d  %s\n", r.bytes, r.name)
	}
	return table.String()
}
