//go:build coraza.rule.no_regex_multiline

package dfa

// rxFlags is what Coraza puts before every @rx pattern under this build tag:
// . matches a newline, ^ and $ match at the ends of the text only.
const rxFlags = "(?s)"
