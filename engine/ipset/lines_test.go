package ipset_test

import (
	"net/netip"
	"regexp"
	"strings"

	"tabard/engine/ipset"
)

var commentOrBlank = regexp.MustCompile(`[#;].*|[ \t\r]+`)

// lines gives the prefixes of a text without errors, in the plainest way.
func lines(text string) (out []netip.Prefix) {
	for line := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
		if prefix, err := ipset.ParsePrefix(commentOrBlank.ReplaceAllString(line, "")); err == nil {
			out = append(out, prefix)
		}
	}
	return out
}
