package engine

import (
	"slices"
	"strings"

	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"
)

// redacted stands where a secret was.
const redacted = "[redacted]"

// minSecretBytes: a shorter value ("1", "on") is no secret, and replacing it
// everywhere would make a log unreadable.
const minSecretBytes = 4

// redactor keeps secrets out of verdicts and logs. It knows them by the name
// of the header, cookie, argument or form field they came in, and takes the
// same bytes out of whatever else quotes them, such as a request line or a
// captured group.
type redactor struct {
	names map[string]bool // in lower case
}

// alwaysRedacted are the headers that carry credentials (RFC 9110, RFC 6265).
var alwaysRedacted = []string{"authorization", "proxy-authorization", "cookie", "set-cookie"}

func newRedactor(names []string) redactor {
	r := redactor{names: map[string]bool{}}
	for _, n := range slices.Concat(alwaysRedacted, names) {
		r.names[strings.ToLower(n)] = true
	}
	return r
}

// match hides the secrets in a match's value and message and cuts the value.
func (r redactor) match(m *Match, x *Exchange) {
	collection, key, _ := strings.Cut(m.Target, ":")
	if r.secretTarget(collection, key) {
		m.Value = redacted
	}
	secrets := r.secrets(x)
	m.Value = cut(r.text(m.Value, secrets), MaxValueBytes)
	m.Message = r.text(m.Message, secrets)
	m.Target = cut(m.Target, MaxValueBytes)
}

// secretTarget says whether everything in a variable is secret.
func (r redactor) secretTarget(collection, key string) bool {
	key = strings.ToLower(key)
	// Coraza calls a JSON field json.user.password.
	last := key[strings.LastIndexByte(key, '.')+1:]
	return collection == "REQUEST_COOKIES" || r.names[key] || r.names[last]
}

// secrets collects the values of one exchange that must not be seen, longest
// first so that a part of one is not replaced before the whole.
func (r redactor) secrets(x *Exchange) []string {
	variables := x.tx.(plugintypes.TransactionState).Variables()
	var out []string
	add := func(all []types.MatchData) {
		for _, d := range all {
			if r.secretTarget(d.Variable().Name(), d.Key()) {
				out = appendSecret(out, d.Value())
			}
		}
	}
	add(variables.RequestHeaders().FindAll())
	add(variables.ResponseHeaders().FindAll())
	add(variables.RequestCookies().FindAll())
	if len(r.names) > len(alwaysRedacted) {
		add(variables.Args().FindAll())
	}
	slices.SortFunc(out, func(a, b string) int { return len(b) - len(a) })
	return out
}

// appendSecret adds a value and, for "Bearer abc", the credentials alone.
func appendSecret(out []string, value string) []string {
	if _, credentials, ok := strings.Cut(value, " "); ok && len(credentials) >= minSecretBytes {
		out = append(out, credentials)
	}
	if len(value) >= minSecretBytes {
		out = append(out, value)
	}
	return out
}

// text takes known secrets out, and the values of secret names in name=value
// pairs, which may be written in another encoding than the value itself.
func (r redactor) text(s string, secrets []string) string {
	for _, secret := range secrets {
		s = strings.ReplaceAll(s, secret, redacted)
	}
	if len(r.names) == len(alwaysRedacted) || strings.IndexByte(s, '=') < 0 {
		return s
	}
	return r.pairs(s)
}

// pairs replaces the value of each secret name in text that holds
// name=value&name=value, such as a target or a form.
func (r redactor) pairs(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		end := strings.IndexAny(s, "&;? \n")
		pair, separator := s, ""
		if end >= 0 {
			pair, separator = s[:end], s[end:end+1]
		}
		name, _, hasValue := strings.Cut(pair, "=")
		if hasValue && r.names[strings.ToLower(unescape(name))] {
			pair = name + "=" + redacted
		}
		b.WriteString(pair + separator)
		if end < 0 {
			break
		}
		s = s[end+1:]
	}
	return b.String()
}

// cut shortens s to at most n bytes and says so.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n-3] + "..."
}
