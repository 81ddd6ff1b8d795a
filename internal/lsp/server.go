// Package lsp is a language server for the rules that judge HTTP exchanges: an
// editor gets the findings of the checks while a rule is written, what a word
// stands for, the way to a rule or marker that is named, and a lens that runs
// the tests beside a rule. It speaks the Language Server Protocol and looks at
// rules with the packages that tabard check and tabard test use.
package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sourcegraph/jsonrpc2"

	"tabard/internal/report"
)

// Options are what the server takes from its surroundings.
type Options struct {
	// Test runs the tests of a file and gives a line that sums them up, and what
	// was not as expected. Nil leaves the lens out.
	Test func(ctx context.Context, file string) (summary string, failures []report.Finding, err error)
	// Cache is a folder for copies of built-in rule files, which an editor can
	// open; empty for none.
	Cache string
	// FirstID and LastID are the ids for own rules, as for package lint.
	FirstID, LastID int
}

// Serve speaks with one client until it hangs up or ctx ends. The error is a
// connection that broke.
func Serve(ctx context.Context, connection io.ReadWriteCloser, o Options) error {
	s := &server{options: o, open: map[string]string{}, published: map[string][]string{}, timers: map[string]*time.Timer{}}
	handler := jsonrpc2.HandlerWithError(s.handle).SuppressErrClosed()
	// One request after the other: a change is there before the question that
	// follows it.
	conn := jsonrpc2.NewConn(ctx, jsonrpc2.NewBufferedStream(connection, jsonrpc2.VSCodeObjectCodec{}), handler)
	select {
	case <-conn.DisconnectNotify():
	case <-ctx.Done():
		_ = conn.Close()
	}
	s.stop()
	return nil
}

// server is the state of one connection.
type server struct {
	options Options
	encoding

	mu sync.Mutex
	// open are the texts of the documents that the editor has open, by file.
	open map[string]string
	// published are the files with diagnostics, by the folder they came from.
	published map[string][]string
	// timers are the folders that wait for their check.
	timers map[string]*time.Timer
	work   sync.WaitGroup
}

// checkDelay is how long the editor must be silent before a text is checked:
// shorter than a thought, longer than the gap between two keys.
const checkDelay = 200 * time.Millisecond

// handle answers one request or notification.
func (s *server) handle(ctx context.Context, c *jsonrpc2.Conn, r *jsonrpc2.Request) (any, error) {
	switch r.Method {
	case "initialize":
		return s.initialize(r)
	case "initialized", "$/setTrace", "$/cancelRequest", "workspace/didChangeConfiguration", "workspace/didChangeWatchedFiles":
		return nil, nil
	case "shutdown":
		return nil, nil
	case "exit":
		return nil, c.Close()
	case "workspace/executeCommand":
		return nil, s.execute(ctx, c, r)
	}
	var p documentParams
	if err := params(r, &p); err != nil {
		return nil, err
	}
	file := pathOf(p.TextDocument.URI)
	switch r.Method {
	case "textDocument/didOpen":
		s.set(file, p.TextDocument.Text)
		s.check(ctx, c, filepath.Dir(file))
	case "textDocument/didChange":
		if n := len(p.ContentChanges); n > 0 {
			s.set(file, p.ContentChanges[n-1].Text)
			s.later(ctx, c, filepath.Dir(file))
		}
	case "textDocument/didSave":
		s.check(ctx, c, filepath.Dir(file))
	case "textDocument/didClose":
		s.mu.Lock()
		delete(s.open, file)
		s.mu.Unlock()
	case "textDocument/hover":
		return s.hover(file, p.Position)
	case "textDocument/definition":
		return s.definition(file, p.Position)
	case "textDocument/codeLens":
		return s.lenses(file)
	case "textDocument/formatting":
		return s.format(file)
	default:
		return nil, &jsonrpc2.Error{Code: jsonrpc2.CodeMethodNotFound, Message: r.Method + " is not spoken here"}
	}
	return nil, nil
}

func params(r *jsonrpc2.Request, into any) error {
	if r.Params == nil {
		return &jsonrpc2.Error{Code: jsonrpc2.CodeInvalidParams, Message: r.Method + " needs parameters"}
	}
	if err := json.Unmarshal(*r.Params, into); err != nil {
		return &jsonrpc2.Error{Code: jsonrpc2.CodeInvalidParams, Message: err.Error()}
	}
	return nil
}

// testCommand is the command of the lens.
const testCommand = "tabard.test"

func (s *server) initialize(r *jsonrpc2.Request) (any, error) {
	var p initializeParams
	if err := params(r, &p); err != nil {
		return nil, err
	}
	name := "utf-16"
	for _, e := range p.Capabilities.General.PositionEncodings {
		if e == "utf-8" {
			s.utf8, name = true, e
		}
	}
	can := map[string]any{
		"positionEncoding":           name,
		"textDocumentSync":           map[string]any{"openClose": true, "change": syncFull, "save": true},
		"hoverProvider":              true,
		"definitionProvider":         true,
		"documentFormattingProvider": true,
	}
	if s.options.Test != nil {
		can["codeLensProvider"] = map[string]any{}
		can["executeCommandProvider"] = map[string]any{"commands": []string{testCommand}}
	}
	return map[string]any{"capabilities": can, "serverInfo": map[string]string{"name": "tabard"}}, nil
}

func (s *server) set(file, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[file] = text
}

// later checks a folder when the editor has been silent for a while.
func (s *server) later(ctx context.Context, c *jsonrpc2.Conn, dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.timers[dir]; t != nil && t.Stop() {
		s.work.Done()
	}
	s.work.Add(1)
	s.timers[dir] = time.AfterFunc(checkDelay, func() {
		defer s.work.Done()
		s.check(ctx, c, dir)
	})
}

// stop ends what is waiting and waits for what is running.
func (s *server) stop() {
	s.mu.Lock()
	for _, t := range s.timers {
		if t.Stop() {
			s.work.Done()
		}
	}
	s.mu.Unlock()
	s.work.Wait()
}

// execute runs the tests of a file, beside what the editor goes on to ask.
func (s *server) execute(ctx context.Context, c *jsonrpc2.Conn, r *jsonrpc2.Request) error {
	var p struct {
		Command   string   `json:"command"`
		Arguments []string `json:"arguments"`
	}
	if err := params(r, &p); err != nil {
		return err
	}
	if p.Command != testCommand || len(p.Arguments) != 1 || s.options.Test == nil {
		return &jsonrpc2.Error{Code: jsonrpc2.CodeInvalidParams, Message: "unknown command " + p.Command}
	}
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		s.test(ctx, c, p.Arguments[0])
	}()
	return nil
}

func (s *server) test(ctx context.Context, c *jsonrpc2.Conn, file string) {
	summary, failures, err := s.options.Test(ctx, file)
	say := message{messageInfo, summary}
	switch {
	case err != nil:
		say = message{messageError, err.Error()}
	case len(failures) > 0:
		say.Type = messageError
	}
	s.publish(ctx, c, "tests of "+file, failures)
	s.notify(ctx, c, "window/showMessage", say)
}

// notify sends a notification. One that does not reach a client that has hung
// up is not missed.
func (s *server) notify(ctx context.Context, c *jsonrpc2.Conn, method string, what any) {
	if err := c.Notify(ctx, method, what); err != nil && !errors.Is(err, jsonrpc2.ErrClosed) && ctx.Err() == nil {
		_ = c.Close()
	}
}

// isRules says whether a file holds rules, as opposed to tests.
func isRules(file string) bool { return strings.HasSuffix(file, ".conf") }
