package verdicts

import (
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"tabard/engine"
)

// ecsVersion is the Elastic Common Schema that the names are from.
const ecsVersion = "8.17"

// NewECS writes events of the Elastic Common Schema, one object a line; now is
// the time of exchanges whose source tells none.
func NewECS(w io.Writer, now time.Time) Lines {
	return newObjects(w, func(r engine.Record) any { return ecs(r, now) })
}

func ecs(r engine.Record, now time.Time) object {
	out := object{
		"@timestamp": timeText(orNow(r.Time, now)),
		"ecs":        object{"version": ecsVersion},
		"event":      ecsEvent(r),
		"observer":   object{"type": "waf", "product": "Tabard"},
		"http":       ecsHTTP(r),
		"url":        ecsURL(r),
		"labels":     object{"verdict": r.Verdict}.optional("route", r.Route),
	}.optional("message", ecsMessage(r))
	if r.Error != "" {
		out["error"] = object{"message": r.Error}
	}
	if rules := r.Judging(); len(rules) > 0 {
		out["rule"] = ecsRules(rules)
	}
	if _, err := netip.ParseAddr(r.Client); err == nil {
		source := object{"ip": r.Client, "address": r.Client}
		if r.Country != "" {
			source["geo"] = object{"country_iso_code": r.Country}
		}
		out["source"], out["related"] = source, object{"ip": []string{r.Client}}
	}
	return out
}

// ecsEvent is the categorisation: a block is a request that was denied, a
// detection an alert about one that was allowed.
func ecsEvent(r engine.Record) object {
	out := object{
		"kind": "event", "category": []string{"web"}, "type": []string{"access", "allowed"}, "outcome": "success",
		"module": "tabard", "dataset": "tabard.audit", "id": r.TransactionID, "action": "waf-" + string(r.Verdict), "risk_score": r.Score,
	}
	if r.Verdict != engine.Pass {
		out["kind"], out["category"] = "alert", []string{"web", "intrusion_detection"}
		out["type"] = []string{"access", "info", "allowed"}
	}
	if r.Verdict == engine.Block {
		out["type"], out["outcome"] = []string{"access", "denied"}, "failure"
	}
	return out.optional("reason", string(r.Reason))
}

func ecsHTTP(r engine.Record) object {
	out := object{"request": object{"method": r.Method, "id": r.TransactionID}}
	if r.Status != 0 {
		out["response"] = object{"status_code": r.Status}
	}
	return out
}

func ecsURL(r engine.Record) object {
	path, query := pathAndQuery(r.Target)
	host, port := hostPort(r.Host)
	out := object{"original": r.Target, "path": path}.optional("query", query).optional("domain", host)
	if port > 0 {
		out["port"] = port
	}
	return out
}

// ecsRules has an array in each field, as the schema allows.
func ecsRules(rules []engine.RecordMatch) object {
	var ids, names []string
	for _, m := range rules {
		ids = append(ids, strconv.Itoa(m.ID))
		names = append(names, message(m))
	}
	return object{"id": ids, "name": slices.DeleteFunc(names, func(s string) bool { return s == "" })}
}

func ecsMessage(r engine.Record) string {
	var parts []string
	for _, m := range r.Judging() {
		parts = append(parts, strings.TrimSpace(strconv.Itoa(m.ID)+" "+message(m)))
	}
	return strings.Join(parts, "; ")
}
