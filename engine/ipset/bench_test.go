package ipset_test

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"tabard/engine/ipset"
)

// feed gives n different prefixes as text: nine in ten IPv4, of the lengths
// that blocklists have.
func feed(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[netip.Prefix]bool{}
	var b strings.Builder
	for len(seen) < n {
		prefix := randomPrefix(r)
		if seen[prefix] {
			continue
		}
		seen[prefix] = true
		b.WriteString(prefix.String() + "\n")
	}
	return b.String()
}

func randomPrefix(r *rand.Rand) netip.Prefix {
	if r.IntN(10) == 0 {
		addr := netip.AddrFrom16([16]byte{0x20, byte(r.IntN(16)), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())})
		return netip.PrefixFrom(addr, 32+r.IntN(17)).Masked()
	}
	u := r.Uint32()
	addr := netip.AddrFrom4([4]byte{byte(1 + u>>24%223), byte(u >> 16), byte(u >> 8), byte(u)})
	bits := 32
	if r.IntN(3) == 0 {
		bits = 16 + r.IntN(16)
	}
	return netip.PrefixFrom(addr, bits).Masked()
}

func BenchmarkBuild(b *testing.B) {
	for name, n := range map[string]int{"1k": 1000, "1M": 1_000_000} {
		text := feed(n)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var bytesAPrefix float64
			for b.Loop() {
				set, _, err := ipset.Parse(text, ipset.Options{Name: "feed"})
				if err != nil {
					b.Fatal(err)
				}
				bytesAPrefix = float64(set.SizeBytes()) / float64(set.Len())
			}
			b.ReportMetric(bytesAPrefix, "B/prefix")
		})
	}
}

func heapBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkLookup(b *testing.B) {
	set := parse(b, feed(1_000_000), ipset.Options{})
	r := rand.New(rand.NewPCG(3, 4))
	for name, wanted := range map[string]func(netip.Addr) bool{"IPv4": netip.Addr.Is4, "IPv6": netip.Addr.Is6} {
		b.Run(name, func(b *testing.B) {
			addrs := make([]netip.Addr, 0, 1<<16)
			for len(addrs) < cap(addrs) {
				if a := randomPrefix(r).Addr(); wanted(a) {
					addrs = append(addrs, a)
				}
			}
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				set.Lookup(addrs[i%len(addrs)], now)
				i++
			}
		})
	}
}
