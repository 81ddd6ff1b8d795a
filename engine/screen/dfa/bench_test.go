package dfa

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/screen/dfa/rxtest"
)

var benchText = strings.Repeat("The quick brown fox, aged 42, jumps over (the) lazy dog; it's 7:30 p.m. & all is well. ", 47)

func BenchmarkMatch(b *testing.B) {
	for _, op := range rxtest.Operators(b, "rx") {
		switch op.Rule {
		case "934100", "932250", "941160", "942151", "932235", "942430":
		default:
			continue
		}
		p, mode := RxPattern(op.Argument)
		d, err := Compile(p, Options{Mode: mode})
		require.NoError(b, err)
		if m, _ := d.Match(benchText); m {
			continue
		}
		ref := realMatcher(b, p, mode)
		b.Run(op.Rule+"/dfa", func(b *testing.B) {
			b.SetBytes(int64(len(benchText)))
			for b.Loop() {
				d.Match(benchText)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(benchText)), "ns/byte")
		})
		b.Run(op.Rule+"/regexp", func(b *testing.B) {
			b.SetBytes(int64(len(benchText)))
			for b.Loop() {
				ref.MatchString(benchText)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(benchText)), "ns/byte")
		})
	}
}
