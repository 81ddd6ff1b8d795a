package engine

import "tabard/engine/ipset"

// ClientAddress says how the client's address is found.
type ClientAddress struct {
	// TrustedHops is the number of proxies in front that append to Header and
	// are trusted. With 0, and no TrustedProxies, the peer's address is the
	// client's. In Envoy the peer is what Envoy itself found by its
	// xff_num_trusted_hops: set the number there or here, not in both. Whoever
	// reaches the listener past the proxies can write what it likes, unless
	// TrustedProxies says where they are.
	TrustedHops int `yaml:"trusted_hops"`
	// TrustedProxies are the addresses and CIDR prefixes of the proxies. From
	// any other peer Header is not read. Without TrustedHops the client is the
	// last address in Header that is not among them.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// Header is the one that the proxies append to; x-forwarded-for when empty.
	// The other one is never read: a client could write it.
	Header AddressHeader `yaml:"header"`
}

// AddressHeader is a header in which proxies name the client.
type AddressHeader string

const (
	// HeaderForwardedFor is X-Forwarded-For.
	HeaderForwardedFor AddressHeader = "x-forwarded-for"
	// HeaderForwarded is that of RFC 7239.
	HeaderForwarded AddressHeader = "forwarded"
)

// Choices returns the accepted spellings.
func (AddressHeader) Choices() []string {
	return []string{string(HeaderForwardedFor), string(HeaderForwarded)}
}

// IPSet is a named set of addresses, networks and ranges, for routes to say in
// ip.sets what they do about them. It has one of Entries, Text and File or, with
// or without one of them to begin with, a URL.
type IPSet struct {
	// Name is how routes, logs, metrics and rules (TX:tabard_ip_sets) call it.
	Name string `yaml:"name"`
	// Entries are lines of the format list.
	Entries []string `yaml:"entries"`
	// Text is the whole text, in Format.
	Text string `yaml:"text"`
	// File is a file below the rules, read when the policy is loaded.
	File string `yaml:"file"`
	// URL is where the text is fetched, http or https. The last good text is kept.
	// The filter in Envoy and tabard serve fetch; other commands take what
	// tabard policy fetch has fetched, so that they say the same tomorrow.
	URL string `yaml:"url"`
	// Cluster is Envoy's cluster for URL, which then gives host and path. tabard
	// serve needs none.
	Cluster string `yaml:"cluster"`
	// RefreshSeconds is how often URL is asked; 3600 when 0, and at least 10.
	RefreshSeconds int `yaml:"refresh_seconds"`
	// PublicKey is an Ed25519 key in Base64. What URL gives must then end with
	// the line "# signature: ..." and the signature, in Base64, of all bytes
	// before that line.
	PublicKey string `yaml:"public_key"`
	// Format is how Text, File and URL are written; list when empty.
	Format ipset.Format `yaml:"format"`
	// Columns are those of the format csv.
	Columns IPColumns `yaml:"columns"`
	// BadLines says what happens to lines that cannot be read; error when empty.
	BadLines ipset.BadLines `yaml:"bad_lines"`
	// Score is the score of entries without one of their own; 5, which blocks at
	// CRS's own threshold, when 0.
	Score int `yaml:"score"`
	// MinScore leaves out entries with a lower score, such as addresses on few
	// lists in the format ipsum.
	MinScore int `yaml:"min_score"`
	// Category is that of entries without one of their own: one word.
	Category string `yaml:"category"`
}

// IPColumns name columns by the names in the first line, or by their numbers
// from 1 on where the text has no such line. What is empty is not there.
type IPColumns struct {
	// Address is an address, a CIDR prefix or the first address of a range;
	// address when empty.
	Address string `yaml:"address"`
	// Last is the last address of a range.
	Last string `yaml:"last"`
	// Score is a whole number.
	Score string `yaml:"score"`
	// Category is a word, such as scanner.
	Category string `yaml:"category"`
	// Source says who has reported the entry.
	Source string `yaml:"source"`
	// Expires is a date, a time (RFC 3339) or Unix seconds.
	Expires string `yaml:"expires"`
}

// IP says what a route does about addresses (rules/ip). The longest prefix
// that holds the client's address decides; of equal prefixes allow beats block.
// An address that is allowed is asked nothing else.
type IP struct {
	// Allow lists addresses, CIDR prefixes and ranges.
	Allow []string `yaml:"allow"`
	// AllowFiles are files below the rules with one entry a line.
	AllowFiles []string `yaml:"allow_files"`
	// Block lists addresses, CIDR prefixes and ranges.
	Block []string `yaml:"block"`
	// BlockFiles are files below the rules with one entry a line.
	BlockFiles []string `yaml:"block_files"`
	// Sets say what is done about the sets of ip_sets.
	Sets []IPUse `yaml:"sets"`
	// Unlisted says what happens to an address that nothing above allows or
	// blocks; pass when empty. With block, only what is allowed comes in.
	Unlisted Unlisted `yaml:"unlisted"`
	// BlockCountries are ISO 3166 codes, such as KP, that are refused.
	BlockCountries []string `yaml:"block_countries"`
	// OnlyCountries are the only ones that are let in; an address whose country
	// is not known is refused as well.
	OnlyCountries []string `yaml:"only_countries"`
	// BlockASNs are networks, such as AS64500, that are refused.
	BlockASNs []string `yaml:"block_asns"`
	// BlockAnonymous refuses anonymizing networks: VPN, Tor, open proxies and
	// hosting, as the database has them.
	BlockAnonymous bool `yaml:"block_anonymous"`
}

// IPUse is what a route does about the addresses of a set.
type IPUse struct {
	// Set is the name of one of ip_sets.
	Set string `yaml:"set"`
	// Action is block, score, tag or allow.
	Action ipset.Action `yaml:"action"`
}

// Unlisted is what happens to an address in no set that allows or blocks.
type Unlisted string

const (
	// UnlistedPass lets it through.
	UnlistedPass Unlisted = "pass"
	// UnlistedBlock refuses it.
	UnlistedBlock Unlisted = "block"
)

// Choices returns the accepted spellings.
func (Unlisted) Choices() []string { return []string{string(UnlistedPass), string(UnlistedBlock)} }

// GeoSettings say where country and network of an address come from. Rules read
// them as TX:tabard_country, TX:tabard_asn and TX:tabard_anonymous.
type GeoSettings struct {
	// Databases are MaxMind databases (.mmdb) of countries, cities, networks or
	// anonymizing networks: files below the policy's folder, or absolute paths. The
	// native program reads them, and then no header. In Envoy the geoip filter
	// reads its own, and this one the headers: name those as well, or alone.
	Databases []string `yaml:"databases"`
	// CountryHeader, ASNHeader and AnonymousHeader are the request headers that
	// Envoy's geoip filter sets (country, asn, anon). Without that filter the
	// client would write them: leave them out for tabard serve, or name databases.
	CountryHeader string `yaml:"country_header"`
	// ASNHeader: see CountryHeader.
	ASNHeader string `yaml:"asn_header"`
	// AnonymousHeader: see CountryHeader.
	AnonymousHeader string `yaml:"anonymous_header"`
}
