package transform

import (
	"path/filepath"
	"strings"
)

// normalisePath is filepath.Clean, except that a slash at the end stays ("/" even becomes "//") and that
// the current directory becomes the empty string.
func normalisePath(_ *Arena, s string) (string, bool) {
	if s == "" {
		return s, false
	}
	clean := filepath.Clean(s)
	switch {
	case clean == ".":
		return "", true
	case s[len(s)-1] != '/':
		return clean, clean != s
	case clean == s[:len(s)-1]:
		return s, false
	}
	clean += "/"
	return clean, clean != s
}

// normalisePathWin is normalisePath with backslashes taken for slashes, without the name of an alternate
// data stream, and without the dots and spaces that Windows ignores at the end of each component.
func normalisePathWin(a *Arena, s string) (string, bool) {
	if s == "" {
		return s, false
	}
	clean, _ := normalisePath(a, strings.ReplaceAll(s, `\`, "/"))
	clean = dropIgnoredEnds(a, dropDataStream(a, clean))
	if clean == s {
		return s, false
	}
	return clean, true
}

// dropDataStream cuts the last component at its first colon. The colon of a drive letter does not count.
func dropDataStream(a *Arena, path string) string {
	start := 0
	if len(path) >= 2 && path[1] == ':' && classes[path[0]]&(Upper|Lower) != 0 {
		start = 2
	}
	end := len(path)
	if end > start && path[end-1] == '/' {
		end--
	}
	last := start + strings.LastIndexByte(path[start:end], '/') + 1
	colon := strings.IndexByte(path[last:end], ':')
	if colon < 0 {
		return path
	}
	out := append(a.work(len(path)), path[:last+colon]...)
	return a.String(append(out, path[end:]...))
}

// dropIgnoredEnds removes the dots and spaces at the end of each component. A component of dots only is
// navigation and stays; one of which nothing else is left goes with its slash.
func dropIgnoredEnds(a *Arena, path string) string {
	if !hasIgnoredEnd(path) {
		return path
	}
	out := a.work(len(path))
	wrote := false
	for rest, more := path, true; more; {
		var part string
		part, rest, more = strings.Cut(rest, "/")
		if !allDots(part) {
			part = strings.TrimRight(part, ". ")
			if part == "" {
				continue
			}
		}
		if wrote {
			out = append(out, '/')
		}
		out = append(out, part...)
		wrote = true
	}
	return a.String(out)
}

func hasIgnoredEnd(path string) bool {
	for rest, more := path, true; more; {
		var part string
		part, rest, more = strings.Cut(rest, "/")
		if !allDots(part) && classes[part[len(part)-1]]&(Dot|Blank) != 0 {
			return true
		}
	}
	return false
}

// allDots reports whether s has nothing but dots; the empty string has not.
func allDots(s string) bool {
	return strings.Trim(s, ".") == ""
}
