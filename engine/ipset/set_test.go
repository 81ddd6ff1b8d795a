package ipset_test

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine/ipset"
)

// decide says what an allow list and a block list make of an address: "action
// prefix source", empty for no entry.
func decide(t testing.TB, allow, block, addr string) string {
	t.Helper()
	var d ipset.Decision
	for _, use := range []struct {
		name, text string
		action     ipset.Action
	}{{"block", block, ipset.Block}, {"allow", allow, ipset.Allow}} {
		set, _, err := ipset.Parse(use.text, ipset.Options{Name: use.name + ".txt"})
		require.NoError(t, err)
		if m, ok := set.Lookup(netip.MustParseAddr(addr), now); ok {
			d.Add(use.name, use.action, m)
		}
	}
	if d.Action == "" {
		return ""
	}
	return string(d.Action) + " " + d.By.Prefix.String() + " " + d.By.Source
}

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func TestLongestPrefixDecides(t *testing.T) {
	for name, row := range map[string]struct {
		allow, block string
		addr, want   string // want is "action prefix source", empty for no entry
	}{
		"an address in no set":                    {"", "203.0.113.7", "203.0.113.8", ""},
		"a blocked address":                       {"", "203.0.113.7", "203.0.113.7", "block 203.0.113.7/32 block.txt"},
		"a blocked network":                       {"", "203.0.113.0/24", "203.0.113.255", "block 203.0.113.0/24 block.txt"},
		"the address before the network":          {"", "203.0.113.0/24", "203.0.112.255", ""},
		"the address behind the network":          {"", "203.0.113.0/24", "203.0.114.0", ""},
		"an allowed host in a blocked network":    {"203.0.113.7", "203.0.113.0/24", "203.0.113.7", "allow 203.0.113.7/32 allow.txt"},
		"its neighbour":                           {"203.0.113.7", "203.0.113.0/24", "203.0.113.6", "block 203.0.113.0/24 block.txt"},
		"a blocked host in an allowed network":    {"203.0.113.0/24", "203.0.113.7", "203.0.113.7", "block 203.0.113.7/32 block.txt"},
		"the same prefix in both: allow wins":     {"203.0.113.0/24", "203.0.113.0/24", "203.0.113.9", "allow 203.0.113.0/24 allow.txt"},
		"three levels":                            {"10.1.0.0/16", "10.0.0.0/8\n10.1.2.0/24", "10.1.2.3", "block 10.1.2.0/24 block.txt"},
		"everything but one network":              {"192.0.2.0/24", "0.0.0.0/0", "192.0.2.1", "allow 192.0.2.0/24 allow.txt"},
		"all of IPv4 is not IPv6":                 {"", "0.0.0.0/0", "2001:db8::1", ""},
		"all of IPv6 is not IPv4":                 {"", "::/0", "192.0.2.1", ""},
		"an IPv6 network":                         {"", "2001:db8::/32", "2001:db8:ffff::1", "block 2001:db8::/32 block.txt"},
		"an IPv6 host in another spelling":        {"", "2001:0DB8:0:0:0:0:0:0001", "2001:db8::1", "block 2001:db8::1/128 block.txt"},
		"a mapped client of an IPv4 entry":        {"", "192.0.2.0/24", "::ffff:192.0.2.1", "block 192.0.2.0/24 block.txt"},
		"an IPv4 client of a mapped entry":        {"", "::ffff:192.0.2.0/120", "192.0.2.1", "block 192.0.2.0/24 block.txt"},
		"a mapped address as entry":               {"", "::ffff:c000:0201", "192.0.2.1", "block 192.0.2.1/32 block.txt"},
		"a client with a zone":                    {"", "fe80::/10", "fe80::1%eth0", "block fe80::/10 block.txt"},
		"a line that is only a blank":             {"", " \t \n203.0.113.7\n\n", "203.0.113.7", "block 203.0.113.7/32 block.txt"},
		"comments, blanks and Windows line ends":  {"", "# head\r\n; head\r\n \t203.0.113.7\t # why\r\n198.51.100.0/24;SBL1\r\n", "198.51.100.1", "block 198.51.100.0/24 block.txt"},
		"the last line without a line end":        {"", "192.0.2.1\n203.0.113.7", "203.0.113.7", "block 203.0.113.7/32 block.txt"},
		"a byte order mark before the first line": {"", "\ufeff203.0.113.7\n", "203.0.113.7", "block 203.0.113.7/32 block.txt"},
		"a range of one":                          {"", "203.0.113.7-203.0.113.7", "203.0.113.7", "block 203.0.113.7/32 block.txt"},
		"the first address of a range":            {"", "192.0.2.5-192.0.2.16", "192.0.2.5", "block 192.0.2.5/32 block.txt"},
		"an address inside of a range":            {"", "192.0.2.5 - 192.0.2.16", "192.0.2.11", "block 192.0.2.8/29 block.txt"},
		"the last address of a range":             {"", "192.0.2.5-192.0.2.16", "192.0.2.16", "block 192.0.2.16/32 block.txt"},
		"the address before a range":              {"", "192.0.2.5-192.0.2.16", "192.0.2.4", ""},
		"the address behind a range":              {"", "192.0.2.5-192.0.2.16", "192.0.2.17", ""},
		"a range of everything":                   {"", "0.0.0.0-255.255.255.255", "192.0.2.17", "block 0.0.0.0/0 block.txt"},
		"a range up to the last address":          {"", "::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff::1", "block 8000::/1 block.txt"},
		"an IPv6 range":                           {"", "2001:db8::ffff-2001:db8::1:1", "2001:db8::1:0", "block 2001:db8::1:0/127 block.txt"},
		"an entry with attributes":                {"", "203.0.113.0/24 score=3\tsource=SBL9", "203.0.113.7", "block 203.0.113.0/24 SBL9"},
		"an address outside of 2000::/3":          {"", "2001:db8::/32\nfe80::/10\n::1", "::1", "block ::1/128 block.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.want, decide(t, row.allow, row.block, row.addr))
		})
	}
}

func TestAllowWinsInAnyOrder(t *testing.T) {
	m := ipset.Match{Prefix: netip.MustParsePrefix("192.0.2.0/24")}
	for _, order := range [][]ipset.Action{{ipset.Allow, ipset.Block}, {ipset.Block, ipset.Allow}, {ipset.Allow, ipset.Block, ipset.Block}} {
		var d ipset.Decision
		for _, action := range order {
			d.Add("s", action, m)
		}
		require.Equal(t, ipset.Allow, d.Action)
	}
}

func TestSeveralSetsAddUp(t *testing.T) {
	at := func(prefix string, score int, category string) ipset.Match {
		return ipset.Match{Prefix: netip.MustParsePrefix(prefix), Score: score, Category: category}
	}
	var d ipset.Decision
	d.Add("scanners", ipset.Score, at("192.0.2.7/32", 3, "scanner"))
	d.Add("clouds", ipset.Tag, at("192.0.2.0/24", 0, "hosting"))
	d.Add("more", ipset.Score, at("192.0.0.0/16", 1, "scanner"))
	d.Add("more", ipset.Score, at("192.0.0.0/16", 1, ""))
	require.Equal(t, 5, d.Score())
	require.Equal(t, ipset.Action(""), d.Action, "a score refuses nothing by itself")
	require.Equal(t, "scanners clouds more", d.Sets)
	require.Equal(t, "scanner hosting", d.Categories)
	d.Add("office", ipset.Allow, at("192.0.2.0/30", 0, ""))
	require.Equal(t, 0, d.Score(), "an address that is allowed scores nothing")
}

func TestEmptySetAndNoAddress(t *testing.T) {
	var set ipset.Set
	for _, addr := range []string{"192.0.2.1", "2001:db8::1"} {
		_, ok := set.Lookup(netip.MustParseAddr(addr), now)
		require.False(t, ok)
	}
	full := parse(t, "0.0.0.0/0\n::/0", ipset.Options{})
	_, ok := full.Lookup(netip.Addr{}, now)
	require.False(t, ok, "an address that could not be read is in no set")
}

func parse(t testing.TB, text string, o ipset.Options) *ipset.Set {
	t.Helper()
	set, _, err := ipset.Parse(text, o)
	require.NoError(t, err)
	return set
}

func TestAnEntryEndsAtItsTime(t *testing.T) {
	set := parse(t, "10.0.0.0/8 score=1\n10.1.0.0/16 score=2 expires=2026-11-25\n10.1.2.0/24 score=3 expires=2026-11-24T13:00:00Z", ipset.Options{Now: now})
	for after, want := range map[time.Duration]int{0: 3, 59 * time.Minute: 3, time.Hour: 2, 12 * time.Hour: 1} {
		m, ok := set.Lookup(netip.MustParseAddr("10.1.2.3"), now.Add(after))
		require.True(t, ok)
		require.Equal(t, want, m.Score, "%v later the next shorter prefix counts", after)
	}
	_, report, err := ipset.Parse("10.0.0.1 expires=1764000000\n10.0.0.2 expires=2026-11-24\n10.0.0.3", ipset.Options{Now: now})
	require.NoError(t, err)
	require.Equal(t, ipset.Report{Entries: 1, Expired: 2}, report)
}

func TestAPrefixThatComesTwiceCountsOnce(t *testing.T) {
	for name, row := range map[string]struct {
		text string
		want ipset.Match
	}{
		"the higher score stays":    {"192.0.2.0/24 score=2 source=a\n192.0.2.0/24 score=7 source=b\n192.0.2.0/24 score=5 source=c", ipset.Match{Score: 7, Source: "b"}},
		"then the longer time":      {"192.0.2.0/24 source=a expires=2027-01-01\n192.0.2.0/24 source=b expires=2027-01-02", ipset.Match{Source: "b"}},
		"and no end is the longest": {"192.0.2.0/24 source=a expires=2027-01-01\n192.0.2.0/24 source=b", ipset.Match{Source: "b"}},
		"of equal ones the first":   {"192.0.2.0/24 source=a\n192.0.2.0/24 source=b", ipset.Match{Source: "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			set := parse(t, row.text, ipset.Options{Now: now})
			require.Equal(t, 1, set.Len())
			row.want.Prefix = netip.MustParsePrefix("192.0.2.0/24")
			m, ok := set.Lookup(netip.MustParseAddr("192.0.2.1"), now)
			require.True(t, ok)
			require.Equal(t, row.want, m)
		})
	}
}

func TestSetsOfManySizesFindWhatASearchFinds(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 64, 1000, 20_000} {
		text := feed(n)
		set := parse(t, text, ipset.Options{})
		prefixes := lines(text)
		require.Equal(t, n, set.Len())
		r := rand.New(rand.NewPCG(5, 6))
		for range 200 {
			addr := randomPrefix(r).Addr()
			if r.IntN(2) == 0 {
				addr = prefixes[r.IntN(n)].Addr()
			}
			want, found := search(prefixes, addr)
			got, ok := set.Lookup(addr, now)
			require.Equal(t, found, ok)
			require.Equal(t, want, got.Prefix)
		}
	}
}

func TestSizeIsWhatTheHeapSays(t *testing.T) {
	text := feed(100_000)
	before := heapBytes()
	set := parse(t, text, ipset.Options{})
	used := int(heapBytes() - before)
	require.InDelta(t, used, set.SizeBytes(), 200_000)
	require.Less(t, set.SizeBytes()/set.Len(), 40)
	runtime.KeepAlive(text)
}
