package engine

import (
	"slices"
	"time"
)

// Record is one exchange as an audit line tells it: no secret is in it. The
// JSON names are a contract with whoever reads the logs; add, but do not rename.
// The tags are for readers: AuditLine writes the same without encoding/json.
type Record struct {
	// Time is when the exchange began.
	Time          time.Time `json:"time"`
	TransactionID string    `json:"transaction_id"`
	Verdict       Action    `json:"verdict"`
	Reason        Reason    `json:"reason,omitempty"`
	Mode          Mode      `json:"mode"`
	// Status, Phase, Score and OutboundScore are the Verdict's.
	Status        int `json:"status"`
	Phase         int `json:"phase"`
	Score         int `json:"score"`
	OutboundScore int `json:"outbound_score"`
	// Route is the policy's, empty for none.
	Route string `json:"route,omitempty"`
	// Client is the address that rules see as REMOTE_ADDR.
	Client string `json:"client,omitempty"`
	// Country is the client's, an ISO 3166 code, where it is known.
	Country string `json:"country,omitempty"`
	Method  string `json:"method"`
	Host    string `json:"host,omitempty"`
	// ResponseStatus is the upstream's, 0 when it was not asked.
	ResponseStatus int `json:"response_status,omitempty"`
	// Principal is a hash that names the caller, as Policy.Alerts says.
	Principal string `json:"principal,omitempty"`
	// Bypassed: the request did not come through the gateway of Policy.Alerts.
	Bypassed bool `json:"bypassed,omitempty"`
	// Target is the request target, cut and redacted.
	Target string `json:"target"`
	// KeyID and Issuer are what the first well-formed token says of itself, cut;
	// Subject is a hash of whom it is about. Nothing else of a token is told.
	KeyID   string `json:"token_kid,omitempty"`
	Issuer  string `json:"token_issuer,omitempty"`
	Subject string `json:"token_subject,omitempty"`
	// Error is the cause of an internal error.
	Error string `json:"error,omitempty"`
	// Rules are those that matched and log.
	Rules []RecordMatch `json:"rules"`
}

// RecordMatch is one rule that matched, as Match has it.
type RecordMatch struct {
	ID int `json:"id"`
	// Rule is where the rule stands, "file:line:col".
	Rule     string `json:"rule,omitempty"`
	Phase    int    `json:"phase"`
	Severity string `json:"severity,omitempty"`
	Target   string `json:"target,omitempty"`
	Message  string `json:"message,omitempty"`
	// Data is the rule's logdata.
	Data  string `json:"data,omitempty"`
	Value string `json:"value,omitempty"`
}

// Judging returns the matches of rules that judge the exchange, each rule once:
// not of those of CRS that only compare or report the score of the others
// (files 949, 959 and 980).
func (r Record) Judging() (out []RecordMatch) {
	for _, m := range r.Rules {
		switch m.ID / 1000 {
		case 949, 959, 980:
			continue
		}
		if !slices.ContainsFunc(out, func(o RecordMatch) bool { return o.ID == m.ID }) {
			out = append(out, m)
		}
	}
	return out
}

// line writes the record as JSON.
func (r Record) line() []byte {
	o := openObject(nil)
	o.text("time", r.Time.UTC().Format(time.RFC3339Nano))
	o.text("transaction_id", r.TransactionID)
	o.text("verdict", string(r.Verdict))
	o.optional("reason", string(r.Reason))
	o.text("mode", string(r.Mode))
	o.number("status", r.Status)
	o.number("phase", r.Phase)
	o.number("score", r.Score)
	o.number("outbound_score", r.OutboundScore)
	o.optional("route", r.Route)
	o.optional("client", r.Client)
	o.optional("country", r.Country)
	o.text("method", r.Method)
	o.optional("host", r.Host)
	if r.ResponseStatus != 0 {
		o.number("response_status", r.ResponseStatus)
	}
	o.optional("principal", r.Principal)
	if r.Bypassed {
		o.key("bypassed")
		o.out = append(o.out, "true"...)
	}
	o.text("target", r.Target)
	o.optional("token_kid", r.KeyID)
	o.optional("token_issuer", r.Issuer)
	o.optional("token_subject", r.Subject)
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

func (m RecordMatch) line(out []byte) []byte {
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
// that was blocked, that a rule which logs has matched, that failed or that an
// alert rule of the policy is about; ok is false for any other. Secrets are redacted. It is meant to be called after End,
// so that it has the matches of the logging phase.
func (x *Exchange) AuditLine() (line []byte, ok bool) {
	v := x.verdict
	if v.Action != Pass || v.Reason != ReasonNone || v.Err != nil {
		return x.Record().line(), true
	}
	if len(x.engine.policy.Alerts.Rules) == 0 {
		return nil, false // most policies: nothing more is looked at
	}
	o := x.observe()
	if !x.alertworthy(o) {
		return nil, false
	}
	return x.record(o).line(), true
}

// Record returns what AuditLine would write, for every exchange. It is meant to
// be called after End.
func (x *Exchange) Record() Record { return x.record(x.observe()) }

func (x *Exchange) record(o observation) Record {
	v := x.verdict
	r := Record{
		Time:          x.conn.Started,
		TransactionID: v.TransactionID, Verdict: v.Action, Reason: v.Reason, Mode: x.variant.mode,
		Status: v.Status, Phase: v.Phase, Score: v.Score, OutboundScore: v.OutboundScore,
		Route:  v.Route,
		Client: addressText(x.clientAddr), Country: o.country,
		ResponseStatus: x.response.status, Principal: o.principal, Bypassed: o.bypassed,
		Method: cut(x.request.Method, MaxValueBytes), Host: cut(x.request.Authority, MaxValueBytes),
		Target: x.auditTarget(),
		Rules:  make([]RecordMatch, len(v.Matches)),
	}
	if v.Err != nil {
		r.Error = v.Err.Error()
	}
	for i, m := range v.Matches {
		r.Rules[i] = RecordMatch{ID: m.ID, Phase: m.Phase, Severity: m.Severity, Target: m.Target, Message: m.Message, Data: m.Data, Value: m.Value}
		if m.Rule.File != "" {
			r.Rules[i].Rule = m.Rule.String()
		}
	}
	r.KeyID, r.Issuer, r.Subject = x.tokenNames()
	return r
}

func (x *Exchange) auditTarget() string {
	return cut(x.engine.redactor.text(x.request.Target, x.secretValues(), maxAuditTargetBytes), maxAuditTargetBytes)
}
