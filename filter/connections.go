package filter

import "net/netip"

// maxConnections is how many connections a plugin remembers in one virtual
// machine. Each takes some hundred bytes; one that was forgotten is read again.
const maxConnections = 1024

// connection is what all requests of a connection have in common.
type connection struct {
	server netip.AddrPort
	tls    bool
}

// connections remembers connections by their numbers, which the proxy never
// uses twice. The zero value is ready for use.
type connections map[string]connection

func (c connections) get(number string) (connection, bool) {
	known, ok := c[number]
	return known, ok
}

// put remembers a connection. When there are too many it forgets them all: that
// costs each that is still open two calls of the host.
func (c *connections) put(number string, known connection) {
	if number == "" {
		return
	}
	if *c == nil || len(*c) >= maxConnections {
		*c = connections{}
	}
	(*c)[number] = known
}
