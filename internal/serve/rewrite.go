package serve

import (
	"net/http/httputil"
	"net/url"
	"strings"
)

// rewrite makes the upstream's request. What the engine has judged is what is
// sent: the target byte for byte, the Host, the trailers.
func (p *Proxy) rewrite(pr *httputil.ProxyRequest) {
	pr.Out.URL = target(p.base, pr.In.RequestURI, pr.In.URL)
	pr.Out.Host = pr.In.Host
	// Nothing else may switch protocols: behind an "Upgrade: h2c" a client would
	// talk to the upstream past the rules.
	if !strings.EqualFold(pr.Out.Header.Get("Upgrade"), "websocket") {
		pr.Out.Header.Del("Connection")
		pr.Out.Header.Del("Upgrade")
	}
	// The client has its 100 by now; the upstream's would be a second one.
	pr.Out.Header.Del("Expect")
	// The server fills the map in when it has read the body, which may be later.
	pr.Out.Trailer = pr.In.Trailer
	trusted := p.trusts(pr.In)
	if trusted {
		// What the proxies in front have found out stays; we append the peer.
		pr.Out.Header["X-Forwarded-For"] = pr.In.Header["X-Forwarded-For"]
	}
	pr.SetXForwarded()
	for _, name := range []string{"Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if said := pr.In.Header[name]; trusted && len(said) > 0 {
			pr.Out.Header[name] = said
		}
	}
}

// target puts a request target as it was sent behind the upstream's base. A
// URL of path and query would be decoded and encoded again on its way, so the
// target goes into the opaque part, which net/http writes as it is.
func target(base *url.URL, sent string, parsed *url.URL) *url.URL {
	if parsed.IsAbs() {
		sent = originForm(sent)
	}
	if sent != "*" { // "OPTIONS *" is about the server and has no path
		sent = strings.TrimSuffix(base.Path, "/") + sent
	}
	path, query, hasQuery := strings.Cut(sent, "?")
	u := &url.URL{Scheme: base.Scheme, Host: base.Host, Opaque: path, RawQuery: query, ForceQuery: hasQuery && query == ""}
	if strings.HasPrefix(path, "//") {
		// An opaque part like this would be read as //host/path.
		u.Opaque, u.Path, u.RawPath = "", parsed.Path, parsed.RawPath
	}
	return u
}

// originForm cuts scheme and authority off an absolute target.
func originForm(sent string) string {
	_, rest, _ := strings.Cut(sent, "://")
	at := strings.IndexAny(rest, "/?")
	switch {
	case at < 0:
		return "/"
	case rest[at] == '?':
		return "/" + rest[at:]
	}
	return rest[at:]
}
