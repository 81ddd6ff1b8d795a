package tune

import (
	"context"
	"slices"

	"tabard/engine"
	"tabard/internal/replay"
)

// Result is what Finish found.
type Result struct {
	Traffic   Traffic `json:"traffic"`
	Level     int     `json:"paranoia_level"`
	Threshold int     `json:"inbound_threshold"`
	// Tests are the attacks of the rule tests.
	Tests Tests `json:"tests"`
	// Proposals free requests, those that free many and cost little first.
	Proposals []Proposal `json:"proposals"`
	// Enough is how many of the Proposals, in their order, bring the harmless
	// requests that are blocked to the target; 0 when they are there without, and
	// -1 when even all are not enough.
	Enough int `json:"enough"`
	// Chosen is what is lost with the Proposals that are enough, All with all.
	Chosen Loss `json:"lost_with_enough"`
	All    Loss `json:"lost_with_all"`
	// Stuck counts the blocked requests that no exclusion frees, by the reason.
	Stuck map[engine.Reason]int `json:"stuck,omitempty"`
	// Settings are the paranoia levels and thresholds without any exclusion.
	Settings []Setting `json:"settings"`
	// Proposed is the setting that catches most within the target, with the
	// exclusions that it needs; nil when none is within it.
	Proposed *Advice `json:"proposed,omitempty"`
}

// Advice is a setting with the number of Proposals that go with it.
type Advice struct {
	Setting
	Exclusions int `json:"exclusions"`
}

// Traffic are the counts of what was read.
type Traffic struct {
	// Harmless requests, of which Unlabelled were taken for harmless because
	// nothing marks them, and of which Blocked were blocked.
	Harmless   int `json:"harmless"`
	Unlabelled int `json:"unlabelled"`
	Blocked    int `json:"blocked"`
	// Left is how many are still blocked with all proposals.
	Left int `json:"blocked_with_proposals"`
	// Attacks are requests that the source marks as such.
	Attacks        int `json:"attacks"`
	AttacksBlocked int `json:"attacks_blocked"`
	// NotKept are blocked requests that were too many to judge again.
	NotKept int `json:"not_kept"`
}

// Tests are the counts of the rule tests that expect a rule to match.
type Tests struct {
	Attacks int `json:"attacks"`
	// Blocked is how many the policy blocks as it is.
	Blocked int `json:"blocked"`
}

// Loss is what proposals let through together of what is blocked without them.
type Loss struct {
	// Tests of CRS, as they are written; Aimed, when each is sent to the
	// parameters that are excluded.
	Tests int `json:"tests"`
	Aimed int `json:"tests_when_aimed"`
	// Traffic are requests that the source marks as attacks.
	Traffic int `json:"traffic"`
}

// Proposal is an exclusion with what it brings and what it costs.
type Proposal struct {
	Exclusion
	// Message is the rule's.
	Message string `json:"message,omitempty"`
	// Frees is how many of the blocked requests need it, and Alone how many of
	// these need nothing else.
	Frees int `json:"frees"`
	Alone int `json:"alone"`
	// BlockedAfter is how many harmless requests are still blocked with this
	// proposal and those before it.
	BlockedAfter int `json:"blocked_after"`
	// Lets names the tests whose attack would get through in this place.
	Lets []string `json:"lets_through"`
	// Rule is the directive, ready for the policy, and Example a request that it
	// frees.
	Directive string  `json:"directive"`
	Example   Example `json:"example"`
	// Twins are two tests: a harmless request that passes, and an attack on the
	// same route that does not.
	Twins []Twin `json:"-"`
}

// Example is a request, redacted.
type Example struct {
	ID     string `json:"id"`
	Method string `json:"method"`
	Target string `json:"target"`
	Value  string `json:"value,omitempty"`
}

// Finish proposes. Its error is the context's or that of a policy that does not
// compile.
func (t *Tuner) Finish(ctx context.Context) (*Result, error) {
	list, stuck, err := t.propose(ctx)
	if err != nil {
		return nil, err
	}
	r := &t.result
	r.Traffic.Left = len(stuck) + r.Traffic.NotKept
	r.Stuck = map[engine.Reason]int{}
	for _, k := range stuck {
		r.Stuck[k.record.Reason]++
	}
	attacks, err := t.baseAttacks(ctx)
	if err != nil {
		return nil, err
	}
	r.Proposals = t.proposals(list)
	if err := t.costs(ctx, attacks); err != nil {
		return nil, err
	}
	t.order()
	if r.All, err = t.loss(ctx, r.Proposals, attacks); err != nil {
		return nil, err
	}
	if r.Chosen, err = t.loss(ctx, r.Enoughs(), attacks); err != nil {
		return nil, err
	}
	if r.Settings, err = t.settings(ctx, attacks); err != nil {
		return nil, err
	}
	r.Proposed = r.advice(t.options.TargetShare)
	return r, nil
}

// knownAttack is an attack with what the policy as it is says of it.
type knownAttack struct {
	Attack
	record engine.Record
}

// baseAttacks judges the attacks as they are written.
func (t *Tuner) baseAttacks(ctx context.Context) ([]knownAttack, error) {
	entries := make([]replay.Entry, len(t.options.Attacks))
	for i, a := range t.options.Attacks {
		entries[i] = a.Entry
	}
	records, err := judgeAll(ctx, t.base, entries)
	if err != nil {
		return nil, err
	}
	out := make([]knownAttack, len(records))
	for i, record := range records {
		out[i] = knownAttack{t.options.Attacks[i], record}
		if isBlocked(record) {
			t.result.Tests.Blocked++
		}
	}
	t.result.Tests.Attacks = len(out)
	return out, nil
}

// proposals makes one of each exclusion, with what it frees.
func (t *Tuner) proposals(list []Exclusion) []Proposal {
	out := make([]Proposal, len(list))
	for i, e := range list {
		p := Proposal{Exclusion: e, Lets: []string{}}
		for _, k := range t.blocked {
			if !slices.Contains(k.needs, e) {
				continue
			}
			if p.Frees == 0 {
				p.Message, p.Example = exampleOf(k.entry, k.record, e)
			}
			p.Frees++
			if len(k.needs) == 1 {
				p.Alone++
			}
		}
		out[i] = p
	}
	return out
}

// exampleOf shows a request that needs the exclusion.
func exampleOf(entry replay.Entry, r engine.Record, e Exclusion) (message string, example Example) {
	example = Example{ID: entry.ID, Method: r.Method, Target: r.Target}
	for _, m := range r.Rules {
		if m.ID == e.Rule {
			return m.Message, Example{entry.ID, r.Method, r.Target, m.Value}
		}
	}
	return "", example
}

// costs finds the attacks that each proposal alone would let through, and its
// twins. Each is judged by the engine with that proposal only.
func (t *Tuner) costs(ctx context.Context, attacks []knownAttack) error {
	for i := range t.result.Proposals {
		p := &t.result.Proposals[i]
		e, err := t.variant([]Exclusion{p.Exclusion})
		if err != nil {
			return err
		}
		if err := t.cost(ctx, e, p, attacks); err != nil {
			return err
		}
	}
	return nil
}

// aim is one form of an attack on the excluded place.
type aim struct {
	attack *knownAttack
	entry  replay.Entry
}

func (t *Tuner) cost(ctx context.Context, e *engine.Engine, p *Proposal, attacks []knownAttack) error {
	path := t.pathOf(p.Exclusion)
	var aims []aim
	for i := range attacks {
		a := &attacks[i]
		if !slices.ContainsFunc(a.record.Judging(), func(m engine.RecordMatch) bool { return m.ID == p.Rule }) {
			continue
		}
		for _, entry := range aimed(a.Entry, path, p.Target, a.record.Judging(), p.Rule) {
			aims = append(aims, aim{a, entry})
		}
	}
	entries := make([]replay.Entry, len(aims))
	for i, a := range aims {
		entries[i] = a.entry
	}
	before, err := judgeAll(ctx, t.base, entries)
	if err != nil {
		return err
	}
	after, err := judgeAll(ctx, e, entries)
	if err != nil {
		return err
	}
	for i, a := range aims {
		if isBlocked(before[i]) && !isBlocked(after[i]) && !slices.Contains(p.Lets, a.attack.Name) {
			p.Lets = append(p.Lets, a.attack.Name)
		}
	}
	p.Twins = t.twins(ctx, e, *p, aims, after)
	return nil
}

// pathOf is a real path that the exclusion is for.
func (t *Tuner) pathOf(e Exclusion) string {
	for _, k := range t.blocked {
		if slices.Contains(k.needs, e) {
			path, _, _ := cutTarget(k.entry.Request.Target)
			return path
		}
	}
	return e.Route
}
