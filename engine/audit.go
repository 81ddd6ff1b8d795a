package engine

import (
	"encoding/json"
	"time"
)

// auditRecord is one audit line. Its field names are a contract with whoever
// reads the logs; add, but do not rename.
type auditRecord struct {
	Time          string       `json:"time"`
	TransactionID string       `json:"transaction_id"`
	Verdict       Action       `json:"verdict"`
	Reason        Reason       `json:"reason,omitempty"`
	Mode          Mode         `json:"mode"`
	Status        int          `json:"status,omitempty"`
	Phase         int          `json:"phase,omitempty"`
	Score         int          `json:"score"`
	OutboundScore int          `json:"outbound_score,omitempty"`
	Route         string       `json:"route,omitempty"`
	Client        string       `json:"client,omitempty"`
	Method        string       `json:"method"`
	Host          string       `json:"host,omitempty"`
	Target        string       `json:"target"`
	Error         string       `json:"error,omitempty"`
	Rules         []auditMatch `json:"rules"`
}

type auditMatch struct {
	ID       int    `json:"id"`
	Rule     string `json:"rule,omitempty"`
	Phase    int    `json:"phase"`
	Severity string `json:"severity,omitempty"`
	Target   string `json:"target,omitempty"`
	Message  string `json:"message,omitempty"`
	Value    string `json:"value,omitempty"`
}

// maxAuditTargetBytes keeps a line short enough for every log shipper, while
// an attack in a query is still seen whole as a rule.
const maxAuditTargetBytes = 2048

// AuditLine returns one line of JSON, without a line break, about an exchange
// that was blocked, that a rule which logs has matched or that failed; ok is
// false for any other. Secrets are redacted. It is meant to be called after End,
// so that it has the matches of the logging phase.
func (x *Exchange) AuditLine() (line []byte, ok bool) {
	v := x.verdict
	if v.Action == Pass && v.Reason == ReasonNone && v.Err == nil {
		return nil, false
	}
	record := auditRecord{
		Time:          x.started.UTC().Format(time.RFC3339Nano),
		TransactionID: v.TransactionID, Verdict: v.Action, Reason: v.Reason, Mode: x.variant.mode,
		Status: v.Status, Phase: v.Phase, Score: v.Score, OutboundScore: v.OutboundScore,
		Route:  v.Route,
		Client: addressText(x.client()),
		Method: cut(x.request.Method, MaxValueBytes), Host: cut(x.request.Authority, MaxValueBytes),
		Target: x.auditTarget(),
		Rules:  make([]auditMatch, len(v.Matches)),
	}
	if v.Err != nil {
		record.Error = v.Err.Error()
	}
	for i, m := range v.Matches {
		record.Rules[i] = auditMatch{ID: m.ID, Phase: m.Phase, Severity: m.Severity, Target: m.Target, Message: m.Message, Value: m.Value}
		if m.Rule.File != "" {
			record.Rules[i].Rule = m.Rule.String()
		}
	}
	line, err := json.Marshal(record)
	return line, err == nil
}

func (x *Exchange) auditTarget() string {
	return cut(x.engine.redactor.text(x.request.Target, x.secretValues(), maxAuditTargetBytes), maxAuditTargetBytes)
}
