package difftest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"strconv"
)

// Text is a string of any bytes that JSON can hold: it is written with Go's
// escapes, so that a kept case is readable and still exact.
type Text string

// MarshalText implements encoding.TextMarshaler.
func (t Text) MarshalText() ([]byte, error) {
	quoted := strconv.QuoteToASCII(string(t))
	return []byte(quoted[1 : len(quoted)-1]), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Text) UnmarshalText(b []byte) error {
	s, err := strconv.Unquote(`"` + string(b) + `"`)
	if err != nil {
		return fmt.Errorf("%q is not a text with Go's escapes: %w", b, err)
	}
	*t = Text(s)
	return nil
}

// Field is one header line: name and value.
type Field [2]Text

// Case is one exchange. The zero value of Response means that the backend was
// not asked or its answer is not looked at.
type Case struct {
	Name                     string         `json:"name,omitempty"`
	Peer                     netip.AddrPort `json:"peer"`
	Method, Target, Protocol Text
	Headers                  []Field
	Body                     Text    `json:",omitempty"`
	Trailers                 []Field `json:",omitempty"`
	// Arguments are what the engine has found inside of values.
	Arguments []Field   `json:",omitempty"`
	Response  *Response `json:",omitempty"`
}

// Response is a backend's answer.
type Response struct {
	Status   int
	Protocol Text
	Headers  []Field
	Body     Text `json:",omitempty"`
}

// DefaultPeer is where cases without an address come from.
var DefaultPeer = netip.MustParseAddrPort("192.0.2.250:41234")

// Clone returns a copy that shares nothing that a mutator changes.
func (c *Case) Clone() *Case {
	out := *c
	out.Headers = slices.Clone(c.Headers)
	out.Trailers = slices.Clone(c.Trailers)
	out.Arguments = slices.Clone(c.Arguments)
	if c.Response != nil {
		r := *c.Response
		r.Headers = slices.Clone(r.Headers)
		out.Response = &r
	}
	return &out
}

// String returns the case as JSON, which ParseKept reads.
func (c *Case) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

var hashSeed = maphash.MakeSeed()

// hash tells cases apart; the name does not count.
func (c *Case) hash() uint64 {
	var h maphash.Hash
	h.SetSeed(hashSeed)
	write := func(list ...Text) {
		for _, t := range list {
			_, _ = h.WriteString(strconv.Itoa(len(t)))
			_, _ = h.WriteString(string(t))
		}
	}
	fields := func(list []Field) {
		for _, f := range list {
			write(f[0], f[1])
		}
		_ = h.WriteByte('|')
	}
	write(Text(c.Peer.String()), c.Method, c.Target, c.Protocol, c.Body)
	fields(c.Headers)
	fields(c.Trailers)
	fields(c.Arguments)
	if c.Response != nil {
		write(Text(strconv.Itoa(c.Response.Status)), c.Response.Protocol, c.Response.Body)
		fields(c.Response.Headers)
	}
	return h.Sum64()
}

// header returns the index of a header's first line, or -1.
func header(fields []Field, lower string) int {
	return slices.IndexFunc(fields, func(f Field) bool { return lowerASCII(string(f[0])) == lower })
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// Reflect plays the backend of CRS's tests: it answers a request to /reflect
// with what the request's body asks for (status, headers, body, encodedBody)
// and any other with nil.
func Reflect(c *Case) *Response {
	if c.Target != "/reflect" {
		return nil
	}
	var wish struct {
		Status      int
		Headers     map[string]string
		Body        string
		EncodedBody []byte
	}
	if json.Unmarshal([]byte(c.Body), &wish) != nil {
		return nil
	}
	r := &Response{Status: 200, Protocol: "HTTP/1.1", Body: Text(wish.Body)}
	if wish.Status != 0 {
		r.Status = wish.Status
	}
	if wish.EncodedBody != nil {
		r.Body = Text(wish.EncodedBody)
	}
	for name, value := range wish.Headers {
		r.Headers = append(r.Headers, Field{Text(name), Text(value)})
	}
	slices.SortFunc(r.Headers, func(a, b Field) int { return slices.Compare(a[:], b[:]) })
	if header(r.Headers, "content-type") < 0 {
		r.Headers = append(r.Headers, Field{"Content-Type", "text/plain; charset=utf-8"})
	}
	return r
}

// Recorded reads one line of requests.jsonl: an object with id, method, path,
// headers and body_b64.
func Recorded(line []byte) (*Case, error) {
	var r struct {
		ID, Method, Path string
		Headers          [][2]string
		BodyB64          string `json:"body_b64"`
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return nil, err
	}
	body, err := base64.StdEncoding.DecodeString(r.BodyB64)
	if err != nil {
		return nil, err
	}
	c := &Case{Name: r.ID, Peer: DefaultPeer, Method: Text(r.Method), Target: Text(r.Path), Protocol: "HTTP/1.1", Body: Text(body)}
	for _, h := range r.Headers {
		c.Headers = append(c.Headers, Field{Text(h[0]), Text(h[1])})
	}
	return c, nil
}
