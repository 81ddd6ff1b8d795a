package arch

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// direction says what the packages below a folder may import of this module.
// The first entry that holds a package decides, so the narrow ones come first.
type direction struct {
	folder string
	may    []string
	tests  []string // what their tests may import besides
}

var directions = []direction{
	{"envoy", nil, nil},
	{"rules", nil, []string{"engine", "internal"}},
	// Detectors are pure functions: bytes in, findings out.
	{"engine/jwt", []string{"engine/ijson"}, nil},
	{"engine/mime", nil, nil},
	{"engine/ipset", nil, nil},
	{"engine", []string{"engine"}, []string{"rules", "internal"}},
	{"filter/wasm", []string{"filter", "engine", "rules"}, nil},
	{"filter/abi", []string{"filter", "engine"}, nil},
	{"filter", []string{"filter", "engine"}, []string{"rules", "internal"}},
	// A proxy of our own for the module: it speaks of the filter's names.
	{"internal/wasmhost", []string{"engine", "filter", "internal"}, []string{"rules"}},
	{"internal", []string{"engine", "internal", "rules"}, nil},
	// tabard test --runner envoy runs the tests as e2e does.
	{"cmd", []string{"cmd", "e2e/envoyrun", "engine", "internal", "rules"}, nil},
	{"e2e", []string{"e2e", "engine", "envoy", "filter", "internal", "rules"}, nil},
	{"tools", []string{"e2e", "engine", "filter", "internal", "rules", "tools"}, nil},
}

func TestImportsPointOneWay(t *testing.T) {
	for _, f := range tree(t) {
		d, ok := directionOf(f.pkg)
		if !ok {
			t.Errorf("%s: no direction is set for this folder; add it to directions here and to the design", f.path)
			continue
		}
		may := d.may
		if f.test {
			may = append([]string{d.folder}, append(d.tests, d.may...)...)
		}
		for _, imported := range f.imports {
			if pkg, ours := own(imported); ours && !within(pkg, may...) {
				t.Errorf("%s imports %s; %s may import only %v", f.path, imported, d.folder, may)
			}
		}
	}
}

func directionOf(pkg string) (direction, bool) {
	for _, d := range directions {
		if within(pkg, d.folder) {
			return d, true
		}
	}
	return direction{}, false
}

// A door is an import that only some folders may have.
type door struct {
	prefix string
	only   []string
	tests  bool // tests may have it, too
	why    string
}

// testSupport are packages that only tests import.
var testSupport = []string{"filter/filtertest", "internal/mmdb/mmdbtest", "e2e", "engine/screen/difftest", "engine/screen/dfa/rxtest"}

var doors = []door{
	{"unsafe", []string{"filter/abi"}, true, "what breaks Go's rules is in one place"},
	{"github.com/proxy-wasm", []string{"filter/abi"}, false, "a change of SDK touches one package"},
	{"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes", []string{"engine"}, true, "they are types without effect"},
	{"github.com/corazawaf/coraza/v3/experimental/plugins", []string{"engine/operators", "engine/trace"}, true, "what changes Coraza for the whole process is in one place"},
	{"github.com/corazawaf/coraza/v3", []string{"engine"}, true, "the engine is the only one that knows Coraza"},
	{"github.com/tetratelabs/wazero", []string{"internal/wasmhost"}, false, "wasm outside Envoy runs in one place"},
	{"github.com/stretchr/testify", testSupport, true, "it is for tests"},
	{"testing", testSupport, true, "it is for tests"},
	{"github.com/oschwald/maxminddb-golang", []string{"internal/mmdb"}, false, "databases are read in one place, and not in the filter"},
	{"github.com/maxmind/mmdbwriter", []string{"internal/mmdb/mmdbtest"}, false, "it is for tests"},
	{"github.com/gopacket", []string{"internal/capture"}, true, "packets are read in one place"},
	{"net/http", []string{"cmd", "internal", "e2e", "tools"}, true, "the engine opens no socket, and net/http would double the filter"},
	{"os", []string{"cmd", "internal", "e2e", "tools", "filter/wasm", "rules", "engine/screen/gate/gen", "engine/screen/gate/internal", "engine/screen/difftest"}, true, "the engine opens no file"},
}

func TestEachDoorIsInItsPlace(t *testing.T) {
	for _, f := range tree(t) {
		for _, imported := range f.imports {
			for _, d := range doors {
				if !within(imported, d.prefix) {
					continue
				}
				if !within(f.pkg, d.only...) && !(f.test && d.tests) {
					t.Errorf("%s imports %s, which only %v may, because %s", f.path, imported, d.only, d.why)
				}
				break // the narrow doors come first
			}
		}
	}
}

func TestDetectorsDoNotKnowCoraza(t *testing.T) {
	for _, f := range tree(t) {
		if !within(f.pkg, "engine/jwt", "engine/mime", "engine/ipset", "engine/seclang") || f.test {
			continue
		}
		for _, imported := range f.imports {
			if strings.Contains(imported, "coraza") {
				t.Errorf("%s imports %s; a detector gets bytes and returns findings", f.path, imported)
			}
		}
	}
}

// The binary has no use for the host's interface, and a build that links it
// would not start: its imports exist inside a proxy only.
func TestCommandNeverLinksProxyWasm(t *testing.T) {
	graph := map[string][]string{}
	for _, f := range tree(t) {
		if !f.test {
			graph[f.pkg] = append(graph[f.pkg], f.imports...)
		}
	}
	var walk func(pkg string, way []string) error
	seen := map[string]bool{}
	walk = func(pkg string, way []string) error {
		if seen[pkg] {
			return nil
		}
		seen[pkg] = true
		for _, imported := range graph[pkg] {
			if strings.HasPrefix(imported, "github.com/proxy-wasm/") {
				return fmt.Errorf("%s links %s", strings.Join(append(way, pkg), " -> "), imported)
			}
			if next, ours := own(imported); ours {
				if err := walk(next, append(way, pkg)); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for pkg := range graph {
		if within(pkg, "cmd") {
			require.NoError(t, walk(pkg, nil))
		}
	}
}

// tagged are the packages with a choice that no file name can say: they follow
// Coraza's own build tags (the reduced build has no brotli), or load atomically
// where there are threads.
var tagged = []string{"engine/coding", "engine/operators", "engine/screen/bodies", "engine/screen/dfa"}

// The file suffix is the build constraint: nothing hides behind a comment.
func TestOnlyTheFilterIsBuiltForWasm(t *testing.T) {
	for _, f := range tree(t) {
		if strings.HasSuffix(f.path, "_wasip1.go") && !within(f.pkg, "filter/abi", "filter/wasm", "e2e/breaking", "tools/bench/headers", "internal/playground/wasm") {
			t.Errorf("%s is built for wasm; only filter/abi and the programs that Envoy or a page loads are", f.path)
		}
		for _, group := range f.ast.Comments {
			for _, c := range group.List {
				if strings.HasPrefix(c.Text, "//go:build") && c.Pos() < f.ast.Package && !within(f.pkg, tagged...) {
					t.Errorf("%s: %s; say it by the file's suffix", f.path, c.Text)
				}
			}
		}
	}
}
