package mime

import "strings"

// maxRanges bounds the ranges of an Accept that are looked at. Browsers send
// eight.
const maxRanges = 64

// Accepts says whether one of the media ranges of an Accept field (RFC 9110,
// section 12.5.1) takes a type that the list allows. A range with "q=0" takes
// nothing, and what is no range takes nothing either.
func (l *AllowList) Accepts(accept string) bool {
	ranges := 0
	for item := range strings.SplitSeq(accept, ",") {
		if ranges++; ranges > maxRanges {
			return false
		}
		t, ok := Parse(item)
		if q, _ := t.Parameter("q"); ok && !isZero(q) && l.meets(t) {
			return true
		}
	}
	return false
}

// isZero says whether a weight is 0, 0.0, 0.00 or 0.000.
func isZero(q string) bool {
	return q != "" && strings.Trim(q, "0.") == "" && q[0] == '0'
}

// meets says whether some type is in the range and in the list.
func (l *AllowList) meets(r Type) bool {
	if r.Type == "*" {
		return len(l.patterns) > 0
	}
	for _, p := range l.patterns {
		if p.matches(r) || r.Subtype == "*" && (p.major == r.Type || p.major == "*") {
			return true
		}
	}
	return false
}
