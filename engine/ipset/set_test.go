package ipset_test

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/ipset"
)

func build(t testing.TB, allow, block string) *ipset.Set {
	t.Helper()
	var b ipset.Builder
	require.NoError(t, b.Add("block.txt", block, ipset.Block))
	require.NoError(t, b.Add("allow.txt", allow, ipset.Allow))
	return b.Set()
}

func TestLongestPrefixDecides(t *testing.T) {
	for name, row := range map[string]struct {
		allow, block string
		addr, want   string // want is "action prefix source", empty for no entry
	}{
		"an address in no set":                         {"", "203.0.113.7", "203.0.113.8", ""},
		"a blocked address":                            {"", "203.0.113.7", "203.0.113.7", "block 203.0.113.7/32 block.txt"},
		"a blocked network":                            {"", "203.0.113.0/24", "203.0.113.255", "block 203.0.113.0/24 block.txt"},
		"the address before the network":               {"", "203.0.113.0/24", "203.0.112.255", ""},
		"the address behind the network":               {"", "203.0.113.0/24", "203.0.114.0", ""},
		"an allowed host in a blocked network":         {"203.0.113.7", "203.0.113.0/24", "203.0.113.7", "allow 203.0.113.7/32 allow.txt"},
		"its neighbour":                                {"203.0.113.7", "203.0.113.0/24", "203.0.113.6", "block 203.0.113.0/24 block.txt"},
		"a blocked host in an allowed network":         {"203.0.113.0/24", "203.0.113.7", "203.0.113.7", "block 203.0.113.7/32 block.txt"},
		"the same prefix in both: allow wins":          {"203.0.113.0/24", "203.0.113.0/24", "203.0.113.9", "allow 203.0.113.0/24 allow.txt"},
		"three levels":                                 {"10.1.0.0/16", "10.0.0.0/8\n10.1.2.0/24", "10.1.2.3", "block 10.1.2.0/24 block.txt"},
		"everything but one network":                   {"192.0.2.0/24", "0.0.0.0/0", "192.0.2.1", "allow 192.0.2.0/24 allow.txt"},
		"all of IPv4 is not IPv6":                      {"", "0.0.0.0/0", "2001:db8::1", ""},
		"all of IPv6 is not IPv4":                      {"", "::/0", "192.0.2.1", ""},
		"an IPv6 network":                              {"", "2001:db8::/32", "2001:db8:ffff::1", "block 2001:db8::/32 block.txt"},
		"an IPv6 host in another spelling":             {"", "2001:0DB8:0:0:0:0:0:0001", "2001:db8::1", "block 2001:db8::1/128 block.txt"},
		"a mapped client of an IPv4 entry":             {"", "192.0.2.0/24", "::ffff:192.0.2.1", "block 192.0.2.0/24 block.txt"},
		"an IPv4 client of a mapped entry":             {"", "::ffff:192.0.2.0/120", "192.0.2.1", "block 192.0.2.0/24 block.txt"},
		"a mapped address as entry":                    {"", "::ffff:c000:0201", "192.0.2.1", "block 192.0.2.1/32 block.txt"},
		"a client with a zone":                         {"", "fe80::/10", "fe80::1%eth0", "block fe80::/10 block.txt"},
		"a line that is only a blank":                  {"", " \t \n203.0.113.7\n\n", "203.0.113.7", "block 203.0.113.7/32 block.txt"},
		"comments, blanks and Windows line ends":       {"", "# head\r\n; head\r\n \t203.0.113.7\t # why\r\n198.51.100.0/24;SBL1\r\n", "198.51.100.1", "block 198.51.100.0/24 block.txt"},
		"the last line without a line end":             {"", "192.0.2.1\n203.0.113.7", "203.0.113.7", "block 203.0.113.7/32 block.txt"},
		"a byte order mark before the first line":      {"", "\ufeff203.0.113.7\n", "203.0.113.7", "block 203.0.113.7/32 block.txt"},
		"a source named inside the text":               {"", "#line feeds/x.txt:1\n203.0.113.7\n", "203.0.113.7", "block 203.0.113.7/32 feeds/x.txt"},
		"a comment that begins with line is a comment": {"", "#line up, please\n203.0.113.7\n", "203.0.113.7", "block 203.0.113.7/32 block.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			set := build(t, row.allow, row.block)
			m, ok := set.Lookup(netip.MustParseAddr(row.addr))
			got := ""
			if ok {
				got = m.Action.String() + " " + m.Prefix.String() + " " + m.Source
			}
			require.Equal(t, row.want, got)
		})
	}
}

func TestAllowWinsInAnyOrder(t *testing.T) {
	var b ipset.Builder
	require.NoError(t, b.Add("allow.txt", "192.0.2.0/24", ipset.Allow))
	require.NoError(t, b.Add("block.txt", "192.0.2.0/24\n192.0.2.0/24", ipset.Block))
	set := b.Set()
	match, ok := set.Lookup(netip.MustParseAddr("192.0.2.1"))
	require.True(t, ok)
	require.Equal(t, ipset.Allow, match.Action)
	require.Equal(t, 1, set.Len(), "an entry that comes twice counts once")
}

func TestEmptySetAndNoAddress(t *testing.T) {
	var set ipset.Set
	_, ok := set.Lookup(netip.MustParseAddr("192.0.2.1"))
	require.False(t, ok)
	full := build(t, "", "0.0.0.0/0\n::/0")
	_, ok = full.Lookup(netip.Addr{})
	require.False(t, ok, "an address that could not be read is in no set")
}

func TestBadLinesHaveAPlace(t *testing.T) {
	const want = " is no address and no CIDR prefix, such as 203.0.113.7, 198.51.100.0/24 or 2001:db8::/32"
	for text, message := range map[string]string{
		"192.0.2.1\nexample.com\n192.0.2.2": `f.txt:2:1: "example.com"` + want,
		"192.0.2.1 5":                       `f.txt:1:1: "192.0.2.1 5"` + want,
		"192.0.2.1,192.0.2.2":               `f.txt:1:1: "192.0.2.1,192.0.2.2"` + want,
		"192.0.2.1-192.0.2.9":               `f.txt:1:1: "192.0.2.1-192.0.2.9"` + want,
		"\n\n\t 192.0.2.256 # x":            `f.txt:3:3: "192.0.2.256"` + want,
		"010.0.0.1":                         `f.txt:1:1: "010.0.0.1"` + want,
		"192.0.2":                           `f.txt:1:1: "192.0.2"` + want,
		"192.0.2.0/33":                      `f.txt:1:1: "192.0.2.0/33"` + want,
		"192.0.2.0/-1":                      `f.txt:1:1: "192.0.2.0/-1"` + want,
		"192.0.2.0/024":                     `f.txt:1:1: "192.0.2.0/024"` + want,
		"192.0.2.0/255.255.255.0":           `f.txt:1:1: "192.0.2.0/255.255.255.0"` + want,
		"2001:db8::/129":                    `f.txt:1:1: "2001:db8::/129"` + want,
		"[2001:db8::1]":                     `f.txt:1:1: "[2001:db8::1]"` + want,
		"192.0.2.1:443":                     `f.txt:1:1: "192.0.2.1:443"` + want,
		"// comment":                        `f.txt:1:1: "// comment"` + want,
		"\xff\xfe1":                         `f.txt:1:1: "\xff\xfe1"` + want,
		strings.Repeat("9", 5000):           `f.txt:1:1: "` + strings.Repeat("9", 60) + `"...` + want,
		"fe80::1%eth0":                      `f.txt:1:1: "fe80::1%eth0" has a zone: write the address without it`,
		"192.0.2.1/24":                      `f.txt:1:1: "192.0.2.1/24" has bits behind its prefix: write 192.0.2.0/24 for the network or 192.0.2.1 for the address`,
		"::ffff:192.0.2.1/120":              `f.txt:1:1: "::ffff:192.0.2.1/120" has bits behind its prefix: write 192.0.2.0/24 for the network or 192.0.2.1 for the address`,
		"::ffff:0:0/95":                     `f.txt:1:1: "::ffff:0:0/95" is wider than all of IPv4: write 0.0.0.0/0 or ::/0`,
		"#line p.yaml:14:9\nx\n":            `p.yaml:14:9: "x"` + want,
		"#line p.yaml:14:9\n192.0.2.1\nx":   `p.yaml:15:1: "x"` + want,
		"#line a:b/c.txt:7\r\n\n x":         `a:b/c.txt:8:2: "x"` + want,
		"#line c.txt:0\n\n x":               `f.txt:3:2: "x"` + want,
		"#line :1\nx":                       `f.txt:2:1: "x"` + want,
	} {
		var b ipset.Builder
		err := b.Add("f.txt", text, ipset.Block)
		require.EqualError(t, err, message)
		var placed *ipset.Error
		require.ErrorAs(t, err, &placed)
		require.EqualError(t, ipset.Check("f.txt", text), message)
	}
	require.NoError(t, ipset.Check("f.txt", "192.0.2.1"))
}

func TestLimits(t *testing.T) {
	var b ipset.Builder
	for i := range 1 << 10 {
		require.NoError(t, b.Add("f"+strconv.Itoa(i), "", ipset.Block))
	}
	require.EqualError(t, b.Add("g", "", ipset.Block), "g:1:1: more than 1024 sources in one set")
	require.NoError(t, b.Add("f7", "192.0.2.1", ipset.Block), "a name that is known is no new one")

	few := ipset.BuilderWithLimit(2)
	require.NoError(t, few.Add("f", "192.0.2.1\n192.0.2.2", ipset.Block))
	require.EqualError(t, few.Add("f", "#\n192.0.2.3", ipset.Block), "f:2:1: more than 2 entries in one set")
}
