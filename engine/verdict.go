package engine

import (
	"slices"

	"tabard/engine/seclang"
)

// Action is what a runner must do with the exchange.
type Action string

const (
	// Pass: no rule that logs has matched.
	Pass Action = "pass"
	// Detect: a rule that logs has matched, and the exchange goes on.
	Detect Action = "detect"
	// Block: the exchange ends here with Verdict.Status.
	Block Action = "block"
)

// Reason says what made a Verdict a Block, or what a Detect would have been.
type Reason string

const (
	// ReasonNone goes with Pass and with a Detect that only scored.
	ReasonNone Reason = ""
	// ReasonRule: a rule interrupted the transaction.
	ReasonRule Reason = "rule"
	// ReasonBodyLimit: the request or response body is over the policy's limit.
	ReasonBodyLimit Reason = "body_limit"
	// ReasonAmbiguousPath: the path names one route as sent and another one
	// when it is decoded and its dot segments are resolved.
	ReasonAmbiguousPath Reason = "ambiguous_path"
	// ReasonRoute: the policy refuses all requests of the route.
	ReasonRoute Reason = "route"
	// ReasonFraming: a body that says it is gRPC is none.
	ReasonFraming Reason = "grpc_framing"
	// ReasonInternalError: the engine or its runner failed and the policy's
	// internal_errors says what then; Verdict.Err has the cause.
	ReasonInternalError Reason = "internal_error"
)

// Verdict is the state of a decision. Each call of an Exchange returns the
// verdict so far; the one that End returns is final. It is a plain value and
// may be kept after the exchange is gone.
type Verdict struct {
	Action Action
	// Reason says why, for a Block and for what would have been one.
	Reason Reason
	// Status is the HTTP status for the client when Action is Block, else 0.
	Status int
	// Redirect is the URL of a rule's redirect action, or empty.
	Redirect string
	// Phase, 1 to 5, is the one that interrupted, or else the phase of the
	// first rule that logged; 0 when there is none.
	Phase int
	// Rule is the id of the rule that interrupted, or would have in detection
	// mode; 0 for none.
	Rule int
	// Score is the CRS inbound anomaly score up to the blocking paranoia level.
	Score int
	// OutboundScore is the same for the response.
	OutboundScore int
	// Matches are the rules that matched and log, in the order they matched.
	Matches []Match
	// Route is the name of the policy's route, empty for none.
	Route string
	// TransactionID names the exchange in logs and in the block response.
	TransactionID string
	// Screen says what part the fast path had.
	Screen Screened
	// ScreenReason is why Coraza ran, in one word; empty after a hit.
	ScreenReason string
	// Err is the cause when Reason is ReasonInternalError.
	Err error
}

// Match is one rule that matched and logs.
type Match struct {
	// ID is the rule's id.
	ID int
	// Phase, 1 to 5, is the phase the rule ran in.
	Phase int
	// Severity is CRS's word for it, such as "critical"; empty when not set.
	Severity string
	// Rule is where the rule starts; its File is empty when not known.
	Rule seclang.Position
	// Target is what matched, such as "ARGS:q".
	Target string
	// Message is the rule's msg with its macros expanded.
	Message string
	// Data is the rule's logdata with its macros expanded, such as "Matched Data:
	// ... found within ARGS:q: ...", cut to MaxDataBytes and redacted.
	Data string
	// Value is what matched, cut to MaxValueBytes and redacted.
	Value string
}

// MaxValueBytes is how much of a matched value a Match keeps: enough to see
// an attack, too little to fill a log with an upload.
const MaxValueBytes = 128

// MaxDataBytes is how much of a rule's logdata a Match keeps: CRS puts the
// matching part and the whole value into it, and Coraza's own log cuts there.
const MaxDataBytes = 280

// IDs returns the ids of the matched rules that log, ascending, each once.
func (v Verdict) IDs() []int {
	ids := make([]int, 0, len(v.Matches))
	for _, m := range v.Matches {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
