// Command overlay writes the file for `go build -overlay` with which the
// filter is built, and which decides nothing but how much code every Envoy has
// to compile at its start.
//
// Coraza imports net/http for two status constants and one status text; with
// it come TLS, X.509, HTTP/2 and big integers, 0.9 MB of code in all. The
// overlay leaves of net/http the file that has them, status.go. Should a
// package of the filter ever need more of net/http, the build fails.
//
//	overlay FILE
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// kept is the file of net/http with the status codes and their texts. It
// imports nothing.
const kept = "status.go"

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

func write(file string) error {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	text, err := overlay(filepath.Join(strings.TrimSpace(string(root)), "src", "net", "http"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

// overlay removes each Go file of a package but the kept one: an empty
// replacement means that there is no such file.
func overlay(dir string) ([]byte, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	replace := map[string]string{}
	for _, f := range files {
		if filepath.Base(f) != kept && !strings.HasSuffix(f, "_test.go") {
			replace[f] = ""
		}
	}
	if len(replace) == len(files) || len(replace) == 0 {
		return nil, fmt.Errorf("%s has no %s: Go has moved it, look where its status codes are", dir, kept)
	}
	return json.Marshal(map[string]any{"Replace": replace})
}
