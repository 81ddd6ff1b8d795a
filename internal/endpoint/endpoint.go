// Package endpoint names the part of an API that one HTTP exchange was for, so
// that its verdict can be counted together with its likes: /users/7 and
// /users/8 are one endpoint, and json.items.0.name and json.items.1.name one
// parameter.
package endpoint

import (
	"strconv"
	"strings"
	"unicode"
)

const (
	// maxSegments is deeper than the resources of an API go; what is below
	// belongs together.
	maxSegments = 8
	// maxSegmentBytes: a longer segment is data and no name.
	maxSegmentBytes = 48
	// minTokenBytes is the length from which a segment of letters and digits is
	// an id rather than a word with a number, such as iso-8859-1.
	minTokenBytes = 16
)

// Path is the pattern of a request target's path: segments that are data
// become {id}, as a policy's route would write it; query and fragment are left
// out. It tells nothing that is longer than maxSegments segments of
// maxSegmentBytes.
func Path(target string) string {
	if _, rest, ok := strings.Cut(target, "://"); ok && !strings.HasPrefix(target, "/") {
		_, path, _ := strings.Cut(rest, "/")
		target = "/" + path
	}
	if end := strings.IndexAny(target, "?#"); end >= 0 {
		target = target[:end]
	}
	segments := strings.Split(target, "/")
	if len(segments) > maxSegments+1 {
		segments = append(segments[:maxSegments+1:maxSegments+1], "...")
	}
	for i, s := range segments {
		if isData(s) {
			segments[i] = "{id}"
		}
	}
	return strings.Join(segments, "/")
}

// isData says that a segment is a number, a UUID, a hash or a token.
func isData(segment string) bool {
	if len(segment) > maxSegmentBytes {
		return true
	}
	digits, letters, others := 0, 0, 0
	for _, c := range []byte(segment) {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			letters++
		case c != '-' && c != '_':
			others++
		}
	}
	switch {
	case others > 0 || digits == 0:
		return false
	case letters == 0:
		return true
	}
	// A quarter of digits: hexadecimal has more, words with a version fewer.
	return len(segment) >= minTokenBytes && digits*4 >= len(segment)
}

// Parameter is what a rule matched, such as "ARGS:q", with the indices of JSON
// arrays taken out: "ARGS:json.items.3.name" gives "ARGS:json.items.*.name".
func Parameter(target string) string {
	collection, key, ok := strings.Cut(target, ":")
	if !ok || !strings.HasPrefix(key, "json.") {
		return target
	}
	parts := strings.Split(key, ".")
	for i, p := range parts {
		if p != "" && strings.Trim(p, "0123456789") == "" {
			parts[i] = "*"
		}
	}
	return collection + ":" + strings.Join(parts, ".")
}

// Printable makes text of a request fit for a terminal or a page: what does not
// print is escaped as Go does, so that no client can move the cursor, turn the
// direction of writing or break a line.
func Printable(s string) string {
	for _, r := range s {
		if r == unicode.ReplacementChar || !strconv.IsPrint(r) {
			quoted := strconv.Quote(s)
			return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
		}
	}
	return s
}
