package replay

import (
	"bytes"
	"errors"
	"io"

	"tabard/internal/curl"
)

// curlReader reads curl commands, one behind the other, as a script or a bug
// report has them. Lines that are no curl commands are skipped.
type curlReader struct{ lines *lineReader }

// maxCommandBytes bounds one command: Linux takes arguments up to 2 MiB.
const maxCommandBytes = 2 << 20

// Next implements Reader.
func (r *curlReader) Next() (Record, error) {
	for {
		line, at, err := r.lines.entry()
		if err != nil {
			return Record{}, err
		}
		if !isCurlLine(line) {
			continue
		}
		command, err := r.rest(bytes.Clone(line))
		if err != nil {
			return Record{}, &EntryError{at, err.Error()}
		}
		return Record{Position: at, text: command, bytes: len(command), parse: parseCurl}, nil
	}
}

func parseCurl(text []byte, _ Position) (Entry, error) {
	r, err := curl.Parse(string(text))
	if err != nil {
		return Entry{}, err
	}
	return FromCurl(r), nil
}

// FromCurl makes an Entry of a curl command's request, without a name and a
// position.
func FromCurl(r curl.Request) Entry {
	e := Entry{Request: r.Request, Body: r.Body, Unknown: UnknownClient}
	e.Conn.TLS = r.Scheme == "https"
	return e
}

// rest adds the lines that a command goes on in: after a backslash, and inside
// of quotes.
func (r *curlReader) rest(command []byte) ([]byte, error) {
	var s shellState
	s.feed(command)
	for s.open() {
		line, err := r.lines.next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the command ends inside of quotes or behind a backslash")
		}
		if err != nil {
			return nil, err
		}
		if len(command)+len(line) > maxCommandBytes {
			return nil, errors.New("the command is longer than 2 MiB")
		}
		line = bytes.TrimRight(line, "\r")
		s.feed(append([]byte{'\n'}, line...))
		command = append(append(command, '\n'), line...)
	}
	return command, nil
}

// shellState follows the quotes of a command, to find its end; what it means is
// for the shell's parser.
type shellState struct {
	quote     byte // ' or ", or $ inside of $'
	last      byte
	backslash bool
}

// open says that the command goes on in the next line.
func (s *shellState) open() bool { return s.quote != 0 || s.backslash }

func (s *shellState) feed(text []byte) {
	for _, c := range text {
		switch {
		case s.backslash:
			s.backslash = false
		case c == '\\' && s.quote != '\'':
			s.backslash = true
		case s.quote == 0 && c == '\'' && s.last == '$':
			s.quote = '$'
		case s.quote == 0 && (c == '\'' || c == '"'):
			s.quote = c
		case s.quote == c && c != '$', s.quote == '$' && c == '\'':
			s.quote = 0
		}
		s.last = c
	}
}

func openCurl(s source) (Reader, error) { return &curlReader{s.lines()}, nil }

func isCurlLine(line []byte) bool { return curl.IsCommand(string(line)) }
