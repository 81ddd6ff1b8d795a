package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"tabard/internal/playground"
	"tabard/internal/playground/page"
)

var playgroundCommand = command{
	name:    "playground",
	summary: "a page in which rules and a request are judged while you type",
	help: `usage: tabard playground [flags] [FILE...]

Serves a page with rules on the left, a request on the right, and below them what
tabard check and tabard explain say. The engine runs inside of the page: no text
leaves it, and it asks for nothing from elsewhere. Ctrl-C ends the server.

A FILE is opened in the page: one that the page has shared
(.tabard-playground.json), rules (.conf), a policy (.yaml, .yml), or a request in
one of the formats that tabard replay reads, of which the first is taken.

  --listen ADDR   where to serve (default 127.0.0.1:0: any free port, this machine only)
  --open          show the page in the browser of this desktop
  --out FILE      write the page as one HTML file of about 5 MB, which opens in a
                  browser as it is, and serve nothing
  --module FILE   the engine; without it playground.wasm beside this program

Exit codes: 0 done; 1 not done.`,
	run: runPlayground,
}

// playgroundOptions are the flags.
type playgroundOptions struct {
	listen, out, module string
	open                bool
	files               []string
}

func parsePlayground(args []string) (playgroundOptions, error) {
	var o playgroundOptions
	f := newFlags("playground")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "")
	f.StringVar(&o.out, "out", "", "")
	f.StringVar(&o.module, "module", "", "")
	f.BoolVar(&o.open, "open", false, "")
	var err error
	if o.files, err = parse(f, args); err != nil {
		return o, err
	}
	if o.open && o.out != "" {
		return o, errors.New("--open goes with a served page, and --out serves none")
	}
	return o, nil
}

func runPlayground(args []string, io stdio) (int, error) {
	o, err := parsePlayground(args)
	if err != nil {
		return exitFail, err
	}
	p := page.Page{Small: o.out != ""}
	if p.Start, err = startCase(o.files); err != nil {
		return exitFail, err
	}
	if p.Engine, err = o.engine(); err != nil {
		return exitFail, err
	}
	var text bytes.Buffer
	if err := p.Write(&text); err != nil {
		return exitFail, err
	}
	if o.out == "" {
		return servePage(o, io, text.Bytes())
	}
	if err := os.WriteFile(o.out, text.Bytes(), 0o644); err != nil {
		return exitFail, err
	}
	_, err = fmt.Fprintf(io.out, "%s: %.1f MB, open it in a browser\n", o.out, float64(text.Len())/1e6)
	return exitOK, err
}

// engine reads the module.
func (o playgroundOptions) engine() ([]byte, error) {
	file := o.module
	if file == "" {
		file = besideProgram("playground.wasm")
	}
	code, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%w; make build makes the engine of the page, --module names another", err)
	}
	return code, nil
}

// startCase puts the files into the fields of the page; nil without files.
func startCase(files []string) (*playground.Case, error) {
	if len(files) == 0 {
		return nil, nil
	}
	start := playground.Examples()[0].Case
	for _, file := range files {
		if err := addFile(&start, file); err != nil {
			return nil, err
		}
	}
	return &start, nil
}

// addFile puts a file into its field; rules of several files go behind each
// other.
func addFile(c *playground.Case, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	switch kind := filepath.Ext(file); {
	case kind == ".conf":
		c.Rules += string(text)
		return nil
	case kind == ".yaml" || kind == ".yml":
		c.Policy = string(text)
		return nil
	case kind == ".json" && playground.IsCase(text):
		if *c, err = playground.ParseCase(text); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		return nil
	}
	entry, err := readEntry(file, bytes.NewReader(nil), "", 1)
	if err != nil {
		return err
	}
	if c.Request, err = playground.FormatRequest(entry.Request, entry.Body); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// pagePatience is how long a client may take for its head and for the page of
// 5 MB; who takes longer on this machine is no browser.
const pagePatience = 30 * time.Second

// servePage serves the page until Ctrl-C.
func servePage(o playgroundOptions, io stdio, text []byte) (int, error) {
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return exitFail, fmt.Errorf("--listen: %w", err)
	}
	address := listener.Addr().(*net.TCPAddr)
	url := "http://" + address.String() + "/"
	if address.IP.IsUnspecified() {
		url = fmt.Sprintf("http://localhost:%d/", address.Port)
	}
	if !address.IP.IsLoopback() {
		fmt.Fprintln(io.err, "tabard playground: other machines can read the page, and the files that were opened in it")
	}
	fmt.Fprintln(io.out, "the playground is at "+url)
	if o.open {
		if err := openBrowser(url); err != nil {
			fmt.Fprintln(io.err, "tabard playground: no browser was opened:", err)
		}
	}
	server := &http.Server{Handler: pageHandler(text, address.IP.IsLoopback()), ReadHeaderTimeout: pagePatience, WriteTimeout: pagePatience}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return exitFail, err
	}
	return exitOK, nil
}

// openBrowser asks the desktop to show a page.
func openBrowser(url string) error {
	opener := map[string][]string{"darwin": {"open"}, "windows": {"rundll32", "url.dll,FileProtocolHandler"}}[runtime.GOOS]
	if opener == nil {
		opener = []string{"xdg-open"}
	}
	return exec.Command(opener[0], append(opener[1:], url)...).Start()
}

// pageHandler serves the page at /. One that is for this machine only is not
// given under another name: a site whose name points here (DNS rebinding) could
// read the files in it.
func pageHandler(text []byte, local bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if local && !isLocal(r.Host) {
			http.Error(w, "this page is for localhost", http.StatusForbidden)
			return
		}
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", page.SecurityPolicy()+"; frame-ancestors 'none'")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
	})
}

// isLocal says whether a Host header names this machine by loopback.
func isLocal(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}
