package wasmhost

import (
	"fmt"
	"strconv"
	"strings"

	"tabard/engine"
	"tabard/filter"
)

// Exchange is what a client and, in Response, an upstream send.
type Exchange struct {
	Conn    engine.Conn
	Request engine.Request
	// Body is the request's body; one of length 0 ends with the headers.
	Body []byte
	// Trailers follow the body when there are any.
	Trailers engine.Headers
	// Response is what the upstream answers; nil for a request alone.
	Response *Response
	// ChunkBytes cuts both bodies into pieces of that length; 0 sends each in
	// one piece.
	ChunkBytes int
}

// Response is what an upstream answers.
type Response struct {
	Status   int
	Headers  engine.Headers
	Body     []byte
	Trailers engine.Headers
}

// Result is what the module made of an Exchange. The verdict is read from the
// filter state that it sets (package filter, State...).
type Result struct {
	Action engine.Action
	// Status is the one that a blocked client gets, else 0.
	Status int
	Phase  int
	Score  int
	// Rules are the ids of the rules that matched and log, ascending; nil when
	// there are none.
	Rules         []int
	Route         string
	TransactionID string
	// Screen is what part the fast path had.
	Screen engine.Screened
	// Reply is the module's own answer, nil when it gave none.
	Reply *filter.Reply
	// RequestSent and ResponseSent say that the request's head went on to the
	// upstream, and the upstream's response's to the client.
	RequestSent, ResponseSent bool
	// Log are the lines that the module logged for this exchange.
	Log []Entry
}

// Entry is one line of the module's log.
type Entry struct {
	Level filter.Level
	Text  string
}

// stream is one exchange on its way through the module.
type stream struct {
	id         uint32
	exchange   Exchange
	properties map[string]string
	state      map[string]string
	blocks     map[int32]engine.Headers
	buffers    map[int32][]byte
	reply      *filter.Reply
	resumed    bool
	log        []Entry
}

func newStream(id uint32, x Exchange) *stream {
	s := &stream{
		id:         id,
		exchange:   x,
		properties: properties(x),
		state:      map[string]string{},
		blocks:     map[int32]engine.Headers{mapRequestHeaders: requestLines(x.Request), mapRequestTrailers: x.Trailers},
		buffers:    map[int32][]byte{},
	}
	if r := x.Response; r != nil {
		s.blocks[mapResponseHeaders] = append(engine.Headers{{":status", strconv.Itoa(r.Status)}}, r.Headers...)
	}
	return s
}

// properties are the attributes of Envoy's that the filter reads.
func properties(x Exchange) map[string]string {
	p := map[string]string{"request.protocol": x.Request.Protocol}
	optional := func(name, value string, there bool) {
		if there {
			p[name] = value
		}
	}
	optional("request.id", x.Conn.ID, x.Conn.ID != "")
	optional("source.address", x.Conn.Peer.String(), x.Conn.Peer.IsValid())
	optional("destination.address", x.Conn.Server.String(), x.Conn.Server.IsValid())
	optional("connection.tls_version", "TLSv1.3", x.Conn.TLS)
	optional("xds.route_name", x.Conn.ProxyRoute, x.Conn.ProxyRoute != "")
	return p
}

// requestLines is the request's head with its pseudo-headers.
func requestLines(r engine.Request) engine.Headers {
	lines := make(engine.Headers, 0, len(r.Headers)+4)
	for _, pseudo := range [][2]string{
		{":authority", r.Authority}, {":path", r.Target}, {":method", r.Method}, {":scheme", r.Scheme},
	} {
		if pseudo[1] != "" {
			lines = append(lines, pseudo)
		}
	}
	return append(lines, r.Headers...)
}

// result reads the verdict out of what the stream's callbacks have left.
func (s *stream) result() (Result, error) {
	r := Result{
		Action:        engine.Action(s.state[filter.StateVerdict]),
		Route:         s.state[filter.StateRoute],
		TransactionID: s.state[filter.StateTransactionID],
		Screen:        screened(s.state[filter.StateScreen]),
		Reply:         s.reply,
		Log:           s.log,
	}
	if r.TransactionID == "" {
		r.TransactionID = s.properties["request.id"] // see filter.StateTransactionID
	}
	if s.reply != nil {
		r.Status = s.reply.Status
	}
	var err error
	if r.Phase, err = number(s.state[filter.StatePhase]); err != nil {
		return r, err
	}
	if r.Score, err = number(s.state[filter.StateScore]); err != nil {
		return r, err
	}
	for _, word := range strings.Split(s.state[filter.StateRules], ",") {
		id, err := number(word)
		if err != nil {
			return r, err
		}
		if word != "" {
			r.Rules = append(r.Rules, id)
		}
	}
	if r.Action == "" {
		return r, fmt.Errorf("the module set no %s: %v", filter.StateVerdict, s.log)
	}
	return r, nil
}

// screened reads the state that is not set after a hit.
func screened(text string) engine.Screened {
	if text == "" {
		return engine.ScreenedHit
	}
	return engine.Screened(text)
}

// number reads filter state that is a number, 0 when it is not set.
func number(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("filter state that should be a number: %w", err)
	}
	return n, nil
}
