//go:build !coraza.rule.no_regex_multiline

package dfa

// rxFlags is what Coraza puts before every @rx pattern: . matches a newline,
// ^ and $ match at lines.
const rxFlags = "(?sm)"
