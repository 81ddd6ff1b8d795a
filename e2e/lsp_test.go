package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// editor speaks with a tabard that an editor has started.
type editor struct {
	*testing.T
	in  io.WriteCloser
	out *bufio.Reader
}

func (e editor) send(message map[string]any) {
	message["jsonrpc"] = "2.0"
	text, err := json.Marshal(message)
	require.NoError(e, err)
	_, err = fmt.Fprintf(e.in, "Content-Length: %d\r\n\r\n%s", len(text), text)
	require.NoError(e, err)
}

// receive reads messages up to one that has all of the texts in it.
func (e editor) receive(texts ...string) {
	for {
		length := 0
		for {
			line, err := e.out.ReadString('\n')
			require.NoError(e, err)
			if line = strings.TrimSpace(line); line == "" {
				break
			}
			if n, ok := strings.CutPrefix(line, "Content-Length: "); ok {
				length, err = strconv.Atoi(n)
				require.NoError(e, err)
			}
		}
		text := make([]byte, length)
		_, err := io.ReadFull(e.out, text)
		require.NoError(e, err)
		if !slices.ContainsFunc(texts, func(want string) bool { return !strings.Contains(string(text), want) }) {
			return
		}
	}
}

func TestTheLanguageServerOfTheProgram(t *testing.T) {
	dir := t.TempDir()
	write := exec.Command(program(t), "new", "rule", "--dir", dir, "json-depth")
	require.NoError(t, write.Run())
	file := filepath.Join(dir, "1000-json-depth.conf")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	uri := (&url.URL{Scheme: "file", Path: file}).String()

	cmd := exec.Command(program(t), "lsp")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	e := editor{t, in, bufio.NewReader(out)}

	e.send(map[string]any{"id": 1, "method": "initialize", "params": map[string]any{"capabilities": map[string]any{}}})
	e.receive(`"id":1`, `"hoverProvider":true`)
	e.send(map[string]any{"method": "initialized", "params": map[string]any{}})
	broken := strings.Replace(string(text), "deny", "deni", 1)
	e.send(map[string]any{"method": "textDocument/didOpen", "params": map[string]any{"textDocument": map[string]any{"uri": uri, "languageId": "seclang", "version": 1, "text": broken}}})
	e.receive(`textDocument/publishDiagnostics`, `did you mean \"deny\"?`)
	e.send(map[string]any{"id": 2, "method": "textDocument/codeLens", "params": map[string]any{"textDocument": map[string]any{"uri": uri}}})
	e.receive(`"id":2`, `"title":"run 2 tests"`)
	tests := strings.TrimSuffix(file, ".conf") + ".test.yaml"
	e.send(map[string]any{"id": 3, "method": "workspace/executeCommand", "params": map[string]any{"command": "tabard.test", "arguments": []string{tests}}})
	e.receive(`window/showMessage`, `2 passed`)
	e.send(map[string]any{"id": 4, "method": "shutdown"})
	e.receive(`"id":4`)
	e.send(map[string]any{"method": "exit"})
	require.NoError(t, cmd.Wait())
}
