package engine

import (
	"cmp"
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

// maxReadBytes is how much of a value or message is searched for secrets and
// kept before the final cut. A client may send thousands of cookies and a long
// body: looking for each of them in all of it, once a match, took a second.
const maxReadBytes = 1 << 10

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

// match hides the secrets in what a match quotes and cuts it.
func (r redactor) match(m *Match, x *Exchange) {
	secrets := x.secretValues()
	collection, key, _ := strings.Cut(m.Target, ":")
	if r.secretTarget(collection, key) {
		m.Value = redacted
	}
	m.Value = cut(r.text(m.Value, secrets, maxReadBytes), MaxValueBytes)
	m.Message = r.text(m.Message, secrets, maxReadBytes)
	m.Data = cut(r.text(m.Data, secrets, maxReadBytes), MaxDataBytes)
	m.Target = cut(m.Target, MaxValueBytes)
}

// secretTarget says whether everything in a variable is secret.
func (r redactor) secretTarget(collection, key string) bool {
	return collection == "REQUEST_COOKIES" || r.secretName(key)
}

// secretName says whether a name, or a part of a nested one, is secret: Coraza
// calls a JSON field json.user.password, and forms have user[password].
func (r redactor) secretName(name string) bool {
	name = strings.ToLower(name)
	if r.names[name] {
		return true
	}
	for {
		i := strings.IndexAny(name, ".[]")
		if i < 0 {
			return r.names[name]
		}
		if r.names[name[:i]] {
			return true
		}
		name = name[i+1:]
	}
}

// secretCache holds the values that must not be seen. Each comes with the number
// of matches that were there before, since new ones come with new input.
type secretCache struct {
	known  bool
	seen   int
	values []string
}

// secretValues returns the secrets of the exchange as it is; after End, those
// that were known then.
func (x *Exchange) secretValues() []string {
	if c := &x.secrets; !c.known || (x.tx != nil || x.screen != nil) && c.seen != x.seen {
		*c = secretCache{true, x.seen, x.engine.redactor.secrets(x)}
	}
	return x.secrets.values
}

// secrets collects the values of one exchange that must not be seen, each once
// and the longest first.
func (r redactor) secrets(x *Exchange) []string {
	var out []string
	for _, line := range x.request.Headers {
		if r.secretName(line[0]) {
			out = appendSecret(out, line[1])
		}
		if strings.EqualFold(line[0], "cookie") {
			for pair := range strings.SplitSeq(line[1], ";") {
				_, value, _ := strings.Cut(pair, "=")
				out = appendSecret(out, value)
			}
		}
	}
	for _, f := range x.tokens.found {
		out = appendSecret(out, f.text)
	}
	switch {
	case x.tx != nil:
		out = r.variables(out, x.tx.(plugintypes.TransactionState).Variables())
	case x.screen != nil:
		x.screen.Inputs(func(variable, key, value string) {
			if r.secretTarget(variable, key) {
				out = appendSecret(out, value)
			}
		}, len(r.names) > len(alwaysRedacted))
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(out)
}

// variables adds the secrets in what Coraza has parsed.
func (r redactor) variables(out []string, v plugintypes.TransactionVariables) []string {
	add := func(all []types.MatchData) {
		for _, d := range all {
			if r.secretTarget(d.Variable().Name(), d.Key()) {
				out = appendSecret(out, d.Value())
			}
		}
	}
	add(v.RequestHeaders().FindAll())
	add(v.ResponseHeaders().FindAll())
	add(v.RequestCookies().FindAll())
	if len(r.names) > len(alwaysRedacted) {
		add(v.Args().FindAll())
	}
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

// text takes known secrets out of the first maxBytes of s, and the values of
// secret names in name=value pairs, which may be written in another encoding
// than the value itself.
func (r redactor) text(s string, secrets []string, maxBytes int) string {
	s = hide(s, secrets, maxBytes)
	if len(r.names) == len(alwaysRedacted) || strings.IndexByte(s, '=') < 0 {
		return s
	}
	return r.pairs(s)
}

// hide replaces the secrets that begin in the first maxBytes of s and cuts the
// rest off. A secret that goes on behind the cut is replaced too.
func hide(s string, secrets []string, maxBytes int) string {
	type span struct{ from, to int }
	var spans []span
	for _, secret := range secrets {
		window := s[:min(len(s), maxBytes+len(secret)-1)]
		for from := 0; ; {
			i := strings.Index(window[from:], secret)
			if i < 0 {
				break
			}
			spans = append(spans, span{from + i, from + i + len(secret)})
			from += i + len(secret)
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	var b strings.Builder
	done := 0
	for _, secret := range spans {
		if secret.from >= done {
			b.WriteString(s[done:secret.from] + redacted)
		}
		done = max(done, secret.to)
	}
	b.WriteString(cut(s[done:], max(maxBytes-done, len(ellipsis))))
	return b.String()
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
		if hasValue && r.secretName(unescape(name)) {
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

// ellipsis stands where something was cut off.
const ellipsis = "..."

// cut shortens s to at most n bytes and says so.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n-len(ellipsis)] + ellipsis
}
