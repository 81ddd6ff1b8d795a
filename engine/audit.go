package engine

import "time"

// auditRecord is one audit line. The names of its fields are a contract with
// whoever reads the logs; add, but do not rename.
type auditRecord struct {
	Time, TransactionID, Verdict, Reason, Mode string
	Status, Phase, Score, OutboundScore        int
	Route, Client, Method, Host, Target, Error string
	Rules                                      []auditMatch
}

type auditMatch struct {
	ID, Phase                                    int
	Rule, Severity, Target, Message, Data, Value string
}

// line writes the record as JSON.
func (r auditRecord) line() []byte {
	o := openObject(nil)
	o.text("time", r.Time)
	o.text("transaction_id", r.TransactionID)
	o.text("verdict", r.Verdict)
	o.optional("reason", r.Reason)
	o.text("mode", r.Mode)
	o.number("status", r.Status)
	o.number("phase", r.Phase)
	o.number("score", r.Score)
	o.number("outbound_score", r.OutboundScore)
	o.optional("route", r.Route)
	o.optional("client", r.Client)
	o.text("method", r.Method)
	o.optional("host", r.Host)
	o.text("target", r.Target)
	o.optional("error", r.Error)
	o.key("rules")
	o.out = append(o.out, '[')
	for i, m := range r.Rules {
		if i > 0 {
			o.out = append(o.out, ',')
		}
		o.out = m.line(o.out)
	}
	o.out = append(o.out, ']')
	return o.close()
}

func (m auditMatch) line(out []byte) []byte {
	o := openObject(out)
	o.number("id", m.ID)
	o.optional("rule", m.Rule)
	o.number("phase", m.Phase)
	o.optional("severity", m.Severity)
	o.optional("target", m.Target)
	o.optional("message", m.Message)
	o.optional("data", m.Data)
	o.optional("value", m.Value)
	return o.close()
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
		TransactionID: v.TransactionID, Verdict: string(v.Action), Reason: string(v.Reason), Mode: string(x.variant.mode),
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
		record.Rules[i] = auditMatch{ID: m.ID, Phase: m.Phase, Severity: m.Severity, Target: m.Target, Message: m.Message, Data: m.Data, Value: m.Value}
		if m.Rule.File != "" {
			record.Rules[i].Rule = m.Rule.String()
		}
	}
	return record.line(), true
}

func (x *Exchange) auditTarget() string {
	return cut(x.engine.redactor.text(x.request.Target, x.secretValues(), maxAuditTargetBytes), maxAuditTargetBytes)
}
