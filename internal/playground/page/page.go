// Package page writes the page of the playground: one HTML file with the
// engine inside, in which an HTTP exchange's request is judged without any
// server.
package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"

	"tabard/internal/playground"
)

//go:embed page.html.tmpl
var pageText string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageScript string

//go:embed worker.js
var workerScript string

var parts = template.Must(template.New("page").Parse(pageText))

// Page is what a page is made of.
type Page struct {
	// Engine is the module dist/playground.wasm.
	Engine []byte
	// Start is what the page shows first; nil stands for the first example.
	Start *playground.Case
	// Small takes a second longer to write the page and saves a fifth of it.
	Small bool
}

// SecurityPolicy is the page's Content-Security-Policy: no host, no frame
// inside, no script and no style but its own, by their hashes. The engine is
// WebAssembly, and its worker is made of a text of the page.
func SecurityPolicy() string {
	return "default-src 'none'; img-src data:; style-src '" + hashOf(pageCSS) + "'; script-src '" + hashOf(pageScript) +
		"' 'wasm-unsafe-eval'; worker-src blob:; base-uri 'none'; form-action 'none'"
}

func hashOf(text string) string {
	hash := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(hash[:])
}

// editor is a text field.
type editor struct{ ID, Title, What string }

var editors = []editor{
	{"rules", "Rules", "SecLang of your own, before CRS; may be empty"},
	{"request", "Request", "the head, an empty line, the body"},
	{"policy", "Policy", "what runs the rules"},
}

// data is what the script gets. Its keys are read by page.js.
type data struct {
	Version  int                  `json:"version"`
	Suffix   string               `json:"suffix"`
	Worker   string               `json:"worker"`
	Examples []playground.Example `json:"examples"`
	Start    playground.Case      `json:"start"`
	First    bool                 `json:"first"` // Start is the first example
}

// view is what the templates get.
type view struct {
	Policy  string
	CSS     template.CSS
	Script  template.JS
	Editors []editor
	Data    data
}

// Write writes the page, which needs nothing else. The error is that of w.
func (p Page) Write(w io.Writer) error {
	examples := playground.Examples()
	d := data{playground.FileVersion, playground.Suffix, workerScript, examples, examples[0].Case, p.Start == nil}
	if p.Start != nil {
		d.Start = *p.Start
	}
	v := view{SecurityPolicy(), template.CSS(pageCSS), template.JS(pageScript), editors, d}
	if err := parts.ExecuteTemplate(w, "head", v); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	// Between the templates, because they are no place for megabytes.
	engine := base64.StdEncoding.EncodeToString(p.compressed())
	if _, err := io.WriteString(w, `<script type="application/octet-stream" id="engine">`+engine+"</script>\n"); err != nil {
		return err
	}
	return parts.ExecuteTemplate(w, "foot", v)
}

// compressed is the engine as the page takes it.
func (p Page) compressed() []byte {
	level := gzip.BestSpeed
	if p.Small {
		level = gzip.BestCompression
	}
	var b bytes.Buffer
	// The level is a known one, and a bytes.Buffer fails no write.
	z, _ := gzip.NewWriterLevel(&b, level)
	_, _ = z.Write(p.Engine)
	_ = z.Close()
	return b.Bytes()
}
