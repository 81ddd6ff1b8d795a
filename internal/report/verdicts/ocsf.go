package verdicts

import (
	"io"
	"strconv"
	"time"

	"tabard/engine"
)

// The Open Cybersecurity Schema Framework: HTTP Activity with the profile
// Security Control.
const (
	ocsfVersion      = "1.3.0"
	ocsfNetwork      = 4
	ocsfHTTPActivity = 4002
	ocsfOther        = 99
)

// ocsfActivities are the activity_ids of methods.
var ocsfActivities = map[string]int{"CONNECT": 1, "DELETE": 2, "GET": 3, "HEAD": 4, "OPTIONS": 5, "POST": 6, "PUT": 7, "TRACE": 8}

// ocsfOutcome is what a verdict means: whether it was allowed, what was done,
// and how bad it is.
type ocsfOutcome struct {
	action, disposition, severity int
	names                         [3]string
}

var ocsfOutcomes = map[engine.Action]ocsfOutcome{
	engine.Pass:   {1, 1, 1, [3]string{"Allowed", "Allowed", "Informational"}},
	engine.Detect: {1, 15, 2, [3]string{"Allowed", "Detected", "Low"}},
	engine.Block:  {2, 2, 3, [3]string{"Denied", "Blocked", "Medium"}},
}

// NewOCSF writes events of OCSF, one object a line; now is the time of
// exchanges whose source tells none.
func NewOCSF(w io.Writer, now time.Time) Lines {
	return newObjects(w, func(r engine.Record) any { return ocsf(r, now) })
}

func ocsf(r engine.Record, now time.Time) object {
	activity := ocsfOther
	if id, ok := ocsfActivities[r.Method]; ok {
		activity = id
	}
	outcome := ocsfOutcomes[r.Verdict]
	out := object{
		"category_uid": ocsfNetwork, "class_uid": ocsfHTTPActivity, "activity_id": activity, "type_uid": ocsfHTTPActivity*100 + activity,
		"time":        orNow(r.Time, now).UnixMilli(),
		"severity_id": outcome.severity, "severity": outcome.names[2],
		"action_id": outcome.action, "action": outcome.names[0],
		"disposition_id": outcome.disposition, "disposition": outcome.names[1],
		"is_alert": r.Verdict != engine.Pass,
		"metadata": object{
			"version": ocsfVersion, "profiles": []string{"security_control"}, "uid": r.TransactionID,
			"product": object{"name": "Tabard", "vendor_name": "Tabard"},
		},
		"http_request": ocsfRequest(r),
		"dst_endpoint": ocsfDestination(r),
		"unmapped":     object{"score": r.Score, "outbound_score": r.OutboundScore, "phase": r.Phase, "rules": r.Rules}.optional("reason", string(r.Reason)),
	}
	if r.Status != 0 {
		out["http_response"] = object{"code": r.Status}
	}
	if r.Client != "" {
		source := object{"ip": r.Client}
		if r.Country != "" {
			source["location"] = object{"country": r.Country}
		}
		out["src_endpoint"] = source
	}
	if r.Route != "" {
		out["policy"] = object{"name": r.Route}
	}
	if rules := r.Judging(); len(rules) > 0 {
		out["firewall_rule"] = ocsfRule(rules[0])
		out["message"] = ecsMessage(r)
	}
	return out.optional("status_detail", r.Error)
}

func ocsfRequest(r engine.Record) object {
	path, query := pathAndQuery(r.Target)
	host, port := hostPort(r.Host)
	url := object{"path": path, "url_string": r.Target}.optional("query_string", query).optional("hostname", host)
	if port > 0 {
		url["port"] = port
	}
	return object{"http_method": r.Method, "url": url, "uid": r.TransactionID}
}

func ocsfDestination(r engine.Record) object {
	host, port := hostPort(r.Host)
	out := object{}.optional("hostname", host)
	if port > 0 {
		out["port"] = port
	}
	return out
}

// ocsfRule is the first rule that judged; the schema has room for one.
func ocsfRule(m engine.RecordMatch) object {
	out := object{"uid": strconv.Itoa(m.ID)}.optional("name", message(m)).optional("rule_location", m.Target)
	if m.Value != "" {
		out["match_details"] = []string{m.Value}
	}
	return out
}
