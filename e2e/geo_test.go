package e2e

import (
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"tabard/e2e/envoyrun"
	"tabard/e2e/function"
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
	site := func(name string, parts ...string) envoyrun.Site {
		return envoyrun.Site{Name: name, Policy: withoutHops(geoPolicy), Adjust: func(manager envoyrun.Tree) {
			manager["xff_num_trusted_hops"] = 1
			for _, part := range parts {
				before, _ := manager[part].([]any)
				manager[part] = append(slices.Clone(fragment[part].([]any)), before...)
			}
		}}
	}
	p := own(t, envoyrun.Options{Sites: []envoyrun.Site{
		site("geo", "http_filters", "early_header_mutation_extensions"), site("unguarded", "http_filters"),
	}})
	for _, two := range []bool{false, true} {
		requirePlaces(t, client{"HTTP", newClient(two)}, p.Addr("geo"))
	}
	// What the first part of the file is for.
	c := client{"HTTP1", newClient(false)}
	forged := append(forgedPlaces("KP", "1", "false"), [2]string{"X-Forwarded-For", "203.0.113.1"})
	require.Equal(t, 403, c.send(t, p.Addr("unguarded"), request{path: "/anything", header: forged}).status,
		"without it the header of a client that no database knows is believed")
}

// tabard serve reads the same databases itself, under the same policy, and no
// header; it follows them, a file and a URL while it runs.
func TestServeReadsDatabasesFilesAndURLsAndFollowsThem(t *testing.T) {
	f, err := function.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Stop()) })
	feed := newFeedServer(t, "100.64.0.1\n")
	dir := geoFolder(t)
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".part"), []byte(text), 0o600))
		require.NoError(t, os.Rename(filepath.Join(dir, name+".part"), filepath.Join(dir, name)))
	}
	write("list.txt", "100.64.0.2\n")
	write("policy.yaml", strings.Replace(geoPolicy, "ip: {", `ip_sets:
- {name: bad, url: "`+feed.URL+`/bad.txt", cluster: feeds, refresh_seconds: 10}
- {name: tor, file: GeoIP2-Anonymous-IP.mmdb, format: mmdb}
ip: {block_files: [list.txt], sets: [{set: bad, action: block}, {set: tor, action: tag}], `, 1))
	kept := filepath.Join(t.TempDir(), "kept")
	t.Setenv("TABARD_FEEDS", kept)
	p := run(t, nil, "serve", "--policy", filepath.Join(dir, "policy.yaml"), "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--upstream", "http://"+f.Addr())
	addr := p.wait(p.stderr, `listening on (\S+),`)
	c := client{"HTTP1", newClient(false)}
	status := func(from string) int {
		return c.send(t, addr, request{path: "/anything", header: [][2]string{{"X-Forwarded-For", from}}}).status
	}
	requirePlaces(t, c, addr)
	require.Equal(t, []int{403, 403, 200}, []int{status("100.64.0.1"), status("100.64.0.2"), status("100.64.0.3")}, "from the first request on")

	becomes := func(from string, want int) {
		t.Helper()
		require.Eventually(t, func() bool { return status(from) == want }, patience, 20*time.Millisecond, "%s\n%s", from, p.stderr)
	}
	write("list.txt", "100.64.0.3\n")
	becomes("100.64.0.3", 403)
	require.Equal(t, 200, status("100.64.0.2"))
	require.NoError(t, mmdbtest.Write(filepath.Join(dir, "GeoLite2-Country.mmdb"), "GeoLite2-Country", 1_790_000_000, map[string]mmdbtest.Record{"203.0.113.0/24": {Country: "KP"}}))
	becomes("203.0.113.1", 403)
	require.Equal(t, 200, status("192.0.2.1"))
	feed.set("198.18.0.4\n", false)
	becomes("198.18.0.4", 403)
	require.Equal(t, 200, status("100.64.0.1"))
	feed.set("", true)
	write("GeoLite2-ASN.mmdb", "broken")
	p.wait(p.stderr, `the feed bad is not updated and stays what it was: the answer has the status 503`)
	p.wait(p.stderr, `the feed \S+/GeoLite2-ASN.mmdb is not updated and stays what it was: \S+/GeoLite2-ASN.mmdb is no MaxMind database`)
	require.Equal(t, []int{403, 403}, []int{status("198.18.0.4"), status("198.51.100.200")})

	response, err := http.Get(p.wait(p.stderr, `metrics on (\S+)`))
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	for _, want := range []string{
		`tabard_feed_entries\{feed="bad"\} 1`, `tabard_feed_entries\{feed="tor"\} 1`, `tabard_feed_entries\{feed="list.txt"\} 1`,
		`tabard_feed_age_seconds\{feed="bad"\} \d+`, `tabard_feed_age_seconds\{feed="\S+GeoLite2-Country.mmdb"\} \d{6,}`,
		`tabard_feed_fetches_total\{result="good"\} [1-9]`, `tabard_feed_fetches_total\{result="bad"\} [1-9]`,
	} {
		require.Regexp(t, want, string(text))
	}
	require.Zero(t, p.stop(syscall.SIGTERM), p.stderr)
	last, err := os.ReadFile(filepath.Join(kept, "bad.feed"))
	require.NoError(t, err)
	require.Equal(t, "198.18.0.4\n", string(last))

	// The same command with its publisher gone begins with what it had.
	feed.Close()
	p = run(t, nil, "serve", "--policy", filepath.Join(dir, "policy.yaml"), "--listen", "127.0.0.1:0", "--upstream", "http://"+f.Addr())
	require.Contains(t, p.wait(p.stderr, `(.*GeoLite2-ASN.mmdb.*)`), "is no MaxMind database", "but not with what is broken")
	write("policy.yaml", "crs: {enabled: false}\nclient_address: {trusted_hops: 1}\nip_sets: [{name: bad, url: '"+feed.URL+"/bad.txt'}]\nip: {sets: [{set: bad, action: block}]}\n")
	p = run(t, nil, "serve", "--policy", filepath.Join(dir, "policy.yaml"), "--listen", "127.0.0.1:0", "--upstream", "http://"+f.Addr())
	addr = p.wait(p.stderr, `listening on (\S+),`)
	require.Equal(t, []int{403, 200}, []int{status("198.18.0.4"), status("100.64.0.1")})
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
