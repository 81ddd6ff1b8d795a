package mime

import (
	"slices"
	"strings"
)

// maxBoundary is RFC 2046's limit, section 5.1.1.
const maxBoundary = 70

// Ambiguity says what in the parameters of a Content-Type can be read in more
// than one way, in words; "" when nothing can. charsets are the character sets
// that are allowed, in small letters; empty allows all.
func Ambiguity(value string, charsets []string) string {
	t, ok := Parse(value)
	if !ok {
		return "no media type"
	}
	_, rest, _ := strings.Cut(value, ";")
	seen := map[string]bool{}
	for rest != "" && len(seen) <= maxParameters {
		var p Parameter
		if p, rest = parseParameter(rest); p.Name == "" {
			continue
		}
		switch {
		case seen[p.Name]:
			return "the parameter " + p.Name + " twice"
		case strings.Contains(p.Name, "*"):
			return "an extended parameter (RFC 2231)"
		}
		seen[p.Name] = true
	}
	if problem := boundaryProblem(t); problem != "" {
		return problem
	}
	if charset, has := t.Parameter("charset"); has && len(charsets) > 0 && !slices.Contains(charsets, lower(charset)) {
		return "another character set"
	}
	return ""
}

// boundaryProblem looks at the boundary of a multipart type.
func boundaryProblem(t Type) string {
	boundary, has := t.Parameter("boundary")
	if t.Type != "multipart" && !has {
		return ""
	}
	for i := range len(boundary) {
		c := boundary[i]
		if !tokenBytes[c] && strings.IndexByte("(),/:=? ", c) < 0 {
			return "a boundary that RFC 2046 does not allow"
		}
	}
	if boundary == "" || len(boundary) > maxBoundary || strings.HasSuffix(boundary, " ") {
		return "a boundary that RFC 2046 does not allow"
	}
	return ""
}
