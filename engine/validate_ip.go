package engine

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"tabard/engine/ipset"
	"tabard/engine/seclang"
)

// Limits of address sets, each with the reason it is there.
const (
	// maxIPSets: each set has a gauge that a proxy keeps for ever.
	maxIPSets = 64
	// maxDatabases: there are three kinds, and each request asks all of them.
	maxDatabases = 8
	// minRefreshSeconds: who asks more often wants a push; publishers of public
	// feeds shut out who asks more than once an hour.
	minRefreshSeconds = 10
	// maxRefreshSeconds is a month; a feed that old protects from little.
	maxRefreshSeconds = 31 * 24 * 3600
)

// firstBad keeps the first statement that is wrong.
type firstBad struct{ check }

func (f *firstBad) add(bad bool, path, msg, hint string) {
	if bad && !f.bad {
		f.check = check{bad, path, msg, hint}
	}
}

// list looks at each item of a list.
func (f *firstBad) list(path string, items []string, wrong func(string) string) {
	for i, item := range items {
		if f.bad {
			return
		}
		if msg := wrong(item); msg != "" {
			f.check = check{bad: true, path: at(path, i), msg: msg}
		}
	}
}

// addressChecks are those of everything that has to do with addresses, besides
// ip itself.
func (p *Policy) addressChecks() check {
	var f firstBad
	c, g := p.ClientAddress, p.Geo
	f.add(c.TrustedHops < 0 || c.TrustedHops > maxTrustedHops, "client_address.trusted_hops", "must be between 0 and 16", "")
	f.list("client_address.trusted_proxies", c.TrustedProxies, wrongEntry)
	f.add(g.CountryHeader != "" && !isToken(g.CountryHeader), "geo.country_header", "must be the name of a header", "")
	f.add(g.ASNHeader != "" && !isToken(g.ASNHeader), "geo.asn_header", "must be the name of a header", "")
	f.add(g.AnonymousHeader != "" && !isToken(g.AnonymousHeader), "geo.anonymous_header", "must be the name of a header", "")
	f.add(len(g.Databases) > maxDatabases, "geo.databases", "must be at most "+strconv.Itoa(maxDatabases), "")
	f.list("geo.databases", g.Databases, func(s string) string { return choose(s == "", "must name a file", "") })
	f.add(len(p.IPSets) > maxIPSets, "ip_sets", "must be at most "+strconv.Itoa(maxIPSets), "one set may hold several feeds")
	seen := make([]string, 0, len(p.IPSets))
	for i, s := range p.IPSets {
		path := at("ip_sets", i)
		f.add(!isToken(s.Name), path+".name", "must be a name of letters, digits, '-', '_' and '.'", "")
		f.add(s.Name == keySetName || strings.HasPrefix(s.Name, keySetName+"."), path+".name", "is what key sets are called in metrics: "+strconv.Quote(s.Name), "choose another one")
		f.add(contains(seen, s.Name), path+".name", "is used twice: "+strconv.Quote(s.Name), "")
		seen = append(seen, s.Name)
		f.content(path, s)
		f.source(path, s)
	}
	f.uses("ip.sets", p.IP.Sets, seen)
	for i, r := range p.Routes {
		if r.IP != nil {
			f.uses(at("routes", i)+".ip.sets", r.IP.Sets, seen)
		}
	}
	return f.check
}

// content checks what a set begins with and how it is read.
func (f *firstBad) content(path string, s IPSet) {
	beginnings := 0
	for _, there := range [...]bool{len(s.Entries) > 0, s.Text != "", s.File != ""} {
		if there {
			beginnings++
		}
	}
	f.add(beginnings == 0 && s.URL == "", path, "must have entries, text, file or url", "")
	f.add(beginnings > 1, path, "must have one of entries, text and file", "")
	f.add(s.Format == ipset.FormatMMDB && (s.Text != "" || len(s.Entries) > 0), path+".format", "mmdb is for file and url", "")
	f.add(s.Columns != IPColumns{} && s.Format != ipset.FormatCSV, path+".columns", "are for the format csv", "")
	f.add(s.Score < 0 || s.Score > ipset.MaxScore, path+".score", "must be between 1 and "+strconv.Itoa(ipset.MaxScore), "")
	f.add(s.MinScore < 0 || s.MinScore > ipset.MaxScore, path+".min_score", "must be between 1 and "+strconv.Itoa(ipset.MaxScore), "")
	f.add(s.Category != "" && !isToken(s.Category), path+".category", "must be one word of letters, digits, '-', '_' and '.'", "")
	f.list(path+".entries", s.Entries, wrongEntry)
}

// source checks where a set is fetched from.
func (f *firstBad) source(path string, s IPSet) {
	if s.URL == "" {
		f.add(s.Cluster != "", path+".cluster", "needs a url, for host and path", "")
		f.add(s.PublicKey != "", path+".public_key", "is for what url gives", "")
		f.add(s.RefreshSeconds != 0, path+".refresh_seconds", "is for url", "")
		return
	}
	f.fetched(path, s.URL, s.RefreshSeconds)
	key, err := base64.StdEncoding.DecodeString(s.PublicKey)
	f.add(s.PublicKey != "" && (err != nil || len(key) != ed25519.PublicKeySize), path+".public_key", "must be 32 bytes in Base64", "an Ed25519 key in PEM has them at its end")
}

// fetched checks where a text is fetched from, and how often.
func (f *firstBad) fetched(path, address string, refreshSeconds int) {
	u, err := url.Parse(address)
	good := err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.Fragment == ""
	f.add(!good, path+".url", "must be an http or https URL with a host, without a password: "+strconv.Quote(address), "")
	f.add(refreshSeconds != 0 && (refreshSeconds < minRefreshSeconds || refreshSeconds > maxRefreshSeconds), path+".refresh_seconds",
		"must be between "+strconv.Itoa(minRefreshSeconds)+" and "+strconv.Itoa(maxRefreshSeconds), "")
}

// keysFromCheck checks where keys are fetched from. Over plain HTTP anybody on the
// way could give keys of his own.
func keysFromCheck(path string, k KeysFrom) check {
	var f firstBad
	if k.URL == "" {
		f.add(k != KeysFrom{}, path, "needs a url", "such as https://id.example/.well-known/jwks.json")
		return f.check
	}
	f.fetched(path, k.URL, k.RefreshSeconds)
	u, err := url.Parse(k.URL)
	f.add(err == nil && u.Scheme == "http" && k.Cluster == "" && !isLoopback(u.Hostname()), path+".url",
		"must be https: "+strconv.Quote(k.URL), "http is for a cluster of Envoy and for 127.0.0.1")
	return f.check
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// uses finds sets that are not there.
func (f *firstBad) uses(path string, uses []IPUse, names []string) {
	for i, use := range uses {
		if !contains(names, use.Set) {
			f.add(true, at(path, i)+".set", "names no set of ip_sets: "+strconv.Quote(use.Set), seclang.DidYouMean(use.Set, names))
		}
		f.add(use.Action == "", at(path, i), "must have an action", "use block, score, tag or allow")
	}
}

// ipChecks holds what is the same for the whole policy and for a route.
func ipChecks(path string, ip IP) check {
	var f firstBad
	f.list(path+".allow", ip.Allow, wrongEntry)
	f.list(path+".block", ip.Block, wrongEntry)
	f.list(path+".block_countries", ip.BlockCountries, wrongCountry)
	f.list(path+".only_countries", ip.OnlyCountries, wrongCountry)
	f.list(path+".block_asns", ip.BlockASNs, wrongASN)
	return f.check
}

func wrongEntry(s string) string {
	if err := ipset.Check(s); err != nil {
		return "is wrong: " + err.Error()
	}
	return ""
}

func wrongCountry(s string) string {
	return choose(isCountry(s), "", "is not a country: "+strconv.Quote(s)+", write it as KP")
}

func wrongASN(s string) string {
	return choose(isASN(s), "", "is not a network: "+strconv.Quote(s)+", write it as AS64500")
}

func contains(list []string, word string) bool {
	for _, item := range list {
		if item == word {
			return true
		}
	}
	return false
}
