package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sourcegraph/jsonrpc2"
	"github.com/stretchr/testify/require"

	"tabard/engine/seclang"
	"tabard/internal/report"
)

// editor is a client with a folder of its own.
type editor struct {
	*testing.T
	conn  *jsonrpc2.Conn
	dir   string
	heard chan note
	done  chan error
}

// note is a notification of the server.
type note struct {
	method string
	params json.RawMessage
}

// files are those of each test's folder.
var files = map[string]string{
	"10-a.conf":      "# é\nSecRule ARGS:q \"@rx x\" \"id:10,phase:2,deny,t:none,t:lowercase,ctl:ruleRemoveById=942100,skipAfter:END\"\nSecMarker END\n",
	"10-a.test.yaml": "rule_id: 10\ntests:\n- id: 1\n  stages:\n  - input: {uri: /}\n    output: {log: {no_expect_ids: [10]}}\n",
	"words.data":     "x\n",
	"b.conf":         "SecRule ARGS:q \"@pmFromFile words.data\" \"id:11,phase:2,pas,t:none\"\n",
}

// connect starts a server and an editor that talks with it.
func connect(t *testing.T, o Options, encodings ...string) editor {
	e := editor{T: t, dir: t.TempDir(), heard: make(chan note, 100), done: make(chan error, 1)}
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(e.dir, name), []byte(text), 0o644))
	}
	ours, theirs := net.Pipe()
	go func() { e.done <- Serve(context.Background(), theirs, o) }()
	hear := jsonrpc2.HandlerWithError(func(_ context.Context, _ *jsonrpc2.Conn, r *jsonrpc2.Request) (any, error) {
		e.heard <- note{r.Method, *r.Params}
		return nil, nil
	})
	e.conn = jsonrpc2.NewConn(context.Background(), jsonrpc2.NewBufferedStream(ours, jsonrpc2.VSCodeObjectCodec{}), hear)
	t.Cleanup(func() {
		_ = e.conn.Close()
		require.NoError(t, <-e.done)
	})
	var started map[string]any
	e.ask("initialize", map[string]any{"capabilities": map[string]any{"general": map[string]any{"positionEncodings": encodings}}}, &started)
	require.Contains(t, started, "capabilities")
	return e
}

func (e editor) ask(method string, params, answer any) {
	e.Helper()
	require.NoError(e, e.conn.Call(context.Background(), method, params, answer))
}

func (e editor) tell(method string, params any) {
	require.NoError(e, e.conn.Notify(context.Background(), method, params))
}

func (e editor) uri(name string) string { return uriOf(filepath.Join(e.dir, name)) }

func (e editor) open(name string) {
	e.tell("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": e.uri(name), "text": files[name]}})
}

// at names a place: the first byte of a text in a file.
func (e editor) at(name, text string) map[string]any {
	before, _, ok := strings.Cut(files[name], text)
	require.True(e, ok)
	line := strings.Count(before, "\n")
	return map[string]any{
		"textDocument": map[string]any{"uri": e.uri(name)},
		"position":     map[string]any{"line": line, "character": len(before) - strings.LastIndex(before, "\n") - 1},
	}
}

// diagnostics waits for those of a file.
func (e editor) diagnostics(name string) []diagnostic {
	for n := range e.heard {
		var p publishParams
		require.NoError(e, json.Unmarshal(n.params, &p))
		if n.method == "textDocument/publishDiagnostics" && p.URI == e.uri(name) {
			return p.Diagnostics
		}
	}
	return nil
}

func TestAMistakeIsShownAndGoesWhenItIsMended(t *testing.T) {
	e := connect(t, Options{})
	e.open("b.conf")
	found := e.diagnostics("b.conf")
	require.Len(t, found, 1)
	require.Equal(t, `unknown action "pas", did you mean "pass"?`, found[0].Message)
	require.Equal(t, severityError, found[0].Severity)
	require.Equal(t, "syntax", found[0].Code)
	require.Equal(t, textRange{position{0, 55}, position{0, 58}}, found[0].Range)
	e.tell("textDocument/didChange", map[string]any{
		"textDocument":   map[string]any{"uri": e.uri("b.conf")},
		"contentChanges": []map[string]any{{"text": strings.Replace(files["b.conf"], "pas,", "pass,", 1)}},
	})
	require.Empty(t, e.diagnostics("b.conf"))
	e.tell("textDocument/didClose", e.at("b.conf", "SecRule"))
	e.tell("textDocument/didSave", e.at("b.conf", "SecRule"))
	require.Len(t, e.diagnostics("b.conf"), 1, "the disk has the mistake still")
}

func TestCharactersAreCountedAsTheEditorDoes(t *testing.T) {
	line := "aé😀b"
	for name, c := range map[string]struct {
		e     encoding
		chars int
	}{"UTF-16": {encoding{}, 4}, "UTF-8": {encoding{utf8: true}, 7}} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.chars, c.e.character(line, 7))
			require.Equal(t, 7, c.e.offset(line, c.chars))
			require.Equal(t, len(line), c.e.offset(line, 99))
			require.Equal(t, 0, c.e.offset(line, 0))
		})
	}
}

func TestHoverSaysWhatAWordStandsFor(t *testing.T) {
	e := connect(t, Options{}, "utf-8")
	for text, want := range map[string]string{
		"ARGS:q":    "**ARGS** (variable): the arguments of the query and of the body, by name",
		"rx x":      "**rx** (operator): matches a value in which the regular expression is found: Go's syntax, \".\" takes line ends",
		"lowercase": "**lowercase** (transformation): makes small letters of capitals",
		"skipAfter": "**skipAfter** (action): goes on behind the marker of that name",
		"deny":      "**deny** (action): ends the exchange with the status of status, or 403",
	} {
		var got hover
		e.ask("textDocument/hover", e.at("10-a.conf", text), &got)
		require.Equal(t, want, got.Contents.Value)
	}
	var got *hover
	e.ask("textDocument/hover", e.at("10-a.conf", "é"), &got)
	require.Nil(t, got)
}

func TestHoverShowsTheRuleOfAnID(t *testing.T) {
	e := connect(t, Options{})
	var got hover
	e.ask("textDocument/hover", e.at("10-a.conf", "942100"), &got)
	require.Contains(t, got.Contents.Value, "**942100** (phase 2): SQL Injection Attack Detected via libinjection")
	require.Contains(t, got.Contents.Value, "```seclang\nSecRule REQUEST_COOKIES")
	e.ask("textDocument/hover", e.at("10-a.conf", "10,"), &got)
	require.Contains(t, got.Contents.Value, filepath.Join(e.dir, "10-a.conf")+":2")
}

func TestTheDefinitionOfWhatIsNamed(t *testing.T) {
	cache := t.TempDir()
	e := connect(t, Options{Cache: cache})
	require.NoError(t, os.WriteFile(filepath.Join(e.dir, "b.conf"), []byte(strings.Replace(files["b.conf"], "pas,", "pass,", 1)), 0o644))
	var got []location
	e.ask("textDocument/definition", e.at("10-a.conf", "END\""), &got)
	require.Equal(t, []location{{e.uri("10-a.conf"), textRange{position{2, 0}, position{2, 0}}}}, got)
	e.ask("textDocument/definition", e.at("10-a.conf", "942100"), &got)
	require.Len(t, got, 1)
	copied := pathOf(got[0].URI)
	require.True(t, strings.HasPrefix(copied, cache))
	text, err := os.ReadFile(copied)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(lineOf(string(text), got[0].Range.Start.Line), "SecRule REQUEST_COOKIES"))
	e.ask("textDocument/definition", e.at("b.conf", "words.data"), &got)
	require.Equal(t, e.uri("words.data"), got[0].URI)
	e.ask("textDocument/definition", e.at("10-a.conf", "deny"), &got)
	require.Empty(t, got)
}

func TestTheLensRunsTheTestsBesideARule(t *testing.T) {
	ran, failures := "", 1
	answer := func(file string) (string, []report.Finding, error) {
		return "1 failed", []report.Finding{{Check: "test", Level: report.Error, Pos: seclang.Position{File: file, Line: 6, Col: 36}, Message: "10 matched"}}, nil
	}
	e := connect(t, Options{Test: func(_ context.Context, file string) (string, []report.Finding, error) {
		ran = file
		return answer(file)
	}})
	var lenses []codeLens
	e.ask("textDocument/codeLens", e.at("10-a.conf", "#"), &lenses)
	require.Len(t, lenses, 1)
	require.Equal(t, "run 1 test", lenses[0].Command.Title)
	require.Equal(t, 1, lenses[0].Range.Start.Line)
	e.ask("textDocument/codeLens", e.at("b.conf", "SecRule"), &lenses)
	require.Empty(t, lenses)

	run := func() message {
		e.ask("workspace/executeCommand", map[string]any{"command": testCommand, "arguments": []string{filepath.Join(e.dir, "10-a.test.yaml")}}, nil)
		for n := range e.heard {
			var m message
			require.NoError(t, json.Unmarshal(n.params, &m))
			if n.method == "window/showMessage" {
				return m
			}
			var p publishParams
			require.NoError(t, json.Unmarshal(n.params, &p))
			require.Equal(t, e.uri("10-a.test.yaml"), p.URI)
			require.Len(t, p.Diagnostics, failures)
		}
		return message{}
	}
	require.Equal(t, message{messageError, "1 failed"}, run())
	require.Equal(t, filepath.Join(e.dir, "10-a.test.yaml"), ran)
	answer = func(string) (string, []report.Finding, error) { return "", nil, errors.New("no policy") }
	failures = 0 // those of the first run are taken back
	require.Equal(t, message{messageError, "no policy"}, run())
}

func TestADocumentIsLaidOut(t *testing.T) {
	e := connect(t, Options{})
	var edits []textEdit
	e.ask("textDocument/formatting", e.at("10-a.conf", "#"), &edits)
	require.Empty(t, edits)
	e.tell("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": e.uri("10-a.conf"), "text": "secmarker  A"}})
	e.ask("textDocument/formatting", e.at("10-a.conf", "#"), &edits)
	require.Equal(t, "SecMarker A\n", edits[0].NewText)
}

func TestWhatIsNotSpokenIsAnError(t *testing.T) {
	e := connect(t, Options{})
	err := e.conn.Call(context.Background(), "textDocument/rename", map[string]any{}, nil)
	require.ErrorContains(t, err, "textDocument/rename is not spoken here")
	err = e.conn.Call(context.Background(), "workspace/executeCommand", map[string]any{"command": "x"}, nil)
	require.ErrorContains(t, err, "unknown command x")
	err = e.conn.Call(context.Background(), "textDocument/hover", "text", nil)
	require.ErrorContains(t, err, "cannot unmarshal")
	e.ask("shutdown", nil, nil)
	e.tell("exit", nil)
	<-e.conn.DisconnectNotify()
}
