package ipset

import (
	"iter"
	"net/netip"
	"strconv"
	"strings"
)

// maxQuotedBytes is how much of a bad line an error repeats.
const maxQuotedBytes = 60

// mappedBits is the length of ::ffff:0:0/96, in which RFC 4291 maps IPv4.
const mappedBits = 96

// prefixError says what is wrong with a text that should be a prefix.
type prefixError string

func (e prefixError) Error() string { return string(e) }

// ParsePrefix reads an address or a CIDR prefix, without blanks around it. IPv4
// mapped into IPv6 becomes IPv4. Refused are zones, which never reach us on the
// wire, numbers with leading zeros, which some read as octal, and bits set
// behind the prefix, where it is not clear what was meant. The error says what
// would work and has no place.
func ParsePrefix(text string) (netip.Prefix, error) {
	if strings.IndexByte(text, '/') < 0 {
		addr, err := parseAddr(text)
		if err != nil {
			return netip.Prefix{}, err
		}
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case strings.IndexByte(text, '%') >= 0:
		return netip.Prefix{}, hasZone(text)
	case err != nil:
		return netip.Prefix{}, notAnAddress(text)
	}
	if prefix.Addr().Is4In6() {
		if prefix.Bits() < mappedBits {
			return netip.Prefix{}, prefixError(quote(text) + " is wider than all of IPv4: write 0.0.0.0/0 or ::/0")
		}
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mappedBits)
	}
	if masked := prefix.Masked(); masked != prefix {
		return netip.Prefix{}, prefixError(quote(text) + " has bits behind its prefix: write " + masked.String() + " for the network or " + prefix.Addr().String() + " for the address")
	}
	return prefix, nil
}

// parseAddr reads an address; IPv4 mapped into IPv6 becomes IPv4.
func parseAddr(text string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(text)
	switch {
	case strings.IndexByte(text, '%') >= 0:
		return netip.Addr{}, hasZone(text)
	case err != nil:
		return netip.Addr{}, notAnAddress(text)
	}
	return addr.Unmap(), nil
}

// parseRange reads "192.0.2.8-192.0.2.15"; blanks may stand around the dash.
func parseRange(first, last string) (from, to netip.Addr, err error) {
	if from, err = parseAddr(first); err != nil {
		return from, to, err
	}
	if to, err = parseAddr(last); err != nil {
		return from, to, err
	}
	if from.Is4() != to.Is4() {
		return from, to, prefixError("a range from " + quote(first) + " to " + quote(last) + " is of two kinds of addresses")
	}
	if to.Less(from) {
		return from, to, prefixError("a range from " + quote(first) + " to " + quote(last) + " is empty: write the lower address first")
	}
	return from, to, nil
}

// prefixesOf gives the fewest prefixes that together are the range: as many as
// twice the bits of an address.
func prefixesOf(from, to netip.Addr) iter.Seq[netip.Prefix] {
	return func(yield func(netip.Prefix) bool) {
		for from.IsValid() && !to.Less(from) {
			p := widest(from, to)
			if !yield(p) {
				return
			}
			from = lastOf(p).Next() // invalid behind the last address of all
		}
	}
}

// widest gives the shortest prefix that begins at from and does not go past to.
func widest(from, to netip.Addr) netip.Prefix {
	best := netip.PrefixFrom(from, from.BitLen())
	for n := from.BitLen() - 1; n >= 0; n-- {
		p := netip.PrefixFrom(from, n)
		if p.Masked() != p || to.Less(lastOf(p)) {
			break
		}
		best = p
	}
	return best
}

// lastOf gives the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	a, offset := p.Addr().As16(), 128-p.Addr().BitLen()
	for bit := offset + p.Bits(); bit < 128; bit++ {
		a[bit/8] |= 0x80 >> (bit % 8)
	}
	if p.Addr().Is4() {
		return netip.AddrFrom16(a).Unmap()
	}
	return netip.AddrFrom16(a)
}

// prefixAt reads a prefix that stands at a place of its line.
func prefixAt(text string, at int) (netip.Prefix, *fault) {
	p, err := ParsePrefix(text)
	if err != nil {
		return p, &fault{at, err.Error()}
	}
	return p, nil
}

func hasZone(text string) error {
	return prefixError(quote(text) + " has a zone: write the address without it")
}

func notAnAddress(text string) error {
	return prefixError(quote(text) + " is no address and no CIDR prefix, such as 203.0.113.7, 198.51.100.0/24 or 2001:db8::/32")
}

func quote(text string) string {
	if len(text) > maxQuotedBytes {
		return strconv.Quote(text[:maxQuotedBytes]) + "..."
	}
	return strconv.Quote(text)
}
