package seclang

// RulePositions gives for each rule id the place where its SecRule or SecAction
// begins. Of two rules with one id (Coraza refuses them) the first counts.
func RulePositions(ds []Directive) map[int]Position {
	out := make(map[int]Position, len(ds))
	for _, d := range ds {
		id, ok := d.RuleID()
		if !ok {
			continue
		}
		if _, seen := out[id]; !seen {
			out[id] = d.Pos
		}
	}
	return out
}

// Locate gives the directive that Coraza parses as its n-th, counted from 0: the
// one that belongs to its n-th debug event "Parsing directive". When Coraza
// fails, the directive of its last such event is the one at fault. ok is false
// when there is no n-th directive.
func Locate(ds []Directive, n int) (d Directive, ok bool) {
	if n < 0 || n >= len(ds) {
		return Directive{}, false
	}
	return ds[n], true
}
