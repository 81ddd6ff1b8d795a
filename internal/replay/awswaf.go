package replay

import (
	"encoding/json"
	"strconv"
	"time"
)

// parseAWSWAF reads a line of AWS WAF's log, which has the request's headers,
// but for those that are redacted, and no body.
func parseAWSWAF(text []byte, host string) (Entry, error) {
	var w struct {
		Timestamp    float64 `json:"timestamp"` // milliseconds
		Action       string  `json:"action"`
		ResponseCode float64 `json:"responseCodeSent"`
		Request      struct {
			ClientIP string    `json:"clientIp"`
			Headers  []harPair `json:"headers"`
			URI      string    `json:"uri"`
			Args     string    `json:"args"`
			Version  string    `json:"httpVersion"`
			Method   string    `json:"httpMethod"`
			ID       string    `json:"requestId"`
			Scheme   string    `json:"scheme"`
			Host     string    `json:"host"`
		} `json:"httpRequest"`
	}
	if err := json.Unmarshal(text, &w); err != nil {
		return Entry{}, jsonReason(err)
	}
	r := w.Request
	l := logged{
		id: r.ID, client: r.ClientIP, host: r.Host, method: r.Method, target: latin1(r.URI), protocol: r.Version,
		scheme: r.Scheme, unknown: UnknownBody,
	}
	if w.Timestamp > 0 {
		l.time = time.UnixMilli(int64(w.Timestamp)).UTC()
	}
	if w.ResponseCode > 0 {
		l.setStatus(strconv.FormatFloat(w.ResponseCode, 'f', -1, 64))
	} else if w.Action == "BLOCK" {
		l.status = 403 // what WAF answers unless a rule says otherwise, which is then logged
	}
	if r.Args != "" {
		l.target += "?" + latin1(r.Args)
	}
	redacted := r.URI == redactedByWAF || r.Args == redactedByWAF
	for _, h := range r.Headers {
		redacted = redacted || h.Value == redactedByWAF
		l.headers = append(l.headers, [2]string{latin1(h.Name), latin1(h.Value)})
	}
	if h := l.headers.Get("host"); h != "" {
		l.host = h
	}
	if redacted {
		l.unknown |= UnknownRedacted
	}
	return l.entry(host)
}

// redactedByWAF stands for a field that the log's configuration redacts.
const redactedByWAF = "REDACTED"
