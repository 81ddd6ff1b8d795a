package screen

// Reason says why a phase was not answered without Coraza.
type Reason uint8

// The reasons. Hit is none.
const (
	Hit            Reason = iota
	Miss                  // nothing stored under the key
	NoMemo                // the rule set allows no memo, see Screener.NoMemo
	RuleMatches           // a rule that logs or blocks matches
	RuleFlow              // a rule that steers the flow past rules that set constants
	RuleForeign           // a rule reads or does what the key does not hold
	RuleCtl               // a rule changes the engine's settings or removes rules
	RepeatedNames         // Coraza itself is not deterministic for repeated names
	OrderOfMatches        // likewise for which of several matches comes last
	BodyDoubt             // the body is out of the ordinary
	StateUnknown          // Coraza's state before the phase is not known
	EngineOff             // a rule has switched the engine off
	KeyTooLong            // more than maxKeyBytes
	EarlierPhase          // an earlier phase was not answered, nor to be learnt
	Executed              // none: a rule that logs or blocks matches, and was executed here
	ManyMatches           // one rule matches more than maxHits values
	reasonCount
)

var reasonTexts = [reasonCount]string{
	Hit: "hit", Miss: "miss", NoMemo: "no_memo", RuleMatches: "rule_matches", RuleFlow: "rule_flow",
	RuleForeign: "rule_foreign", RuleCtl: "rule_ctl", RepeatedNames: "repeated_names", OrderOfMatches: "order_of_matches",
	BodyDoubt: "body_doubt", StateUnknown: "state_unknown", EngineOff: "engine_off", KeyTooLong: "key_too_long",
	EarlierPhase: "earlier_phase", Executed: "executed", ManyMatches: "many_matches",
}

// String returns the reason as the label of a metric.
func (r Reason) String() string { return reasonTexts[r] }
