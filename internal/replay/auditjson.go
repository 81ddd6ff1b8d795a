package replay

import (
	"encoding/json"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tabard/engine"
)

// The audit logs in JSON are alike and not the same. ModSecurity 3 and Coraza
// have the request inside of the transaction; ModSecurity 2 and Coraza's
// legacy format have it beside, with a whole request line.
type (
	auditJSON struct {
		Transaction struct {
			ID            string        `json:"id"`
			UniqueID      string        `json:"unique_id"`
			TransactionID string        `json:"transaction_id"`
			Timestamp     string        `json:"timestamp"`
			TimeStamp     string        `json:"time_stamp"`
			Time          string        `json:"time"`
			UnixTimestamp int64         `json:"unix_timestamp"` // nanoseconds
			ClientIP      string        `json:"client_ip"`
			RemoteAddress string        `json:"remote_address"`
			ClientPort    scalarText    `json:"client_port"`
			RemotePort    scalarText    `json:"remote_port"`
			HostIP        string        `json:"host_ip"`
			LocalAddress  string        `json:"local_address"`
			HostPort      scalarText    `json:"host_port"`
			LocalPort     scalarText    `json:"local_port"`
			Request       *auditMessage `json:"request"`
			Response      *auditMessage `json:"response"`
		} `json:"transaction"`
		Request  *auditMessage `json:"request"`
		Response *auditMessage `json:"response"`
	}
	auditMessage struct {
		RequestLine string       `json:"request_line"`
		Method      string       `json:"method"`
		URI         string       `json:"uri"`
		Protocol    string       `json:"protocol"`
		HTTPVersion scalarText   `json:"http_version"`
		Headers     auditFields  `json:"headers"`
		Body        *auditText   `json:"body"`
		Status      scalarNumber `json:"status"`
		HTTPCode    scalarNumber `json:"http_code"`
	}
	// scalarText is a string or a number.
	scalarText string
	// scalarNumber is a number, or a string of one.
	scalarNumber int
	// auditText is a string, or a list of its pieces.
	auditText string
	// auditFields are an object of a value or a list of values each. Its order
	// is not the one that was sent: objects of JSON have none.
	auditFields engine.Headers
)

// UnmarshalJSON implements json.Unmarshaler.
func (s *scalarText) UnmarshalJSON(text []byte) error {
	*s = scalarText(idText(text))
	return nil
}

// UnmarshalJSON implements json.Unmarshaler; what is no number is none.
func (s *scalarNumber) UnmarshalJSON(text []byte) error {
	_ = json.Unmarshal([]byte(idText(text)), (*int)(s))
	return nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *auditText) UnmarshalJSON(text []byte) error {
	var pieces []string
	if json.Unmarshal(text, &pieces) == nil {
		*s = auditText(strings.Join(pieces, ""))
		return nil
	}
	return json.Unmarshal(text, (*string)(s))
}

// UnmarshalJSON implements json.Unmarshaler.
func (h *auditFields) UnmarshalJSON(text []byte) error {
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		return errors.New("headers must be an object")
	}
	f := fields{}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		f.addHeaders(map[string]any{name: object[name]})
	}
	*h = auditFields(f.headers)
	return nil
}

// parseAuditJSON reads a line of an audit log in JSON of ModSecurity 2 or 3, or
// of Coraza (its formats json and jsonlegacy).
func parseAuditJSON(text []byte, _ Position) (Entry, error) {
	var a auditJSON
	if err := json.Unmarshal(text, &a); err != nil {
		return Entry{}, jsonReason(err)
	}
	request, response := a.Transaction.Request, a.Transaction.Response
	if request == nil {
		request, response = a.Request, a.Response
	}
	if request == nil {
		return Entry{}, errors.New("the entry has no request: SecAuditLogParts must have B for a replay")
	}
	t := a.Transaction
	e, err := request.entry()
	if err != nil {
		return Entry{}, err
	}
	e.ID = firstText(t.ID, t.UniqueID, t.TransactionID)
	e.Time = parseTime(firstText(t.TimeStamp, t.Timestamp, t.Time), auditTimes...)
	if t.UnixTimestamp > 0 {
		e.Time = time.Unix(0, t.UnixTimestamp).UTC()
	}
	e.Conn.Peer = addressPort(firstText(t.ClientIP, t.RemoteAddress), firstText(string(t.ClientPort), string(t.RemotePort)))
	e.Conn.Server = addressPort(firstText(t.HostIP, t.LocalAddress), firstText(string(t.HostPort), string(t.LocalPort)))
	if !e.Conn.Peer.IsValid() {
		e.Unknown |= UnknownClient
	}
	response.response(&e)
	return e, nil
}

func firstText(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// addressPort reads an address and a port that stand apart.
func addressPort(address, port string) netip.AddrPort {
	l := logged{client: address}
	if a := l.peer().Addr(); a.IsValid() && !strings.Contains(a.String(), "%") {
		if ap, err := netip.ParseAddrPort(netip.AddrPortFrom(a, 0).Addr().String() + ":" + port); err == nil && a.Is4() {
			return ap
		}
		if ap, err := netip.ParseAddrPort("[" + a.String() + "]:" + port); err == nil {
			return ap
		}
		return netip.AddrPortFrom(a, 0)
	}
	return netip.AddrPort{}
}

// entry makes the Entry of a request.
func (m *auditMessage) entry() (Entry, error) {
	l := logged{method: latin1(m.Method), target: latin1(m.URI), protocol: firstText(string(m.HTTPVersion), m.Protocol)}
	if m.RequestLine != "" && !l.requestLine(latin1(m.RequestLine)) || m.RequestLine == "" && !isMethod(l.method) {
		return Entry{}, noRequest(firstText(m.RequestLine, m.Method+" "+m.URI))
	}
	if !strings.HasPrefix(l.protocol, "HTTP/") {
		l.protocol = "HTTP/" + l.protocol // ModSecurity 3 writes 1.1
	}
	e := Entry{Request: engine.Request{Method: l.method, Target: l.target, Protocol: l.protocol, Scheme: "http", Headers: engine.Headers(m.Headers)}}
	if e.Request.Target == "" {
		return Entry{}, errors.New("the entry has no uri")
	}
	e.Request.Authority = authority(e.Request)
	if m.Headers == nil {
		e.Unknown |= UnknownHeaders
	}
	if m.Body != nil && *m.Body != "" {
		e.Body = auditBody(string(*m.Body), e.Request.Headers)
	} else if announcesBody(e.Request.Headers) {
		e.Unknown |= UnknownBody
	}
	return e, nil
}

// response adds the response; without headers it is only a status.
func (m *auditMessage) response(e *Entry) {
	if m == nil {
		return
	}
	if e.Status = int(m.Status); e.Status == 0 {
		e.Status = int(m.HTTPCode)
	}
	if len(m.Headers) == 0 || e.Status < 100 || e.Status > 999 {
		return
	}
	e.Response = &Response{Status: e.Status, Headers: engine.Headers(m.Headers)}
	if m.Body != nil && *m.Body != "" {
		e.Response.Body = []byte(*m.Body)
	} else if announcesBody(e.Response.Headers) {
		e.Unknown |= UnknownResponseBody
	}
}

func openAuditJSON(s source) (Reader, error) {
	return &lineRecords{lines: s.lines(), parse: parseAuditJSON}, nil
}

func isAuditJSONLine(line []byte) bool {
	return firstKey(line) == "transaction" && isJSONObject(line)
}
