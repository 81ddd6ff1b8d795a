package ipset_test

import (
	"fmt"
	"net/netip"

	"tabard/engine/ipset"
)

func Example() {
	var b ipset.Builder
	if err := b.Add("feeds/bad.txt", "203.0.113.0/24 # scanners\n", ipset.Block); err != nil {
		panic(err)
	}
	if err := b.Add("policy.yaml", "203.0.113.7\n", ipset.Allow); err != nil {
		panic(err)
	}
	set := b.Set()
	for _, client := range []string{"203.0.113.8", "203.0.113.7", "198.51.100.1"} {
		match, found := set.Lookup(netip.MustParseAddr(client))
		if !found {
			fmt.Println(client, "in no set")
			continue
		}
		fmt.Println(client, match.Action, "by", match.Prefix, "of", match.Source)
	}
	// Output:
	// 203.0.113.8 block by 203.0.113.0/24 of feeds/bad.txt
	// 203.0.113.7 allow by 203.0.113.7/32 of policy.yaml
	// 198.51.100.1 in no set
}
