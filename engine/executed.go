package engine

import (
	"slices"

	"github.com/corazawaf/coraza/v3/types"

	"tabard/engine/screen"
)

// afterExecuted takes in what a phase has done that the screener executed, as after
// does for Coraza's.
func (x *Exchange) afterExecuted(out screen.Outcome) {
	for i := range out.Fired {
		if f := &out.Fired[i]; f.Log {
			x.addMatch(x.fired(f))
		}
	}
	if len(out.Fired) > 0 {
		x.setScores(x.scores[x.phase])
	}
	x.seen += len(out.Fired)
	x.conclude(out.Stop, out.Would)
}

// fired turns the screener's record of a match into ours, as match does Coraza's.
func (x *Exchange) fired(f *screen.Fired) Match {
	out := Match{
		ID: f.ID, Phase: f.Phase, Rule: x.variant.rules.positions[f.ID],
		Message: f.Message, Data: f.Data, Value: f.Value,
	}
	if f.Severity >= 0 {
		out.Severity = types.RuleSeverity(f.Severity).String()
	}
	if f.Variable != "" {
		out.Target = target(f.Variable, f.Key)
	}
	return out
}

// forget takes back what executed phases have said, before Coraza begins with
// phase 1 and says it again.
func (x *Exchange) forget() {
	if x.verdict.Screen != ScreenedExecuted && x.seen == 0 {
		return
	}
	v := &x.verdict
	v.Matches, v.Rule, v.Phase, x.seen = nil, 0, 0, 0
	x.setScores(scores{})
	if v.Reason == ReasonRule {
		v.Reason = ReasonNone
	}
	if v.Reason == ReasonNone {
		v.Action = Pass
	}
}

// sameAsExecuted compares Coraza's phase with the screener's own. Texts are not
// compared where they hang on the order of several values.
func (x *Exchange) sameAsExecuted(out screen.Outcome, ran []types.MatchedRule, ids []int, stop *types.Interruption) bool {
	ids = slices.DeleteFunc(ids, func(id int) bool { return x.screen.Settles(x.phase, id) })
	if !slices.EqualFunc(ids, out.Fired, func(id int, f screen.Fired) bool { return id == f.ID }) {
		return false
	}
	logged := slices.DeleteFunc(slices.Clone(ran), func(m types.MatchedRule) bool { return !logs(m) })
	for i := range out.Fired {
		f := &out.Fired[i]
		if !f.Log {
			continue
		}
		if len(logged) == 0 || !f.Several && x.match(logged[0]) != x.fired(f) {
			return false
		}
		logged = logged[1:]
	}
	return len(logged) == 0 && sameStop(stop, out.Stop) && sameStop(x.wouldStop(), out.Would) &&
		x.scoresIn(x.corazaVariable) == x.scores[x.phase] && screen.StateOf(x.tx) == out.After
}

func sameStop(a, b *types.Interruption) bool {
	return a == b || a != nil && b != nil && *a == *b
}
