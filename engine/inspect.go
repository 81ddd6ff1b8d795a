package engine

import (
	"slices"
	"strconv"
	"strings"

	"github.com/corazawaf/coraza/v3/collection"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"

	"tabard/engine/screen"
)

// inspection runs the phases of one exchange: the screener answers those that
// it knows to come to nothing and executes those of which it knows all rules that
// match, and Coraza runs from the first one with which it does neither. Coraza
// then begins with the phases before, so that its transaction is as if it had run
// from the beginning.
type inspection struct {
	screen   *screen.Exchange  // nil when the screener is off
	tx       types.Transaction // nil as long as Coraza has not been needed
	outcomes [5]screen.Outcome // what the screener said, by phase
	left     screen.State      // what the last phase that it answered leaves
	scores   [5]scores         // by phase: what the screener's executor has counted
	shadow   bool              // Coraza runs whole, and the screener is compared with it
	ranRules int               // how many rules had matched before this phase of Coraza
	trailers Headers
	response response
	examination
	inputs [maxInputs]screen.TXVar
	tokens tokenState
}

// response is the head of a response.
type response struct {
	status   int
	protocol string
	headers  Headers
}

// runRequestHeaders is phase 1.
func (x *Exchange) runRequestHeaders() {
	x.setInputs()
	x.verdict.Screen = ScreenedOff
	if x.screen = x.variant.rules.begin(); x.screen != nil {
		x.verdict.Screen = ScreenedHit
		if x.engine.watcher != nil {
			x.screen.LeaveMatches() // who watches wants to see Coraza run the rules
		}
		x.shadow = x.engine.policy.Screen == ScreenShadow
		x.feed(x.screen)
		for _, v := range x.tokens.head {
			x.screen.Input(v.name, v.values...)
		}
		if x.screened(x.screen.Phase1(x.inputs[:]...)) {
			return
		}
	}
	x.catchUp()
}

// runRequestBody is phase 2.
func (x *Exchange) runRequestBody() {
	x.findInBody()
	if x.screen != nil {
		for _, v := range x.tokens.body {
			x.screen.Input(v.name, v.values...)
		}
		for _, line := range x.trailers {
			x.screen.RequestHeader(line[0], line[1])
		}
		x.screen.Input(bodyBytesVariable, x.bodyBytes())
		for _, f := range x.found {
			x.screen.Input(f.Name, f.Value)
		}
		for i, name := range x.nested.names {
			x.screen.Argument(name, x.nested.values[i])
		}
		if x.screened(x.screen.Phase2(x.state(), string(x.requestBody.kept))) {
			return
		}
	}
	x.catchUp()
}

// runResponseHeaders is phase 3.
func (x *Exchange) runResponseHeaders() {
	if x.screen != nil {
		for _, line := range x.response.headers {
			x.screen.ResponseHeader(line[0], line[1])
		}
		if x.screened(x.screen.Phase3(x.response.status, x.response.protocol)) {
			return
		}
	}
	x.catchUp()
}

// runResponseBody is phase 4.
func (x *Exchange) runResponseBody() {
	if x.screen != nil {
		inspected := x.responseAccessible() && x.responseProcessable()
		if x.screened(x.screen.Phase4(x.state(), string(x.responseBody.kept), inspected)) {
			return
		}
	}
	x.catchUp()
}

// screened takes the screener's answer for the current phase; true means that
// Coraza need not run.
func (x *Exchange) screened(out screen.Outcome) bool {
	x.outcomes[x.phase] = out
	x.classify(out)
	if out.Executed {
		x.scores[x.phase] = x.scoresIn(x.screen.TX)
	}
	if !out.Hit && !out.Executed || x.tx != nil {
		return false
	}
	x.left = out.After
	// Shadow sampling: Coraza runs as well. An exchange is drawn or not in its
	// first phase, or each phase of it would be another draw.
	x.shadow = x.shadow || x.phase == 1 && x.engine.sampled()
	if out.Executed && !x.shadow {
		x.afterExecuted(out)
	}
	return !x.shadow
}

// catchUp runs Coraza's current phase and, when Coraza has not been needed
// before, first the ones before it. When one of those ends the exchange, the
// screener was wrong, and Coraza's word counts.
func (x *Exchange) catchUp() {
	now, first := x.phase, x.phase
	if x.tx == nil {
		x.forget()
		x.startCoraza()
		first = 1
	}
	for x.phase = first; x.phase <= now; x.phase++ {
		x.removeRules()
		stop, err := x.corazaPhase()
		if err != nil {
			x.Fail(err)
		} else {
			x.learn(stop)
			x.after(stop)
		}
		if x.verdict.Action == Block || x.failed {
			return
		}
	}
	x.phase = now
}

// startCoraza opens a transaction and gives it all that phase 1 needs.
func (x *Exchange) startCoraza() {
	x.tx = x.variant.rules.waf.NewTransactionWithID(x.verdict.TransactionID)
	if w := x.engine.watcher; w != nil {
		// Every Coraza transaction is one; see txVariables.
		w.Watch(x.tx.(plugintypes.TransactionState))
	}
	variables := x.txVariables()
	for _, v := range x.variant.rules.constants {
		variables.Set(v.Name, []string{v.Value})
	}
	for _, input := range x.inputs {
		variables.Set(input.Name, []string{input.Value})
	}
	for _, v := range x.tokens.head {
		variables.Set(v.name, v.values)
	}
	x.feed(corazaFeed{x.tx})
}

// corazaPhase runs the current phase in Coraza.
func (x *Exchange) corazaPhase() (stop *types.Interruption, err error) {
	switch x.phase {
	case 1:
		return x.tx.ProcessRequestHeaders(), nil
	case 2:
		for _, line := range x.trailers {
			x.tx.AddRequestHeader(line[0], line[1])
		}
		// Coraza sets REQUEST_BODY_LENGTH only when one of its parsers runs.
		x.txVariables().Set(bodyBytesVariable, []string{x.bodyBytes()})
		for _, v := range x.tokens.body {
			x.txVariables().Set(v.name, v.values)
		}
		for _, f := range x.found {
			x.txVariables().Set(f.Name, []string{f.Value})
		}
		for i, name := range x.nested.names {
			x.tx.AddGetRequestArgument(name, x.nested.values[i])
		}
		// Over the limit, Coraza runs phase 2 in here already.
		if stop, _, err = x.tx.WriteRequestBody(x.requestBody.kept); err != nil || stop != nil {
			return stop, err
		}
		return x.tx.ProcessRequestBody()
	case 3:
		for _, line := range x.response.headers {
			x.tx.AddResponseHeader(line[0], line[1])
		}
		return x.tx.ProcessResponseHeaders(x.response.status, x.response.protocol), nil
	default:
		if stop, _, err = x.tx.WriteResponseBody(x.responseBody.kept); err != nil || stop != nil {
			return stop, err
		}
		return x.tx.ProcessResponseBody()
	}
}

func (x *Exchange) bodyBytes() string { return strconv.FormatInt(x.requestBody.bytes, 10) }

// removeRules tells Coraza which rules of the current phase cannot match. A
// shadow run does without, since it is there to find out.
func (x *Exchange) removeRules() {
	if tx, ok := x.tx.(interface{ RemoveRuleByID(int) }); ok && !x.shadow && x.screen != nil {
		for _, id := range x.screen.Skip(x.phase) {
			tx.RemoveRuleByID(id)
		}
	}
}

// learn compares Coraza's phase with what the screener said about it, or
// teaches the screener what it did not know.
func (x *Exchange) learn(stop *types.Interruption) {
	if x.screen == nil {
		return
	}
	all := x.tx.MatchedRules()
	ids, clean := make([]int, 0, len(all)-x.ranRules), stop == nil
	for _, m := range all[x.ranRules:] {
		ids = append(ids, m.Rule().ID())
		clean = clean && !logs(m)
	}
	ran := all[x.ranRules:]
	x.ranRules = len(all)
	out := x.outcomes[x.phase]
	switch {
	case x.screen.Unrepeatable():
	case out.Hit && (!clean || !sameIDs(ids, out.Matched)), x.shadow && shareID(ids, x.screen.Skip(x.phase)),
		out.Executed && !x.sameAsExecuted(out, ran, ids, stop):
		x.engine.disagree(x)
	case !out.Hit && !out.Executed:
		x.screen.Learn(x.phase, ids, clean, screen.StateOf(x.tx))
	}
}

// logs says whether a rule that matched is to be logged.
func logs(m types.MatchedRule) bool {
	l, ok := m.(interface{ Log() bool })
	return !ok || l.Log()
}

func sameIDs(got, want []int) bool {
	got, want = slices.Clone(got), slices.Clone(want)
	slices.Sort(got)
	slices.Sort(want)
	return slices.Equal(got, want)
}

func shareID(a, b []int) bool {
	return slices.ContainsFunc(a, func(id int) bool { return slices.Contains(b, id) })
}

// finish runs the logging phase and gives Coraza's and the screener's memory
// back. Without a transaction there is nothing to log: rules of phase 5 that
// log keep the screener off.
func (x *Exchange) finish() {
	if x.screen != nil {
		defer func() {
			x.screen.Release()
			x.screen = nil
		}()
	}
	if x.tx == nil {
		return
	}
	defer func() { x.tx = nil }()
	x.phase = 5
	x.tx.ProcessLogging()
	x.collect()
	if err := x.tx.Close(); err != nil {
		x.verdict.Err = err
	}
}

// state is what the phases so far leave behind that decides about bodies.
func (x *Exchange) state() screen.State {
	if x.tx != nil {
		return screen.StateOf(x.tx)
	}
	return x.left
}

func (x *Exchange) requestAccessible() bool {
	if x.tx != nil {
		return x.tx.IsRequestBodyAccessible() && !x.tx.IsRuleEngineOff()
	}
	return x.left.RequestBodyAccess && !x.left.EngineOff
}

func (x *Exchange) responseAccessible() bool {
	if x.tx != nil {
		return x.tx.IsResponseBodyAccessible() && !x.tx.IsRuleEngineOff()
	}
	return x.left.ResponseBodyAccess && !x.left.EngineOff
}

// responseProcessable says whether the policy asks for bodies of this media
// type; of several Content-Type lines the last counts, as in Coraza.
func (x *Exchange) responseProcessable() bool {
	if x.tx != nil {
		return x.tx.IsResponseBodyProcessable()
	}
	mediaType := ""
	for _, line := range x.response.headers {
		if strings.EqualFold(line[0], "content-type") {
			mediaType, _, _ = strings.Cut(line[1], ";")
		}
	}
	return slices.Contains(x.variant.responseBody.ContentTypes, mediaType)
}

func (x *Exchange) txVariables() collection.Map {
	// Every Coraza transaction is one; its plugins depend on it.
	return x.tx.(plugintypes.TransactionState).Variables().TX()
}

// feeder takes in what phase 1 judges.
type feeder interface {
	Connection(client string, clientPort int, server string, serverPort int)
	URI(uri, method, protocol string)
	RequestHeader(name, value string)
	ServerName(name string)
}

// corazaFeed gives Coraza's methods the screener's names.
type corazaFeed struct{ tx types.Transaction }

func (f corazaFeed) Connection(client string, clientPort int, server string, serverPort int) {
	f.tx.ProcessConnection(client, clientPort, server, serverPort)
}
func (f corazaFeed) URI(uri, method, protocol string) { f.tx.ProcessURI(uri, method, protocol) }
func (f corazaFeed) RequestHeader(name, value string) { f.tx.AddRequestHeader(name, value) }
func (f corazaFeed) ServerName(name string)           { f.tx.SetServerName(name) }

func (x *Exchange) feed(f feeder) {
	r := x.request
	f.Connection(addressText(x.clientAddr), int(x.conn.Peer.Port()), addressText(x.conn.Server.Addr()), int(x.conn.Server.Port()))
	f.URI(r.Target, r.Method, r.Protocol)
	host := r.Headers.Get("host")
	if host == "" && r.Authority != "" {
		host = r.Authority
		f.RequestHeader("Host", host)
	}
	for _, line := range r.Headers {
		f.RequestHeader(line[0], line[1])
	}
	f.ServerName(hostName(host))
}

// setInputs fills the TX variables through which rules see the settings, what
// the runner knows of the connection and what is known of the client's address.
func (x *Exchange) setInputs() {
	n := copy(x.inputs[:], x.variant.inputs)
	for i, value := range [...]string{x.conn.ProxyRoute, choose(x.conn.TLS, "1", "0"), x.request.Scheme, choose(isGRPC(x.request), "1", "0")} {
		x.inputs[n+i] = screen.TXVar{Name: connectionInputs[i], Value: value}
	}
	n += len(connectionInputs)
	for i, value := range x.judgeAddress(x.clientAddr).values() {
		x.inputs[n+i] = screen.TXVar{Name: addressInputs[i], Value: value}
	}
}
