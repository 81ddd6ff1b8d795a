package engine

import (
	"net/netip"
	"strings"
	"time"

	"tabard/engine/ipset"
)

// clientFinder finds the client's address behind proxies, each of which has
// appended the address it saw to a header. The header is read from its right
// end, because what stands further left may have been written by the client.
type clientFinder struct {
	hops    int
	proxies *ipset.Set // nil: every peer may be a proxy
	header  AddressHeader
}

func newClientFinder(c ClientAddress) clientFinder {
	f := clientFinder{hops: c.TrustedHops, header: or(c.Header, HeaderForwardedFor)}
	if len(c.TrustedProxies) > 0 {
		var b ipset.Builder
		for _, p := range c.TrustedProxies {
			// validate has read them already.
			_ = b.AddEntry("client_address.trusted_proxies", 1, 1, p, ipset.Options{})
		}
		f.proxies = b.Set()
	}
	return f
}

// find gives the client's address. With hops, entry number hops from the right
// was written by the outermost trusted proxy. With proxies alone it is the last
// entry that is none of them. When there is no such entry, or it is no address,
// the peer's address is the answer: a request that did not come through the
// proxies cannot name its own.
//
// Envoy appends the peer to X-Forwarded-For before its filters run, and a runner
// that does not must do the same before it calls the engine: a last entry that is
// the peer itself is not counted. To Forwarded nobody appends it.
func (f clientFinder) find(peer netip.Addr, h Headers) netip.Addr {
	peer = peer.Unmap().WithZone("")
	if !f.reads(peer) {
		return peer
	}
	entries := f.entries(h)
	if n := len(entries); n > 0 && f.header == HeaderForwardedFor && peer.IsValid() && parseAddress(entries[n-1]) == peer {
		entries = entries[:n-1]
	}
	if f.hops > 0 {
		return f.counted(peer, entries)
	}
	return f.untrusted(peer, entries)
}

// reads says whether the header counts that comes from a peer.
func (f clientFinder) reads(peer netip.Addr) bool {
	if f.proxies != nil {
		return f.isProxy(peer)
	}
	return f.hops > 0
}

func (f clientFinder) counted(peer netip.Addr, entries []string) netip.Addr {
	if len(entries) < f.hops {
		return peer
	}
	if a := parseAddress(entries[len(entries)-f.hops]); a.IsValid() {
		return a
	}
	return peer
}

// untrusted walks from proxy to proxy. An entry that is no address ends the way
// at the proxy that has written it.
func (f clientFinder) untrusted(peer netip.Addr, entries []string) netip.Addr {
	at := peer
	for i := len(entries) - 1; i >= 0 && f.isProxy(at); i-- {
		a := parseAddress(entries[i])
		if !a.IsValid() {
			return at
		}
		at = a
	}
	return at
}

func (f clientFinder) isProxy(a netip.Addr) bool {
	_, ok := f.proxies.Lookup(a, time.Time{})
	return ok
}

// entries joins the entries of every line of the header.
func (f clientFinder) entries(h Headers) []string {
	var out []string
	for _, line := range h {
		switch {
		case !strings.EqualFold(line[0], string(f.header)):
		case f.header == HeaderForwarded:
			for _, element := range splitQuoted(line[1], ',') {
				out = append(out, forwardedFor(element))
			}
		default:
			out = append(out, strings.Split(line[1], ",")...)
		}
	}
	return out
}

// forwardedFor gives the for parameter of an element of Forwarded (RFC 7239,
// section 4), or "".
func forwardedFor(element string) string {
	for _, pair := range splitQuoted(element, ';') {
		name, value, _ := strings.Cut(pair, "=")
		if strings.EqualFold(strings.TrimSpace(name), "for") {
			return unquote(strings.TrimSpace(value))
		}
	}
	return ""
}

// splitQuoted splits a text at a separator outside of quoted strings. A quote
// without its end comes from somebody who wants to swallow what proxies have
// written behind it: then quotes mean nothing.
func splitQuoted(s string, separator byte) []string {
	var out []string
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	if quoted {
		return strings.Split(s, string(separator))
	}
	return append(out, s[start:])
}

// unquote takes the quotes and backslashes off a quoted string (RFC 9110,
// section 5.6.4).
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '\\' && i < len(s)-2 {
			i++
		}
		out = append(out, s[i])
	}
	return string(out)
}

// parseAddress reads an address with or without brackets and port; the zero
// Addr says that it is none.
func parseAddress(s string) netip.Addr {
	s = strings.TrimSpace(s)
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		s = s[1 : len(s)-1]
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// TrustsPeer says whether the policy takes a peer for a proxy, whose word on
// who the client is counts. Safe for concurrent use.
func (e *Engine) TrustsPeer(peer netip.Addr) bool { return e.clients.reads(peer) }

// addressText writes an address, and nothing for one that is not known.
func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
