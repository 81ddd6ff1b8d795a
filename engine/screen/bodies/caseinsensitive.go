//go:build !coraza.rule.case_sensitive_args_keys

package bodies

// caseSensitiveArgs says whether Coraza, built with the same tags, keeps "a" and "A" apart among arguments.
const caseSensitiveArgs = false
