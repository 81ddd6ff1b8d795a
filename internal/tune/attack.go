package tune

import (
	"net/netip"
	"net/url"
	"strings"

	"tabard/engine"
	"tabard/internal/ftw"
	"tabard/internal/replay"
)

// Attack is a request that a rule is meant to object to.
type Attack struct {
	// Name is the test's, such as "942100-3".
	Name  string
	Entry replay.Entry
	// rules are those that the test expects.
	rules []int
}

// attacker is where attacks come from, an address of the range for documentation.
var attacker = netip.MustParseAddrPort("192.0.2.251:1234")

// Attacks makes attacks of rule tests: of each stage that expects a rule to
// match. A message that no server would take has no verdict and is left out.
func Attacks(suites []ftw.Suite) []Attack {
	var out []Attack
	for _, suite := range suites {
		for _, test := range suite.Tests {
			for _, stage := range test.Stages {
				if len(stage.Output.ExpectIDs) == 0 {
					continue
				}
				message, err := stage.Input.Message()
				if err != nil {
					continue
				}
				out = append(out, Attack{Name: test.Name, Entry: entryOf(test.Name, stage.Input, message), rules: stage.Output.ExpectIDs})
			}
		}
	}
	return out
}

func entryOf(name string, in ftw.Input, m ftw.Message) replay.Entry {
	e := replay.Entry{
		ID: name, Conn: engine.Conn{Peer: attacker}, Body: m.Body, Trailers: lines(m.Trailers),
		Request: engine.Request{
			Method: m.Method, Target: m.Target, Protocol: m.Protocol, Scheme: m.Scheme,
			Authority: m.Header("Host"), Headers: lines(m.Headers),
		},
	}
	answer := in.Answer(m)
	e.Response = &replay.Response{Status: answer.Status, Headers: lines(answer.Headers), Body: answer.Body}
	return e
}

func lines(headers []ftw.Header) engine.Headers {
	out := make(engine.Headers, len(headers))
	for i, h := range headers {
		out[i] = [2]string{h.Name, h.Value}
	}
	return out
}

// aimed are the attack as somebody would send it who knows the exclusion: to
// the path as it is and, where the payload can be told, in the parameter.
func aimed(a replay.Entry, path, parameter string, matched []engine.RecordMatch, rule int) []replay.Entry {
	there := a
	there.Request.Target = path
	if _, query, ok := strings.Cut(a.Request.Target, "?"); ok {
		there.Request.Target += "?" + query
	}
	out := []replay.Entry{there}
	for _, m := range matched {
		if payload, ok := payloadOf(a, m.Target); m.ID == rule && ok {
			if moved, ok := put(a, path, parameter, payload); ok {
				out = append(out, moved)
			}
			break
		}
	}
	return out
}

// payloadOf is the raw value that a rule matched, as far as it is in one place.
func payloadOf(e replay.Entry, target string) (string, bool) {
	collection, key, _ := strings.Cut(target, ":")
	switch collection {
	case "ARGS", "ARGS_GET", "ARGS_POST":
		_, query, _ := strings.Cut(e.Request.Target, "?")
		if value, ok := pair(query, key); ok {
			return value, true
		}
		return pair(string(e.Body), key)
	case "REQUEST_HEADERS":
		value := e.Request.Headers.Get(key)
		return url.QueryEscape(value), value != ""
	case "REQUEST_COOKIES":
		for c := range strings.SplitSeq(e.Request.Headers.Get("cookie"), ";") {
			if name, value, _ := strings.Cut(strings.TrimSpace(c), "="); name == key {
				return value, true
			}
		}
	}
	return "", false
}

// pair finds a value of a query or a form, still encoded.
func pair(form, key string) (string, bool) {
	for p := range strings.SplitSeq(form, "&") {
		name, value, _ := strings.Cut(p, "=")
		if plain, err := url.QueryUnescape(name); err == nil && plain == key {
			return value, true
		}
	}
	return "", false
}

// put makes a request with an encoded payload in a parameter of a path; ok is
// false for what is no parameter, such as the body as a whole.
func put(a replay.Entry, path, parameter, payload string) (replay.Entry, bool) {
	e := replay.Entry{ID: a.ID, Conn: a.Conn, Response: a.Response, Request: engine.Request{
		Method: "GET", Target: path, Protocol: "HTTP/1.1", Scheme: "http", Authority: "localhost",
		Headers: engine.Headers{{"Host", "localhost"}, {"User-Agent", "tabard tune"}, {"Accept", "*/*"}},
	}}
	collection, key, keyed := strings.Cut(strings.ReplaceAll(parameter, "*", "0"), ":")
	plain, err := url.QueryUnescape(payload)
	if err != nil {
		plain = payload
	}
	switch {
	case !keyed:
		return e, false
	case strings.HasPrefix(collection, "ARGS") && strings.HasPrefix(key, "json."):
		return withJSON(e, key, plain), true
	case collection == "ARGS" || collection == "ARGS_GET" || collection == "ARGS_POST":
		e.Request.Target += "?" + url.QueryEscape(key) + "=" + payload
	case collection == "REQUEST_COOKIES":
		e.Request.Headers = append(e.Request.Headers, [2]string{"Cookie", key + "=" + payload})
	case collection == "REQUEST_HEADERS":
		e.Request.Headers = withHeader(e.Request.Headers, key, strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ").Replace(plain))
	default:
		return e, false
	}
	return e, true
}

// withHeader replaces a field or adds it.
func withHeader(h engine.Headers, name, value string) engine.Headers {
	for i, line := range h {
		if strings.EqualFold(line[0], name) {
			h[i][1] = value
			return h
		}
	}
	return append(h, [2]string{name, value})
}
