package tune

import (
	"context"
	"slices"

	"tabard/engine"
	"tabard/internal/replay"
)

// maxLevel is the highest paranoia level of CRS.
const maxLevel = 4

// thresholds are the inbound thresholds that are looked at: CRS's own, and
// those that its documentation names for the way there.
var thresholds = []int{5, 7, 10, 15, 20, 40}

// maxScore bounds a histogram; what is above blocks at every threshold.
const maxScore = 100

// scores are numbers of requests by score.
type scores struct {
	n     [maxScore + 1]int
	total int
}

func (s *scores) add(score int) {
	s.n[max(0, min(score, maxScore))]++
	s.total++
}

// reaching is how many have at least that score.
func (s *scores) reaching(threshold int) (n int) {
	for _, count := range s.n[min(threshold, maxScore):] {
		n += count
	}
	return n
}

// Setting is a paranoia level with a threshold and what it would do.
type Setting struct {
	Level     int `json:"paranoia_level"`
	Threshold int `json:"inbound_threshold"`
	// Blocked is the part of the harmless requests that it blocks, without any
	// exclusion; Caught the part of the attacks.
	Blocked float64 `json:"harmless_blocked"`
	Caught  float64 `json:"attacks_caught"`
}

// settings judges all attacks at each level and compares.
func (t *Tuner) settings(ctx context.Context, attacks []knownAttack) ([]Setting, error) {
	entries := make([]replay.Entry, len(attacks))
	for i, a := range attacks {
		entries[i] = a.Entry
	}
	var out []Setting
	for i, e := range t.levels {
		var caught scores
		if e == t.base { // they have been judged
			for _, a := range attacks {
				caught.add(a.record.Score)
			}
		} else {
			records, err := judgeAll(ctx, e, entries)
			if err != nil {
				return nil, err
			}
			for _, r := range records {
				caught.add(r.Score)
			}
		}
		for _, threshold := range t.thresholds() {
			out = append(out, Setting{
				Level: i + 1, Threshold: threshold,
				Blocked: part(t.scores[i].reaching(threshold), t.scores[i].total),
				Caught:  part(caught.reaching(threshold), caught.total),
			})
		}
	}
	return out, nil
}

func part(n, all int) float64 {
	if all == 0 {
		return 0
	}
	return float64(n) / float64(all)
}

// thresholds are those to look at, the policy's own among them.
func (t *Tuner) thresholds() []int {
	all := append([]int{t.result.Threshold}, thresholds...)
	slices.Sort(all)
	return slices.Compact(all)
}

// advice is the setting that catches the most while it blocks no more of the
// harmless requests than is allowed; of equals the first. Beside the settings
// without exclusions stands the present one with those that are enough.
func (r *Result) advice(allowed float64) (best *Advice) {
	consider := func(a Advice) {
		if a.Blocked <= allowed && (best == nil || a.Caught > best.Caught) {
			best = &a
		}
	}
	for _, s := range r.Settings {
		if r.Enough > 0 && s.Level == r.Level && s.Threshold == r.Threshold {
			s.Blocked = part(r.Proposals[r.Enough-1].BlockedAfter, r.Traffic.Harmless)
			s.Caught -= part(r.Chosen.Tests, r.Tests.Attacks)
			consider(Advice{s, r.Enough})
			continue
		}
		consider(Advice{Setting: s})
	}
	return best
}

// isBlocked says that a verdict is a block, in either mode.
func isBlocked(r engine.Record) bool { return r.Verdict == engine.Block }
