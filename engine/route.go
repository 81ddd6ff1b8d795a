package engine

import "strings"

// matchesAll says that the route sets no condition.
func (r Route) matchesAll() bool {
	return len(r.Hosts) == 0 && r.Path == "" && r.PathPrefix == "" && len(r.Methods) == 0
}

// matches says whether the route takes a request with this host (without
// port, in lower case), path (without query) and method.
func (r Route) matches(host, path, method string) bool {
	return anyOr(r.Methods, func(m string) bool { return m == method }) &&
		anyOr(r.Hosts, func(h string) bool { return matchHost(h, host) }) &&
		(r.Path == "" || matchTemplate(r.Path, path) || matchTemplate(r.Path, strings.TrimSuffix(path, "/"))) &&
		(r.PathPrefix == "" || matchPrefix(r.PathPrefix, path))
}

// anyOr is true when the list is empty or one of it fits.
func anyOr(list []string, fits func(string) bool) bool {
	for _, item := range list {
		if fits(item) {
			return true
		}
	}
	return len(list) == 0
}

// matchHost compares a host name with a name or with *.name, which stands for
// one or more labels in front of name.
func matchHost(pattern, host string) bool {
	pattern = strings.ToLower(pattern)
	if suffix, ok := strings.CutPrefix(pattern, "*"); ok {
		return strings.HasSuffix(host, suffix) && len(host) > len(suffix)
	}
	return pattern == host
}

// matchTemplate compares segment by segment; {name} takes one that is not empty.
func matchTemplate(template, path string) bool {
	for {
		want, restWant, moreWant := strings.Cut(template, "/")
		got, restGot, moreGot := strings.Cut(path, "/")
		if isVariable(want) && got == "" || !isVariable(want) && want != got || moreWant != moreGot {
			return false
		}
		if !moreWant {
			return true
		}
		template, path = restWant, restGot
	}
}

func isVariable(segment string) bool {
	return strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}") && len(segment) > 2
}

// matchPrefix compares at a segment's border: /api fits /api and /api/x, and
// not /apis.
func matchPrefix(prefix, path string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || strings.HasSuffix(prefix, "/") || rest[0] == '/')
}

func isPlainPath(p string) bool {
	return strings.HasPrefix(p, "/") && !strings.ContainsAny(p, "{}?#% \t\r\n") && cleanPath(p) == p
}

func isTemplate(p string) bool {
	if !strings.HasPrefix(p, "/") {
		return false
	}
	for _, segment := range strings.Split(p[1:], "/") {
		if !isVariable(segment) && strings.ContainsAny(segment, "{}?#% \t\r\n") {
			return false
		}
	}
	return true
}

func isHostPattern(h string) bool {
	h = strings.TrimPrefix(h, "*.")
	return h != "" && (isToken(h) && !strings.HasPrefix(h, ".") || strings.HasPrefix(h, "[") && strings.HasSuffix(h, "]"))
}

// hostName takes user information, the port and final dots off, which servers
// do not look at when they choose a host, and lowers the case.
func hostName(authority string) string {
	authority = authority[strings.LastIndexByte(authority, '@')+1:]
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && !strings.HasSuffix(authority, "]") {
		authority = authority[:i]
	}
	return strings.ToLower(strings.TrimRight(authority, "."))
}

// requestPath is the target's path as sent: without query and the scheme and
// authority of an absolute form. A "#", which has no place in a target, stays.
func requestPath(target string) string {
	target, _, _ = strings.Cut(target, "?")
	if strings.HasPrefix(target, "/") {
		return target
	}
	if _, rest, ok := strings.Cut(target, "://"); ok {
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			return rest[i:]
		}
		return "/"
	}
	return target
}

// otherReadings are the paths that a lenient upstream may make of one: cleaned
// and, since some servers cut a fragment off and others take it for a part of
// the path, both with and without it.
func otherReadings(path string) []string {
	var out []string
	if clean := cleanPath(path); clean != path {
		out = append(out, clean)
	}
	if whole, _, ok := strings.Cut(path, "#"); ok {
		out = append(out, cleanPath(whole))
	}
	return out
}

// cleanPath is what a lenient upstream may make of a path: percent escapes
// decoded once, backslashes turned, path parameters (;x) dropped, doubled
// slashes merged and dot segments resolved (RFC 3986, section 5.2.4).
func cleanPath(path string) string {
	segments := strings.Split(strings.ReplaceAll(unescape(path), `\`, "/"), "/")
	out := make([]string, 0, len(segments))
	for i, s := range segments {
		s, _, _ = strings.Cut(s, ";")
		last := i == len(segments)-1
		switch {
		case s == ".." && len(out) > 0:
			out = out[:len(out)-1]
		case s != "" && s != "." && s != "..":
			out = append(out, s)
			continue
		}
		if last && (i > 0 || s != "") {
			out = append(out, "")
		}
	}
	return "/" + strings.Join(out, "/")
}

// unescape decodes percent escapes once and leaves broken ones as they are.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0 {
			out = append(out, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	default:
		return -1
	}
}
