package engine_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/rules"
)

// from sends a GET from an address and gives the rules that logged and the
// action.
func from(waf *engine.Engine, client, target string, headers ...[2]string) (engine.Action, []int, []string) {
	x := waf.Begin(engine.Conn{Peer: netip.AddrPortFrom(netip.MustParseAddr(client), 4711)})
	r := get(target)
	r.Headers = append(r.Headers, headers...)
	v := x.RequestHeaders(r, true)
	var messages []string
	for _, m := range v.Matches {
		messages = append(messages, m.Message)
	}
	x.End()
	return v.Action, v.IDs(), messages
}

func engineWith(t *testing.T, files map[string]string, policy string, opts ...engine.Option) *engine.Engine {
	t.Helper()
	over := fstest.MapFS{}
	for name, text := range files {
		over[name] = &fstest.MapFile{Data: []byte(text)}
	}
	p, err := engine.ParsePolicy("p.yaml", []byte("crs: {enabled: false}\n"+policy))
	require.NoError(t, err)
	waf, err := engine.New(p, rules.Overlay(over), opts...)
	require.NoError(t, err)
	return waf
}

func TestTheMessageSaysWhichEntryDecided(t *testing.T) {
	waf := engineWith(t, map[string]string{"feeds/bad.txt": "203.0.113.0/24\n"}, `
ip_sets:
- {name: scanners, entries: ["198.51.100.0/24 source=ours category=scan"]}
ip:
  block: [192.0.2.0/24]
  block_files: [feeds/bad.txt]
  sets: [{set: scanners, action: block}]
`)
	for client, want := range map[string]string{
		"192.0.2.1":    "Address is blocked by 192.0.2.0/24 in ip.block",
		"203.0.113.1":  "Address is blocked by 203.0.113.0/24 in feeds/bad.txt",
		"198.51.100.1": "Address is blocked by 198.51.100.0/24 in ours",
	} {
		action, ids, messages := from(waf, client, "/")
		require.Equal(t, engine.Block, action)
		require.Equal(t, []int{100300}, ids)
		require.Equal(t, []string{want}, messages)
	}
	action, _, _ := from(waf, "10.0.0.1", "/")
	require.Equal(t, engine.Pass, action)
}

func TestASetIsReplacedWhileTheEngineRuns(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	waf := engineWith(t, nil, `
ip_sets:
- {name: feed, url: "https://feeds.example/x", entries: [192.0.2.1]}
- {name: late, url: "https://feeds.example/y"}
- {name: partners, entries: [192.0.2.1]}
ip: {sets: [{set: feed, action: block}, {set: late, action: block}]}
routes: [{name: open, path: /open, ip: {sets: [{set: feed, action: block}, {set: partners, action: allow}]}}]
`, engine.WithClock(func() time.Time { return now }))
	blocked := func(client string) bool {
		action, _, _ := from(waf, client, "/")
		return action == engine.Block
	}
	require.True(t, blocked("192.0.2.1"))
	require.False(t, blocked("192.0.2.2"))
	require.NoError(t, waf.TakeFeed("feed", "192.0.2.2\n", now.Add(time.Minute)))
	require.False(t, blocked("192.0.2.1"))
	require.True(t, blocked("192.0.2.2"))
	require.False(t, blocked("192.0.2.9"), "what has not been fetched yet blocks nobody")
	require.NoError(t, waf.TakeFeed("late", "192.0.2.9\n", now))
	require.True(t, blocked("192.0.2.9"))
	for text, want := range map[string]string{
		"192.0.2.0/33":      `https://feeds.example/x:1:1: "192.0.2.0/33" is no address and no CIDR prefix, such as 203.0.113.7, 198.51.100.0/24 or 2001:db8::/32`,
		"":                  "https://feeds.example/x: the text has no entry",
		"# only comments\n": "https://feeds.example/x: the text has no entry",
	} {
		require.EqualError(t, waf.TakeFeed("feed", text, now), want)
		require.True(t, blocked("192.0.2.2"), "the last good text stays")
	}
	require.EqualError(t, waf.TakeFeed("fed", "192.0.2.1", now), `there is no feed "fed"`)
	waf.ConfirmFeed("feed", now.Add(time.Hour))
	require.Equal(t, []engine.FeedState{
		{Name: "feed", Updated: now.Add(time.Hour), Entries: 1}, {Name: "late", Updated: now, Entries: 1},
	}, waf.FeedStates())
	require.Equal(t, []engine.Feed{
		{Name: "feed", URL: "https://feeds.example/x", RefreshSeconds: 3600, MaxBytes: 64 << 20, Begun: true}, {Name: "late", URL: "https://feeds.example/y", RefreshSeconds: 3600, MaxBytes: 64 << 20, Begun: true},
	}, waf.Feeds())
}

func TestRoutesShareASetAndDoDifferentThingsAboutIt(t *testing.T) {
	waf := engineWith(t, nil, `
ip_sets: [{name: vpn, entries: [192.0.2.0/24]}]
routes:
- {name: a, path: /a, ip: {sets: [{set: vpn, action: block}]}}
- {name: b, path: /b, ip: {sets: [{set: vpn, action: allow}], unlisted: block}}
- {name: c, path: /c, ip: {sets: [{set: vpn, action: tag}]}}
- {name: d, path: /d, ip: {}}
`)
	for target, want := range map[string][]any{
		"/a": {engine.Block, []int{100300}}, "/b": {engine.Pass, []int{}}, "/c": {engine.Detect, []int{100340}}, "/d": {engine.Pass, []int{}},
	} {
		action, ids, _ := from(waf, "192.0.2.1", target)
		require.Equal(t, want, []any{action, ids}, target)
	}
	action, ids, _ := from(waf, "198.51.100.1", "/b")
	require.Equal(t, []any{engine.Block, []int{100320}}, []any{action, ids})
}

func TestPlaces(t *testing.T) {
	const policy = `
geo: {country_header: X-Geo-Country, asn_header: x-geo-asn, anonymous_header: x-geo-anon}
ip: {block_countries: [KP], block_asns: [AS64500], block_anonymous: true, allow: [192.0.2.9]}
routes: [{name: se, path: /se, ip: {only_countries: [SE]}}]
directives: [{inline: 'SecRule TX:tabard_country "@streq NO" "id:7,phase:1,pass,log,msg:''%{tx.tabard_country} %{tx.tabard_asn} %{tx.tabard_anonymous}''"'}]
`
	header := func(country, asn, anonymous string) [][2]string {
		return [][2]string{{"x-geo-country", country}, {"x-geo-asn", asn}, {"x-geo-anon", anonymous}}
	}
	waf := engineWith(t, nil, policy)
	for name, row := range map[string]struct {
		client, target string
		headers        [][2]string
		want           string
	}{
		"a country that is refused":               {"192.0.2.1", "/", header("KP", "", ""), "Address is refused for its country KP"},
		"a network that is refused":               {"192.0.2.1", "/", header("SE", "64500", "false"), "Address is refused for its network AS64500"},
		"a network as some databases write it":    {"192.0.2.1", "/", header("SE", "AS64500", "false"), "Address is refused for its network AS64500"},
		"an anonymizing network":                  {"192.0.2.1", "/", header("SE", "1", "true"), "Address is refused for its anonymizing network"},
		"an address that is allowed by itself":    {"192.0.2.9", "/", header("KP", "64500", "true"), ""},
		"any other":                               {"192.0.2.1", "/", header("SE", "1", "false"), ""},
		"two headers, of which one is a forgery":  {"192.0.2.1", "/", append(header("SE", "", ""), [2]string{"X-Geo-Country", "KP"}), ""},
		"the only country":                        {"192.0.2.1", "/se", header("SE", "", ""), ""},
		"a country that is not the only one":      {"192.0.2.1", "/se", header("DK", "", ""), "Address is refused for its country DK"},
		"two headers where one country may enter": {"192.0.2.1", "/se", append(header("SE", "", ""), [2]string{"X-Geo-Country", "SE"}), "Address is refused for its country unknown"},
		"a rule of one's own":                     {"192.0.2.1", "/", header("NO", "AS64501", ""), "NO 64501 0"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, messages := from(waf, row.client, row.target, row.headers...)
			require.Equal(t, row.want, strings.Join(messages, ";"))
		})
	}
	native := engineWith(t, nil, policy, engine.WithGeo(func(a netip.Addr) engine.Geo {
		return engine.Geo{Country: map[string]string{"192.0.2.1": "KP"}[a.String()]}
	}))
	_, ids, _ := from(native, "192.0.2.1", "/", header("SE", "", "")...)
	require.Equal(t, []int{100310}, ids, "with a database the client's headers are not read")
	_, ids, _ = from(native, "192.0.2.2", "/", header("KP", "", "")...)
	require.Empty(t, ids)
}

func TestASignedTextMustBeSigned(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	key := base64.StdEncoding.EncodeToString(public)
	sign := func(text string) string {
		return text + "# signature: " + base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte(text))) + "\n"
	}
	waf := engineWith(t, nil, "ip_sets: [{name: f, url: 'https://feeds.example/', public_key: "+key+"}]\nip: {sets: [{set: f, action: block}]}\n")
	good := sign("192.0.2.1\n")
	require.NoError(t, waf.TakeFeed("f", good, time.Now()))
	for name, text := range map[string]string{
		"no signature":         "192.0.2.1\n",
		"a changed text":       strings.Replace(good, "192.0.2.1", "192.0.2.2", 1),
		"a line behind it":     good + "192.0.2.2\n",
		"another signature":    "192.0.2.2\n# signature: " + base64.StdEncoding.EncodeToString(make([]byte, 64)) + "\n",
		"a line before it all": "192.0.2.2\n" + good,
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, waf.TakeFeed("f", text, time.Now()), "signature")
			require.Equal(t, 1, waf.FeedStates()[0].Entries)
		})
	}
}

func TestBadLinesAreReported(t *testing.T) {
	waf := engineWith(t, map[string]string{"f.txt": "192.0.2.1\nbad\n192.0.2.2\n"}, `
ip_sets: [{name: f, file: f.txt, bad_lines: count}]
ip: {sets: [{set: f, action: block}]}
`)
	require.Equal(t, []string{`the address set f leaves out 1 bad lines; the first: f.txt:2:1: "bad" is no address and no CIDR prefix, such as 203.0.113.7, 198.51.100.0/24 or 2001:db8::/32`}, waf.Reports())
	state := waf.FeedStates()[0]
	require.Equal(t, []int{1, 2}, []int{state.BadLines, state.Entries})
	require.Equal(t, map[string]string{"f": "f.txt"}, waf.Files())
}

func TestWrongAddressSets(t *testing.T) {
	for name, row := range map[string]struct{ policy, want string }{
		"a line of an inline text":  {"ip_sets:\n- name: f\n  text: |\n    192.0.2.1\n    x\n", `p.yaml:5:5: "x" is no address and no CIDR prefix, such as 203.0.113.7, 198.51.100.0/24 or 2001:db8::/32`},
		"a line of a file":          {"ip_sets: [{name: f, file: bad.txt}]", `bad.txt:2:1: "y" is no address and no CIDR prefix, such as 203.0.113.7, 198.51.100.0/24 or 2001:db8::/32`},
		"a file that is not there":  {"ip_sets: [{name: f, file: none.txt}]", `p.yaml:1:27: address set "none.txt" cannot be read, it is looked for below the policy's folder and the rules`},
		"nothing in it":             {"ip_sets: [{name: f}]", `p.yaml:1:11: ip_sets[0] must have entries, text, file or url`},
		"two beginnings":            {"ip_sets: [{name: f, text: x, file: y}]", `p.yaml:1:11: ip_sets[0] must have one of entries, text and file`},
		"a bad entry":               {"ip_sets: [{name: f, entries: [192.0.2.1, z]}]", `p.yaml:1:42: ip_sets[0].entries[1] is wrong: "z" is no address and no CIDR prefix, such as 203.0.113.7, 198.51.100.0/24 or 2001:db8::/32`},
		"a set of no name":          {"ip_sets: [{name: a b, text: x}]", `p.yaml:1:18: ip_sets[0].name must be a name of letters, digits, '-', '_' and '.'`},
		"a name twice":              {"ip_sets: [{name: a, text: '10.0.0.1'}, {name: a, text: '10.0.0.1'}]", `p.yaml:1:47: ip_sets[1].name is used twice: "a"`},
		"a set that is not there":   {"ip_sets: [{name: abc, text: '10.0.0.1'}]\nip: {sets: [{set: abd, action: block}]}", `p.yaml:2:19: ip.sets[0].set names no set of ip_sets: "abd", did you mean "abc"?`},
		"no action":                 {"ip_sets: [{name: abc, text: '10.0.0.1'}]\nroutes: [{name: r, ip: {sets: [{set: abc}]}}]", `p.yaml:2:32: routes[0].ip.sets[0] must have an action, use block, score, tag or allow`},
		"an unknown action":         {"ip_sets: [{name: abc, text: '10.0.0.1'}]\nip: {sets: [{set: abc, action: deny}]}", `p.yaml:2:32: ip.sets[0].action cannot be "deny", use block or score or tag or allow`},
		"a URL that is none":        {"ip_sets: [{name: f, url: feeds.example/x}]", `p.yaml:1:26: ip_sets[0].url must be an http or https URL with a host, without a password: "feeds.example/x"`},
		"a key that is none":        {"ip_sets: [{name: f, url: 'https://x/', public_key: abc}]", `p.yaml:1:52: ip_sets[0].public_key must be 32 bytes in Base64, an Ed25519 key in PEM has them at its end`},
		"a refresh too often":       {"ip_sets: [{name: f, url: 'https://x/', refresh_seconds: 5}]", `p.yaml:1:57: ip_sets[0].refresh_seconds must be between 10 and 2678400`},
		"columns of a list":         {"ip_sets: [{name: f, text: '10.0.0.1', columns: {address: ip}}]", `p.yaml:1:48: ip_sets[0].columns are for the format csv`},
		"a country in lower case":   {"ip: {block_countries: [kp]}", `p.yaml:1:24: ip.block_countries[0] is not a country: "kp", write it as KP`},
		"a network without letters": {"ip: {block_asns: ['64500']}", `p.yaml:1:19: ip.block_asns[0] is not a network: "64500", write it as AS64500`},
		"a proxy that is none":      {"client_address: {trusted_proxies: [proxy]}", `p.yaml:1:36: client_address.trusted_proxies[0] is wrong: "proxy" is no address and no CIDR prefix, such as 203.0.113.7, 198.51.100.0/24 or 2001:db8::/32`},
	} {
		t.Run(name, func(t *testing.T) {
			files := rules.Overlay(fstest.MapFS{"bad.txt": {Data: []byte("192.0.2.1\ny\n")}})
			p, err := engine.ParsePolicy("p.yaml", []byte(row.policy))
			if err == nil {
				_, err = engine.New(p, files)
			}
			require.EqualError(t, err, row.want)
			_, err = engine.RuleSets(p, files)
			require.Error(t, err, "tools say so, too")
		})
	}
}

func TestWhatOnlyTheNativeProgramReads(t *testing.T) {
	const envoys = "in Envoy, put its filter envoy.filters.http.geoip in front and name the headers that it sets: geo.country_header, geo.asn_header, geo.anonymous_header"
	const header = "name the header of Envoy's geoip filter or, for the native program, geo.databases"
	find := engine.WithGeo(func(netip.Addr) engine.Geo { return engine.Geo{} })
	list := engine.WithDatabases(func(data string) (string, error) { return data, nil })
	for name, row := range map[string]struct {
		policy string
		opts   []engine.Option
		want   string
	}{
		"databases, in the filter":                 {"geo: {databases: [a.mmdb]}", nil, "p.yaml:1:18: geo.databases are read by the native program only, " + envoys},
		"databases, natively":                      {"geo: {databases: [a.mmdb]}\nip: {block_anonymous: true}", []engine.Option{find}, ""},
		"databases and a header, in the filter":    {"geo: {databases: [a.mmdb], asn_header: x-asn}\nip: {block_asns: [AS1]}", nil, ""},
		"a question for a header that has no name": {"geo: {databases: [a.mmdb], asn_header: x-asn}\nip: {block_countries: [KP]}", nil, "p.yaml:2:23: ip.block_countries needs geo.country_header, " + header},
		"a question that nothing answers":          {"ip: {only_countries: [KP]}", nil, "p.yaml:1:22: ip.only_countries needs geo.country_header, " + header},
		"one of a route":                           {"routes: [{name: r, ip: {block_asns: [AS1]}}]", nil, "p.yaml:1:37: routes[0].ip.block_asns needs geo.asn_header, " + header},
		"and one about anonymity":                  {"ip: {block_anonymous: true}", nil, "p.yaml:1:23: ip.block_anonymous needs geo.anonymous_header, " + header},
		"no file":                                  {"geo: {databases: ['']}", []engine.Option{find}, "p.yaml:1:19: geo.databases[0] must name a file"},
		"too many":                                 {"geo: {databases: [a, a, a, a, a, a, a, a, a]}", []engine.Option{find}, "p.yaml:1:18: geo.databases must be at most 8"},
		"a set of a database, in the filter":       {"ip_sets: [{name: f, url: 'https://x/', format: mmdb}]", nil, "p.yaml:1:48: ip_sets[0].format mmdb is read by the native program only, in Envoy, have its filter envoy.filters.http.geoip set geo.anonymous_header, and use block_anonymous"},
		"a set of a database, natively":            {"ip_sets: [{name: f, file: good.txt, format: mmdb}]", []engine.Option{list}, ""},
		"a database among the text":                {"ip_sets: [{name: f, text: x, format: mmdb}]", []engine.Option{list}, "p.yaml:1:38: ip_sets[0].format mmdb is for file and url"},
		"a file that is called like a set":         {"ip_sets: [{name: good.txt, text: '10.0.0.1'}]\nip: {block_files: [good.txt]}", nil, `p.yaml:2:20: ip.block_files[0] names a file that is called like a set of ip_sets: "good.txt", give the set another name`},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := engine.ParsePolicy("p.yaml", []byte(row.policy))
			if err == nil {
				_, err = engine.New(p, rules.Overlay(fstest.MapFS{"good.txt": {Data: []byte("192.0.2.1\n")}}), row.opts...)
			}
			if row.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, row.want)
		})
	}
}

func TestADatabaseIsASetWithItsErrors(t *testing.T) {
	waf := engineWith(t, map[string]string{"anon.mmdb": "one"}, "ip_sets: [{name: f, file: anon.mmdb, format: mmdb, category: other}]\nip: {sets: [{set: f, action: block}]}\n",
		engine.WithDatabases(func(data string) (string, error) {
			if data == "broken" {
				return "", errors.New("it is broken")
			}
			return "192.0.2.1 category=" + data, nil
		}))
	action, _, _ := from(waf, "192.0.2.1", "/")
	require.Equal(t, engine.Block, action)
	require.EqualError(t, waf.TakeFeed("f", "broken", time.Now()), "anon.mmdb: it is broken")
	require.Equal(t, 1, waf.FeedStates()[0].Entries)
	require.NoError(t, waf.TakeFeed("f", "two", time.Now()))
}

// A set that is called like a place in the policy is not the list at that place.
func TestASetMayBeCalledLikeAList(t *testing.T) {
	waf := engineWith(t, nil, "ip_sets: [{name: ip.block, entries: [192.0.2.1]}]\nip: {block: [192.0.2.2], sets: [{set: ip.block, action: tag}]}\n")
	for client, want := range map[string]engine.Action{"192.0.2.1": engine.Detect, "192.0.2.2": engine.Block} {
		action, _, _ := from(waf, client, "/")
		require.Equal(t, want, action, client)
	}
}

func TestAnEngineBeginsWithWhatItsRunnerHas(t *testing.T) {
	const policy = "ip_sets:\n- {name: a, url: 'https://x/a', entries: [192.0.2.1]}\n- {name: b, url: 'https://x/b'}\n- {name: c, entries: [192.0.2.3]}\nip: {sets: [{set: a, action: block}, {set: b, action: block}]}\n"
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	asked := map[string]bool{}
	waf := engineWith(t, nil, policy, engine.WithFeeds(func(f engine.Feed) (string, time.Time, error) {
		asked[f.Name] = f.Begun
		return map[string]string{"b": "192.0.2.2\n"}[f.Name], at, nil
	}))
	require.Equal(t, map[string]bool{"a": true, "b": false}, asked)
	for _, client := range []string{"192.0.2.1", "192.0.2.2"} {
		action, _, _ := from(waf, client, "/")
		require.Equal(t, engine.Block, action)
	}
	require.Equal(t, at, waf.FeedStates()[1].Updated)
	p, err := engine.ParsePolicy("p.yaml", []byte(policy))
	require.NoError(t, err)
	for text, want := range map[string]string{"": "there is none", "<html>": `https://x/a:1:1: "<html>" is no address`} {
		_, err = engine.New(p, rules.FS(), engine.WithFeeds(func(engine.Feed) (string, time.Time, error) {
			if text == "" {
				return "", at, errors.New("there is none")
			}
			return text, at, nil
		}))
		require.ErrorContains(t, err, want)
	}
}
