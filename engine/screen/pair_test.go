package screen

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"
	"github.com/stretchr/testify/require"

	"tabard/engine/seclang"
)

// crsText is CRS at a paranoia level, as the engine sets it up.
func crsText(level int) string {
	return "Include @coraza.conf-recommended\nSecRuleEngine On\nSecResponseBodyAccess On\nSecRequestBodyLimit 131073\nSecRequestBodyInMemoryLimit 131073\nInclude @crs-setup.conf.example\n" +
		fmt.Sprintf(`SecAction "id:900000,phase:1,pass,t:none,nolog,setvar:tx.blocking_paranoia_level=%d"`, level) +
		"\nInclude @owasp_crs/*.conf"
}

// pair is a rule set on both sides.
type pair struct {
	waf coraza.WAF
	s   *Screener
}

func newPair(t testing.TB, text string, files fs.FS, o Options) pair {
	t.Helper()
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(files).WithDirectives(text))
	require.NoError(t, err)
	ds, err := seclang.Load(files, []seclang.Source{{Name: "test", Text: text}})
	require.NoError(t, err)
	table, errs := seclang.Parse(ds, seclang.Known{})
	require.Empty(t, errs)
	o.Files = files
	s, err := Compile(table, o)
	require.NoError(t, err)
	return pair{waf, s}
}

// request is one exchange of the tests.
type request struct {
	method, uri, protocol string
	headers               [][2]string
	body                  string
	status                int
	responseHeaders       [][2]string
	responseBody          string
}

// result is what is compared.
type result struct {
	ids    []int // reported rules, sorted
	logs   string
	stop   string
	scores string
}

// run is a Coraza transaction on its way.
type run struct {
	tx   types.Transaction
	seen int
	stop *types.Interruption
}

func (p pair) start(q request) *run {
	tx := p.waf.NewTransaction()
	tx.ProcessConnection("10.0.0.1", 1234, "10.0.0.2", 80)
	tx.ProcessURI(q.uri, q.method, q.protocol)
	for _, h := range q.headers {
		tx.AddRequestHeader(h[0], h[1])
	}
	tx.SetServerName("api.example.com")
	return &run{tx: tx}
}

func (r *run) remove(ids []int) {
	for _, id := range ids {
		r.tx.(interface{ RemoveRuleByID(int) }).RemoveRuleByID(id)
	}
}

func (r *run) phase(n int, q request) {
	if r.stop != nil {
		return
	}
	switch n {
	case 1:
		r.stop = r.tx.ProcessRequestHeaders()
	case 2:
		if q.body != "" {
			if r.stop, _, _ = r.tx.WriteRequestBody([]byte(q.body)); r.stop != nil {
				return
			}
		}
		r.stop, _ = r.tx.ProcessRequestBody()
	case 3:
		for _, h := range q.responseHeaders {
			r.tx.AddResponseHeader(h[0], h[1])
		}
		r.stop = r.tx.ProcessResponseHeaders(q.status, "HTTP/1.1")
	case 4:
		if q.responseBody != "" && r.tx.IsResponseBodyAccessible() && r.tx.IsResponseBodyProcessable() {
			if r.stop, _, _ = r.tx.WriteResponseBody([]byte(q.responseBody)); r.stop != nil {
				return
			}
		}
		r.stop, _ = r.tx.ProcessResponseBody()
	}
}

// news gives the ids reported since the last call, and whether they are clean.
func (r *run) news() (ids []int, clean bool) {
	clean = r.stop == nil
	matched := r.tx.MatchedRules()
	for _, m := range matched[r.seen:] {
		ids = append(ids, m.Rule().ID())
		clean = clean && !m.(interface{ Log() bool }).Log() && !m.(interface{ Audit() bool }).Audit()
	}
	r.seen = len(matched)
	return ids, clean
}

func (r *run) finish() (out result) {
	for _, m := range r.tx.MatchedRules() {
		out.ids = append(out.ids, m.Rule().ID())
		if m.(interface{ Log() bool }).Log() {
			var parts []string
			for _, d := range m.MatchedDatas() {
				parts = append(parts, fmt.Sprintf("%s %q %q %q %q", d.Variable().Name(), d.Key(), d.Value(), "", ""))
			}
			slices.Sort(parts)
			out.logs += fmt.Sprintln(m.Rule().ID(), parts)
		}
	}
	slices.Sort(out.ids)
	if r.stop != nil {
		out.stop = fmt.Sprint(*r.stop)
	}
	tx := r.tx.(plugintypes.TransactionState).Variables().TX()
	for _, name := range []string{"inbound_anomaly_score_pl1", "inbound_anomaly_score_pl2", "inbound_anomaly_score_pl4", "outbound_anomaly_score_pl1", "blocking_inbound_anomaly_score"} {
		out.scores += fmt.Sprint(tx.Get(name))
	}
	_ = r.tx.Close()
	return out
}

func (p pair) plain(q request) result {
	r := p.start(q)
	for n := 1; n <= q.lastPhase(); n++ {
		r.phase(n, q)
	}
	return r.finish()
}

func (q request) lastPhase() int {
	if q.status == 0 {
		return 2
	}
	return 4
}

// screenedRun is the way of the engine: Coraza only from the first miss on.
func (p pair) screenedRun(q request) (out result, reasons []Reason, unrepeatable bool) {
	x := p.s.Begin()
	defer x.Release()
	x.Connection("10.0.0.1", 1234, "10.0.0.2", 80)
	x.URI(q.uri, q.method, q.protocol)
	for _, h := range q.headers {
		x.RequestHeader(h[0], h[1])
	}
	x.ServerName("api.example.com")
	var r *run
	var known []int
	var state State
	for n := 1; n <= q.lastPhase(); n++ {
		var o Outcome
		switch n {
		case 1:
			o = x.Phase1()
		case 2:
			o = x.Phase2(state, q.body)
		case 3:
			for _, h := range q.responseHeaders {
				x.ResponseHeader(h[0], h[1])
			}
			o = x.Phase3(q.status, "HTTP/1.1")
		case 4:
			inspected := q.responseBody != "" && processable(q) && state.ResponseBodyAccess
			o = x.Phase4(state, q.responseBody, inspected)
		}
		reasons = append(reasons, o.Reason)
		if o.Hit && r == nil {
			known, state = append(known, o.Matched...), o.After
			continue
		}
		if r == nil {
			r = p.start(q)
			for early := 1; early < n; early++ {
				r.remove(x.Skip(early))
				r.phase(early, q)
				r.news()
			}
		}
		r.remove(x.Skip(n))
		r.phase(n, q)
		ids, clean := r.news()
		state = StateOf(r.tx)
		x.Learn(n, ids, clean, state)
		if r.stop != nil {
			break
		}
	}
	unrepeatable = x.Unrepeatable()
	if r == nil {
		slices.Sort(known)
		return result{ids: known}, reasons, unrepeatable
	}
	return r.finish(), reasons, unrepeatable
}

// processable is Coraza's IsResponseBodyProcessable for the recommended types.
func processable(q request) bool {
	for _, h := range q.responseHeaders {
		if strings.EqualFold(h[0], "content-type") {
			kind, _, _ := strings.Cut(h[1], ";")
			return kind == "text/plain" || kind == "text/html" || kind == "text/xml"
		}
	}
	return false
}
