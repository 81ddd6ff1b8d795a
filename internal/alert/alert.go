// Package alert says who should hear of what: the records of many HTTP
// exchanges go in, one verdict each, and alerts come out as the policy's rules
// have them.
//
// Memory is bounded: a rule keeps its counts for a number of callers, and the
// one that was quiet for longest makes room.
package alert

import (
	"cmp"
	"container/list"
	"fmt"
	"time"

	"tabard/engine"
	"tabard/internal/endpoint"
)

const (
	// maxKeys is how many callers a rule counts apart: 20 MB a rule when an
	// attacker has as many addresses.
	maxKeys = 100_000
	// slots is how finely a window slides: by a twelfth of its length.
	slots = 12
	// maxCountries is how many countries of a principal are remembered; who comes
	// from more is a proxy network, and has raised as many alerts.
	maxCountries = 16
	// defaultCount, defaultWindow, defaultScore and defaultFactor are those of
	// AlertRule.
	defaultCount  = 10
	defaultWindow = 60
	defaultScore  = 50
	defaultFactor = 4
)

// Alert is what somebody should hear of.
type Alert struct {
	// Time is the last exchange's.
	Time time.Time        `json:"time"`
	Rule string           `json:"rule"`
	When engine.AlertKind `json:"when"`
	By   engine.AlertBy   `json:"by"`
	// Key is the address, principal or route; empty for all.
	Key string `json:"key,omitempty"`
	// Count is the number of exchanges in the window, or for score the sum of
	// their scores.
	Count         int `json:"count"`
	WindowSeconds int `json:"window_seconds,omitempty"`
	// Message says it in a sentence.
	Message string `json:"message"`
	// Last is the exchange that raised it.
	Last Last `json:"last"`
}

// Last is an exchange, redacted.
type Last struct {
	ID      string `json:"id"`
	Client  string `json:"client,omitempty"`
	Country string `json:"country,omitempty"`
	Method  string `json:"method,omitempty"`
	Host    string `json:"host,omitempty"`
	Target  string `json:"target,omitempty"`
	Status  int    `json:"status,omitempty"`
}

// Watcher applies rules to records. It is for one goroutine.
type Watcher struct {
	rules []*rule
	// Timeless counts the records without a time, which rules with a window
	// cannot look at.
	Timeless int
}

// New makes a Watcher of a policy's rules.
func New(a engine.Alerts) *Watcher {
	w := &Watcher{}
	for _, r := range a.Rules {
		r.By = cmp.Or(r.By, engine.ByClient)
		r.WindowSeconds = cmp.Or(r.WindowSeconds, defaultWindow)
		r.Score, r.Factor = cmp.Or(r.Score, defaultScore), cmp.Or(r.Factor, defaultFactor)
		if r.When == engine.AlertNewCountry {
			r.By = engine.ByPrincipal
		}
		if r.Count == 0 {
			r.Count = defaultCount
			if r.When == engine.AlertBypass {
				r.Count = 1
			}
		}
		w.rules = append(w.rules, &rule{AlertRule: r, keys: map[string]*list.Element{}, recent: list.New()})
	}
	return w
}

// Add takes in one record, and returns the alerts that it raises. Records come
// in the order of time; one that is late counts as if it had come now.
func (w *Watcher) Add(r engine.Record) (out []Alert) {
	if r.Time.IsZero() {
		w.Timeless++
	}
	for _, rule := range w.rules {
		if a, ok := rule.add(r); ok {
			out = append(out, a)
		}
	}
	return out
}

// status is what the client got.
func status(r engine.Record) int {
	if r.Verdict == engine.Block {
		return r.Status
	}
	return r.ResponseStatus
}

// weight is what an exchange counts for a kind of alert, 0 for nothing.
func weight(kind engine.AlertKind, r engine.Record) int {
	s := status(r)
	hit := false
	switch kind {
	case engine.AlertDenied:
		hit = s == 401 || s == 403
	case engine.AlertThrottled:
		hit = s == 429
	case engine.AlertBypass:
		hit = r.Bypassed
	case engine.AlertScore:
		return r.Score
	}
	if hit {
		return 1
	}
	return 0
}

// keyOf is what a rule counts apart; ok is false when the record does not tell.
func keyOf(by engine.AlertBy, r engine.Record) (key string, ok bool) {
	switch by {
	case engine.ByAll:
		return "", true
	case engine.ByPrincipal:
		key = r.Principal
	case engine.ByRoute:
		key = cmp.Or(r.Route, endpoint.Path(r.Target))
	default:
		key = r.Client
	}
	return key, key != ""
}

// rule is an alert rule with its counts.
type rule struct {
	engine.AlertRule
	keys   map[string]*list.Element
	recent *list.List // of *state, the one that was quiet for longest last
}

// state is what a rule knows of one caller.
type state struct {
	key       string
	window    window
	countries []string
}

func (r *rule) add(record engine.Record) (Alert, bool) {
	key, ok := keyOf(r.By, record)
	if !ok {
		return Alert{}, false
	}
	if r.When == engine.AlertNewCountry {
		return r.country(key, record)
	}
	n := weight(r.When, record)
	if n == 0 || record.Time.IsZero() && r.Count > 1 {
		return Alert{}, false
	}
	s := r.state(key)
	total, usual := s.window.add(record.Time, n, r.WindowSeconds)
	if !r.raises(total, usual) || !s.window.fire() {
		return Alert{}, false
	}
	return r.alert(key, total, record), true
}

// raises says whether a window's total is enough.
func (r *rule) raises(total int, usual float64) bool {
	if r.When == engine.AlertScore {
		return total >= r.Score && float64(total) >= float64(r.Factor)*usual
	}
	return total >= r.Count
}

// country learns the first country of a principal and raises an alert for each
// further one.
func (r *rule) country(key string, record engine.Record) (Alert, bool) {
	if record.Country == "" {
		return Alert{}, false
	}
	s := r.state(key)
	for _, known := range s.countries {
		if known == record.Country {
			return Alert{}, false
		}
	}
	if len(s.countries) >= maxCountries {
		return Alert{}, false
	}
	s.countries = append(s.countries, record.Country)
	if len(s.countries) == 1 {
		return Alert{}, false
	}
	return r.alert(key, len(s.countries), record), true
}

// state finds a caller, or makes one for which the quietest makes room.
func (r *rule) state(key string) *state {
	if e := r.keys[key]; e != nil {
		r.recent.MoveToFront(e)
		return e.Value.(*state)
	}
	if len(r.keys) >= maxKeys {
		last := r.recent.Back()
		delete(r.keys, last.Value.(*state).key)
		r.recent.Remove(last)
	}
	s := &state{key: key}
	r.keys[key] = r.recent.PushFront(s)
	return s
}

func (r *rule) alert(key string, n int, record engine.Record) Alert {
	a := Alert{
		Time: record.Time, Rule: r.Name, When: r.When, By: r.By, Key: key, Count: n, WindowSeconds: r.WindowSeconds,
		Last: Last{record.TransactionID, record.Client, record.Country, record.Method, record.Host, record.Target, status(record)},
	}
	who := fmt.Sprintf("%s %s", r.By, key)
	if r.By == engine.ByAll {
		who = "all together"
	}
	switch r.When {
	case engine.AlertDenied:
		a.Message = fmt.Sprintf("%s: %d answers with status 401 or 403 within %d s", who, n, r.WindowSeconds)
	case engine.AlertThrottled:
		a.Message = fmt.Sprintf("%s: %d answers with status 429 within %d s", who, n, r.WindowSeconds)
	case engine.AlertBypass:
		a.Message = fmt.Sprintf("%s: %d requests within %d s did not come through the gateway", who, n, r.WindowSeconds)
	case engine.AlertScore:
		a.Message = fmt.Sprintf("%s: anomaly scores of %d within %d s", who, n, r.WindowSeconds)
	case engine.AlertNewCountry:
		a.WindowSeconds = 0
		a.Message = fmt.Sprintf("%s: first seen in %s", who, record.Country)
	}
	a.Message = endpoint.Printable(a.Message)
	return a
}
