package ipset

import (
	"net/netip"

	"github.com/gaissmai/bart"
)

// Set is a set of prefixes. It is immutable and safe for concurrent use; the
// zero Set is empty.
type Set struct {
	table   bart.Table[entry]
	sources []string
}

// Match is the entry that decides about an address.
type Match struct {
	Action Action
	// Prefix is the longest prefix that holds the address, IPv4 as IPv4.
	Prefix netip.Prefix
	// Source is the name of the text that the entry comes from.
	Source string
}

// Len gives the number of prefixes.
func (s *Set) Len() int { return s.table.Size() }

// Lookup gives the entry with the longest prefix that holds the address; ok is
// false when there is none. An IPv4 address mapped into IPv6 counts as IPv4, and
// a zone does not count at all.
func (s *Set) Lookup(addr netip.Addr) (Match, bool) {
	addr = addr.Unmap().WithZone("")
	prefix, err := addr.Prefix(addr.BitLen())
	if err != nil { // the zero Addr
		return Match{}, false
	}
	found, e, ok := s.table.LookupPrefixLPM(prefix)
	if !ok {
		return Match{}, false
	}
	return Match{Action: e.action(), Prefix: found, Source: s.sources[e.source()]}, true
}
