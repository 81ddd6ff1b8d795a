package cover

// Totals are the sums over rules that a person can check.
type Totals struct {
	// Rules have a message; Match, Quiet and Both of them have a test that
	// expects the rule, one that expects it not to match, and both; Never were
	// not seen to match at all.
	Rules, Match, Quiet, Both, Never int
	// Links are those of chains, the rule itself included; LinksMatched and
	// LinksFailed were seen to.
	Links, LinksMatched, LinksFailed int
	// Alternatives are those of regular expressions; AlternativesMatched had a
	// part in a match.
	Alternatives, AlternativesMatched int
}

// Sum adds up.
func Sum(rules []*Rule) (t Totals) {
	for _, r := range rules {
		t.Rules++
		t.Match += one(r.Match > 0)
		t.Quiet += one(r.Quiet > 0)
		t.Both += one(r.Match > 0 && r.Quiet > 0)
		t.Never += one(r.Fired == 0)
		for _, l := range r.Links {
			if len(r.Links) > 1 {
				t.Links++
				t.LinksMatched += one(l.Matched > 0)
				t.LinksFailed += one(l.Failed > 0)
			}
			for _, a := range l.Alternatives {
				t.Alternatives++
				t.AlternativesMatched += one(a.Matched > 0)
			}
		}
	}
	return t
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// Percent is the share of rules with a test for both, which a threshold is
// compared with; 100 when there are no rules.
func (t Totals) Percent() float64 {
	if t.Rules == 0 {
		return 100
	}
	return 100 * float64(t.Both) / float64(t.Rules)
}
