// Command overlay writes the file for `go build -overlay` with which the
// filter is built, and which decides nothing but how much code every Envoy has
// to compile at its start.
//
// Two packages of Go's library come into the filter with Coraza for next to
// nothing. net/http is imported for two status constants and a status text, and
// brings TLS, X.509, HTTP/2 and big integers: 0.9 MB of code. encoding/json is
// imported for an audit format that the filter never uses: 0.25 MB. The overlay
// leaves of the first the file with the constants and puts two functions in the
// place of the second. Whatever else a package of the filter may come to need
// of them, the build fails.
//
//	overlay FILE
package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// jsonStub is what encoding/json is in the filter.
//
//go:embed json.go.txt
var jsonStub []byte

// statusFile is the file of net/http with the status codes and their texts. It
// imports nothing.
const statusFile = "status.go"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: overlay FILE")
		os.Exit(1)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "overlay:", err)
		os.Exit(1)
	}
}

// write makes the overlay, and beside it the file that it points to.
func write(file string) error {
	file, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	// Not named .go, or dist would be a package of this module.
	stub := strings.TrimSuffix(file, ".json") + "-json.go.txt"
	text, err := overlay(filepath.Join(strings.TrimSpace(string(root)), "src"), stub)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(stub, jsonStub, 0o644); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

// overlay replaces files of the library in src; an empty replacement means
// that there is no such file.
func overlay(src, stub string) ([]byte, error) {
	replace := map[string]string{}
	if err := drop(filepath.Join(src, "net", "http"), statusFile, replace); err != nil {
		return nil, err
	}
	delete(replace, filepath.Join(src, "net", "http", statusFile))
	if err := drop(filepath.Join(src, "encoding", "json"), "encode.go", replace); err != nil {
		return nil, err
	}
	replace[filepath.Join(src, "encoding", "json", "encode.go")] = stub
	return json.Marshal(map[string]any{"Replace": replace})
}

// drop leaves every Go file of a package out. The named one has to be there, or
// Go has moved what the overlay is about.
func drop(dir, named string, replace map[string]string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	for _, f := range files {
		if !strings.HasSuffix(f, "_test.go") {
			replace[f] = ""
		}
	}
	if _, ok := replace[filepath.Join(dir, named)]; !ok {
		return fmt.Errorf("%s has no %s: Go has moved what the filter needs of it", dir, named)
	}
	return nil
}
