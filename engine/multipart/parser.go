package multipart

import (
	"bytes"
	"strings"
)

const (
	// maxBoundaryBytes is RFC 2046's limit, section 5.1.1.
	maxBoundaryBytes = 70
	// maxHeaderBytes is the longest header line of a part: a path of 4 KiB is the
	// longest file name that a system can have, and none is allowed here.
	maxHeaderBytes = 4 << 10
	// maxHeaders is the most headers of a part. Browsers send two.
	maxHeaders = 8
)

// Sink gets the parts while the body arrives. The slice of Data is only valid
// during the call.
type Sink interface {
	Begin(Part)
	Data([]byte)
	End()
}

// Parser reads one body. Write and then Close are called by one goroutine.
type Parser struct {
	sink     Sink
	maxParts int

	delimiter []byte // "\r\n--boundary"
	pending   []byte // what cannot be judged before more arrives
	state     state

	part    Part
	headers []string // of the part, by their names in small letters
	size    int      // of the part's content so far
	parts   int
	kinds   map[string]bool // by name: whether it is a file
	problem Problem
}

// state is where the parser is.
type state uint8

const (
	atStart    state = iota // where the first boundary should be
	inPreamble              // in text before it
	atBorder                // behind a boundary
	inHeaders               // in the headers of a part
	inData                  // in its content
	atEnd                   // behind the last boundary
	broken                  // nothing that follows can be understood
)

// New returns a parser for a body with this Content-Type. It allows up to
// maxParts parts. A wrong type is a problem at once.
func New(contentType string, maxParts int, sink Sink) *Parser {
	p := &Parser{sink: sink, maxParts: maxParts, kinds: map[string]bool{}}
	boundary, problem := boundaryOf(contentType)
	if p.problem = problem; problem != OK {
		p.state = broken
	}
	p.delimiter = []byte("\r\n--" + boundary)
	return p
}

// boundaryOf reads a Content-Type that is plainly multipart/form-data.
func boundaryOf(contentType string) (boundary string, problem Problem) {
	essence, rest, _ := strings.Cut(contentType, ";")
	if !strings.EqualFold(strings.Trim(essence, " \t"), "multipart/form-data") {
		return "", BadType
	}
	seen := map[string]bool{}
	for rest != "" {
		key, value, after, ok := parameter(rest)
		if !ok || seen[key] || key != "boundary" && key != "charset" {
			return "", BadType
		}
		seen[key], rest = true, after
		if key == "boundary" {
			boundary = value
		}
	}
	if !isBoundary(boundary) {
		return "", BadBoundary
	}
	return boundary, OK
}

// isBoundary is RFC 2046's boundary, section 5.1.1.
func isBoundary(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && strings.IndexByte("'()+_,-./:=? ", c) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= maxBoundaryBytes && s[len(s)-1] != ' '
}

// Problem gives the first problem so far.
func (p *Parser) Problem() Problem { return p.problem }

// Parts gives the number of parts so far.
func (p *Parser) Parts() int { return p.parts }

// fail keeps the first problem. The parser goes on where it can, because a file
// behind a problem is to be known as well.
func (p *Parser) fail(problem Problem) {
	if p.problem == OK {
		p.problem = problem
	}
}

func (p *Parser) stop(problem Problem) bool {
	p.fail(problem)
	p.state, p.pending = broken, nil
	return false
}

// Write takes the next piece of the body. It never fails.
func (p *Parser) Write(piece []byte) (int, error) {
	if p.state != broken {
		p.pending = append(p.pending, piece...)
		for p.step(false) {
		}
	}
	return len(piece), nil
}

// Close says that the body has ended and returns the first problem.
func (p *Parser) Close() Problem {
	for p.state != broken && p.step(true) {
	}
	if p.state != atEnd && p.state != broken {
		if p.state == inData {
			p.content(p.pending)
			p.sink.End()
		}
		p.stop(Unfinished)
	}
	p.pending = nil
	return p.problem
}

// step goes on by one element and says whether there may be another one; at the
// end of the body (last) nothing more will arrive.
func (p *Parser) step(last bool) bool {
	switch p.state {
	case atStart:
		return p.start(last)
	case inPreamble:
		return p.preamble()
	case atBorder:
		return p.border(last)
	case inHeaders:
		return p.headerLine(last)
	case inData:
		return p.data(last)
	case atEnd:
		if rest := string(p.pending); !strings.HasPrefix("\r\n", rest) {
			return p.stop(DataAfter)
		}
	}
	return false
}

// start wants the body to begin with the boundary.
func (p *Parser) start(last bool) bool {
	first := p.delimiter[2:]
	if len(p.pending) < len(first) && bytes.HasPrefix(first, p.pending) && !last {
		return false
	}
	if bytes.HasPrefix(p.pending, first) {
		p.advance(len(first), atBorder)
		return true
	}
	p.fail(DataBefore)
	p.state = inPreamble
	return true
}

// preamble looks for the first boundary behind text.
func (p *Parser) preamble() bool {
	i := bytes.Index(p.pending, p.delimiter)
	if i < 0 {
		p.pending = p.pending[max(0, len(p.pending)-len(p.delimiter)+1):]
		return false
	}
	p.advance(i+len(p.delimiter), atBorder)
	return true
}

func (p *Parser) advance(n int, next state) {
	p.pending, p.state = p.pending[n:], next
}

// border reads what follows a boundary: a line's end, or two hyphens.
func (p *Parser) border(last bool) bool {
	if len(p.pending) < 2 {
		if last {
			return p.stop(Unfinished)
		}
		return false
	}
	switch string(p.pending[:2]) {
	case "--":
		p.advance(2, atEnd)
	case "\r\n":
		p.advance(2, inHeaders)
		p.part, p.headers, p.size = Part{}, p.headers[:0], 0
	default:
		return p.stop(LooseBoundary)
	}
	return true
}

// headerLine reads one header, or the empty line behind the last.
func (p *Parser) headerLine(last bool) bool {
	i := bytes.IndexByte(p.pending, '\n')
	if i < 0 {
		if len(p.pending) > maxHeaderBytes || last {
			return p.stop(BadHeader)
		}
		return false
	}
	line, isCRLF := strings.CutSuffix(string(p.pending[:i]), "\r")
	if !isCRLF || i > maxHeaderBytes || len(p.headers) == maxHeaders {
		return p.stop(BadHeader)
	}
	p.advance(i+1, inHeaders)
	if line != "" {
		p.header(line)
		return true
	}
	p.begin()
	return true
}

// begin starts the content of a part.
func (p *Parser) begin() {
	if p.part.Name == "" && p.problem == OK {
		p.fail(BadDisposition)
	}
	if p.part.Name == "_charset_" {
		p.fail(BadCharset)
	}
	if p.parts++; p.parts > p.maxParts {
		p.stop(TooManyParts)
		return
	}
	if isFile, seen := p.kinds[p.part.Name]; seen && isFile != p.part.IsFile {
		p.fail(MixedName)
	}
	p.kinds[p.part.Name] = p.part.IsFile
	p.state = inData
	p.sink.Begin(p.part)
}

// data gives content to the sink up to the next line that begins like a
// boundary, and keeps what may become one.
func (p *Parser) data(last bool) bool {
	line := p.delimiter[1:] // "\n--boundary"
	i := bytes.Index(p.pending, line)
	if p.size == 0 && bytes.HasPrefix(p.pending, p.delimiter[2:]) {
		// The empty line's end and that of the boundary's would be the same one.
		return p.stop(LooseBoundary)
	}
	if i < 0 {
		if keep := len(line) + 1; len(p.pending) > keep && !last {
			p.content(p.pending[:len(p.pending)-keep])
			p.pending = p.pending[len(p.pending)-keep:]
		}
		return false
	}
	// With i == 0 it stands at the start of the content: what is given to the sink
	// before a line was found leaves more behind than a line.
	if i == 0 || p.pending[i-1] != '\r' {
		p.fail(LooseBoundary)
		p.content(p.pending[:i+len(line)])
		p.advance(i+len(line), inData)
		return true
	}
	p.content(p.pending[:i-1])
	p.sink.End()
	if p.part.IsFile && p.part.Filename == "" && p.size > 0 {
		p.fail(BadFilename)
	}
	p.advance(i+len(line), atBorder)
	return true
}

func (p *Parser) content(b []byte) {
	if len(b) > 0 {
		p.size += len(b)
		p.sink.Data(b)
	}
}
