package e2e

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// commands are the programs that the scripts below testdata/cli may call, each
// run by this test binary itself.
var commands = map[string]func(){}

func TestMain(m *testing.M) { testscript.Main(stopping{m}, commands) }

// stopping stops the proxies that tests share after the last test.
type stopping struct{ *testing.M }

func (s stopping) Run() int {
	code := s.M.Run()
	if err := stopKept(); err != nil && code == 0 {
		println(err.Error())
		code = 1
	}
	return code
}
