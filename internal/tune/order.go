package tune

import (
	"context"
	"maps"
	"slices"

	"tabard/internal/replay"
)

// order puts first what frees many requests and costs little, and counts what is
// blocked after each proposal. A request that needs several exclusions is freed
// by the last of them, so that these go together.
func (t *Tuner) order() {
	r := &t.result
	byExclusion := map[Exclusion]Proposal{}
	for _, p := range r.Proposals {
		byExclusion[p.Exclusion] = p
	}
	have, ordered := map[Exclusion]bool{}, []Proposal{}
	for next := t.next(have, byExclusion); len(next) > 0; next = t.next(have, byExclusion) {
		for _, e := range next {
			have[e] = true
			p := byExclusion[e]
			p.BlockedAfter = r.Traffic.Blocked - t.freed(have)
			p.Directive = e.Directive(t.options.FirstID + len(ordered))
			ordered = append(ordered, p)
		}
	}
	r.Proposals = ordered
	r.Enough = enough(r.Traffic, ordered, t.options.TargetShare)
}

// enough is how many proposals bring the traffic to the target, or -1.
func enough(t Traffic, list []Proposal, target float64) int {
	allowed := target * float64(t.Harmless)
	if float64(t.Blocked) <= allowed {
		return 0
	}
	i := slices.IndexFunc(list, func(p Proposal) bool { return float64(p.BlockedAfter) <= allowed })
	if i < 0 {
		return -1
	}
	return i + 1
}

// next is what one more kind of requests needs: the kind of which most are freed
// for each attack that gets through, counting each attack once. Until the target
// is reached, freeing more than it takes is worth nothing.
func (t *Tuner) next(have map[Exclusion]bool, proposals map[Exclusion]Proposal) (best []Exclusion) {
	freed := t.freed(have)
	missing := t.result.Traffic.Blocked - freed - int(t.options.TargetShare*float64(t.result.Traffic.Harmless))
	lost := letsOf(have, proposals)
	bestGain, bestCost := 0, 1
	seen := map[string]bool{}
	for _, k := range t.blocked {
		more := slices.DeleteFunc(slices.Clone(k.needs), func(e Exclusion) bool { return have[e] })
		name := keyOf(more)
		if len(more) == 0 || seen[name] {
			continue
		}
		seen[name] = true
		all := maps.Clone(have)
		for _, e := range more {
			all[e] = true
		}
		gain := t.freed(all) - freed
		if missing > 0 {
			gain = min(gain, missing)
		}
		cost := len(more) + len(letsOf(all, proposals)) - len(lost)
		if gain*bestCost > bestGain*cost { // gain/cost without dividing
			best, bestGain, bestCost = more, gain, cost
		}
	}
	return best
}

// letsOf are the attacks that get through with some proposals.
func letsOf(have map[Exclusion]bool, proposals map[Exclusion]Proposal) map[string]bool {
	lost := map[string]bool{}
	for e := range have {
		for _, name := range proposals[e].Lets {
			lost[name] = true
		}
	}
	return lost
}

func keyOf(list []Exclusion) (key string) {
	for _, e := range list {
		key += e.Directive(1)
	}
	return key
}

// freed counts the requests whose needs are met.
func (t *Tuner) freed(have map[Exclusion]bool) (n int) {
	for _, k := range t.blocked {
		if len(k.needs) > 0 && !slices.ContainsFunc(k.needs, func(e Exclusion) bool { return !have[e] }) {
			n++
		}
	}
	return n
}

// Enoughs are the proposals that are enough for the target, or all when those
// are not enough.
func (r *Result) Enoughs() []Proposal {
	if r.Enough < 0 {
		return r.Proposals
	}
	return r.Proposals[:r.Enough]
}

// loss judges all attacks with some proposals together.
func (t *Tuner) loss(ctx context.Context, list []Proposal, attacks []knownAttack) (out Loss, err error) {
	exclusions, aimed := make([]Exclusion, len(list)), map[string]bool{}
	for i, p := range list {
		exclusions[i] = p.Exclusion
		for _, name := range p.Lets {
			aimed[name] = true
		}
	}
	out.Aimed = len(aimed)
	if len(list) == 0 {
		return out, nil
	}
	e, err := t.variant(exclusions)
	if err != nil {
		return out, err
	}
	var entries []replay.Entry
	for _, a := range attacks {
		if isBlocked(a.record) {
			entries = append(entries, a.Entry)
		}
	}
	tests := len(entries)
	after, err := judgeAll(ctx, e, append(entries, entriesOf(t.harmful)...))
	for i, record := range after {
		switch {
		case isBlocked(record):
		case i < tests:
			out.Tests++
		default:
			out.Traffic++
		}
	}
	return out, err
}
