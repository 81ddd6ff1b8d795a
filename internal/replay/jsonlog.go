package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"tabard/engine"
)

// parseJSONLog reads a line of an access log in JSON. Its keys are what an
// operator has chosen, so the usual ones are known by their meaning: those of
// Envoy's and Istio's samples, nginx's and Apache's variables, Caddy, Traefik,
// API Gateway's context variables, CloudFront's fields and OpenTelemetry's
// conventions. Letters' case and the signs "_", "-", "." make no difference,
// and an object inside of an object is its keys with the outer one in front.
func parseJSONLog(text []byte, host string) (Entry, error) {
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		return Entry{}, jsonReason(err)
	}
	f := fields{values: map[string]string{}}
	f.add("", object)
	return f.entry(host)
}

// fields are the values of a log line by their plain keys.
type fields struct {
	values  map[string]string
	headers engine.Headers
}

// aliases are the keys that name the same thing, the best first.
var aliases = map[string][]string{
	"method":   {"method", "requestmethod", "httpmethod", "httprequestmethod", "requesthttpmethod", "verb", "csmethod"},
	"line":     {"request", "requestline"},
	"path":     {"requesturi", "xenvoyoriginalpath", "path", "requestpath", "uri", "httptarget", "urlpath", "urlpathname", "httprequestpath", "rawpath", "csuristem", "originalpath"},
	"template": {"resourcepath", "routekey"},
	"query":    {"query", "querystring", "args", "urlquery", "rawquerystring", "csuriquery"},
	"url":      {"urlfull", "httpurl", "url", "requesturl"},
	"protocol": {"protocol", "serverprotocol", "requestprotocol", "requestproto", "networkprotocolversion", "httpflavor", "httpversion", "csprotocolversion"},
	"host":     {"authority", "httphost", "host", "requesthost", "xhostheader", "serveraddress", "urldomain", "domainname", "cshost", "servername", "vhost"},
	"client": {"clientaddress", "clientip", "httpclientip", "remoteaddr", "remoteip", "requestremoteip", "clienthost", "clientaddr", "sourceip", "identitysourceip", "ip",
		"downstreamremoteaddress", "downstreamdirectremoteaddress", "cip", "networkpeeraddress", "netpeerip", "remotehost"},
	"agent":     {"useragentoriginal", "useragent", "httpuseragent", "requestuseragent", "csuseragent", "agent"},
	"referer":   {"referer", "httpreferer", "referrer", "httpreferrer", "requestreferer", "csreferer"},
	"forwarded": {"xforwardedfor", "httpxforwardedfor", "forwardedfor"},
	"cookie":    {"cookie", "httpcookie", "cscookie"},
	"time":      {"starttime", "startutc", "timestamp", "time", "timeiso8601", "timelocal", "requesttime", "eventtime", "ts", "msec", "requesttimeepoch"},
	"status":    {"status", "responsecode", "statuscode", "httpstatuscode", "httpresponsestatuscode", "downstreamstatus", "responsestatus", "scstatus"},
	"scheme":    {"scheme", "urlscheme", "httpscheme", "requestscheme", "xforwardedproto", "csprotocol"},
	"id":        {"requestid", "xrequestid", "id"},
	"body":      {"requestbody", "httprequestbody", "httprequestbodycontent"},
}

// headerKeys are the plain keys under which the headers are an object.
var headerKeys = []string{"headers", "requestheaders", "httprequestheaders", "httprequestheader"}

// plainKey is a key without what writers choose freely.
func plainKey(key string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "", " ", "", ":", "", "@", "", "(", "", ")", "", "$", "").Replace(key))
}

// add takes in the members of an object, or the one value of a key.
func (f *fields) add(key string, value any) {
	switch v := value.(type) {
	case map[string]any:
		if slices.Contains(headerKeys, plainKey(key)) {
			f.addHeaders(v)
			return
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			f.add(strings.TrimPrefix(key+"."+name, "."), v[name])
		}
	case nil:
	default:
		f.set(key, scalar(v))
	}
}

// set keeps a value under its plain key. A header of its own, as OpenTelemetry
// has them, is a header.
func (f *fields) set(key, value string) {
	if name, ok := strings.CutPrefix(key, otelHeader); ok {
		f.headers = append(f.headers, [2]string{name, latin1(value)})
		return
	}
	if value != "" && value != "-" {
		f.values[plainKey(key)] = value
	}
}

// otelHeader begins the attributes that are headers:
// https://opentelemetry.io/docs/specs/semconv/http/
const otelHeader = "http.request.header."

func (f *fields) addHeaders(h map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		values, ok := h[name].([]any)
		if !ok {
			values = []any{h[name]}
		}
		for _, v := range values {
			f.headers = append(f.headers, [2]string{latin1(name), latin1(scalar(v))})
		}
	}
}

// scalar is a value as text; of a list, the first element.
func scalar(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		if len(v) > 0 {
			return scalar(v[0])
		}
	}
	return ""
}

// get returns the first value that one of the aliases has.
func (f *fields) get(name string) string {
	for _, alias := range aliases[name] {
		if v, ok := f.values[alias]; ok {
			return v
		}
		if v, ok := f.values["request"+alias]; ok { // Caddy's request.uri
			return v
		}
	}
	return ""
}

// entry makes the Entry.
func (f *fields) entry(host string) (Entry, error) {
	l := logged{
		id: f.get("id"), client: f.get("client"), host: f.get("host"), method: f.get("method"),
		protocol: f.get("protocol"), scheme: strings.ToLower(f.get("scheme")), time: f.time(), headers: f.headers,
	}
	l.setStatus(f.get("status"))
	if err := f.target(&l); err != nil {
		return Entry{}, err
	}
	if strings.Trim(l.protocol, "0123456789.") == "" && l.protocol != "" {
		l.protocol = "HTTP/" + l.protocol // OpenTelemetry's network.protocol.version
	}
	if len(l.headers) == 0 {
		l.unknown |= UnknownHeaders
	}
	for _, h := range [][2]string{{"User-Agent", "agent"}, {"Referer", "referer"}, {"X-Forwarded-For", "forwarded"}, {"Cookie", "cookie"}} {
		if l.headers.Get(h[0]) == "" {
			l.header(h[0], latin1(f.get(h[1])))
		}
	}
	if h := l.headers.Get("host"); h != "" {
		l.host = h
	}
	if l.body = []byte(f.get("body")); len(l.body) == 0 {
		l.body = nil
		l.unknown |= UnknownBody
	}
	return l.entry(host)
}

// target finds the request's target, which logs keep in several ways.
func (f *fields) target(l *logged) error {
	line, path, url, template := f.get("line"), f.get("path"), f.get("url"), f.get("template")
	switch {
	case line != "" && l.method == "":
		if !l.requestLine(line) {
			return noRequest(line)
		}
	case path != "":
		l.target = path
		if query := strings.TrimPrefix(f.get("query"), "?"); query != "" && !strings.Contains(path, "?") {
			l.target += "?" + query
		}
	case strings.HasPrefix(url, "/"):
		l.target = url
	case url != "":
		return l.url(url)
	case template != "":
		l.unknown |= UnknownTarget | UnknownQuery
		if _, after, ok := strings.Cut(template, " "); ok {
			template = after // a route key is "GET /pets"
		}
		l.target = template
	default:
		return errors.New("no key names the request's path: known are path, uri, request_uri, url, request, url.path and others like them")
	}
	l.method, l.target = latin1(l.method), latin1(l.target)
	return nil
}

// logTimes are the layouts of times in JSON logs.
var logTimes = []string{time.RFC3339, clfTime, time.DateTime, "2006-01-02T15:04:05"}

// time reads the first time that is one: nginx's request_time is a duration.
func (f *fields) time() time.Time {
	for _, alias := range aliases["time"] {
		text := f.values[alias]
		if t := parseTime(text, logTimes...); !t.IsZero() {
			return t
		}
		if t := unixTime(text); !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// unixTime reads seconds, milliseconds, microseconds or nanoseconds since 1970,
// which their size tells; less than minUnixSeconds is a duration.
func unixTime(text string) time.Time {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < minUnixSeconds || n > 1e19 {
		return time.Time{}
	}
	unit := float64(time.Second)
	for n*unit > maxUnixSeconds*float64(time.Second) {
		unit /= 1000
	}
	return time.Unix(0, int64(n*unit)).UTC().Truncate(time.Microsecond) // a float64 has no more
}

const (
	minUnixSeconds = 1e9 // 2001
	maxUnixSeconds = 1e10
)

// isJSONLogLine asks for a path under one of its names.
func isJSONLogLine(line []byte) bool {
	if !isJSONObject(line) || isNDJSONLine(line) {
		return false
	}
	_, err := parseJSONLog(line, DefaultHost)
	return err == nil
}

// isJSONLogText: the first lines may be about other things.
func isJSONLogText(start []byte) bool {
	for line := range bytes.Lines(start) {
		if isJSONLogLine(bytes.TrimRight(line, "\r\n")) {
			return true
		}
	}
	return false
}

// isNDJSONLine: a JSON log may have method and path, too, but then it has some
// other key that a log would have.
func isNDJSONLine(line []byte) bool {
	var keys map[string]json.RawMessage
	if !isJSONObject(line) || json.Unmarshal(line, &keys) != nil || keys["method"] == nil || keys["path"] == nil {
		return false
	}
	for key := range keys {
		if !slices.Contains(ndjsonKeys, key) && isAlias(plainKey(key)) {
			return false
		}
	}
	return true
}

func isAlias(plain string) bool {
	for _, names := range aliases {
		if slices.Contains(names, plain) {
			return true
		}
	}
	return false
}
