package transform

import "strings"

// replaceComments replaces each C comment by one space; one that does not end reaches to the end.
func replaceComments(a *Arena, s string) (string, bool) {
	open := strings.Index(s, "/*")
	if open < 0 {
		return s, false
	}
	out := a.work(len(s))
	rest := s
	for open >= 0 {
		out = append(append(out, rest[:open]...), ' ')
		rest = rest[open+2:]
		end := strings.Index(rest, "*/")
		if end < 0 {
			return a.String(out), true
		}
		rest = rest[end+2:]
		open = strings.Index(rest, "/*")
	}
	return a.String(append(out, rest...)), true
}

// removeComments drops C and HTML comments, each with the byte that follows it taken as text whatever it is
// (a zero byte at the end), and everything from -- or # on. A comment that does not end becomes a space.
func removeComments(a *Arena, s string) (string, bool) {
	out := a.work(len(s) + 1)
	changed := false
	for i := 0; i < len(s); {
		opener := commentOpener(s[i:])
		if opener == 0 {
			if s[i] == '#' || strings.HasPrefix(s[i:], "--") {
				changed = true
				break
			}
			out = append(out, s[i])
			i++
			continue
		}
		changed = true
		i += opener
		for i < len(s) && commentCloser(s[i:]) == 0 {
			i++
		}
		if i >= len(s) {
			out = append(out, ' ')
			break
		}
		i += commentCloser(s[i:])
		follower := byte(0)
		if i < len(s) {
			follower = s[i]
		}
		out = append(out, follower)
		i++
	}
	return a.settle(out, s), changed
}

// commentOpener returns the length of the comment opener that s starts with, or 0.
func commentOpener(s string) int {
	switch {
	case strings.HasPrefix(s, "/*"):
		return 2
	case strings.HasPrefix(s, "<!--"):
		return 4
	}
	return 0
}

// commentCloser returns the length of the comment closer that s starts with, or 0.
func commentCloser(s string) int {
	switch {
	case strings.HasPrefix(s, "*/"):
		return 2
	case strings.HasPrefix(s, "-->"):
		return 3
	}
	return 0
}

// removeCommentsChar drops the marks that begin and end comments and leaves what is between them.
func removeCommentsChar(a *Arena, s string) (string, bool) {
	first := 0
	for first < len(s) && commentMark(s[first:]) == 0 {
		first++
	}
	if first == len(s) {
		return s, false
	}
	out := append(a.work(len(s)), s[:first]...)
	for i := first; i < len(s); {
		if n := commentMark(s[i:]); n > 0 {
			i += n
			continue
		}
		out = append(out, s[i])
		i++
	}
	return a.String(out), true
}

// commentMark returns the length of the comment mark that s starts with, or 0.
func commentMark(s string) int {
	switch s[0] {
	case '#':
		return 1
	case '/', '*', '<':
		if n := commentOpener(s); n > 0 {
			return n
		}
		return commentCloser(s)
	case '-':
		if strings.HasPrefix(s, "-->") {
			return 3
		}
		if strings.HasPrefix(s, "--") {
			return 2
		}
	}
	return 0
}

// removeNulls drops zero bytes.
func removeNulls(_ *Arena, s string) (string, bool) {
	out := strings.ReplaceAll(s, "\x00", "")
	return out, len(out) != len(s)
}

// replaceNulls turns zero bytes into spaces.
func replaceNulls(_ *Arena, s string) (string, bool) {
	if strings.IndexByte(s, 0) < 0 {
		return s, false
	}
	return strings.ReplaceAll(s, "\x00", " "), true
}
