package mmdb

import (
	"fmt"
	"net/netip"
	"strings"
)

// List makes a text of ipset.FormatList of a database of anonymizing networks:
// each network that is one, with what it is as category. It is for
// engine.WithDatabases. A database that names none is an error.
func List(data string) (string, error) {
	db, err := Parse("the database", []byte(data))
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = db.each(func(_ uintptr, network netip.Prefix, r record) {
		if category := r.category(); category != "" {
			fmt.Fprintf(&out, "%s category=%s\n", network, category)
		}
	})
	if err == nil && out.Len() == 0 {
		err = fmt.Errorf("no network in this %s is anonymous; databases of countries and networks belong to geo.databases", db.reader.Metadata.DatabaseType)
	}
	return out.String(), err
}

// category says what an anonymizing network is in one word, the one that tells
// most where several are true; "" for a network that hides nobody.
func (r record) category() string {
	for _, kind := range []struct {
		is   bool
		word string
	}{
		{r.Tor, "tor"}, {r.Residential, "residential-proxy"}, {r.Proxy, "proxy"}, {r.VPN, "vpn"}, {r.Hosting, "hosting"}, {r.Anonymous, "anonymous"},
	} {
		if kind.is {
			return kind.word
		}
	}
	return ""
}
