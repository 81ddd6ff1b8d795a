package ftw

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

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
	AutocompleteHeaders, SaveCookie                *bool
}

func (r *reader) template(n *yaml.Node) (t Template) {
	r.object(n, "template", fields{
		"dest_addr": intoNew(&t.DestAddr, r.text), "port": intoNew(&t.Port, r.number), "protocol": intoNew(&t.Protocol, r.text),
		"method": intoNew(&t.Method, r.text), "uri": intoNew(&t.URI, r.text), "version": intoNew(&t.Version, r.text),
		"headers": into(&t.Headers, r.tuples), "data": intoNew(&t.Data, r.text),
		"save_cookie":          intoNew(&t.SaveCookie, r.truth),
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
	t.SaveCookie = first(over.SaveCookie, t.SaveCookie)
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

// Expand gives the request that a v2 stage would spell out. The payload goes
// where uri, data and header values say {{.Payload}}; a nil one may not be
// asked for.
func (t Template) Expand(payload *string) (Input, error) {
	in := defaultInput
	set(&in.DestAddr, t.DestAddr)
	set(&in.Port, t.Port)
	set(&in.Protocol, t.Protocol)
	set(&in.Method, t.Method)
	set(&in.Version, t.Version)
	set(&in.AutocompleteHeaders, t.AutocompleteHeaders)
	set(&in.SaveCookie, t.SaveCookie)
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

// filler puts the payload in its places.
type filler struct {
	payload *string
	err     error
}

var placeholder = regexp.MustCompile(`\{\{-?\s*(.*?)\s*-?\}\}`)

func (f *filler) in(where, text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		switch {
		case placeholder.FindStringSubmatch(found)[1] != ".Payload":
			f.fail(where + " of the template has " + strconv.Quote(found) + ": only {{.Payload}} is expanded")
		case f.payload == nil:
			f.fail(where + " of the template asks for a payload, and the test has none")
		default:
			return *f.payload
		}
		return ""
	})
}

func (f *filler) fail(msg string) {
	if f.err == nil {
		f.err = errors.New(msg)
	}
}

// AllHeaders gives the field lines to send: Headers and, unless the test says
// no, those that a client cannot well leave out: a form's Content-Type when
// there is a body without one, Connection and Content-Length.
func (in Input) AllHeaders() []Header {
	out := append([]Header(nil), in.Headers...)
	if !in.AutocompleteHeaders {
		return out
	}
	add := func(name, value string) {
		for _, h := range out {
			if strings.EqualFold(h.Name, name) {
				return
			}
		}
		out = append(out, Header{name, value})
	}
	if len(in.Data) > 0 {
		add("Content-Type", "application/x-www-form-urlencoded")
	}
	add("Connection", "close")
	if len(in.Data) > 0 || hasBody(in.Method) {
		add("Content-Length", strconv.Itoa(len(in.Data)))
	}
	return out
}

// hasBody says whether a client sends Content-Length even without a body (RFC
// 9110, section 8.6).
func hasBody(method string) bool {
	switch method {
	case "POST", "PUT", "PATCH", "DELETE":
		return true
	}
	return false
}
