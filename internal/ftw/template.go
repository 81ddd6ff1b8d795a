package ftw

import (
	"errors"
	"strings"
	"sync"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"go.yaml.in/yaml/v3"
)

// defaultInput is what the format says of keys that are left out.
var defaultInput = Input{
	DestAddr: "localhost", Port: 80, Protocol: "http",
	Method: "GET", URI: "/", Version: "HTTP/1.1", AutocompleteHeaders: true,
}

// Template is the request of v3 tests, in which the payload has a place. A nil
// field is left out.
type Template struct {
	DestAddr, Protocol, Method, URI, Version, Data *string
	Port                                           *int
	Headers                                        []Header
	AutocompleteHeaders                            *bool
}

func (r *reader) template(n *yaml.Node) (t Template) {
	r.object(n, "template", fields{
		"dest_addr": intoNew(&t.DestAddr, r.text), "port": intoNew(&t.Port, r.number), "protocol": intoNew(&t.Protocol, r.text),
		"method": intoNew(&t.Method, r.text), "uri": intoNew(&t.URI, r.text), "version": intoNew(&t.Version, r.text),
		"headers": into(&t.Headers, r.tuples), "data": intoNew(&t.Data, r.text),
		"save_cookie":          r.unsupported("write the cookie into the next stage"),
		"autocomplete_headers": intoNew(&t.AutocompleteHeaders, r.truth),
		"stop_magic":           func(n *yaml.Node) { auto := !r.truth(n); t.AutocompleteHeaders = &auto },
	})
	return t
}

func (t Template) isZero() bool {
	return t.Headers == nil && t.URI == nil && t.Data == nil && t.Method == nil
}

// with gives the template with the fields that over has put over it.
func (t Template) with(over Template) Template {
	t.DestAddr, t.Port, t.Protocol = first(over.DestAddr, t.DestAddr), first(over.Port, t.Port), first(over.Protocol, t.Protocol)
	t.Method, t.URI, t.Version = first(over.Method, t.Method), first(over.URI, t.URI), first(over.Version, t.Version)
	t.Data = first(over.Data, t.Data)
	t.AutocompleteHeaders = first(over.AutocompleteHeaders, t.AutocompleteHeaders)
	if over.Headers != nil {
		t.Headers = over.Headers
	}
	return t
}

func first[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

// Expand gives the request that a v2 stage would spell out. uri, data and header
// values are Go templates with Sprig's functions, in which .Payload is the
// payload; a nil one may not be asked for. The payload itself is no template.
func (t Template) Expand(payload *string) (Input, error) {
	in := defaultInput
	set(&in.DestAddr, t.DestAddr)
	set(&in.Port, t.Port)
	set(&in.Protocol, t.Protocol)
	set(&in.Method, t.Method)
	set(&in.Version, t.Version)
	set(&in.AutocompleteHeaders, t.AutocompleteHeaders)
	fill := filler{payload: payload}
	if t.URI != nil {
		in.URI = fill.in("uri", *t.URI)
	}
	if t.Data != nil {
		in.Data = []byte(fill.in("data", *t.Data))
	}
	for _, h := range t.Headers {
		in.Headers = append(in.Headers, Header{h.Name, fill.in("header "+h.Name, h.Value)})
	}
	return in, fill.err
}

func set[T any](target, value *T) {
	if value != nil {
		*target = *value
	}
}

// filler fills the templates in the fields of a request.
type filler struct {
	payload *string
	err     error
}

// functions are Sprig's that give the same text each time: a test must not
// depend on the environment, the network, the clock or chance.
var functions = sync.OnceValue(sprig.HermeticTxtFuncMap)

func (f *filler) in(where, text string) string {
	if !strings.Contains(text, "{{") {
		return text
	}
	if f.payload == nil && strings.Contains(text, ".Payload") {
		f.fail(where + " of the template asks for a payload, and the test has none")
		return ""
	}
	out, err := expand(text, f.payload)
	if err != nil {
		f.fail(where + " of the template: " + strings.TrimPrefix(err.Error(), "template: "))
	}
	return out
}

func (f *filler) fail(msg string) {
	if f.err == nil {
		f.err = errors.New(msg)
	}
}

// expand runs a text/template with Sprig's functions and, as .Payload, the
// payload.
func expand(text string, payload *string) (string, error) {
	t, err := template.New("text").Funcs(functions()).Parse(text)
	if err != nil {
		return "", err
	}
	var data struct{ Payload string }
	set(&data.Payload, payload)
	var b strings.Builder
	err = t.Execute(&b, data)
	return b.String(), err
}

// expandData expands a body of v2, where a template may stand in any body and
// an attack on template engines looks like one: what does not run as a
// template is sent as it is written.
func expandData(text string) []byte {
	if strings.Contains(text, "{{") {
		if out, err := expand(text, nil); err == nil {
			return []byte(out)
		}
	}
	return []byte(text)
}
