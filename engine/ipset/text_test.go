package ipset_test

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine/ipset"
)

func TestBadLinesHaveAPlace(t *testing.T) {
	const want = " is no address and no CIDR prefix, such as 203.0.113.7, 198.51.100.0/24 or 2001:db8::/32"
	const attributes = " is none of score=, category=, source= and expires=; a comment begins with #"
	for text, message := range map[string]string{
		"192.0.2.1\nexample.com\n192.0.2.2":          `f.txt:2:1: "example.com"` + want,
		"192.0.2.1 5":                                `f.txt:1:1: "192.0.2.1 5"` + want,
		"192.0.2.1,192.0.2.2":                        `f.txt:1:1: "192.0.2.1,192.0.2.2"` + want,
		"\n\n\t 192.0.2.256 # x":                     `f.txt:3:3: "192.0.2.256"` + want,
		"010.0.0.1":                                  `f.txt:1:1: "010.0.0.1"` + want,
		"192.0.2":                                    `f.txt:1:1: "192.0.2"` + want,
		"192.0.2.0/33":                               `f.txt:1:1: "192.0.2.0/33"` + want,
		"192.0.2.0/024":                              `f.txt:1:1: "192.0.2.0/024"` + want,
		"192.0.2.0/255.255.255.0":                    `f.txt:1:1: "192.0.2.0/255.255.255.0"` + want,
		"2001:db8::/129":                             `f.txt:1:1: "2001:db8::/129"` + want,
		"[2001:db8::1]":                              `f.txt:1:1: "[2001:db8::1]"` + want,
		"192.0.2.1:443":                              `f.txt:1:1: "192.0.2.1:443"` + want,
		"// comment":                                 `f.txt:1:1: "// comment"` + want,
		"<html lang=en>":                             `f.txt:1:1: "<html"` + want,
		"\xff\xfe1":                                  `f.txt:1:1: "\xff\xfe1"` + want,
		strings.Repeat("9", 5000):                    `f.txt:1:1: "` + strings.Repeat("9", 60) + `"...` + want,
		"fe80::1%eth0":                               `f.txt:1:1: "fe80::1%eth0" has a zone: write the address without it`,
		"fe80::%eth0/64":                             `f.txt:1:1: "fe80::%eth0/64" has a zone: write the address without it`,
		"192.0.2.1/24":                               `f.txt:1:1: "192.0.2.1/24" has bits behind its prefix: write 192.0.2.0/24 for the network or 192.0.2.1 for the address`,
		"::ffff:192.0.2.1/120":                       `f.txt:1:1: "::ffff:192.0.2.1/120" has bits behind its prefix: write 192.0.2.0/24 for the network or 192.0.2.1 for the address`,
		"::ffff:0:0/95":                              `f.txt:1:1: "::ffff:0:0/95" is wider than all of IPv4: write 0.0.0.0/0 or ::/0`,
		"192.0.2.9-192.0.2.1":                        `f.txt:1:1: a range from "192.0.2.9" to "192.0.2.1" is empty: write the lower address first`,
		"192.0.2.9-2001:db8::1":                      `f.txt:1:1: a range from "192.0.2.9" to "2001:db8::1" is of two kinds of addresses`,
		"192.0.2.0/24-192.0.3.0":                     `f.txt:1:1: "192.0.2.0/24"` + want,
		"192.0.2.1-":                                 `f.txt:1:1: ""` + want,
		"192.0.2.1 skore=5":                          `f.txt:1:11: "skore=5"` + attributes,
		"192.0.2.1 score=5 bad":                      `f.txt:1:19: "bad"` + attributes,
		"192.0.2.1\tscore=":                          `f.txt:1:11: "score="` + attributes,
		"192.0.2.1 score=-1":                         `f.txt:1:11: "-1" is no score: write a whole number from 0 to 10000`,
		"192.0.2.1 score=5  expires=monday":          `f.txt:1:20: "monday" is no time: write 2027-01-31, 2027-01-31T12:00:00Z or Unix seconds`,
		`192.0.2.1 category="x"`:                     `f.txt:1:11: "\"x\"" is no category: write one word of at most 128 bytes, without quotes`,
		"1.2.3.4 source=" + strings.Repeat("x", 129): `f.txt:1:9: "` + strings.Repeat("x", 60) + `"... is no source: write one word of at most 128 bytes, without quotes`,
	} {
		_, _, err := ipset.Parse(text, ipset.Options{Name: "f.txt"})
		require.EqualError(t, err, message)
		var placed *ipset.Error
		require.ErrorAs(t, err, &placed)
	}
}

func TestCheckIsForOneEntry(t *testing.T) {
	for _, good := range []string{"192.0.2.1", "192.0.2.0/24 score=3", "192.0.2.1-192.0.2.9", "2001:db8::/32 # why"} {
		require.NoError(t, ipset.Check(good))
	}
	for _, bad := range []string{"", "# only a comment", "192.0.2.1/24", "192.0.2.1 score=x"} {
		require.Error(t, ipset.Check(bad), bad)
	}
}

func TestAnEntryHasThePlaceThatItsCallerSays(t *testing.T) {
	var b ipset.Builder
	require.EqualError(t, b.AddEntry("policy.yaml", 14, 9, "192.0.2.1 score=x", ipset.Options{}),
		`policy.yaml:14:19: "x" is no score: write a whole number from 0 to 10000`)
	require.NoError(t, b.AddEntry("policy.yaml", 15, 9, "192.0.2.1", ipset.Options{Score: 4}))
	m, _ := b.Set().Lookup(netip.MustParseAddr("192.0.2.1"), now)
	require.Equal(t, ipset.Match{Prefix: netip.MustParsePrefix("192.0.2.1/32"), Score: 4, Source: "policy.yaml"}, m)
}

func TestBadLinesAreCountedWhenThePolicySaysSo(t *testing.T) {
	o := ipset.Options{Name: "f.txt", BadLines: ipset.BadLinesCount}
	set, report, err := ipset.Parse("192.0.2.1\nexample.com\n192.0.2.2\nx\n192.0.2.3", o)
	require.NoError(t, err)
	require.Equal(t, 3, set.Len())
	require.Equal(t, 3, report.Entries)
	require.Equal(t, 2, report.Bad)
	require.Equal(t, 2, report.FirstBad.Line)
	_, _, err = ipset.Parse("<html>\n<p>Too many requests</p>\n192.0.2.1\n", o)
	require.ErrorContains(t, err, `f.txt:1:1: 2 bad lines are more than the good ones; the first: "<html>"`)
}

func TestFormats(t *testing.T) {
	when := time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)
	named := ipset.Columns{Address: "ip", Score: "confidence", Category: "type", Source: "feed", Expires: "until"}
	for name, row := range map[string]struct {
		text string
		o    ipset.Options
		addr string
		want ipset.Match // without the prefix
	}{
		"a list with defaults":               {"203.0.113.0/24", ipset.Options{Score: 4, Category: "bad"}, "203.0.113.7", ipset.Match{Score: 4, Category: "bad", Source: "f"}},
		"an entry's own words":               {"203.0.113.0/24 category=tor score=9 source=x", ipset.Options{Score: 4, Category: "bad"}, "203.0.113.7", ipset.Match{Score: 9, Category: "tor", Source: "x"}},
		"ipsum":                              {"# c\n203.0.113.7\t8\n203.0.113.8\t3\n", ipset.Options{Format: ipset.FormatIpsum}, "203.0.113.7", ipset.Match{Score: 8, Source: "f"}},
		"CSV with names":                     {"ip,x,confidence,type,feed,until\n203.0.113.7,,7,Tor Exit,f1,\n", ipset.Options{Format: ipset.FormatCSV, Columns: named}, "203.0.113.7", ipset.Match{Score: 7, Category: "Tor_Exit", Source: "f1"}},
		"CSV with names in other order":      {"Until,IP,confidence,feed,type\n2030-01-01,203.0.113.7,7,f1,tor\n", ipset.Options{Format: ipset.FormatCSV, Columns: named}, "203.0.113.7", ipset.Match{Score: 7, Category: "tor", Source: "f1"}},
		"CSV with numbers":                   {"7,203.0.113.0/24\n8,198.51.100.0/24\n", ipset.Options{Format: ipset.FormatCSV, Columns: ipset.Columns{Address: "2", Score: "1"}}, "203.0.113.7", ipset.Match{Score: 7, Source: "f"}},
		"CSV of ranges":                      {`"203.0.113.0" , "203.0.113.9" , "a ""b"", c"` + "\n", ipset.Options{Format: ipset.FormatCSV, Columns: ipset.Columns{Address: "1", Last: "2"}}, "203.0.113.9", ipset.Match{Source: "f"}},
		"CSV with the name that is usual":    {"# made today\naddress\n203.0.113.7", ipset.Options{Format: ipset.FormatCSV}, "203.0.113.7", ipset.Match{Source: "f"}},
		"Spamhaus DROP":                      {`{"cidr":"203.0.113.0/24","sblid":"SBL1","rir":"apnic"}` + "\n" + `{"type":"metadata","timestamp":1764000000,"size":1,"records":1}` + "\n", ipset.Options{Format: ipset.FormatSpamhaus}, "203.0.113.7", ipset.Match{Source: "SBL1"}},
		"Spamhaus DROP of IPv6":              {`{"cidr":"2001:db8::/32","sblid":"SBL2"}`, ipset.Options{Format: ipset.FormatSpamhaus, Score: 5}, "2001:db8::1", ipset.Match{Score: 5, Source: "SBL2"}},
		"the text form of DROP":              {"; Spamhaus DROP List\n203.0.113.0/24 ; SBL1\n", ipset.Options{}, "203.0.113.7", ipset.Match{Source: "f"}},
		"a .netset of FireHOL":               {"#\n# firehol_level1\n#\n203.0.113.0/24\n198.51.100.9\n", ipset.Options{}, "198.51.100.9", ipset.Match{Source: "f"}},
		"an entry with a time to come":       {"203.0.113.7 expires=2027-01-31", ipset.Options{Now: when.Add(-time.Second)}, "203.0.113.7", ipset.Match{Source: "f"}},
		"a list whose lowest scores are cut": {"203.0.113.0/24 score=2\n203.0.113.7 score=1", ipset.Options{MinScore: 2}, "203.0.113.7", ipset.Match{Score: 2, Source: "f"}},
	} {
		t.Run(name, func(t *testing.T) {
			row.o.Name = "f"
			m, ok := parse(t, row.text, row.o).Lookup(netip.MustParseAddr(row.addr), now)
			require.True(t, ok)
			m.Prefix = netip.Prefix{}
			require.Equal(t, row.want, m)
		})
	}
}

func TestBadLinesOfOtherFormats(t *testing.T) {
	address := ` is no address and no CIDR prefix, such as 203.0.113.7, 198.51.100.0/24 or 2001:db8::/32`
	for name, row := range map[string]struct {
		format     ipset.Format
		columns    ipset.Columns
		text, want string
	}{
		"ipsum without a number":          {ipset.FormatIpsum, ipset.Columns{}, "192.0.2.1\n", `f:1:10: "" is no score: write a whole number from 0 to 10000`},
		"ipsum with a wrong one":          {ipset.FormatIpsum, ipset.Columns{}, "192.0.2.1\tmany", `f:1:11: "many" is no score: write a whole number from 0 to 10000`},
		"ipsum without an address":        {ipset.FormatIpsum, ipset.Columns{}, "x\t3", `f:1:1: "x"` + address},
		"CSV without its column":          {ipset.FormatCSV, ipset.Columns{Address: "ip"}, "address\n192.0.2.1", `f:1:1: there is no column "ip" in the first line; give columns their names there, or their numbers from 1 on`},
		"CSV with too few fields":         {ipset.FormatCSV, ipset.Columns{Address: "2"}, "a,192.0.2.1\nb", `f:2:2: the line has 1 fields and needs 2`},
		"CSV with a wrong field":          {ipset.FormatCSV, ipset.Columns{Address: "2", Score: "1"}, "1,192.0.2.1\n x,192.0.2.1", `f:2:2: "x" is no score: write a whole number from 0 to 10000`},
		"CSV without an address":          {ipset.FormatCSV, ipset.Columns{Address: "1"}, ",2", `f:1:1: ""` + address},
		"CSV with an open quote":          {ipset.FormatCSV, ipset.Columns{Address: "1"}, `192.0.2.1,"x`, `f:1:11: a field in quotes has no end in this line`},
		"CSV with text behind a quote":    {ipset.FormatCSV, ipset.Columns{Address: "1"}, `"192.0.2.1"x`, `f:1:12: text behind a field in quotes; quotes inside of it are doubled`},
		"CSV with a range of networks":    {ipset.FormatCSV, ipset.Columns{Address: "1", Last: "2"}, `192.0.2.0/24,192.0.3.1`, `f:1:14: a range begins with an address, not with 192.0.2.0/24`},
		"JSON that is none":               {ipset.FormatSpamhaus, ipset.Columns{}, `{"cidr":"192.0.2.0/24"`, `f:1:1: "{\"cidr\":\"192.0.2.0/24\"" is no JSON object such as {"cidr":"192.0.2.0/24","sblid":"SBL1"}`},
		"JSON that is a list":             {ipset.FormatSpamhaus, ipset.Columns{}, `[]`, `f:1:1: "[]" is no JSON object such as {"cidr":"192.0.2.0/24","sblid":"SBL1"}`},
		"JSON without a cidr":             {ipset.FormatSpamhaus, ipset.Columns{}, `{"cidr":7}`, `f:1:1: the object has no text with the name cidr`},
		"JSON with a wrong one":           {ipset.FormatSpamhaus, ipset.Columns{}, `{"cidr":"x"}`, `f:1:9: "x"` + address},
		"JSON that is deeper than needed": {ipset.FormatSpamhaus, ipset.Columns{}, `{"a":` + strings.Repeat("[", 5000), `f:1:1: "{\"a\":` + strings.Repeat("[", 55) + `"... is no JSON object such as {"cidr":"192.0.2.0/24","sblid":"SBL1"}`},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := ipset.Parse(row.text, ipset.Options{Name: "f", Format: row.format, Columns: row.columns})
			require.EqualError(t, err, row.want)
		})
	}
}

func TestLimits(t *testing.T) {
	few := ipset.BuilderWithLimit(2)
	_, err := few.Add("192.0.2.1\n192.0.2.2", ipset.Options{Name: "f"})
	require.NoError(t, err)
	_, err = few.Add("#\n192.0.2.3", ipset.Options{Name: "f"})
	require.EqualError(t, err, "f:2:1: more than 2 entries in one set")
}

// The corpus beside the tree is a real feed; a checkout elsewhere has none.
func TestARealFeed(t *testing.T) {
	text, err := os.ReadFile("../../../shared/corpus/ip/ipsum-level5.txt")
	if err != nil {
		t.Skip("the corpus with a real feed is not beside the tree")
	}
	set, report, err := ipset.Parse(string(text), ipset.Options{Name: "ipsum-level5.txt"})
	require.NoError(t, err)
	require.Equal(t, 1413, report.Entries)
	require.Equal(t, 1413, set.Len())
	_, ok := set.Lookup(netip.MustParseAddr("77.90.185.20"), now)
	require.True(t, ok)
}
