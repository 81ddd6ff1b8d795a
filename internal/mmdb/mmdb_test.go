package mmdb_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/internal/mmdb"
	"tabard/internal/mmdb/mmdbtest"
	"tabard/rules"
)

// built is when the databases here were made.
var built = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// The three databases of a policy. 192.0.2.0/24 is in all of them.
var (
	countries = map[string]mmdbtest.Record{
		"192.0.2.0/24": {Country: "KP"}, "198.51.100.0/24": {Country: "SE"}, "2001:db8::/32": {Country: "KP"},
	}
	networks = map[string]mmdbtest.Record{
		"192.0.2.0/24": {ASN: 64500}, "198.51.100.0/24": {ASN: 4200000000}, "203.0.113.0/24": {ASN: 64501},
	}
	anonymous = map[string]mmdbtest.Record{
		"192.0.2.128/25": {Flags: []string{"is_anonymous", "is_anonymous_vpn"}},
		"203.0.113.7/32": {Flags: []string{"is_anonymous", "is_tor_exit_node", "is_public_proxy"}},
		"203.0.113.8/32": {Flags: []string{"is_anonymous"}},
	}
)

// write makes a file of a database.
func write(t testing.TB, file, kind string, records map[string]mmdbtest.Record) string {
	t.Helper()
	require.NoError(t, mmdbtest.Write(file, kind, built.Unix(), records))
	return file
}

// databases makes the three.
func databases(t testing.TB) *mmdb.Databases {
	t.Helper()
	dir := t.TempDir()
	d, err := mmdb.Load([]string{
		write(t, filepath.Join(dir, "country.mmdb"), "GeoLite2-Country", countries),
		write(t, filepath.Join(dir, "asn.mmdb"), "GeoLite2-ASN", networks),
		write(t, filepath.Join(dir, "anonymous.mmdb"), "GeoIP2-Anonymous-IP", anonymous),
	})
	require.NoError(t, err)
	return d
}

func TestDatabasesAnswerTogether(t *testing.T) {
	d := databases(t)
	for client, want := range map[string]engine.Geo{
		"192.0.2.1":          {Country: "KP", ASN: 64500},
		"192.0.2.200":        {Country: "KP", ASN: 64500, Anonymous: true},
		"::ffff:192.0.2.200": {Country: "KP", ASN: 64500, Anonymous: true},
		"198.51.100.255":     {Country: "SE", ASN: 4200000000},
		"203.0.113.7":        {ASN: 64501, Anonymous: true},
		"2001:db8::1":        {Country: "KP"},
		"2001:db9::1":        {},
		"127.0.0.1":          {},
	} {
		require.Equal(t, want, d.Find(netip.MustParseAddr(client)), client)
	}
	require.Equal(t, engine.Geo{}, d.Find(netip.Addr{}), "no address")
	for _, file := range d.Files() {
		require.Equal(t, built, d.Built(file).UTC())
	}
}

func TestAFileIsReadAnewAndStaysWhenItIsBroken(t *testing.T) {
	d := databases(t)
	file, client := d.Files()[0], netip.MustParseAddr("192.0.2.1")
	write(t, file, "GeoLite2-Country", map[string]mmdbtest.Record{"192.0.2.0/24": {Country: "NO"}})
	require.NoError(t, d.Reload(file))
	require.Equal(t, "NO", d.Find(client).Country)
	require.NoError(t, os.WriteFile(file, []byte("no database"), 0o600))
	require.ErrorContains(t, d.Reload(file), file+" is no MaxMind database: ")
	require.NoError(t, os.Remove(file))
	require.ErrorContains(t, d.Reload(file), file)
	require.Equal(t, "NO", d.Find(client).Country, "the last good one stays")
}

func TestABrokenDatabaseIsAnErrorThatNamesIt(t *testing.T) {
	data, err := mmdbtest.Bytes("GeoLite2-Country", built.Unix(), countries)
	require.NoError(t, err)
	_, err = mmdb.Parse("whole.mmdb", data)
	require.NoError(t, err)
	for n := range len(data) { // cut at its end, the file has lost its metadata
		_, err := mmdb.Parse("cut.mmdb", data[:n])
		require.ErrorContains(t, err, "cut.mmdb is ", "cut at %d", n)
	}
	for n := 1; n < len(data)/2; n++ { // cut in the middle, it has lost records
		_, err := mmdb.Parse("hole.mmdb", append(data[:len(data)/4:len(data)/4], data[len(data)/4+n:]...))
		if err != nil {
			require.ErrorContains(t, err, "hole.mmdb", "hole of %d", n)
		}
	}
}

func TestADatabaseOfOtherThingsIsAnError(t *testing.T) {
	data, err := mmdbtest.Bytes("GeoIP2-Domain", built.Unix(), map[string]mmdbtest.Record{"192.0.2.0/24": {Flags: []string{"is_satellite"}}})
	require.NoError(t, err)
	_, err = mmdb.Parse("domain.mmdb", data)
	require.EqualError(t, err, "domain.mmdb (GeoIP2-Domain) has nothing to tell: no record of it has country.iso_code, autonomous_system_number or is_anonymous")
}

func TestAnonymizingNetworksMakeAList(t *testing.T) {
	data, err := mmdbtest.Bytes("GeoIP2-Anonymous-IP", built.Unix(), anonymous)
	require.NoError(t, err)
	list, err := mmdb.List(string(data))
	require.NoError(t, err)
	require.Equal(t, "192.0.2.128/25 category=vpn\n203.0.113.7/32 category=tor\n203.0.113.8/32 category=anonymous\n", list)
	data, err = mmdbtest.Bytes("GeoLite2-Country", built.Unix(), countries)
	require.NoError(t, err)
	_, err = mmdb.List(string(data))
	require.EqualError(t, err, "no network in this GeoLite2-Country is anonymous; databases of countries and networks belong to geo.databases")
	_, err = mmdb.List("x")
	require.ErrorContains(t, err, "is no MaxMind database")
}

// placePolicy asks about places; its rule shows what others would see.
const placePolicy = `crs: {enabled: false}
screen: off
geo: {databases: [c, a, n], country_header: x-geo-country, asn_header: x-geo-asn, anonymous_header: x-geo-anon}
ip: {block_countries: [KP], block_asns: [AS64501], block_anonymous: true}
directives:
- inline: |
    SecRule TX:tabard_country|TX:tabard_asn "@rx ." "id:1001,phase:1,pass,log,msg:'place',logdata:'%{MATCHED_VAR}'"
`

// What Envoy's geoip filter writes into headers and what the databases say
// natively go to the same rules and have the same verdicts.
func TestOneRuleReadsDatabasesAndEnvoysHeaders(t *testing.T) {
	policy, err := engine.ParsePolicy("p.yaml", []byte(placePolicy))
	require.NoError(t, err)
	native, err := engine.New(policy, rules.FS(), engine.WithGeo(databases(t).Find))
	require.NoError(t, err)
	envoy, err := engine.New(policy, rules.FS())
	require.NoError(t, err)
	type headers = engine.Headers
	for client, row := range map[string]struct {
		written headers // by Envoy
		action  engine.Action
		ids     []int
		reason  string
	}{
		"192.0.2.1":    {headers{{"x-geo-country", "KP"}, {"x-geo-asn", "64500"}, {"x-geo-anon", "false"}}, engine.Block, []int{100310}, "country KP"},
		"198.51.100.1": {headers{{"x-geo-country", "SE"}, {"x-geo-asn", "4200000000"}}, engine.Detect, []int{1001}, ""},
		"203.0.113.9":  {headers{{"x-geo-asn", "64501"}}, engine.Block, []int{100310}, "network AS64501"},
		"203.0.113.7":  {headers{{"x-geo-asn", "64501"}, {"x-geo-anon", "true"}}, engine.Block, []int{100310}, "network AS64501"},
		"2001:db8::9":  {headers{{"x-geo-country", "KP"}}, engine.Block, []int{100310}, "country KP"},
		"127.0.0.1":    {nil, engine.Pass, nil, ""},
	} {
		judge := func(e *engine.Engine, h headers) engine.Verdict {
			x := e.Begin(engine.Conn{Peer: netip.AddrPortFrom(netip.MustParseAddr(client), 4711)})
			x.RequestHeaders(engine.Request{Method: "GET", Target: "/", Protocol: "HTTP/1.1", Authority: "h", Headers: h}, true)
			return x.End()
		}
		forged := headers{{"x-geo-country", "SE"}, {"x-geo-asn", "1"}, {"x-geo-anon", "true"}}
		for runner, v := range map[string]engine.Verdict{"Envoy": judge(envoy, row.written), "native": judge(native, nil), "native, forged": judge(native, forged)} {
			require.Equal(t, row.action, v.Action, "%s: %s", runner, client)
			require.ElementsMatch(t, row.ids, append([]int(nil), v.IDs()...), "%s: %s", runner, client)
			if row.reason != "" {
				require.Contains(t, messages(v), row.reason, "%s: %s", runner, client)
			}
		}
	}
}

func messages(v engine.Verdict) string {
	var out strings.Builder
	for _, m := range v.Matches {
		out.WriteString(m.Message + "\n")
	}
	return out.String()
}

// BenchmarkFind asks three small databases, as for each request.
func BenchmarkFind(b *testing.B) {
	d, client := databases(b), netip.MustParseAddr("192.0.2.200")
	b.ReportAllocs()
	for b.Loop() {
		d.Find(client)
	}
}

// FuzzParse holds broken databases to an error, and those that are taken to
// answering for every address.
func FuzzParse(f *testing.F) {
	for kind, records := range map[string]map[string]mmdbtest.Record{"GeoLite2-Country": countries, "GeoLite2-ASN": networks, "GeoIP2-Anonymous-IP": anonymous} {
		data, err := mmdbtest.Bytes(kind, built.Unix(), records)
		require.NoError(f, err)
		f.Add(data, []byte{192, 0, 2, 1})
	}
	f.Fuzz(func(t *testing.T, data, address []byte) {
		db, err := mmdb.Parse("f.mmdb", data)
		if err != nil {
			require.Contains(t, err.Error(), "f.mmdb")
			return
		}
		addr, _ := netip.AddrFromSlice(address)
		db.Find(addr)
		if list, err := mmdb.List(string(data)); err == nil {
			require.NotEmpty(t, list)
		}
	})
}
