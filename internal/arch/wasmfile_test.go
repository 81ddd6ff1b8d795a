package arch

import (
	"encoding/binary"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// wasmModule is what the size test needs of a wasm binary.
type wasmModule struct {
	codeBytes int
	functions []wasmFunction
}

// wasmFunction is one function of the code section.
type wasmFunction struct {
	name  string // as the linker mangled it, or empty
	bytes int
}

// The sections of a wasm binary that are read here.
const (
	sectionCustom = 0
	sectionImport = 2
	sectionCode   = 10
)

var errWasm = errors.New("not a wasm binary as Go's linker writes it")

// wasmReader reads a wasm binary's numbers and strings. A read past the end
// leaves it empty and failed.
type wasmReader struct {
	rest   []byte
	failed bool
}

func (r *wasmReader) number() int {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || v > uint64(1<<31) {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return int(v)
}

func (r *wasmReader) bytes(n int) []byte {
	if n > len(r.rest) {
		r.failed, r.rest = true, nil
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *wasmReader) text() string { return string(r.bytes(r.number())) }

func parseModule(b []byte) (wasmModule, error) {
	if len(b) < 8 || string(b[:4]) != "\x00asm" {
		return wasmModule{}, errWasm
	}
	var m wasmModule
	imported := 0
	r := &wasmReader{rest: b[8:]}
	for len(r.rest) > 0 && !r.failed {
		kind := r.bytes(1)[0]
		section := &wasmReader{rest: r.bytes(r.number())}
		switch kind {
		case sectionImport:
			imported = countFunctionImports(section)
		case sectionCode:
			m.codeBytes = len(section.rest)
			m.functions = readFunctions(section)
		case sectionCustom:
			if section.text() == "name" {
				nameFunctions(section, m.functions, imported)
			}
		}
		r.failed = r.failed || section.failed
	}
	if r.failed || len(m.functions) == 0 {
		return wasmModule{}, errWasm
	}
	return m, nil
}

// countFunctionImports counts the imports; Go's linker imports functions only.
func countFunctionImports(r *wasmReader) int {
	n := r.number()
	for range n {
		r.text()
		r.text()
		if kind := r.bytes(1); len(kind) == 1 && kind[0] != 0 {
			r.failed = true
		}
		r.number()
	}
	return n
}

func readFunctions(r *wasmReader) []wasmFunction {
	functions := make([]wasmFunction, 0, 1<<14)
	for range r.number() {
		n := r.number()
		r.bytes(n)
		functions = append(functions, wasmFunction{bytes: n})
	}
	return functions
}

// nameFunctions fills in the names of subsection 1 of the name section.
func nameFunctions(r *wasmReader, functions []wasmFunction, imported int) {
	const functionNames = 1
	for len(r.rest) > 0 && !r.failed {
		kind := r.number()
		sub := &wasmReader{rest: r.bytes(r.number())}
		if kind != functionNames {
			continue
		}
		for range sub.number() {
			index, name := sub.number()-imported, sub.text()
			if index >= 0 && index < len(functions) {
				functions[index].name = name
			}
		}
	}
}

// Go's linker replaces what is no letter, digit or dot in a symbol, and writes
// a dot in the last element of an import path as %2e.
var mangled = regexp.MustCompile(`[^\w.]`)

func symbolPrefix(pkg string) string {
	dir, last := "", pkg
	if i := strings.LastIndexByte(pkg, '/'); i >= 0 {
		dir, last = pkg[:i+1], pkg[i+1:]
	}
	return mangled.ReplaceAllString(dir+strings.ReplaceAll(last, ".", "%2e"), "_")
}

// packageOf finds the package of a function by the longest symbol prefix that
// ends at a dot.
func packageOf(name string, bySymbol map[string]string) string {
	// A generic function carries its type's path in brackets, now underscores;
	// a method starts with its package all the same.
	for end := len(name); end > 0; end = strings.LastIndexByte(name[:end], '.') {
		if pkg, ok := bySymbol[name[:end]]; ok {
			return pkg
		}
	}
	return "(runtime glue and closures without a package)"
}

func TestSymbolsFindTheirPackage(t *testing.T) {
	packages := map[string]string{}
	for _, pkg := range []string{"runtime", "go.yaml.in/yaml/v3", "gopkg.in/yaml.v3", "tabard/engine"} {
		packages[symbolPrefix(pkg)] = pkg
	}
	for symbol, pkg := range map[string]string{
		"runtime.mallocgc":                   "runtime",
		"go.yaml.in_yaml_v3._decoder_.scan":  "go.yaml.in/yaml/v3",
		"gopkg.in_yaml_2ev3.Unmarshal":       "gopkg.in/yaml.v3",
		"tabard_engine._Exchange_.End.func1": "tabard/engine",
	} {
		require.Equal(t, pkg, packageOf(symbol, packages), symbol)
	}
}

func TestATruncatedModuleIsRefused(t *testing.T) {
	_, err := parseModule([]byte("\x00asm\x01\x00\x00\x00\x0a\xff"))
	require.ErrorIs(t, err, errWasm)
}
