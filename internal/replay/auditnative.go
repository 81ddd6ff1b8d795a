package replay

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"tabard/engine"
)

// auditReader reads the native audit logs of ModSecurity 2 and 3 and of
// Coraza: each exchange is a number of parts, each behind a boundary that
// holds a random name and the part's letter.
//
//	--6ef24602-A--
//	[02/Aug/2016:09:57:47 +0300] V6BEawUs8J4AACcbno4AAAAE 192.0.2.7 43077 10.0.0.1 80
//	--6ef24602-B--
//	POST /login HTTP/1.1
//	...
//	--6ef24602-Z--
//
// Entries that are written at the same time by several processes do not mix:
// the servers lock the file.
type auditReader struct {
	lines *lineReader
	// held is a boundary line that was read ahead.
	held   []byte
	heldAt int
}

// Next implements Reader.
func (r *auditReader) Next() (Record, error) {
	first, err := r.first()
	if err != nil {
		return Record{}, err
	}
	at := Position{File: r.lines.file, Line: r.heldAt}
	name, _, _ := boundary(first)
	block := append(bytes.Clone(first), '\n')
	long := false
	for {
		line, err := r.lines.next()
		if errors.Is(err, errTooLong) {
			long = true
			continue
		}
		if errors.Is(err, io.EOF) {
			break // as when a server has died
		}
		if err != nil {
			return Record{}, err
		}
		other, letter, ok := boundary(bytes.TrimRight(line, "\r"))
		if ok && other != name {
			r.hold(line)
			break
		}
		if long = long || len(block)+len(line) > maxEntryBytes; !long {
			block = append(append(block, line...), '\n')
		}
		if ok && letter == 'Z' {
			break
		}
	}
	if long {
		return Record{}, &EntryError{at, errTooLong.Error()}
	}
	return Record{Position: at, text: block, bytes: len(block), parse: parseAudit}, nil
}

// first returns the next boundary line; what stands before it is no entry.
func (r *auditReader) first() ([]byte, error) {
	if line := r.held; line != nil {
		r.held = nil
		return line, nil
	}
	for {
		line, err := r.lines.next()
		if errors.Is(err, errTooLong) {
			continue
		}
		if err != nil {
			return nil, err
		}
		line = bytes.TrimRight(line, "\r")
		if _, _, ok := boundary(line); ok {
			r.heldAt = r.lines.line
			return bytes.Clone(line), nil
		}
	}
}

func (r *auditReader) hold(line []byte) {
	r.held, r.heldAt = bytes.Clone(bytes.TrimRight(line, "\r")), r.lines.line
}

// boundary takes a boundary line apart. ModSecurity 3 writes a dash more on
// both sides of the name.
func boundary(line []byte) (name string, part byte, ok bool) {
	inner, ok := bytes.CutPrefix(line, []byte("--"))
	if !ok || !bytes.HasSuffix(inner, []byte("--")) || len(inner) < len("x-A--") {
		return "", 0, false
	}
	part = inner[len(inner)-3]
	name = string(bytes.Trim(inner[:len(inner)-4], "-"))
	isName := name != "" && strings.IndexFunc(name, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '@' // ModSecurity's @ is older than 2.5
	}) < 0
	return name, part, isName && inner[len(inner)-4] == '-' && part >= 'A' && part <= 'Z'
}

// corazaNameBytes is the length of Coraza's boundary names; ModSecurity's have
// eight. Coraza escapes line ends and backslashes in all that it writes.
const corazaNameBytes = 16

// parseAudit reads the parts of one exchange.
func parseAudit(block []byte, _ Position) (Entry, error) {
	parts, name := auditParts(block)
	head, ok := parts['B']
	if !ok || strings.TrimSpace(head) == "" {
		return Entry{}, errors.New("the entry has no part B, the request's headers: SecAuditLogParts must have A, B and C for a replay")
	}
	undo := func(s string) string { return s }
	if len(name) == corazaNameBytes {
		undo = strings.NewReplacer(`\\`, `\`, `\r`, "\r", `\n`, "\n").Replace
	}
	e, err := auditHead(head, undo)
	if err != nil {
		return Entry{}, err
	}
	auditStart(&e, strings.TrimSpace(parts['A']))
	body, logged := parts['C']
	if e.Body = auditBody(undo(body), e.Request.Headers); !logged && announcesBody(e.Request.Headers) {
		e.Unknown |= UnknownBody // part I is not what was sent
	}
	auditResponse(&e, parts, undo)
	return e, nil
}

// auditParts cuts a block at its boundaries. The line feed before a boundary
// belongs to it.
func auditParts(block []byte) (parts map[byte]string, name string) {
	parts = map[byte]string{}
	var part byte
	var text []byte
	for line := range bytes.Lines(block) {
		n, letter, ok := boundary(bytes.TrimRight(line, "\r\n"))
		if !ok {
			text = append(text, line...)
			continue
		}
		if part != 0 {
			parts[part] = string(bytes.TrimSuffix(text, []byte("\n")))
		}
		part, text, name = letter, nil, n
	}
	if part != 0 {
		parts[part] = string(bytes.TrimSuffix(text, []byte("\n")))
	}
	return parts, name
}

// auditStart reads part A: the time, the exchange's name, both addresses.
func auditStart(e *Entry, text string) {
	when, rest, _ := strings.Cut(strings.TrimPrefix(text, "["), "] ")
	e.Time = parseTime(when, clfTime, "02/Jan/2006:15:04:05.999999 -0700", "2006/01/02 15:04:05")
	words := strings.Fields(rest)
	if e.Unknown |= UnknownClient; len(words) < 5 {
		return
	}
	e.ID = words[0]
	e.Conn.Server = addressPort(words[3], words[4])
	if e.Conn.Peer = addressPort(words[1], words[2]); e.Conn.Peer.IsValid() {
		e.Unknown &^= UnknownClient
	}
}

// auditHead reads part B.
func auditHead(text string, undo func(string) string) (Entry, error) {
	line, rest, _ := strings.Cut(text, "\n")
	var l logged
	if !l.requestLine(undo(strings.TrimRight(line, "\r"))) {
		return Entry{}, noRequest(line)
	}
	e := Entry{Request: engine.Request{Method: l.method, Target: l.target, Protocol: l.protocol, Scheme: "http"}}
	e.Request.Headers = auditHeaders(rest, undo)
	e.Request.Authority = authority(e.Request)
	return e, nil
}

func auditHeaders(text string, undo func(string) string) engine.Headers {
	var h engine.Headers
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if name, value, ok := strings.Cut(line, ":"); ok {
			h = append(h, [2]string{undo(name), undo(strings.Trim(value, " \t"))})
		}
	}
	return h
}

// announcesBody says that a body follows by the headers.
func announcesBody(h engine.Headers) bool {
	length := h.Get("content-length")
	return length != "" && strings.Trim(length, "0") != "" || h.Get("transfer-encoding") != ""
}

// auditBody undoes the line feeds that the writers put behind a body, as far
// as its length tells.
func auditBody(text string, h engine.Headers) []byte {
	length, err := strconv.Atoi(h.Get("content-length"))
	if err == nil && length >= 0 && length < len(text) && strings.Trim(text[length:], "\r\n") == "" {
		text = text[:length]
	}
	if text == "" {
		return nil
	}
	return []byte(text)
}

// auditResponse reads parts F and E.
func auditResponse(e *Entry, parts map[byte]string, undo func(string) string) {
	head, ok := parts['F']
	if !ok || strings.TrimSpace(head) == "" {
		return
	}
	line, rest, _ := strings.Cut(head, "\n")
	words := strings.Fields(line)
	if len(words) < 2 || !isStatus(words[1]) {
		return
	}
	e.Status, _ = strconv.Atoi(words[1])
	e.Response = &Response{Status: e.Status, Headers: auditHeaders(rest, undo)}
	body, ok := parts['E']
	if e.Response.Body = auditBody(undo(body), e.Response.Headers); !ok && announcesBody(e.Response.Headers) {
		e.Unknown |= UnknownResponseBody
	}
}

// auditTimes are what audit logs in JSON write.
var auditTimes = []string{time.ANSIC, clfTime, "02/Jan/2006:15:04:05.999999 -0700", "2006/01/02 15:04:05", time.RFC3339}

func openAudit(s source) (Reader, error) { return &auditReader{lines: s.lines()}, nil }

func isAuditLine(line []byte) bool {
	_, part, ok := boundary(line)
	return ok && part == 'A'
}
