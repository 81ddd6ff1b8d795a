package e2e

import (
	"fmt"
	"os"
	"testing"
)

// TestMain stops the proxies that tests share after the last test.
func TestMain(m *testing.M) {
	code := m.Run()
	if err := stopKept(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}
