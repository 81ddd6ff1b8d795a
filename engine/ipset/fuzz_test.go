package ipset_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/ipset"
)

// FuzzBuilder compares the set with a plain search through the lines for the
// longest prefix, and holds errors to having a place inside the text.
func FuzzBuilder(f *testing.F) {
	f.Add("192.0.2.0/24\n", "192.0.2.7\n", "192.0.2.7")
	f.Add("10.0.0.0/8\n10.1.2.0/24", "10.1.0.0/16 # x", "10.1.2.3")
	f.Add("::/0\n2001:db8::1", "2001:db8::/32;y", "2001:db8::1")
	f.Add("::ffff:192.0.2.0/120", "192.0.2.0/24", "::ffff:192.0.2.1")
	f.Add("#line a:1:1\nx", "fe80::1%z", "fe80::1%z")
	f.Fuzz(func(t *testing.T, block, allow, address string) {
		var b ipset.Builder
		for _, err := range []error{b.Add("b", block, ipset.Block), b.Add("a", allow, ipset.Allow)} {
			if err != nil {
				var placed *ipset.Error
				require.ErrorAs(t, err, &placed)
				require.Positive(t, placed.Line)
				require.Positive(t, placed.Col)
				return
			}
		}
		addr, err := netip.ParseAddr(address)
		if err != nil {
			return
		}
		got, ok := b.Set().Lookup(addr)
		want, found := search(lines(allow), lines(block), addr.Unmap().WithZone(""))
		require.Equal(t, found, ok)
		if ok {
			require.Equal(t, want.Action, got.Action)
			require.Equal(t, want.Prefix, got.Prefix)
		}
	})
}

// search looks at every line; allow first, so that it keeps equal prefixes.
func search(allow, block []netip.Prefix, addr netip.Addr) (best ipset.Match, found bool) {
	for i, p := range append(allow, block...) {
		if p.Contains(addr) && (!found || p.Bits() > best.Prefix.Bits()) {
			best, found = ipset.Match{Prefix: p, Action: ipset.Block}, true
			if i < len(allow) {
				best.Action = ipset.Allow
			}
		}
	}
	return best, found
}
