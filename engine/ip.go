package engine

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"tabard/engine/ipset"
)

// Geo is what a database says about an address.
type Geo struct {
	// Country is an ISO 3166 code in upper case, empty when not known.
	Country string
	// ASN is the number of the network, 0 when not known.
	ASN uint32
	// Anonymous says that the network hides its users.
	Anonymous bool
}

// WithGeo has the engine ask a database, and never the headers that the policy
// names in geo. find is called by every goroutine that has an exchange.
func WithGeo(find func(netip.Addr) Geo) Option { return func(e *Engine) { e.geo = find } }

// WithDatabases has the engine read sets in the format mmdb: list makes a text of
// the format list of a file's bytes. Without it such a set is refused. list is
// called by New and TakeFeed.
func WithDatabases(list func(data string) (string, error)) Option {
	return func(e *Engine) { e.listDatabase = list }
}

// checkPlaces finds what routes ask about places and nothing would answer.
func (e *Engine) checkPlaces(all []settings) error {
	if e.geo != nil {
		return nil
	}
	g := e.policy.Geo
	if len(g.Databases) > 0 && g.CountryHeader+g.ASNHeader+g.AnonymousHeader == "" {
		return e.policy.errorAt("geo.databases", "geo.databases are read by the native program only",
			"in Envoy, put its filter envoy.filters.http.geoip in front and name the headers that it sets: geo.country_header, geo.asn_header, geo.anonymous_header")
	}
	for _, s := range all {
		var f firstBad
		hint := "name the header of Envoy's geoip filter or, for the native program, geo.databases"
		f.add(g.CountryHeader == "" && len(s.ip.BlockCountries) > 0, s.ipPath+".block_countries", "needs geo.country_header", hint)
		f.add(g.CountryHeader == "" && len(s.ip.OnlyCountries) > 0, s.ipPath+".only_countries", "needs geo.country_header", hint)
		f.add(g.ASNHeader == "" && len(s.ip.BlockASNs) > 0, s.ipPath+".block_asns", "needs geo.asn_header", hint)
		f.add(g.AnonymousHeader == "" && s.ip.BlockAnonymous, s.ipPath+".block_anonymous", "needs geo.anonymous_header", hint)
		if f.bad {
			return e.policy.errorAt(f.path, f.path+" "+f.msg, f.hint)
		}
	}
	return nil
}

// ipUse is what a route does about the addresses of a set.
type ipUse struct {
	set    *addressSet
	action ipset.Action
}

// The values of TX:tabard_ip, besides ipset.Allow and ipset.Block.
const (
	ipOff      = "off"      // the route says nothing about addresses
	ipNone     = "none"     // nothing to say about this one
	ipGeo      = "geo"      // its country or network is refused
	ipUnlisted = "unlisted" // it is not on the list of those who may come in
	ipScored   = "score"    // sets give it a score
	ipTagged   = "tag"      // sets have it, and do nothing about it
)

// ipFindings is what rules see of the client's address, besides REMOTE_ADDR.
// It is found once for an exchange: were a rule to look a set up itself, the
// fast path and Coraza could see two different ones.
type ipFindings struct {
	// action is one of the values of TX:tabard_ip, reason its cause for people.
	action, reason   string
	score            int
	sets, categories string
	geo              Geo
}

// judgeAddress finds out what the route's sets say about the client.
func (x *Exchange) judgeAddress(client netip.Addr) ipFindings {
	f := ipFindings{action: ipOff, geo: x.engine.geoOf(client, x.request.Headers)}
	ip := &x.variant.ip
	if ip.empty() {
		return f
	}
	d := decide(x.variant.uses, client, x.conn.Started)
	f.action, f.score, f.sets, f.categories = ipNone, d.Score(), d.Sets, d.Categories
	if d.Action != "" {
		f.action, f.reason = string(d.Action), d.By.Prefix.String()+" in "+d.By.Source
		return f
	}
	switch why := refusedPlace(ip, f.geo); {
	case why != "":
		f.action, f.reason = ipGeo, why
	case ip.Unlisted == UnlistedBlock:
		f.action, f.reason = ipUnlisted, "no list"
	case f.score > 0:
		f.action = ipScored
	case f.sets != "":
		f.action = ipTagged
	}
	return f
}

func decide(uses []ipUse, client netip.Addr, now time.Time) (d ipset.Decision) {
	for _, use := range uses {
		content := use.set.current.Load()
		if content == nil {
			continue // its URL has not been answered yet
		}
		if m, ok := content.Lookup(client, now); ok {
			d.Add(use.set.Name, use.action, m)
		}
	}
	return d
}

// refusedPlace says why an address is refused for where it is, or "".
func refusedPlace(ip *IP, g Geo) string {
	switch {
	case g.Country != "" && contains(ip.BlockCountries, g.Country):
		return "country " + g.Country
	case len(ip.OnlyCountries) > 0 && !contains(ip.OnlyCountries, g.Country):
		return "country " + choose(g.Country == "", "unknown", g.Country)
	case g.ASN != 0 && contains(ip.BlockASNs, asnText(g.ASN)):
		return "network " + asnText(g.ASN)
	case ip.BlockAnonymous && g.Anonymous:
		return "anonymizing network"
	}
	return ""
}

func asnText(n uint32) string { return "AS" + strconv.FormatUint(uint64(n), 10) }

// geoOf asks the database or, where another filter has done so, reads what it
// has written.
func (e *Engine) geoOf(client netip.Addr, h Headers) Geo {
	if e.geo != nil {
		return e.geo(client)
	}
	s := e.policy.Geo
	if s.CountryHeader == "" && s.ASNHeader == "" && s.AnonymousHeader == "" {
		return Geo{}
	}
	asn, _ := strconv.ParseUint(strings.TrimPrefix(strings.ToUpper(only(h, s.ASNHeader)), "AS"), 10, 32)
	country := strings.ToUpper(only(h, s.CountryHeader))
	return Geo{
		Country:   choose(isCountry(country), country, ""),
		ASN:       uint32(asn),
		Anonymous: strings.EqualFold(only(h, s.AnonymousHeader), "true"),
	}
}

// only gives the value of a header that is there once. Of two, one would be the
// client's.
func only(h Headers, name string) (value string) {
	if name == "" {
		return ""
	}
	count := 0
	for _, line := range h {
		if strings.EqualFold(line[0], name) {
			value, count = strings.TrimSpace(line[1]), count+1
		}
	}
	return choose(count == 1, value, "")
}

// isCountry says whether a text is written like an ISO 3166 code of two letters.
func isCountry(s string) bool {
	return len(s) == 2 && strings.TrimFunc(s, func(r rune) bool { return r >= 'A' && r <= 'Z' }) == ""
}

// isASN says whether a text is written like AS64500.
func isASN(s string) bool {
	digits, ok := strings.CutPrefix(s, "AS")
	n, err := strconv.ParseUint(digits, 10, 32)
	return ok && err == nil && asnText(uint32(n)) == s
}

// addressInputs are the TX variables through which rules see the findings.
var addressInputs = [...]string{
	"tabard_ip", "tabard_ip_reason", "tabard_ip_score", "tabard_ip_sets", "tabard_ip_categories",
	"tabard_country", "tabard_asn", "tabard_anonymous",
}

// values are those of addressInputs.
func (f ipFindings) values() [len(addressInputs)]string {
	return [...]string{
		f.action, f.reason, strconv.Itoa(f.score), f.sets, f.categories,
		f.geo.Country, choose(f.geo.ASN == 0, "", strconv.FormatUint(uint64(f.geo.ASN), 10)), choose(f.geo.Anonymous, "1", "0"),
	}
}
