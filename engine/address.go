package engine

import (
	"net/netip"
	"strings"
)

// clientAddress finds the client's address behind trusted proxies, each of
// which has appended the address it saw to X-Forwarded-For. Entry number
// hops from the right was written by the outermost trusted proxy; what stands
// left of it came from the client and is not looked at. When there is no such
// entry, or it is no address, the peer's address is the answer: a request that
// did not come through all proxies cannot name its own.
//
// Envoy appends the peer before its filters run, and a runner that does not
// must do the same before it calls the engine: a last entry that is the peer
// itself is not counted.
func clientAddress(peer netip.Addr, hops int, h Headers) netip.Addr {
	peer = peer.Unmap()
	if hops == 0 {
		return peer
	}
	entries := forwardedFor(h)
	if n := len(entries); n > 0 && peer.IsValid() && parseAddress(entries[n-1]) == peer {
		entries = entries[:n-1]
	}
	if len(entries) < hops {
		return peer
	}
	if a := parseAddress(entries[len(entries)-hops]); a.IsValid() {
		return a
	}
	return peer
}

// forwardedFor joins the entries of every X-Forwarded-For line.
func forwardedFor(h Headers) []string {
	var entries []string
	for _, line := range h {
		if strings.EqualFold(line[0], "x-forwarded-for") {
			entries = append(entries, strings.Split(line[1], ",")...)
		}
	}
	return entries
}

// parseAddress reads an address with or without brackets and port; the zero
// Addr says that it is none.
func parseAddress(s string) netip.Addr {
	s = strings.TrimSpace(s)
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// addressText writes an address, and nothing for one that is not known.
func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
