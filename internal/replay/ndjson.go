package replay

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"tabard/engine"
)

type ndjsonEntry struct {
	ID       json.RawMessage `json:"id"`
	Method   string          `json:"method"`
	Path     string          `json:"path"`
	Headers  headerPairs     `json:"headers"`
	Body     string          `json:"body_b64"`
	Text     string          `json:"body"`
	Source   string          `json:"source"`
	ClientIP string          `json:"client_ip"`
	Scheme   string          `json:"scheme"`
	Time     json.RawMessage `json:"time"`
	Label    json.RawMessage `json:"label"`
	Response *struct {
		Status  int         `json:"status"`
		Headers headerPairs `json:"headers"`
		Body    string      `json:"body_b64"`
	} `json:"response"`
}

// ndjsonKeys are the keys of an entry.
var ndjsonKeys = []string{"id", "method", "path", "headers", "body_b64", "body", "client_ip", "scheme", "time", "source", "label", "response"}

// headerPairs are the field lines of an ordered list of [name, value].
type headerPairs engine.Headers

// UnmarshalJSON is strict about the length of each pair, which encoding/json
// would cut or fill up.
func (h *headerPairs) UnmarshalJSON(text []byte) error {
	var pairs [][]string
	if err := json.Unmarshal(text, &pairs); err != nil {
		return errors.New(`headers must be a list of ["name", "value"]`)
	}
	*h = make(headerPairs, len(pairs))
	for i, pair := range pairs {
		if len(pair) != 2 {
			return fmt.Errorf(`header %d has %d parts: write it as ["name", "value"]`, i+1, len(pair))
		}
		(*h)[i] = [2]string{latin1(pair[0]), latin1(pair[1])}
	}
	return nil
}

// parseNDJSON reads one request a line:
//
//	{"id": "a1", "method": "POST", "path": "/login?next=%2F",
//	 "headers": [["Host", "shop.example"], ["Cookie", "sid=1"]], "body_b64": "dT0x",
//	 "client_ip": "192.0.2.7", "scheme": "https", "time": "2026-11-24T09:30:00Z",
//	 "source": "shop", "label": "benign",
//	 "response": {"status": 200, "headers": [["Content-Type", "text/html"]], "body_b64": ""}}
//
// Only method and path are needed; other keys are not looked at. A body of text
// may be written as "body" in place of body_b64. Method, path and headers are
// Latin-1, see latin1. The request is taken for HTTP/1.1, and for http when there
// is no scheme.
func parseNDJSON(line []byte, _ Position) (Entry, error) {
	var n ndjsonEntry
	if err := json.Unmarshal(line, &n); err != nil {
		return Entry{}, jsonReason(err)
	}
	if n.Method == "" || n.Path == "" {
		return Entry{}, errors.New("an entry needs method and path")
	}
	e := Entry{ID: idText(n.ID), Source: n.Source, Label: idText(n.Label), Time: parseTime(idText(n.Time), time.RFC3339)}
	var err error
	if e.Conn.Peer, err = peer(n.ClientIP); err != nil {
		return Entry{}, err
	}
	if !e.Conn.Peer.IsValid() {
		e.Unknown |= UnknownClient
	}
	e.Request = engine.Request{
		Method: latin1(n.Method), Target: latin1(n.Path), Protocol: "HTTP/1.1",
		Scheme: strings.ToLower(n.Scheme), Headers: engine.Headers(n.Headers),
	}
	if e.Request.Scheme == "" {
		e.Request.Scheme = "http"
	}
	e.Conn.TLS = e.Request.Scheme == "https"
	e.Request.Authority = e.Request.Headers.Get("host")
	if e.Body, err = decodeBase64(n.Body); err != nil {
		return Entry{}, fmt.Errorf("body_b64: %w", err)
	}
	if n.Text != "" {
		if n.Body != "" {
			return Entry{}, errors.New("an entry has either body or body_b64")
		}
		e.Body = []byte(n.Text)
	}
	if n.Response == nil {
		return e, nil
	}
	e.Status = n.Response.Status
	e.Response = &Response{Status: n.Response.Status, Headers: engine.Headers(n.Response.Headers)}
	if e.Response.Body, err = decodeBase64(n.Response.Body); err != nil {
		return Entry{}, fmt.Errorf("response.body_b64: %w", err)
	}
	return e, nil
}

// idText is a string's content, or what else was written.
func idText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(bytes.TrimSpace(raw))
}

// peer reads an address with or without port; none is the zero AddrPort.
func peer(text string) (netip.AddrPort, error) {
	if text == "" {
		return netip.AddrPort{}, nil
	}
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap, nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("client_ip %q is no address", text)
	}
	return netip.AddrPortFrom(a, 0), nil
}

// decodeBase64 takes the standard alphabet, padded or not; nothing gives nil.
func decodeBase64(s string) ([]byte, error) {
	if s == "" {
		return nil, nil
	}
	out, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil {
		return nil, errors.New("not base64 of the standard alphabet")
	}
	return out, nil
}

// jsonReason says in our words what encoding/json found.
func jsonReason(err error) error {
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON at byte %d of the entry: %w", syntax.Offset, err)
	case errors.As(err, &wrong) && wrong.Field != "":
		return fmt.Errorf("%s must not be a %s", wrong.Field, wrong.Value)
	case errors.As(err, &wrong):
		return errors.New("an entry must be an object, not a " + wrong.Value)
	}
	return err
}
