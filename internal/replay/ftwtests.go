package replay

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strconv"

	"tabard/engine"
	"tabard/internal/ftw"
)

// maxTestsBytes bounds a file of tests, which is parsed as a whole: far above
// the longest of CRS (0.3 MB) and of gotestwaf (with bodies of 128 KB).
const maxTestsBytes = 8 << 20

// listReader hands out the records of a source that was read as a whole.
type listReader struct{ records []Record }

// Next implements Reader.
func (r *listReader) Next() (Record, error) {
	if len(r.records) == 0 {
		return Record{}, io.EOF
	}
	next := r.records[0]
	r.records = r.records[1:]
	return next, nil
}

// readTests reads a whole file of tests.
func readTests(s source) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(s.r, maxTestsBytes+1))
	if err == nil && len(text) > maxTestsBytes {
		err = fmt.Errorf("a file of tests is longer than %d MiB", maxTestsBytes>>20)
	}
	return text, err
}

// openFTW reads the tests of the Core Rule Set, one entry a stage. What a test
// expects is not looked at.
func openFTW(s source) (Reader, error) {
	text, err := readTests(s)
	if err != nil {
		return nil, err
	}
	suite, err := ftw.Load(s.name, text)
	if err != nil {
		return nil, err
	}
	r := &listReader{}
	for _, test := range suite.Tests {
		for i, stage := range test.Stages {
			at := Position{File: s.name, Line: stage.Pos.Line}
			id := test.Name
			if len(test.Stages) > 1 {
				id += "/" + strconv.Itoa(i+1)
			}
			r.records = append(r.records, Record{Position: at, bytes: len(stage.Input.Data), parse: func([]byte, Position) (Entry, error) {
				e, err := ftwEntry(stage.Input)
				e.ID = id
				return e, err
			}})
		}
	}
	return r, nil
}

// ftwEntry makes the Entry of a stage.
func ftwEntry(in ftw.Input) (Entry, error) {
	m, err := in.Message()
	if err != nil {
		return Entry{}, err
	}
	if !isMethod(m.Method) || m.Target == "" {
		return Entry{}, errors.New("no HTTP request: " + quoteShort(m.Method+" "+m.Target))
	}
	if len(m.Body) == 0 {
		m.Body = nil
	}
	e := Entry{Body: m.Body, Trailers: ftwHeaders(m.Trailers), Unknown: UnknownClient}
	e.Request = engine.Request{
		Method: m.Method, Target: m.Target, Protocol: cmp.Or(m.Protocol, defaultProtocol), Scheme: cmp.Or(m.Scheme, "http"), Headers: ftwHeaders(m.Headers),
	}
	e.Conn.TLS = e.Request.Scheme == "https"
	e.Request.Authority = authority(e.Request)
	if in.Response != nil {
		e.Status = in.Response.Status
		e.Response = &Response{Status: in.Response.Status, Headers: ftwHeaders(in.Response.Headers), Body: in.Response.Body}
	}
	return e, nil
}

func ftwHeaders(headers []ftw.Header) engine.Headers {
	var h engine.Headers
	for _, line := range headers {
		h = append(h, [2]string{line.Name, line.Value})
	}
	return h
}

// isFTWText knows the keys of both versions of the format.
func isFTWText(start []byte) bool {
	return hasYAMLKey(start, "tests") && (hasYAMLKey(start, "rule_id") || hasYAMLKey(start, "meta"))
}

// hasYAMLKey says that a line begins with the key. The key of a list may stand
// behind a long one, out of sight.
func hasYAMLKey(start []byte, key string) bool {
	return bytes.HasPrefix(start, []byte(key+":")) || bytes.Contains(start, []byte("\n"+key+":"))
}
