package ipset_test

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/ipset"
)

// FuzzList compares the set of a list with a plain search through its lines for
// the longest prefix, and holds errors to having a place inside the text.
func FuzzList(f *testing.F) {
	f.Add("192.0.2.0/24\n192.0.2.7\n", "192.0.2.7")
	f.Add("10.0.0.0/8\n10.1.2.0/24\n10.1.0.0/16 # x", "10.1.2.3")
	f.Add("::/0\n2001:db8::1\n2001:db8::/32;y", "2001:db8::1")
	f.Add("::ffff:192.0.2.0/120\n192.0.2.0/24", "::ffff:192.0.2.1")
	f.Add("fe80::1%z", "fe80::1%z")
	f.Fuzz(func(t *testing.T, text, address string) {
		set, report, err := ipset.Parse(text, ipset.Options{Name: "f"})
		if err != nil {
			requirePlace(t, err, text)
			return
		}
		prefixes := lines(text)
		if strings.ContainsAny(text, "-=") || len(prefixes) == 0 {
			return // ranges are FuzzRange's; attributes are not lines' to read
		}
		require.GreaterOrEqual(t, report.Entries, set.Len())
		addr, err := netip.ParseAddr(address)
		if err != nil {
			addr = prefixes[0].Addr()
		}
		got, ok := set.Lookup(addr, now)
		want, found := search(prefixes, addr.Unmap().WithZone(""))
		require.Equal(t, found, ok)
		require.Equal(t, want, got.Prefix)
	})
}

// FuzzRange holds the prefixes of a range to having exactly its addresses, as
// far as the borders show it.
func FuzzRange(f *testing.F) {
	f.Add("192.0.2.5", "192.0.2.16", "192.0.2.7")
	f.Add("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::")
	f.Add("0.0.0.0", "255.255.255.255", "::1")
	f.Fuzz(func(t *testing.T, first, last, other string) {
		set, _, err := ipset.Parse(first+"-"+last, ipset.Options{Name: "f"})
		if err != nil || strings.ContainsAny(first+last, "-#;\n= \t\r") {
			return
		}
		from, to := netip.MustParseAddr(strings.TrimPrefix(first, "\ufeff")).Unmap(), netip.MustParseAddr(last).Unmap()
		probes := []netip.Addr{from, to, from.Prev(), to.Next()}
		if addr, err := netip.ParseAddr(other); err == nil {
			probes = append(probes, addr.Unmap().WithZone(""))
		}
		for _, addr := range probes {
			inside := addr.IsValid() && addr.Is4() == from.Is4() && !addr.Less(from) && !to.Less(addr)
			if addr.Is4In6() {
				continue // it is looked up as the IPv4 address that it stands for
			}
			_, ok := set.Lookup(addr, now)
			require.Equal(t, inside, ok, "%v in %v-%v", addr, from, to)
		}
	})
}

// FuzzFormats holds every format to a set or an error with a place, and bad
// lines that are counted to adding up.
func FuzzFormats(f *testing.F) {
	f.Add(uint8(0), "192.0.2.0/24 score=3 expires=2027-01-01\n192.0.2.1-192.0.2.9\n")
	f.Add(uint8(1), "# x\n192.0.2.1\t8\n")
	f.Add(uint8(2), "ip,score,category\n192.0.2.1,5,\"a \"\"b\"\"\"\n")
	f.Add(uint8(3), `{"cidr":"192.0.2.0/24","sblid":"SBL1"}`+"\n"+`{"type":"metadata"}`)
	f.Fuzz(func(t *testing.T, number uint8, text string) {
		formats := ipset.Format("").Choices()
		o := ipset.Options{Name: "f", Format: ipset.Format(formats[int(number)%len(formats)]), Now: now,
			Columns: ipset.Columns{Address: "ip", Score: "score", Category: "category"}}
		strict, report, err := ipset.Parse(text, o)
		if err != nil {
			requirePlace(t, err, text)
		} else {
			require.Zero(t, report.Bad)
			require.Positive(t, strict.SizeBytes()+1)
		}
		o.BadLines = ipset.BadLinesCount
		loose, counted, looseErr := ipset.Parse(text, o)
		if looseErr != nil {
			require.Error(t, err, "what is good when lines count is good when they are counted")
			return
		}
		require.Equal(t, err != nil, counted.Bad > 0)
		if err == nil {
			require.Equal(t, strict.Len(), loose.Len())
		}
	})
}

func requirePlace(t *testing.T, err error, text string) {
	t.Helper()
	var placed *ipset.Error
	require.ErrorAs(t, err, &placed)
	all := strings.Split(text, "\n")
	require.Positive(t, placed.Line)
	require.LessOrEqual(t, placed.Line, len(all))
	require.Positive(t, placed.Col)
	require.LessOrEqual(t, placed.Col, len(all[placed.Line-1])+1)
}

// search looks at every prefix for the longest one that holds the address.
func search(prefixes []netip.Prefix, addr netip.Addr) (best netip.Prefix, found bool) {
	for _, p := range prefixes {
		if p.Contains(addr) && (!found || p.Bits() > best.Bits()) {
			best, found = p, true
		}
	}
	return best, found
}

var commentOrBlank = regexp.MustCompile(`[#;].*|[ \t\r]+`)

// lines gives the prefixes of a list without errors, in the plainest way.
func lines(text string) (out []netip.Prefix) {
	for line := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
		if prefix, err := ipset.ParsePrefix(commentOrBlank.ReplaceAllString(line, "")); err == nil {
			out = append(out, prefix)
		}
	}
	return out
}
