package tune

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"tabard/engine"
	"tabard/internal/endpoint"
)

// maxRounds is how often the requests that are still blocked are looked at
// again: a match tells the first of its targets only, so that the second shows
// when the first is excluded.
const maxRounds = 12

// points are what CRS adds for a match of a severity (crs-setup.conf).
var points = map[string]int{"emergency": 5, "alert": 5, "critical": 5, "error": 4, "warning": 3, "notice": 2}

// exclusionOf is the narrowest exclusion of a match.
func exclusionOf(r engine.Record, m engine.RecordMatch) Exclusion {
	e := Exclusion{Rule: m.ID, Route: endpoint.Path(r.Target), Target: endpoint.Parameter(m.Target)}
	if !narrowTarget(e.Target) {
		e.Target = ""
	}
	return e
}

// surplus is how many points must go until a request is let through. What a
// rule refuses without a score takes all of its matches.
func (t *Tuner) surplus(r engine.Record) int {
	for _, m := range r.Rules {
		if m.ID/1000 == 949 {
			return r.Score - t.result.Threshold + 1
		}
	}
	sum := 0
	for _, m := range r.Judging() {
		sum += points[m.Severity]
	}
	return max(sum, 1)
}

// propose finds exclusions in rounds, each judged by the engine, until nothing
// more is freed. It leaves in blocked what frees each request, and returns those
// requests that nothing frees.
func (t *Tuner) propose(ctx context.Context) (list []Exclusion, stuck []kept, err error) {
	rest := make([]int, len(t.blocked)) // indices
	for i := range rest {
		rest[i] = i
	}
	done := map[Exclusion]bool{}
	for round := 0; round < maxRounds && len(rest) > 0; round++ {
		if !t.chooseAll(rest, done) {
			break
		}
		list = sorted(done)
		e, err := t.variant(list)
		if err != nil {
			return nil, nil, err
		}
		still := make([]kept, len(rest))
		for i, at := range rest {
			still[i] = t.blocked[at]
		}
		records, err := judgeAll(ctx, e, entriesOf(still))
		if err != nil {
			return nil, nil, err
		}
		var next []int
		for i, at := range rest {
			if records[i].Verdict == engine.Block {
				t.blocked[at].record = records[i]
				next = append(next, at)
			}
		}
		rest = next
	}
	for _, at := range rest {
		t.blocked[at].needs = nil
		stuck = append(stuck, t.blocked[at])
	}
	return t.needed(), stuck, nil
}

// chooseAll adds exclusions for each blocked request; false means that there is
// nothing new to try.
func (t *Tuner) chooseAll(rest []int, done map[Exclusion]bool) bool {
	support := map[Exclusion]int{}
	for _, at := range rest {
		for _, m := range t.blocked[at].record.Judging() {
			support[exclusionOf(t.blocked[at].record, m)]++
		}
	}
	more, tried := false, maps.Clone(done)
	for _, at := range rest {
		for _, e := range t.choose(t.blocked[at].record, support) {
			if tried[e] {
				e = t.escalate(e)
			}
			if e == (Exclusion{}) || !done[e] && len(done) >= maxExclusions {
				continue
			}
			more = more || !done[e]
			done[e] = true
			if k := &t.blocked[at]; !slices.Contains(k.needs, e) {
				k.needs = append(k.needs, e)
			}
		}
	}
	return more
}

// escalate gives the wider exclusion for one that has not helped, which is
// dropped; none when it was as wide already.
func (t *Tuner) escalate(e Exclusion) Exclusion {
	wide := e.widened()
	if e == wide {
		return Exclusion{}
	}
	for i := range t.blocked {
		t.blocked[i].needs = replace(t.blocked[i].needs, e, wide)
	}
	return wide
}

// replace puts another element for one, each once.
func replace(list []Exclusion, from, to Exclusion) []Exclusion {
	i := slices.Index(list, from)
	switch {
	case i < 0:
		return list
	case slices.Contains(list, to):
		return slices.Delete(list, i, i+1)
	}
	list[i] = to
	return list
}

// choose is the fewest matches that must go, those that many requests share
// first: one exclusion then frees them all.
func (t *Tuner) choose(r engine.Record, support map[Exclusion]int) []Exclusion {
	matches := r.Judging()
	slices.SortStableFunc(matches, func(a, b engine.RecordMatch) int {
		return cmp.Or(support[exclusionOf(r, b)]-support[exclusionOf(r, a)], points[b.Severity]-points[a.Severity], a.ID-b.ID)
	})
	surplus, sum := t.surplus(r), 0
	var chosen []engine.RecordMatch
	for _, m := range matches {
		if sum >= surplus {
			break
		}
		chosen = append(chosen, m)
		sum += points[m.Severity]
	}
	var out []Exclusion
	for i := len(chosen) - 1; i >= 0; i-- {
		if p := points[chosen[i].Severity]; sum-p >= surplus {
			sum -= p // an earlier one turned out to be enough without it
			continue
		}
		out = append(out, exclusionOf(r, chosen[i]))
	}
	return out
}

// needed are the exclusions that some request is freed by.
func (t *Tuner) needed() []Exclusion {
	all := map[Exclusion]bool{}
	for _, k := range t.blocked {
		for _, e := range k.needs {
			all[e] = true
		}
	}
	return sorted(all)
}

func sorted(set map[Exclusion]bool) []Exclusion {
	out := make([]Exclusion, 0, len(set))
	for e := range set {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Exclusion) int {
		return cmp.Or(a.Rule-b.Rule, cmp.Compare(a.Route, b.Route), cmp.Compare(a.Target, b.Target))
	})
	return out
}
