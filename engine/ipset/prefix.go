package ipset

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// maxQuotedBytes is how much of a bad line an error repeats.
const maxQuotedBytes = 60

// mappedBits is the length of ::ffff:0:0/96, in which RFC 4291 maps IPv4.
const mappedBits = 96

// ParsePrefix reads an address or a CIDR prefix, without blanks around it. IPv4
// mapped into IPv6 becomes IPv4. Refused are zones, which never reach us on the
// wire, numbers with leading zeros, which some read as octal, and bits set
// behind the prefix, where it is not clear what was meant. The error says what
// would work and has no place.
func ParsePrefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "%") {
		return netip.Prefix{}, errors.New(quote(text) + " has a zone: write the address without it")
	}
	if !strings.Contains(text, "/") {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, notAnAddress(text)
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, notAnAddress(text)
	}
	if prefix.Addr().Is4In6() {
		if prefix.Bits() < mappedBits {
			return netip.Prefix{}, errors.New(quote(text) + " is wider than all of IPv4: write 0.0.0.0/0 or ::/0")
		}
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mappedBits)
	}
	if masked := prefix.Masked(); masked != prefix {
		return netip.Prefix{}, errors.New(quote(text) + " has bits behind its prefix: write " + masked.String() + " for the network or " + prefix.Addr().String() + " for the address")
	}
	return prefix, nil
}

func notAnAddress(text string) error {
	return errors.New(quote(text) + " is no address and no CIDR prefix, such as 203.0.113.7, 198.51.100.0/24 or 2001:db8::/32")
}

func quote(text string) string {
	if len(text) > maxQuotedBytes {
		return strconv.Quote(text[:maxQuotedBytes]) + "..."
	}
	return strconv.Quote(text)
}
