package replay

import (
	"errors"
	"strings"
	"time"
)

// parseALB reads a line of the access log of AWS's Application Load Balancer,
// and of the Classic one, which has no type in front:
//
//	https 2018-07-02T22:23:00.186641Z app/my-lb/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/?a=1 HTTP/1.1" "curl/7.46.0" ...
//
// The target is logged as a whole URL; what the client sent is cut out of it.
func parseALB(line, host string) (Entry, error) {
	front, rest, ok := strings.Cut(line, ` "`)
	words := strings.Split(front, " ")
	if len(words) == albWords && isALBType(words[0]) {
		words = words[1:]
	}
	if !ok || len(words) != albWords-1 {
		return Entry{}, errNoALB
	}
	request, rest, ok := cutQuoted(rest)
	if !ok {
		return Entry{}, errNoALB
	}
	l := logged{client: words[2], time: parseTime(words[0], time.RFC3339), unknown: UnknownHeaders | UnknownBody}
	l.setStatus(words[7])
	agent, _ := nextQuoted(rest)
	l.header("User-Agent", agent)
	if !l.requestLine(request) || l.method == "-" {
		return Entry{}, noRequest(request) // "- http://host:80- -" is a request that the balancer refused
	}
	if err := l.url(l.target); err != nil {
		return Entry{}, noRequest(request)
	}
	return l.entry(host)
}

// albWords is how many words stand before the request.
const albWords = 12

var errNoALB = errors.New(`not a line of a load balancer's log: it should look like https TIME app/NAME/ID CLIENT:PORT TARGET:PORT 0 0 0 200 200 0 57 "GET https://HOST:443/ HTTP/1.1" "AGENT"`)

func isALBType(word string) bool {
	switch word {
	case "http", "https", "h2", "grpcs", "ws", "wss":
		return true
	}
	return false
}

func isALBLine(line []byte) bool {
	_, err := parseALB(string(line), DefaultHost)
	return !errors.Is(err, errNoALB)
}
