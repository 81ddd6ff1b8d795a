package serve

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tabard/engine"
)

// maxRuleMetrics bounds the rules that have a counter of their own, as in the
// filter: an attacker chooses what matches, and a series is kept for ever.
const maxRuleMetrics = 200

// families are the metrics with their help texts.
var families = []struct{ name, kind, help string }{
	{"tabard_requests_total", "counter", "Finished exchanges by outcome: pass, detect, block, error (an internal error decided) or aborted."},
	{"tabard_blocked_total", "counter", "Blocked exchanges by phase."},
	{"tabard_rule_hits_total", "counter", "Exchanges in which a rule matched and logged, by rule; the first 200 rules by id."},
	{"tabard_internal_errors_total", "counter", "Exchanges that the WAF itself failed on."},
	{"tabard_uninspected_bytes_total", "counter", "Body bytes that passed without inspection, by reason."},
	{"tabard_upstream_errors_total", "counter", "Requests that the upstream did not answer."},
	{"tabard_feed_fetches_total", "counter", "Fetches of address sets, and files read anew, by result: good (taken, or nothing new) and bad."},
	{"tabard_feed_age_seconds", "gauge", "Seconds since a set was last known to be current: since its URL was asked, its file was written or its database was built."},
	{"tabard_feed_entries", "gauge", "Entries of a set."},
	{"tabard_feed_bad_lines", "gauge", "Lines of a set that were left out."},
	{"tabard_inspection_seconds", "histogram", "Time in the engine for one exchange."},
}

// bucketSeconds are the histogram's bounds: CRS takes about a millisecond for
// a small request and some tens for a long body.
var bucketSeconds = [...]float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1}

// metrics counts. It is safe for concurrent use.
type metrics struct {
	mu      sync.Mutex
	series  map[string]uint64 // by name and labels
	sources Sources
	rules   int
	buckets [len(bucketSeconds) + 1]uint64
	seconds float64
}

// newMetrics begins with the series that alerts are written on, at 0.
func newMetrics(sources Sources) *metrics {
	m := &metrics{sources: sources, series: map[string]uint64{"tabard_internal_errors_total": 0, "tabard_upstream_errors_total": 0}}
	for _, outcome := range []string{"pass", "detect", "block", "error", "aborted"} {
		m.series[label("tabard_requests_total", "outcome", outcome)] = 0
	}
	return m
}

// label writes a series. A value may be the name of a file, with what Prometheus
// wants escaped.
func label(name, key, value string) string {
	return name + "{" + key + `="` + labelEscapes.Replace(value) + `"}`
}

var labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func (m *metrics) add(series string) { m.addN(series, 1) }

func (m *metrics) addN(series string, n uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.series[series] += n
}

func (m *metrics) uninspected(why engine.SkipReason, bytes int64) {
	if why != "" && bytes > 0 {
		m.addN(label("tabard_uninspected_bytes_total", "reason", string(why)), uint64(bytes))
	}
}

// exchange counts one that is over.
func (m *metrics) exchange(v engine.Verdict, aborted bool, spent time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	outcome := string(v.Action)
	switch {
	case v.Reason == engine.ReasonInternalError:
		outcome = "error"
		m.series["tabard_internal_errors_total"]++
	case v.Action == engine.Block:
		m.series[label("tabard_blocked_total", "phase", strconv.Itoa(v.Phase))]++
	case aborted:
		outcome = "aborted"
	}
	m.series[label("tabard_requests_total", "outcome", outcome)]++
	for _, id := range v.IDs() {
		m.rule(id)
	}
	m.seconds += spent.Seconds()
	i := 0
	for i < len(bucketSeconds) && spent.Seconds() > bucketSeconds[i] {
		i++
	}
	m.buckets[i]++
}

func (m *metrics) rule(id int) {
	series := label("tabard_rule_hits_total", "rule", strconv.Itoa(id))
	if _, known := m.series[series]; !known {
		if m.rules == maxRuleMetrics {
			series = label("tabard_rule_hits_total", "rule", "other")
		} else {
			m.rules++
		}
	}
	m.series[series]++
}

// feeds takes in what the sources say now.
func (m *metrics) feeds(now time.Time) {
	good, bad := m.sources.Fetches()
	m.series[label("tabard_feed_fetches_total", "result", "good")] = good
	m.series[label("tabard_feed_fetches_total", "result", "bad")] = bad
	for _, s := range m.sources.States() {
		m.series[label("tabard_feed_age_seconds", "feed", s.Name)] = uint64(max(0, now.Sub(s.Updated)) / time.Second)
		m.series[label("tabard_feed_entries", "feed", s.Name)] = uint64(s.Entries)
		m.series[label("tabard_feed_bad_lines", "feed", s.Name)] = uint64(s.BadLines)
	}
}

// write prints the text format of Prometheus, version 0.0.4.
func (m *metrics) write(w io.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sources != nil {
		m.feeds(time.Now())
	}
	names := slices.Sorted(maps.Keys(m.series))
	for _, f := range families {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", f.name, f.help, f.name, f.kind)
		if f.kind == "histogram" {
			m.writeHistogram(w, f.name)
			continue
		}
		for _, series := range names {
			if name, _, _ := strings.Cut(series, "{"); name == f.name {
				fmt.Fprintf(w, "%s %d\n", series, m.series[series])
			}
		}
	}
}

func (m *metrics) writeHistogram(w io.Writer, name string) {
	sum := uint64(0)
	for i, n := range m.buckets {
		bound := "+Inf"
		if i < len(bucketSeconds) {
			bound = strconv.FormatFloat(bucketSeconds[i], 'g', -1, 64)
		}
		sum += n
		fmt.Fprintf(w, "%s_bucket{le=%q} %d\n", name, bound, sum)
	}
	fmt.Fprintf(w, "%s_sum %g\n%s_count %d\n", name, m.seconds, name, sum)
}

// Metrics returns a handler with /metrics for Prometheus and /healthz, which
// answers 200 as long as the process runs.
func (p *Proxy) Metrics() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		p.metrics.write(w)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	return mux
}
