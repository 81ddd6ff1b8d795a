package replay

import (
	"bytes"
	"errors"
	"net/url"
	"strings"
	"time"
)

// w3cReader reads logs in the W3C extended format, whose own lines say which
// fields follow: those of CloudFront (separated by tabs, values with percent
// escapes) and of IIS (separated by blanks, blanks in values as "+").
//
//	#Version: 1.0
//	#Fields: date time c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query
type w3cReader struct {
	lines  *lineReader
	host   string
	fields []string
}

// w3cFieldsPrefix starts the line that names the fields.
const w3cFieldsPrefix = "#Fields:"

// Next implements Reader.
func (r *w3cReader) Next() (Record, error) {
	for {
		line, at, err := r.lines.entry()
		if err != nil {
			return Record{}, err
		}
		if names, ok := bytes.CutPrefix(line, []byte(w3cFieldsPrefix)); ok {
			r.fields = strings.Fields(string(names)) // they may change at a restart
			continue
		}
		if line[0] == '#' {
			continue
		}
		if r.fields == nil {
			return Record{}, &EntryError{at, "no #Fields line stands before this line, so the fields have no names"}
		}
		fields := r.fields
		return Record{Position: at, text: bytes.Clone(line), bytes: len(line), parse: func(text []byte, _ Position) (Entry, error) {
			return parseW3C(string(text), fields, r.host)
		}}, nil
	}
}

// parseW3C reads a line with fields of those names.
func parseW3C(line string, names []string, host string) (Entry, error) {
	separator := " "
	if strings.Contains(line, "\t") {
		separator = "\t"
	}
	values := strings.Split(line, separator)
	if len(values) < len(names) {
		return Entry{}, errors.New("the line has fewer fields than #Fields names")
	}
	field := map[string]string{}
	for i, name := range names {
		if values[i] != "-" {
			field[strings.ToLower(name)] = values[i]
		}
	}
	decode := decodeIIS
	if separator == "\t" {
		decode = decodeCloudFront
	}
	l := logged{
		client: field["c-ip"], method: field["cs-method"], target: field["cs-uri-stem"],
		host: firstOf(field, "x-host-header", "cs(host)", "cs-host"), protocol: firstOf(field, "cs-protocol-version", "cs-version"),
		scheme: strings.ToLower(field["cs-protocol"]), unknown: UnknownHeaders | UnknownBody | UnknownTarget,
		time: parseTime(field["date"]+" "+field["time"], time.DateTime),
	}
	if query := field["cs-uri-query"]; query != "" && l.target != "" {
		l.target += "?" + query
	}
	l.setStatus(field["sc-status"])
	l.header("User-Agent", decode(field["cs(user-agent)"]))
	l.header("Referer", decode(field["cs(referer)"]))
	l.header("Cookie", decode(field["cs(cookie)"]))
	l.header("X-Forwarded-For", decode(field["x-forwarded-for"]))
	return l.entry(host)
}

func firstOf(field map[string]string, names ...string) string {
	for _, name := range names {
		if v := field[name]; v != "" {
			return v
		}
	}
	return ""
}

// decodeCloudFront undoes percent escapes; older logs have them twice (%2520).
func decodeCloudFront(s string) string {
	for range 2 {
		decoded, err := url.PathUnescape(s)
		if err != nil || decoded == s {
			return s
		}
		s = decoded
	}
	return s
}

func decodeIIS(s string) string { return strings.ReplaceAll(s, "+", " ") }

func isW3CLine(line []byte) bool {
	return bytes.HasPrefix(line, []byte("#Version:")) || bytes.HasPrefix(line, []byte(w3cFieldsPrefix)) ||
		bytes.HasPrefix(line, []byte("#Software:"))
}

func openW3C(s source) (Reader, error) {
	return &w3cReader{lines: s.lines(), host: s.host}, nil
}
