package filter

import (
	"strconv"
	"strings"

	"tabard/engine"
)

// The filter state that a stream sets as soon as a decision is made, and for
// the last time before the access log is written. Envoy's access log shows
// each as %FILTER_STATE(wasm.<key>:PLAIN)%; one that is not set has no value:
// no rule matched, no route of the policy applies.
const (
	StateVerdict = "tabard.verdict" // pass, detect or block
	StateRules   = "tabard.rules"   // ids of the rules that matched and log, ascending: 942100,949110
	StateScore   = "tabard.score"   // inbound anomaly score
	StatePhase   = "tabard.phase"   // Verdict.Phase
	StateRoute   = "tabard.route"   // name of the policy's route
	StateScreen  = "tabard.screen"  // executed, miss, fallback or off; not set after a hit
	// StateTransactionID names the exchange in audit lines and block responses. It
	// is not set on a request that passes under the proxy's own request id.
	StateTransactionID = "tabard.transaction_id"
)

// shown is what of a verdict is visible as filter state. Rules never come
// without being more, so their number tells whether they are the same.
type shown struct {
	action engine.Action
	screen engine.Screened
	route  string
	id     string
	score  int
	phase  int
	rules  int
}

// show sets the filter state that has changed since the last time.
func (s *Stream) show() error {
	v := s.verdict
	id := v.TransactionID
	if v.Action == engine.Pass && id == s.requestID {
		id = ""
	}
	now := shown{v.Action, v.Screen, v.Route, id, v.Score, v.Phase, len(v.Matches)}
	old := s.shown
	w := stateWriter{host: s.plugin.host}
	w.set(StateVerdict, string(now.action), now.action != old.action)
	w.set(StateScreen, string(now.screen), now.screen != old.screen && now.screen != engine.ScreenedHit)
	w.set(StateTransactionID, now.id, now.id != old.id)
	w.set(StateRoute, now.route, now.route != old.route)
	w.set(StateScore, strconv.Itoa(now.score), now.score != old.score)
	w.set(StatePhase, strconv.Itoa(now.phase), now.phase != old.phase)
	if now.rules != old.rules {
		w.set(StateRules, join(v.IDs()), true)
	}
	s.shown = now
	return w.err
}

// stateWriter sets state until one fails.
type stateWriter struct {
	host Host
	err  error
}

func (w *stateWriter) set(key, value string, changed bool) {
	if w.err != nil || !changed || value == "" {
		return
	}
	if err := w.host.SetState(key, value); err != nil {
		w.err = stepError{"setting the filter state " + key, err}
	}
}

func join(ids []int) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.Itoa(id)
	}
	return strings.Join(words, ",")
}
