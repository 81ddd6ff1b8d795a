package difftest

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"

	"tabard/engine/seclang"
)

// Rules is what both sides are built from.
type Rules struct {
	// Name tells rule sets apart in reports.
	Name    string
	Files   fs.FS
	Sources []seclang.Source
	// Routes are the TX variables by which rules see the policy, set before phase
	// 1, for each route. The client's port decides which route takes a case.
	Routes []map[string]string
	// ResponseTypes are the media types of SecResponseBodyMimeType.
	ResponseTypes []string
}

// inputs are the TX variables that the engine sets before phase 1: those of the
// route and those of the connection.
func (r Rules) inputs(c *Case) (out [][2]string) {
	for name, value := range r.Routes[int(c.Peer.Port())%len(r.Routes)] {
		out = append(out, [2]string{name, value})
	}
	return append(out, Inputs(c)...)
}

// Inputs are the TX variables that the engine sets before phase 1 and that
// differ from exchange to exchange; see engine.Exchange. The client's port
// decides about them, so that a case says it all.
func Inputs(c *Case) [][2]string {
	tls, scheme, route := "1", "https", ""
	if c.Peer.Port()%4 == 3 {
		tls, scheme = "0", "http"
	}
	if c.Peer.Port()%8 > 5 {
		route = "inner"
	}
	return [][2]string{
		{"tabard_proxy_route", route},
		{"tabard_tls", tls},
		{"tabard_scheme", scheme},
		{"tabard_grpc", grpc(c)},
	}
}

// found are variables that the engine sets before phase 2 for what it has found
// in a body.
var found = [...]string{"tabard_json", "tabard_coding", "tabard_multipart", "tabard_upload_mismatch", "tabard_upload_near_mismatch"}

// BodyInputs are the TX variables that the engine sets before phase 2. What it
// has found is decided by the body's length, so that a case says it all.
func BodyInputs(c *Case) [][2]string {
	inputs := [][2]string{{"tabard_body_bytes", strconv.Itoa(len(c.Body))}}
	if n := len(c.Body) % 32; n < len(found) && c.Body != "" {
		inputs = append(inputs, [2]string{found[n], "a finding"})
	}
	return inputs
}

// BodyInputNames are the names of all that BodyInputs may give.
func BodyInputNames() []string { return append([]string{"tabard_body_bytes"}, found[:]...) }

// grpc is coarser than the engine's own test: what matters is that the value
// varies.
func grpc(c *Case) string {
	if i := header(c.Headers, "content-type"); i >= 0 && strings.HasPrefix(string(c.Headers[i][1]), "application/grpc") {
		return "1"
	}
	return "0"
}

// Oracle is Coraza with a rule set. It is safe for concurrent use.
type Oracle struct {
	rules Rules
	waf   coraza.WAF
	// Hidden are ids that results do not tell, Constants variables of TX that are
	// set at the start: for rules that were left out because of what they do in
	// every exchange. They are set before the first run.
	Hidden    []int
	Constants [][2]string
}

// NewOracle compiles the rules. The error is Coraza's.
func NewOracle(rules Rules) (*Oracle, error) {
	config := coraza.NewWAFConfig().WithRootFS(rules.Files)
	for _, s := range rules.Sources {
		config = config.WithDirectives(s.Text)
	}
	waf, err := coraza.NewWAF(config)
	if err != nil {
		return nil, fmt.Errorf("rule set %q: %w", rules.Name, err)
	}
	return &Oracle{rules: rules, waf: waf}, nil
}

// Run gives the whole case to Coraza.
func (o *Oracle) Run(c *Case) *Result {
	p := o.begin(c)
	defer p.close()
	for phase := 1; phase <= lastPhase; phase++ {
		p.run(phase, nil)
	}
	return &p.result
}

// transaction is what the oracle needs of Coraza's, beyond its interface.
type transaction interface {
	types.Transaction
	plugintypes.TransactionState
	RemoveRuleByID(int)
}

// play is one case on its way through Coraza.
type play struct {
	oracle *Oracle
	c      *Case
	tx     transaction
	result Result
	seen   int
}

// begin opens the transaction and feeds the request's head, as the engine does.
func (o *Oracle) begin(c *Case) *play {
	// Every Coraza transaction is one; the engine depends on it, too.
	tx := o.waf.NewTransactionWithID("differential").(transaction)
	p := &play{oracle: o, c: c, tx: tx}
	for _, kv := range slices.Concat(o.Constants, o.rules.inputs(c)) {
		tx.Variables().TX().Set(kv[0], []string{kv[1]})
	}
	feedRequest(tx, c)
	return p
}

// Feed is how a request's head goes in, to Coraza and to a screener.
type Feed interface {
	Connection(client string, clientPort int, server string, serverPort int)
	URI(uri, method, protocol string)
	RequestHeader(name, value string)
	ServerName(name string)
}

// FeedRequest feeds the request's head of a case.
func FeedRequest(to Feed, c *Case) {
	to.Connection(c.Peer.Addr().String(), int(c.Peer.Port()), "192.0.2.1", 443)
	to.URI(string(c.Target), string(c.Method), string(c.Protocol))
	host := ""
	for _, h := range c.Headers {
		to.RequestHeader(string(h[0]), string(h[1]))
		if host == "" && lowerASCII(string(h[0])) == "host" {
			host = string(h[1])
		}
	}
	name, _, _ := strings.Cut(host, ":")
	to.ServerName(name)
}

// corazaFeed gives Coraza's calls the names of Feed.
type corazaFeed struct{ tx types.Transaction }

func (f corazaFeed) Connection(client string, clientPort int, server string, serverPort int) {
	f.tx.ProcessConnection(client, clientPort, server, serverPort)
}
func (f corazaFeed) URI(uri, method, protocol string) { f.tx.ProcessURI(uri, method, protocol) }
func (f corazaFeed) RequestHeader(name, value string) { f.tx.AddRequestHeader(name, value) }
func (f corazaFeed) ServerName(name string)           { f.tx.SetServerName(name) }

func feedRequest(tx types.Transaction, c *Case) { FeedRequest(corazaFeed{tx}, c) }

// run plays a phase without some rules, unless an interruption has ended the
// exchange; the logging phase runs in any case.
func (p *play) run(phase int, without []int) {
	if p.tx.IsInterrupted() && phase != lastPhase || phase > 2 && phase < lastPhase && p.c.Response == nil {
		return
	}
	for _, id := range without {
		p.tx.RemoveRuleByID(id)
	}
	var err error
	switch phase {
	case 1:
		p.tx.ProcessRequestHeaders()
	case 2:
		err = p.requestBody()
	case 3:
		for _, h := range p.c.Response.Headers {
			p.tx.AddResponseHeader(string(h[0]), string(h[1]))
		}
		p.tx.ProcessResponseHeaders(p.c.Response.Status, string(p.c.Response.Protocol))
	case 4:
		err = p.responseBody()
	case lastPhase:
		p.tx.ProcessLogging()
	}
	p.note(phase, err)
}

func (p *play) requestBody() error {
	if body := RequestBody(p.c, p.state()); body != "" {
		if _, _, err := p.tx.WriteRequestBody([]byte(body)); err != nil {
			return err
		}
	}
	for _, h := range p.c.Trailers {
		p.tx.AddRequestHeader(string(h[0]), string(h[1]))
	}
	for _, a := range p.c.Arguments {
		p.tx.AddGetRequestArgument(string(a[0]), string(a[1]))
	}
	for _, kv := range BodyInputs(p.c) {
		p.tx.Variables().TX().Set(kv[0], []string{kv[1]})
	}
	_, err := p.tx.ProcessRequestBody()
	return err
}

// RequestBody is the part of the case's body that the engine feeds when phase
// 1 has left the state behind.
func RequestBody(c *Case, s State) string {
	if !s.RequestBodyAccess || s.EngineOff {
		return ""
	}
	return string(c.Body)
}

func (p *play) responseBody() error {
	if body, inspected := ResponseBody(p.c, p.state(), p.tx.IsResponseBodyProcessable()); inspected && body != "" {
		if _, _, err := p.tx.WriteResponseBody([]byte(body)); err != nil {
			return err
		}
	}
	_, err := p.tx.ProcessResponseBody()
	return err
}

// ResponseBody is what the engine feeds of the response's body, and whether
// Coraza looks at it.
func ResponseBody(c *Case, s State, processable bool) (body string, inspected bool) {
	if !s.ResponseBodyAccess || s.EngineOff || !processable {
		return "", false
	}
	if i := header(c.Response.Headers, "content-encoding"); i >= 0 && c.Response.Headers[i][1] != "" && lowerASCII(string(c.Response.Headers[i][1])) != "identity" {
		return "", true
	}
	return string(c.Response.Body), true
}

// Processable says, as Coraza does, whether the response's media type is one
// whose bodies are inspected.
func (r Rules) Processable(c *Case) bool {
	mediaType := ""
	for _, h := range c.Response.Headers {
		if lowerASCII(string(h[0])) == "content-type" {
			mediaType, _, _ = strings.Cut(string(h[1]), ";")
		}
	}
	return slices.Contains(r.ResponseTypes, mediaType)
}

func (p *play) close() { _ = p.tx.Close() }

// state reads what a phase leaves behind. The fields are exported, but their
// type is not.
func (p *play) state() State {
	v := reflect.ValueOf(p.tx).Elem()
	return State{
		RequestBodyAccess:  p.tx.IsRequestBodyAccessible(),
		ResponseBodyAccess: p.tx.IsResponseBodyAccessible(),
		ForceRequestBody:   v.FieldByName("ForceRequestBodyVariable").Bool(),
		EngineOff:          p.tx.IsRuleEngineOff(),
		RequestProcessor:   p.tx.Variables().RequestBodyProcessor().Get(),
		ResponseProcessor:  p.tx.Variables().ResponseBodyProcessor().Get(),
	}
}

// note records what the phase has done.
func (p *play) note(phase int, err error) {
	out := &p.result.Phases[phase]
	out.Ran = true
	out.After = p.state()
	if err != nil {
		out.Err = err.Error()
	}
	out.Stop = DescribeStop(p.tx.Interruption())
	if d, ok := p.tx.(interface {
		DetectionOnlyInterruption() *types.Interruption
	}); ok {
		out.Would = DescribeStop(d.DetectionOnlyInterruption())
	}
	matched := p.tx.MatchedRules()
	for _, m := range matched[p.seen:] {
		if !slices.Contains(p.oracle.Hidden, m.Rule().ID()) {
			out.IDs = append(out.IDs, m.Rule().ID())
		}
		if speaks(m) {
			out.Logged = append(out.Logged, logged(m))
		}
	}
	p.seen = len(matched)
	out.Scores = p.scores()
	out.Variables = p.variables()
}

// DescribeStop writes an interruption as Phase.Stop; nil is "".
func DescribeStop(stop *types.Interruption) string {
	if stop == nil {
		return ""
	}
	text := fmt.Sprintf("%s %d by %d", stop.Action, stop.Status, stop.RuleID)
	if stop.Data != "" {
		text += " " + stop.Data
	}
	return text
}

// speaks says that a match is written to the error or the audit log.
func speaks(m types.MatchedRule) bool {
	s, ok := m.(interface {
		Log() bool
		Audit() bool
	})
	return !ok || s.Log() || s.Audit()
}

func logged(m types.MatchedRule) Logged {
	out := Logged{ID: m.Rule().ID(), Severity: m.Rule().Severity().Int()}
	for _, d := range m.MatchedDatas() {
		out.Add(d.Variable().Name(), d.Key(), d.Value(), d.Message(), d.Data())
	}
	out.Sort()
	// What a verdict shows: see engine.Exchange.
	out.Shown = fmt.Sprintf("%q %q", m.Message(), m.Data())
	for _, d := range m.MatchedDatas() {
		if d.Variable().Name() != "UNKNOWN" {
			out.Shown += fmt.Sprintf(" %s:%q=%q %q", d.Variable().Name(), d.Key(), d.Value(), cmp.Or(m.Data(), d.Data()))
			break
		}
	}
	return out
}

// Add notes one value that matched.
func (l *Logged) Add(variable, key, value, message, data string) {
	l.Values = append(l.Values, fmt.Sprintf("%s:%q=%q", variable, key, value))
	if message != "" || data != "" {
		l.Messages = append(l.Messages, fmt.Sprintf("%q %q", message, data))
	}
}

// Sort puts the values in order: Coraza walks its maps in random order, and a
// message hangs on whatever value came last.
func (l *Logged) Sort() {
	slices.Sort(l.Values)
	slices.Sort(l.Messages)
}

// scoreNames are the variables from which the engine takes a verdict's scores.
var scoreNames = func() (names []string) {
	for level := 1; level <= 4; level++ {
		for _, direction := range []string{"inbound", "outbound"} {
			names = append(names, direction+"_anomaly_score_pl"+strconv.Itoa(level))
		}
	}
	return names
}()

// ScoreNames are the names of the variables that Phase.Scores holds.
func ScoreNames() []string { return scoreNames }

func (p *play) scores() map[string]int {
	out, tx := map[string]int{}, p.tx.Variables().TX()
	for _, name := range scoreNames {
		for _, value := range tx.Get(name) {
			n, err := strconv.Atoi(value)
			if err != nil {
				n = -1
			}
			out[name] += n
		}
	}
	return out
}

// variables lists TX without the captures of the rule that matched last.
func (p *play) variables() (lines []string) {
	for _, v := range p.tx.Variables().TX().FindAll() {
		if key := v.Key(); len(key) != 1 || key < "0" || key > "9" {
			lines = append(lines, key+"="+v.Value())
		}
	}
	slices.Sort(lines)
	return lines
}

// lastPhase is the logging phase.
const lastPhase = 5

// Result is all that can be seen of a run: one Phase for each phase, by its
// number.
type Result struct{ Phases [lastPhase + 1]Phase }

// Phase is what Coraza did in a phase.
type Phase struct {
	Ran bool
	// IDs are the rules that matched, those that only keep books included, in
	// the order of matching.
	IDs []int
	// Logged are those that log or audit.
	Logged []Logged
	// Scores are the anomaly scores of each level after the phase.
	Scores map[string]int
	// Stop describes the interruption, which stays in later phases, Would the first
	// that there would have been in detection mode.
	Stop, Would string
	// After is what the phase leaves behind.
	After State
	// Variables are all TX variables after the phase, sorted.
	Variables []string
	Err       string
}

// Logged is what a rule that logs says, sorted: the values that matched, each
// with variable and key, and the messages with their data.
type Logged struct {
	ID, Severity     int
	Values, Messages []string
	// Shown is the message, data and value that a verdict has.
	Shown string
}

// State is what a phase leaves behind that decides about bodies.
type State struct {
	RequestBodyAccess, ResponseBodyAccess, ForceRequestBody, EngineOff bool
	RequestProcessor, ResponseProcessor                                string
}

// differsFrom describes the first difference between two phases, or returns
// "". Messages are compared only if asked for.
func (p *Phase) differsFrom(want *Phase, messages bool) string {
	for _, d := range []struct {
		what      string
		got, want any
	}{
		{"ran", p.Ran, want.Ran},
		{"matched rules", p.IDs, want.IDs},
		{"rules that log", p.loggedIDs(), want.loggedIDs()},
		{"interruption", p.Stop, want.Stop},
		{"interruption in detection mode", p.Would, want.Would},
		{"error", p.Err, want.Err},
		{"state", p.After, want.After},
	} {
		if !reflect.DeepEqual(d.got, d.want) {
			return fmt.Sprintf("%s: %v, and Coraza alone %v%s", d.what, d.got, d.want, lists(d.got, d.want))
		}
	}
	if !maps.Equal(p.Scores, want.Scores) {
		return fmt.Sprintf("scores: %v, and Coraza alone %v", p.Scores, want.Scores)
	}
	if messages {
		if !slices.Equal(p.Variables, want.Variables) {
			return fmt.Sprintf("TX variables: %q, and Coraza alone %q", without(p.Variables, want.Variables), without(want.Variables, p.Variables))
		}
		if !slices.EqualFunc(p.Logged, want.Logged, Logged.equal) {
			return logDifference(p.Logged, want.Logged)
		}
	}
	return ""
}

func (l Logged) equal(m Logged) bool {
	return l.ID == m.ID && l.Severity == m.Severity && l.Shown == m.Shown && slices.Equal(l.Values, m.Values) && slices.Equal(l.Messages, m.Messages)
}

// loggedIDs are the rules that log, with their severities.
func (p *Phase) loggedIDs() (ids [][2]int) {
	for _, l := range p.Logged {
		ids = append(ids, [2]int{l.ID, l.Severity})
	}
	return ids
}

// variableNames are the names of the variables that are set.
func (p *Phase) variableNames() (names []string) {
	for _, line := range p.Variables {
		name, _, _ := strings.Cut(line, "=")
		names = append(names, name)
	}
	return names
}

// followed is the phase with those variables alone that somebody follows.
func (p Phase) followed(follows func(string) bool) Phase {
	p.Variables = slices.DeleteFunc(slices.Clone(p.Variables), func(line string) bool {
		name, _, _ := strings.Cut(line, "=")
		return !follows(name)
	})
	return p
}

// lists says which ids only one of two lists has.
func lists(got, want any) string {
	a, ok := got.([]int)
	if !ok {
		return ""
	}
	b := want.([]int)
	return fmt.Sprintf(" (too many %v, missing %v)", without(a, b), without(b, a))
}

// without returns what a has more than b.
func without[T cmp.Ordered](a, b []T) (out []T) {
	rest := slices.Clone(b)
	for _, v := range a {
		if i := slices.Index(rest, v); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
			continue
		}
		out = append(out, v)
	}
	return out
}

func logDifference(got, want []Logged) string {
	for i, l := range got {
		if i >= len(want) || !l.equal(want[i]) {
			return fmt.Sprintf("log: %+v, and Coraza alone %+v", l, want[min(i, len(want)):])
		}
	}
	return fmt.Sprintf("log: missing %+v", want[len(got):])
}
