package explain

import (
	"maps"
	"slices"

	"tabard/engine"
)

// FastPath is what part the fast path has in requests like the one explained.
type FastPath struct {
	// Answers means that it gives the verdict without Coraza, from the second
	// such request on.
	Answers bool
	// Reason is why it does not, in one word; see engine.Verdict.ScreenReason.
	Reason string
	// Text is the same as a sentence.
	Text string
}

// fastPath compares the verdicts of the first request of its kind and of the
// next.
func fastPath(first, again engine.Verdict) FastPath {
	switch {
	case again.Screen == engine.ScreenedOff:
		return FastPath{false, "off", "the policy or its rules leave no fast path, so Coraza judges every request"}
	case again.Screen == engine.ScreenedExecuted:
		return FastPath{true, "", "answers: it runs the rules that match itself, without Coraza"}
	case first.Screen == engine.ScreenedHit:
		return FastPath{true, "", "answers at once: its compiled rules know that none of them matches"}
	case again.Screen == engine.ScreenedHit:
		return FastPath{true, "", "answers from the second such request on; Coraza judged the first"}
	}
	text, ok := reasons[again.ScreenReason]
	if !ok {
		text = again.ScreenReason
	}
	return FastPath{false, again.ScreenReason, "leaves this request to Coraza: " + text}
}

// reasons say in a sentence what engine/screen says in a word.
var reasons = map[string]string{
	"miss":             "it has not been able to learn what Coraza does with it",
	"no_memo":          "this rule set does things that it cannot repeat",
	"rule_matches":     "a rule that logs or blocks matches",
	"rule_flow":        "a rule jumps over others that set values",
	"rule_foreign":     "a rule reads something that it does not follow",
	"rule_ctl":         "a rule changes the engine's settings or removes rules",
	"repeated_names":   "a name comes several times, and Coraza takes such values in random order",
	"order_of_matches": "several values match one rule, and Coraza takes them in random order",
	"body_doubt":       "the body is out of the ordinary",
	"state_unknown":    "what the phases before have left is not known",
	"engine_off":       "a rule has switched the engine off",
	"key_too_long":     "it has too many different values to remember",
	"many_matches":     "one rule matches very many values",
	"earlier_phase":    "it had left an earlier phase to Coraza",
}

// Reasons lists the words that have a sentence.
func Reasons() []string { return slices.Sorted(maps.Keys(reasons)) }
