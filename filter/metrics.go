package filter

import (
	"strconv"
	"time"

	"tabard/engine"
)

// The metrics, by their names in the proxy. Envoy puts "wasmcustom." in front
// in /stats and shows dots as underscores in /stats/prometheus. Each last part
// is a value behind its key, so that a stats_tags entry in Envoy's bootstrap
// makes a label of it: tag_name outcome, regex "(\.outcome\.([a-z_]+))$".
//
//	name                                   counts
//	tabard.requests.outcome.<outcome>      finished exchanges: pass, detect, block, error (an internal
//	                                       error decided), aborted (over before the verdict was)
//	tabard.blocked.phase.<1-5>             blocked exchanges by the rules' phase; 0: no rule blocked
//	tabard.rule_hits.rule.<id>             exchanges in which the rule matched and logged; the first
//	                                       maxRuleMetrics rules by id, the others as rule.other
//	tabard.internal_errors.kind.<kind>     host_call, panic, engine, callback, stuck
//	tabard.uninspected_bytes.reason.<why>  body bytes passed on unseen: grpc, upgrade, policy, limit,
//	                                       content_type, encoding, stream (engine.SkipReason) and
//	                                       internal_error; not counted are responses of which the
//	                                       policy says nothing
//	tabard.body_over_limit.side.<side>     request and response bodies over the policy's limit
//	tabard.screen.result.<result>          exchanges by what the fast path did: hit, executed
//	                                       (it ran the rules that match itself), miss, fallback, off
//	tabard.screen_fallbacks.reason.<why>   fallbacks by reason (screen.Reason)
//	tabard.screen_disagreements            how often Coraza contradicted it; each switches it off
//	tabard.config_loads                    policies that were compiled
//	tabard.config_rejected                 policies that were refused
//	tabard.feed_fetches.result.<result>    answers for feeds: good (taken, or nothing new) and bad
//	tabard.feed_age_seconds.feed.<name>    gauge: since the feed was last known to be current; since the
//	                                       start as long as there is none
//	tabard.feed_entries.feed.<name>        gauge: what is in it
//	tabard.feed_bad_lines.feed.<name>      gauge: lines that were left out
//	tabard.exchange_us                     histogram: microseconds spent on one exchange
const (
	metricRequests       = "tabard.requests.outcome."
	metricBlocked        = "tabard.blocked.phase."
	metricRuleHits       = "tabard.rule_hits.rule."
	metricErrors         = "tabard.internal_errors.kind."
	metricUninspected    = "tabard.uninspected_bytes.reason."
	metricOverLimit      = "tabard.body_over_limit.side."
	metricScreen         = "tabard.screen.result."
	metricFallbacks      = "tabard.screen_fallbacks.reason."
	metricDisagreements  = "tabard.screen_disagreements"
	metricConfigLoads    = "tabard.config_loads"
	metricConfigRejected = "tabard.config_rejected"
	metricFetches        = "tabard.feed_fetches.result."
	metricFeedAge        = "tabard.feed_age_seconds.feed."
	metricFeedEntries    = "tabard.feed_entries.feed."
	metricFeedBadLines   = "tabard.feed_bad_lines.feed."
	metricExchange       = "tabard.exchange_us"
)

// maxRuleMetrics bounds the rules that have a counter of their own: a proxy
// keeps each counter for ever, in every worker, and an attacker chooses what
// matches. CRS at paranoia level 1 has about as many rules that detect.
const maxRuleMetrics = 200

// phases is the number of a rule's phases, with 0 for "no rule".
const phases = 6

// outcome is how an exchange ended.
type outcome int

const (
	outcomePass outcome = iota
	outcomeDetect
	outcomeBlock
	outcomeError
	outcomeAborted
	outcomes
)

func (o outcome) String() string {
	return [outcomes]string{"pass", "detect", "block", "error", "aborted"}[o]
}

// failure is a kind of internal error.
type failure int

const (
	failHostCall failure = iota // a host call returned an error
	failPanic                   // this package or the engine panicked
	failEngine                  // the engine reported an error
	failCallback                // a callback came that cannot come in this state
	failStuck                   // a held stream's body never arrived
	failures
)

func (f failure) String() string {
	return [failures]string{"host_call", "panic", "engine", "callback", "stuck"}[f]
}

// fetched is how a fetch ended.
type fetched int

const (
	fetchGood fetched = iota
	fetchBad
	fetchResults
)

func (f fetched) String() string { return [fetchResults]string{"good", "bad"}[f] }

// skipError is the reason of body bytes that pass uninspected after an internal
// error under internal_errors: open.
const skipError engine.SkipReason = "internal_error"

// skipReasons are the reasons that have a counter.
var skipReasons = []engine.SkipReason{
	engine.SkipGRPC, engine.SkipUpgrade, engine.SkipPolicy, engine.SkipLimit,
	engine.SkipContentType, engine.SkipEncoding, engine.SkipStream, skipError,
}

// metrics holds the handles of the counters. They are made once a VM; until
// then nothing is counted.
type metrics struct {
	host      Host
	defined   bool
	requests  [outcomes]uint32
	blocked   [phases]uint32
	errors    [failures]uint32
	skipped   map[engine.SkipReason]uint32
	overLimit map[Side]uint32
	screened  map[engine.Screened]uint32
	fallbacks map[string]uint32
	disagree  uint32
	fetches   [fetchResults]uint32
	gauges    map[string]uint32
	loads     uint32
	rejected  uint32
	exchange  uint32
	otherRule uint32
	rules     map[int]uint32
	// complained: a metric could not be recorded, and the log says so.
	complained bool
}

// newMetrics returns metrics that are not defined yet.
func newMetrics(host Host) *metrics {
	return &metrics{
		host:      host,
		skipped:   map[engine.SkipReason]uint32{},
		overLimit: map[Side]uint32{},
		screened:  map[engine.Screened]uint32{},
		fallbacks: map[string]uint32{},
		gauges:    map[string]uint32{},
		rules:     map[int]uint32{},
	}
}

// define makes every metric but those of single rules, which are made when a
// rule first matches. It returns the first error of the host.
func (m *metrics) define() error {
	if m.defined {
		return nil
	}
	d := definer{host: m.host}
	for o := range outcomes {
		m.requests[o] = d.counter(metricRequests + o.String())
	}
	for p := range phases {
		m.blocked[p] = d.counter(metricBlocked + strconv.Itoa(p))
	}
	for f := range failures {
		m.errors[f] = d.counter(metricErrors + f.String())
	}
	for _, why := range skipReasons {
		m.skipped[why] = d.counter(metricUninspected + string(why))
	}
	for _, side := range []Side{Request, Response} {
		m.overLimit[side] = d.counter(metricOverLimit + string(side))
	}
	for _, result := range []engine.Screened{engine.ScreenedHit, engine.ScreenedExecuted, engine.ScreenedMiss, engine.ScreenedFallback, engine.ScreenedOff} {
		m.screened[result] = d.counter(metricScreen + string(result))
	}
	for f := range fetchResults {
		m.fetches[f] = d.counter(metricFetches + f.String())
	}
	m.disagree = d.counter(metricDisagreements)
	m.loads = d.counter(metricConfigLoads)
	m.rejected = d.counter(metricConfigRejected)
	m.otherRule = d.counter(metricRuleHits + "other")
	m.exchange = d.define(Histogram, metricExchange)
	m.defined = d.err == nil
	return d.err
}

// definer defines metrics until one fails.
type definer struct {
	host Host
	err  error
}

func (d *definer) counter(name string) uint32 { return d.define(Counter, name) }

func (d *definer) define(kind MetricKind, name string) uint32 {
	if d.err != nil {
		return 0
	}
	id, err := d.host.DefineMetric(kind, name)
	if err != nil {
		d.err = stepError{"defining the " + string(kind) + " " + name, err}
	}
	return id
}

// add raises a counter.
func (m *metrics) add(id uint32, n uint64) { m.record(Counter, id, n) }

// record tells the host of a value. A host that cannot count is complained of
// once in the log: a metric is no part of a decision.
func (m *metrics) record(kind MetricKind, id uint32, value uint64) {
	if !m.defined {
		return
	}
	if err := m.host.RecordMetric(kind, id, value); err != nil && !m.complained {
		m.complained = true
		m.host.Log(Error, "tabard: a metric cannot be recorded, the counters are no longer exact: "+err.Error())
	}
}

func (m *metrics) fail(f failure) { m.add(m.errors[f], 1) }

func (m *metrics) uninspected(why engine.SkipReason, bytes int) {
	if id, ok := m.skipped[why]; ok && bytes > 0 {
		m.add(id, uint64(bytes))
	}
}

// finished counts an exchange that is over.
func (m *metrics) finished(o outcome, v engine.Verdict, spent time.Duration) {
	m.add(m.requests[o], 1)
	if v.Action == engine.Block && v.Phase >= 0 && v.Phase < phases {
		m.add(m.blocked[v.Phase], 1)
	}
	if len(v.Matches) > 0 {
		for _, id := range v.IDs() {
			m.add(m.rule(id), 1)
		}
	}
	if id, ok := m.screened[v.Screen]; ok {
		m.add(id, 1)
	}
	if v.Screen == engine.ScreenedFallback {
		m.add(m.fallback(v.ScreenReason), 1)
	}
	m.record(Histogram, m.exchange, uint64(max(0, spent.Microseconds())))
}

// feeds shows how old each feed is and what is in it. since is when the plugin
// began to want them.
func (m *metrics) feeds(states []engine.FeedState, since, now time.Time) {
	for _, s := range states {
		if s.Updated.IsZero() {
			s.Updated = since
		}
		m.gauge(metricFeedAge+s.Name, max(0, int64(now.Sub(s.Updated).Seconds())))
		m.gauge(metricFeedEntries+s.Name, int64(s.Entries))
		m.gauge(metricFeedBadLines+s.Name, int64(s.BadLines))
	}
}

// gauge sets a gauge, of which a policy has as many as feeds.
func (m *metrics) gauge(name string, value int64) {
	id, ok := m.gauges[name]
	if !ok {
		var err error
		if id, err = m.host.DefineMetric(Gauge, name); err != nil {
			return // a proxy without gauges
		}
		m.gauges[name] = id
	}
	m.record(Gauge, id, uint64(value))
}

// fallback returns the counter of a reason, of which the engine has a dozen.
func (m *metrics) fallback(reason string) uint32 {
	handle, ok := m.fallbacks[reason]
	if !ok {
		handle, _ = m.host.DefineMetric(Counter, metricFallbacks+reason)
		m.fallbacks[reason] = handle
	}
	return handle
}

// rule returns the counter of a rule.
func (m *metrics) rule(id int) uint32 {
	if handle, ok := m.rules[id]; ok {
		return handle
	}
	handle := m.otherRule
	if len(m.rules) < maxRuleMetrics {
		if own, err := m.host.DefineMetric(Counter, metricRuleHits+strconv.Itoa(id)); err == nil {
			handle = own
			m.rules[id] = handle
		}
	}
	return handle
}
