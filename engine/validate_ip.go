package engine

import (
	"crypto/ed25519"
	"encoding/base64"
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
	// minRefreshSeconds: publishers of feeds shut out who asks more often.
	minRefreshSeconds = 60
	// maxRefreshSeconds is a month; a feed that old protects from little.
	maxRefreshSeconds = 31 * 24 * 3600
)

func clientAddressChecks(c ClientAddress) []check {
	checks := []check{{c.TrustedHops < 0 || c.TrustedHops > maxTrustedHops, "client_address.trusted_hops", "must be between 0 and 16", ""}}
	return append(checks, addressChecks("client_address.trusted_proxies", c.TrustedProxies)...)
}

func addressChecks(path string, entries []string) []check {
	var checks []check
	for i, e := range entries {
		err := ipset.Check(e)
		msg := ""
		if err != nil {
			msg = "is wrong: " + err.Error()
		}
		checks = append(checks, check{err != nil, at(path, i), msg, ""})
	}
	return checks
}

func geoChecks(g GeoSettings) []check {
	return []check{
		{g.CountryHeader != "" && !isToken(g.CountryHeader), "geo.country_header", "must be the name of a header", "x-geo-country is one"},
		{g.ASNHeader != "" && !isToken(g.ASNHeader), "geo.asn_header", "must be the name of a header", "x-geo-asn is one"},
		{g.AnonymousHeader != "" && !isToken(g.AnonymousHeader), "geo.anonymous_header", "must be the name of a header", "x-geo-anon is one"},
	}
}

func ipSetChecks(sets []IPSet) []check {
	checks := []check{{len(sets) > maxIPSets, "ip_sets", "must be at most " + strconv.Itoa(maxIPSets), "one set may hold several feeds"}}
	seen := map[string]bool{}
	for i, s := range sets {
		path := at("ip_sets", i)
		checks = append(checks,
			check{!isToken(s.Name), path + ".name", "must be a name of letters, digits, '-', '_' and '.'", ""},
			check{seen[s.Name], path + ".name", "is used twice: " + strconv.Quote(s.Name), ""},
		)
		seen[s.Name] = true
		checks = append(checks, ipSetContentChecks(path, s)...)
		checks = append(checks, ipSetURLChecks(path, s)...)
	}
	return checks
}

func ipSetContentChecks(path string, s IPSet) []check {
	beginnings := len(s.Entries)
	if beginnings > 0 {
		beginnings = 1
	}
	for _, text := range []string{s.Text, s.File} {
		if text != "" {
			beginnings++
		}
	}
	checks := []check{
		{beginnings == 0 && s.URL == "", path, "must have entries, text, file or url", ""},
		{beginnings > 1, path, "must have one of entries, text and file", ""},
		{s.Columns != IPColumns{} && s.Format != ipset.FormatCSV, path + ".columns", "are for the format csv", ""},
		{s.Score < 0 || s.Score > ipset.MaxScore, path + ".score", "must be between 1 and " + strconv.Itoa(ipset.MaxScore), ""},
		{s.MinScore < 0 || s.MinScore > ipset.MaxScore, path + ".min_score", "must be between 1 and " + strconv.Itoa(ipset.MaxScore), ""},
		{s.Category != "" && !isToken(s.Category), path + ".category", "must be one word of letters, digits, '-', '_' and '.'", ""},
	}
	return append(checks, addressChecks(path+".entries", s.Entries)...)
}

func ipSetURLChecks(path string, s IPSet) []check {
	u, err := url.Parse(s.URL)
	good := err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.Fragment == ""
	key, keyErr := base64.StdEncoding.DecodeString(s.PublicKey)
	return []check{
		{s.URL != "" && !good, path + ".url", "must be an http or https URL with a host, without a password: " + strconv.Quote(s.URL), ""},
		{s.URL == "" && s.Cluster != "", path + ".cluster", "needs a url, for host and path", ""},
		{s.URL == "" && s.PublicKey != "", path + ".public_key", "is for what url gives", ""},
		{s.URL == "" && s.RefreshSeconds != 0, path + ".refresh_seconds", "is for url; a file is read when it changes", ""},
		{s.RefreshSeconds != 0 && (s.RefreshSeconds < minRefreshSeconds || s.RefreshSeconds > maxRefreshSeconds), path + ".refresh_seconds",
			"must be between " + strconv.Itoa(minRefreshSeconds) + " and " + strconv.Itoa(maxRefreshSeconds), ""},
		{s.PublicKey != "" && (keyErr != nil || len(key) != ed25519.PublicKeySize), path + ".public_key", "must be 32 bytes in Base64", "an Ed25519 key in PEM has them at its end"},
	}
}

// ipChecks holds what is the same for the whole policy and for a route.
func ipChecks(path string, ip IP) []check {
	checks := addressChecks(path+".allow", ip.Allow)
	checks = append(checks, addressChecks(path+".block", ip.Block)...)
	for i, c := range ip.BlockCountries {
		checks = append(checks, check{!isCountry(c), at(path+".block_countries", i), "is not a country: " + strconv.Quote(c), "write it as KP"})
	}
	for i, c := range ip.OnlyCountries {
		checks = append(checks, check{!isCountry(c), at(path+".only_countries", i), "is not a country: " + strconv.Quote(c), "write it as KP"})
	}
	for i, n := range ip.BlockASNs {
		checks = append(checks, check{!isASN(n), at(path+".block_asns", i), "is not a network: " + strconv.Quote(n), "write it as AS64500"})
	}
	return checks
}

// ipUseChecks finds sets that are not there.
func ipUseChecks(p *Policy) []check {
	names := make([]string, 0, len(p.IPSets))
	for _, s := range p.IPSets {
		names = append(names, s.Name)
	}
	known := " " + strings.Join(names, " ") + " "
	one := func(path string, uses []IPUse) (checks []check) {
		for i, use := range uses {
			unknown := !strings.Contains(known, " "+use.Set+" ") || use.Set == ""
			checks = append(checks,
				check{unknown, at(path, i) + ".set", "names no set of ip_sets: " + strconv.Quote(use.Set), seclang.DidYouMean(use.Set, names)},
				check{use.Action == "", at(path, i), "must have an action", "use block, score, tag or allow"})
		}
		return checks
	}
	checks := one("ip.sets", p.IP.Sets)
	for i, r := range p.Routes {
		if r.IP != nil {
			checks = append(checks, one(at("routes", i)+".ip.sets", r.IP.Sets)...)
		}
	}
	return checks
}
