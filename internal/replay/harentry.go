package replay

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"tabard/engine"
)

// The parts of an archive's entry that are used.
type (
	harEntry struct {
		StartedDateTime string       `json:"startedDateTime"`
		Request         harRequest   `json:"request"`
		Response        *harResponse `json:"response"`
	}
	harRequest struct {
		Method      string    `json:"method"`
		URL         string    `json:"url"`
		HTTPVersion string    `json:"httpVersion"`
		Headers     []harPair `json:"headers"`
		Cookies     []harPair `json:"cookies"`
		PostData    *harPost  `json:"postData"`
		BodySize    float64   `json:"bodySize"` // -1: not known
	}
	harPost struct {
		MimeType string     `json:"mimeType"`
		Text     string     `json:"text"`
		Encoding string     `json:"encoding"`
		Params   []harParam `json:"params"`
	}
	harResponse struct {
		Status  float64   `json:"status"`
		Headers []harPair `json:"headers"`
		Content struct {
			Size     float64 `json:"size"`
			Text     string  `json:"text"`
			Encoding string  `json:"encoding"`
		} `json:"content"`
	}
	harPair struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	harParam struct {
		Name        string `json:"name"`
		Value       string `json:"value"`
		FileName    string `json:"fileName"`
		ContentType string `json:"contentType"`
	}
)

// harTimes: ISO 8601, of which some exporters write the zone without a colon.
var harTimes = []string{time.RFC3339, "2006-01-02T15:04:05.999999999Z0700"}

func parseHAR(raw []byte, _ Position) (Entry, error) {
	var h harEntry
	if err := json.Unmarshal(raw, &h); err != nil {
		return Entry{}, jsonReason(err)
	}
	e := Entry{Unknown: UnknownClient, Time: parseTime(h.StartedDateTime, harTimes...)}
	var err error
	if e.Request, err = h.Request.head(); err != nil {
		return Entry{}, err
	}
	e.Conn.TLS = e.Request.Scheme == "https"
	var known bool
	if e.Body, known, err = h.Request.body(e.Request.Headers); err != nil {
		return Entry{}, err
	}
	if !known {
		e.Unknown |= UnknownBody
	}
	if h.Response == nil || h.Response.Status < 100 {
		return e, nil // aborted, or answered by the browser's cache
	}
	e.Status = int(h.Response.Status)
	e.Response = &Response{Status: e.Status, Headers: splitLines(h.Response.Headers)}
	content := h.Response.Content
	if e.Response.Body, err = harText(content.Text, content.Encoding); err != nil {
		return Entry{}, fmt.Errorf("response.content.text: %w", err)
	}
	if content.Text == "" && content.Size > 0 {
		e.Unknown |= UnknownResponseBody
	}
	return e, nil
}

// head makes the request's head. The pseudo-headers say best what was sent;
// without them it is in the URL.
func (r harRequest) head() (engine.Request, error) {
	scheme, authority, target, err := cutURL(r.URL)
	if err != nil {
		return engine.Request{}, err
	}
	if r.Method == "" {
		return engine.Request{}, errors.New("request.method is missing")
	}
	out := engine.Request{Method: r.Method, Target: target, Scheme: scheme, Authority: authority}
	pseudo, cookie := false, false
	for _, h := range r.Headers {
		switch {
		case h.Name == ":path":
			out.Target, pseudo = h.Value, true
		case h.Name == ":authority":
			out.Authority, pseudo = h.Value, true
		case strings.HasPrefix(h.Name, ":"):
			pseudo = true
		default:
			cookie = cookie || strings.EqualFold(h.Name, "cookie")
			out.Headers = append(out.Headers, [2]string{h.Name, h.Value})
		}
	}
	if host := out.Headers.Get("host"); host != "" && !pseudo {
		out.Authority = host
	}
	if !cookie && len(r.Cookies) > 0 {
		out.Headers = append(out.Headers, [2]string{"Cookie", joinCookies(r.Cookies)})
	}
	out.Protocol = protocol(r.HTTPVersion, pseudo)
	return out, nil
}

// cutURL takes a URL apart as text, because net/url would decode and encode
// again. The fragment is not sent.
func cutURL(url string) (scheme, authority, target string, err error) {
	scheme, rest, ok := strings.Cut(url, "://")
	scheme = strings.ToLower(scheme)
	if http, ok := map[string]string{"ws": "http", "wss": "https"}[scheme]; ok {
		scheme = http
	}
	if !ok || scheme != "http" && scheme != "https" {
		kind, _, _ := strings.Cut(url, ":")
		return "", "", "", errors.New("request.url is not HTTP: " + quoteShort(kind+":"))
	}
	rest, _, _ = strings.Cut(rest, "#")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		return scheme, rest, "/", nil
	}
	authority, target = rest[:end], rest[end:]
	if target[0] == '?' {
		target = "/" + target
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		authority = authority[at+1:] // a name and password become a header
	}
	return scheme, authority, target, nil
}

// protocol gives the names that servers use.
func protocol(version string, pseudo bool) string {
	switch v := strings.ToUpper(version); {
	case v == "H2" || v == "HTTP/2" || v == "HTTP/2.0":
		return "HTTP/2"
	case v == "H3" || strings.HasPrefix(v, "H3-") || v == "HTTP/3" || v == "HTTP/3.0" || strings.Contains(v, "QUIC"):
		return "HTTP/3"
	case strings.HasPrefix(v, "HTTP/"):
		return v
	case pseudo:
		return "HTTP/2"
	}
	return "HTTP/1.1" // "unknown" and "" come from the browser's cache
}

func joinCookies(cookies []harPair) string {
	pairs := make([]string, len(cookies))
	for i, c := range cookies {
		pairs[i] = c.Name + "=" + c.Value
	}
	return strings.Join(pairs, "; ")
}

// splitLines makes one header of each line of a value: Chrome joins repeated
// headers such as Set-Cookie that way.
func splitLines(pairs []harPair) engine.Headers {
	var h engine.Headers
	for _, p := range pairs {
		if strings.HasPrefix(p.Name, ":") {
			continue
		}
		for line := range strings.SplitSeq(p.Value, "\n") {
			h = append(h, [2]string{p.Name, line})
		}
	}
	return h
}

// body returns the request's body; known is false when there was one that the
// archive does not hold.
func (r harRequest) body(h engine.Headers) (body []byte, known bool, err error) {
	if r.PostData == nil {
		return nil, r.BodySize <= 0, nil
	}
	if r.PostData.Text == "" && len(r.PostData.Params) > 0 {
		body, known = r.PostData.encode(h)
		return body, known, nil
	}
	body, err = harText(r.PostData.Text, r.PostData.Encoding)
	if err != nil {
		return nil, false, fmt.Errorf("request.postData.text: %w", err)
	}
	return body, len(body) > 0 || r.BodySize <= 0, nil
}

func harText(text, encoding string) ([]byte, error) {
	if encoding != "base64" {
		return []byte(text), nil
	}
	out, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("not base64, as its encoding says")
	}
	return out, nil
}
