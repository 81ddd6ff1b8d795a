package ipset_test

import (
	"fmt"
	"net/netip"
	"time"

	"tabard/engine/ipset"
)

func Example() {
	bad, _, err := ipset.Parse("203.0.113.0/24 # scanners\n", ipset.Options{Name: "feeds/bad.txt"})
	if err != nil {
		panic(err)
	}
	office, _, err := ipset.Parse("203.0.113.7\n", ipset.Options{Name: "office"})
	if err != nil {
		panic(err)
	}
	for _, client := range []string{"203.0.113.8", "203.0.113.7", "198.51.100.1"} {
		addr, now := netip.MustParseAddr(client), time.Now()
		var d ipset.Decision
		if m, ok := bad.Lookup(addr, now); ok {
			d.Add("bad", ipset.Block, m)
		}
		if m, ok := office.Lookup(addr, now); ok {
			d.Add("office", ipset.Allow, m)
		}
		if d.Action == "" {
			fmt.Println(client, "in no set")
			continue
		}
		fmt.Println(client, d.Action, "by", d.By.Prefix, "of", d.By.Source)
	}
	// Output:
	// 203.0.113.8 block by 203.0.113.0/24 of feeds/bad.txt
	// 203.0.113.7 allow by 203.0.113.7/32 of office
	// 198.51.100.1 in no set
}
