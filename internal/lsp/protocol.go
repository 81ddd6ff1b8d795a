package lsp

import (
	"net/url"
	"path/filepath"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The parts of the Language Server Protocol 3.17 that are spoken here, by the
// protocol's own names.
type (
	position struct {
		Line      int `json:"line"`
		Character int `json:"character"`
	}
	textRange struct {
		Start position `json:"start"`
		End   position `json:"end"`
	}
	location struct {
		URI   string    `json:"uri"`
		Range textRange `json:"range"`
	}
	diagnostic struct {
		Range    textRange `json:"range"`
		Severity int       `json:"severity"`
		Code     string    `json:"code,omitempty"`
		Source   string    `json:"source"`
		Message  string    `json:"message"`
	}
	publishParams struct {
		URI         string       `json:"uri"`
		Diagnostics []diagnostic `json:"diagnostics"`
	}
	documentParams struct {
		TextDocument struct {
			URI  string `json:"uri"`
			Text string `json:"text"`
		} `json:"textDocument"`
		Position       position `json:"position"`
		ContentChanges []struct {
			Text string `json:"text"`
		} `json:"contentChanges"`
	}
	initializeParams struct {
		Capabilities struct {
			General struct {
				PositionEncodings []string `json:"positionEncodings"`
			} `json:"general"`
		} `json:"capabilities"`
	}
	command struct {
		Title     string   `json:"title"`
		Command   string   `json:"command"`
		Arguments []string `json:"arguments"`
	}
	codeLens struct {
		Range   textRange `json:"range"`
		Command command   `json:"command"`
	}
	hover struct {
		Contents markup     `json:"contents"`
		Range    *textRange `json:"range,omitempty"`
	}
	markup struct {
		Kind  string `json:"kind"`
		Value string `json:"value"`
	}
	textEdit struct {
		Range   textRange `json:"range"`
		NewText string    `json:"newText"`
	}
	message struct {
		Type    int    `json:"type"`
		Message string `json:"message"`
	}
)

// What numbers mean in the protocol.
const (
	severityError   = 1
	severityWarning = 2
	messageError    = 1
	messageInfo     = 3
	syncFull        = 1 // a change sends the whole text
)

// pathOf gives the file of a URI, or "" for one that is none.
func pathOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" {
		return ""
	}
	return filepath.FromSlash(u.Path)
}

func uriOf(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

// encoding counts the characters of a line: bytes when the client agrees, else
// the code units of UTF-16, as the protocol began.
type encoding struct{ utf8 bool }

// character gives the count of the characters before a byte of a line.
func (e encoding) character(line string, offset int) int {
	offset = min(max(offset, 0), len(line))
	if e.utf8 {
		return offset
	}
	n := 0
	for _, r := range line[:offset] {
		n += utf16.RuneLen(r)
	}
	return n
}

// offset gives the byte at which a character begins.
func (e encoding) offset(line string, character int) int {
	if e.utf8 {
		return min(max(character, 0), len(line))
	}
	n := 0
	for i := 0; i < len(line); {
		if n >= character {
			return i
		}
		r, size := utf8.DecodeRuneInString(line[i:])
		n += max(utf16.RuneLen(r), 1)
		i += size
	}
	return len(line)
}

// lineOf gives a line of a text, counted from 0.
func lineOf(text string, n int) string {
	lines := strings.Split(text, "\n")
	if n < 0 || n >= len(lines) {
		return ""
	}
	return strings.TrimSuffix(lines[n], "\r")
}
