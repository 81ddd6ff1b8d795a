package e2e

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"tabard/e2e/envoyrun"
	"tabard/internal/mmdb/mmdbtest"
)

// geoRecords are what the databases of these tests say, by file.
var geoRecords = map[string]map[string]mmdbtest.Record{
	"GeoLite2-Country":    {"192.0.2.0/24": {Country: "KP"}, "198.51.100.0/24": {Country: "SE"}},
	"GeoLite2-ASN":        {"198.51.100.128/25": {ASN: 64500}, "198.51.100.0/25": {ASN: 64501}},
	"GeoIP2-Anonymous-IP": {"198.51.100.7/32": {Flags: []string{"is_anonymous", "is_tor_exit_node"}}},
}

// geoFolder makes the databases.
func geoFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for kind, records := range geoRecords {
		require.NoError(t, mmdbtest.Write(filepath.Join(dir, kind+".mmdb"), kind, 1_790_000_000, records))
	}
	return dir
}

// geoPolicy is the one that envoy/geoip.yaml speaks of, for both programs.
const geoPolicy = `crs: {enabled: false}
client_address: {trusted_hops: 1}
geo:
  databases: [GeoLite2-Country.mmdb, GeoLite2-ASN.mmdb, GeoIP2-Anonymous-IP.mmdb]
  country_header: x-geo-country
  asn_header: x-geo-asn
  anonymous_header: x-geo-anon
ip: {block_countries: [KP], block_asns: [AS64500], block_anonymous: true}
`

// places are clients, and what becomes of them.
var places = map[string]int{
	"192.0.2.1":      403, // KP
	"198.51.100.1":   200, // SE, another network
	"198.51.100.200": 403, // AS64500
	"198.51.100.7":   403, // anonymous
	"203.0.113.1":    200, // known to none
}

// forgedPlaces is what a client would like to be, and not to be.
func forgedPlaces(country, asn, anonymous string) [][2]string {
	return [][2]string{{"X-Geo-Country", country}, {"X-Geo-ASN", asn}, {"X-Geo-Anon", anonymous}}
}

// requirePlaces plays all clients, without and with headers that they have forged.
func requirePlaces(t *testing.T, c client, addr string) {
	t.Helper()
	for _, from := range slices.Sorted(maps.Keys(places)) {
		for what, forged := range map[string][][2]string{
			"": nil, "forged to be harmless": forgedPlaces("SE", "64501", "false"), "forged to be refused": forgedPlaces("KP", "64500", "true"),
		} {
			header := append([][2]string{{"X-Forwarded-For", from}}, forged...)
			got := c.send(t, addr, request{path: "/anything", header: header})
			require.Equal(t, places[from], got.status, "%s %s: %s", from, what, got.body)
		}
	}
}

// Envoy's own geoip filter, as envoy/geoip.yaml has it, and our rules behind it.
func TestEnvoysGeoipFilterTellsTheRulesWhereAClientIs(t *testing.T) {
	t.Parallel()
	dir := geoFolder(t)
	fragment := geoFragment(t, dir)
	p := own(t, envoyrun.Options{Sites: []envoyrun.Site{{
		Name: "geo", Policy: withoutHops(geoPolicy),
		Adjust: func(manager envoyrun.Tree) {
			manager["xff_num_trusted_hops"] = 1
			manager["early_header_mutation_extensions"] = fragment["early_header_mutation_extensions"]
			manager["http_filters"] = append(fragment["http_filters"].([]any), manager["http_filters"].([]any)...)
		},
	}}})
	for _, two := range []bool{false, true} {
		requirePlaces(t, client{"HTTP", newClient(two)}, p.Addr("geo"))
	}
}

// geoFragment is envoy/geoip.yaml with its databases in a folder.
func geoFragment(t *testing.T, dir string) envoyrun.Tree {
	t.Helper()
	root, err := envoyrun.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "envoy", "geoip.yaml"))
	require.NoError(t, err)
	fragment := map[string]any{}
	require.NoError(t, yaml.Unmarshal(text, &fragment))
	provider := envoyrun.Tree(fragment).At("http_filters", 0, "typed_config", "provider", "typed_config")
	for _, key := range []string{"country_db_path", "asn_db_path", "anon_db_path"} {
		provider[key] = filepath.Join(dir, filepath.Base(provider[key].(string)))
	}
	return fragment
}

// withoutHops leaves the counting of hops to Envoy.
func withoutHops(policy string) string {
	return strings.Replace(policy, "client_address: {trusted_hops: 1}\n", "", 1)
}
