package replay

import (
	"errors"
	"strings"
	"time"
)

// parseEnvoy reads a line of Envoy's access log in its default text format,
// and in Istio's, which has more fields before and behind:
//
//	[2016-04-15T20:17:00.310Z] "POST /api HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "agent" "request id" "locations" "tcp://10.0.2.1:80"
//
// The client is the last address of X-Forwarded-For, which an Envoy at the
// edge appends itself; the format has no other place for it.
func parseEnvoy(line, host string) (Entry, error) {
	when, rest, ok := strings.Cut(strings.TrimPrefix(line, "["), `] "`)
	if !ok || !strings.HasPrefix(line, "[") {
		return Entry{}, errNoEnvoy
	}
	request, rest, ok := strings.Cut(rest, `" `)
	if !ok {
		return Entry{}, errNoEnvoy
	}
	status, rest, _ := strings.Cut(rest, " ")
	fields := quotedFields(rest)
	if len(fields) < envoyFields || len(status) > 3 || strings.Trim(status, "0123456789") != "" {
		return Entry{}, errNoEnvoy
	}
	fields = fields[len(fields)-envoyFields:]
	l := logged{time: parseTime(when, time.RFC3339), unknown: UnknownHeaders | UnknownBody}
	l.setStatus(status)
	if l.host = fields[3]; l.host == "-" {
		l.host = ""
	}
	l.client = strings.TrimSpace(fields[0][strings.LastIndexByte(fields[0], ',')+1:])
	l.header("User-Agent", fields[1])
	l.header("X-Forwarded-For", fields[0])
	l.header("X-Request-Id", fields[2])
	if !l.requestLine(request) {
		return Entry{}, noRequest(request)
	}
	return l.entry(host)
}

// envoyFields are the quoted ones: X-Forwarded-For, User-Agent, X-Request-Id,
// the authority, the upstream's address.
const envoyFields = 5

var errNoEnvoy = errors.New(`not a line of Envoy's default log: it should look like [TIME] "GET / HTTP/1.1" 200 - 0 0 1 - "X-FORWARDED-FOR" "AGENT" "ID" "HOST" "UPSTREAM"`)

// quotedFields returns what stands in quotes. Envoy escapes nothing, so a
// quote in a value shifts the fields; there is no way to tell.
func quotedFields(s string) []string {
	parts := strings.Split(s, `"`)
	fields := make([]string, 0, len(parts)/2)
	for i := 1; i < len(parts); i += 2 {
		fields = append(fields, parts[i])
	}
	return fields
}

func isEnvoyLine(line []byte) bool {
	_, err := parseEnvoy(string(line), DefaultHost)
	return !errors.Is(err, errNoEnvoy)
}
