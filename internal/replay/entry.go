package replay

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"tabard/engine"
)

// maxEntryBytes bounds one entry of a source, as it is written there. It is
// the largest body that a policy can ask to inspect (64 MiB); what is longer
// is no request that a gateway would have held.
const maxEntryBytes = 64 << 20

// Entry is one recorded exchange.
type Entry struct {
	// ID is the source's own name of the entry, or else its position.
	ID string
	// Position is where the entry starts.
	Position Position
	// Time is when the request came; zero when the source does not tell.
	Time time.Time
	// Label is what the source says of the request, such as "benign" or
	// "malicious"; empty when it says nothing.
	Label string
	// Conn holds what the source knows of the connection; Peer is invalid when
	// it does not know the client.
	Conn engine.Conn
	// Request is the request's head.
	Request engine.Request
	// Body is the request's body without transfer coding.
	Body []byte
	// Trailers are the fields behind a chunked body.
	Trailers engine.Headers
	// Response is nil when the source has none.
	Response *Response
	// Source says where the entry was collected; empty when it is not said.
	Source string
	// Status is what the client was answered, as far as the source tells, also
	// where there is no Response; else 0.
	Status int
	// Unknown says what the source does not tell.
	Unknown Unknown
}

// Response is a recorded response.
type Response struct {
	Status  int
	Headers engine.Headers
	Body    []byte
}

// Position is a place in a source: a line, or an entry and its first byte.
type Position struct {
	File string
	// Line counts from 1; it is 0 in sources that have no lines.
	Line int
	// Entry counts from 1: of the source when it has no lines, else of the line
	// when there are several in one. Offset counts from 0, without lines only.
	Entry  int
	Offset int64
	// Packet counts from 1, in captures: the last one of the entry.
	Packet int
}

// String gives "file:line", "file: entry 3 at byte 517" or "... at packet 12".
func (p Position) String() string {
	if p.Line > 0 {
		return p.File + ":" + strconv.Itoa(p.Line)
	}
	if p.Packet > 0 {
		return fmt.Sprintf("%s: entry %d at packet %d", p.File, p.Entry, p.Packet)
	}
	return fmt.Sprintf("%s: entry %d at byte %d", p.File, p.Entry, p.Offset)
}

// id is the name of an entry that has none of its own.
func (p Position) id() string {
	if p.Line > 0 && p.Entry == 0 {
		return p.String()
	}
	if p.Line > 0 {
		return p.String() + "#" + strconv.Itoa(p.Entry)
	}
	return p.File + "#" + strconv.Itoa(p.Entry)
}

// EntryError is an entry that could not be read. The ones behind it can,
// unless Reason says otherwise.
type EntryError struct {
	Position Position
	Reason   string
}

// Error gives "position: reason".
func (e *EntryError) Error() string { return e.Position.String() + ": " + e.Reason }

// SourceError is a file, or the rest of one, that could not be read. The
// sources behind it can.
type SourceError struct {
	File string
	Err  error
}

// Error names the file, once.
func (e *SourceError) Error() string { return e.File + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *SourceError) Unwrap() error { return e.Err }

// errTooLong is an entry over maxEntryBytes.
var errTooLong = errors.New("the entry is longer than " + strconv.Itoa(maxEntryBytes>>20) + " MiB and was skipped")

// Unknown is a set of things that a source does not tell of an exchange.
type Unknown uint16

// What a source may not tell.
const (
	// UnknownClient: the client's address.
	UnknownClient Unknown = 1 << iota
	// UnknownHost: the Host header. One is put in, see Options.Host.
	UnknownHost
	// UnknownProtocol: the version of HTTP. It is taken for HTTP/1.1.
	UnknownProtocol
	// UnknownTarget: the path or query as sent. The source has decoded or
	// rewritten it, or keeps a template of it.
	UnknownTarget
	// UnknownQuery: the query.
	UnknownQuery
	// UnknownHeaders: most of the request's headers.
	UnknownHeaders
	// UnknownBody: the request's body.
	UnknownBody
	// UnknownRedacted: values that the source has replaced or cut.
	UnknownRedacted
	// UnknownResponseBody: the body of a response whose head is known.
	UnknownResponseBody
)

// unknownTexts are in the order of the bits.
var unknownTexts = [...]string{
	"requests without the client's address",
	"requests without a Host header (one was put in)",
	"requests without the version of HTTP (taken for HTTP/1.1)",
	"requests whose path or query is not as it was sent",
	"requests without their query",
	"requests without most of their headers",
	"requests without their body",
	"requests with values that the source has redacted or cut",
	"responses without their body",
}

// Texts says what is unknown, one sentence each, for people.
func (u Unknown) Texts() []string {
	var texts []string
	for i, text := range unknownTexts {
		if u&(1<<i) != 0 {
			texts = append(texts, text)
		}
	}
	return texts
}

// latin1 undoes how JSON carries bytes. Latin-1 is how proxies and net stacks
// hand on header values: each code point up to U+00FF of a JSON string is one
// byte. A code point above has no byte of its own and becomes its UTF-8 bytes,
// which is what a client would have sent for it.
func latin1(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return string(appendLatin1(nil, s))
		}
	}
	return s
}

func appendLatin1(out []byte, s string) []byte {
	for _, r := range s {
		if r <= 0xff {
			out = append(out, byte(r))
			continue
		}
		out = append(out, string(r)...)
	}
	return out
}
