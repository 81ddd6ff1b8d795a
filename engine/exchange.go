package engine

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/corazawaf/coraza/v3/collection"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"
)

// Exchange is one request and its response on their way through the engine.
// The methods are called in the order of the phases; each returns the verdict
// so far. After a Block they change nothing. A panic inside the engine or
// Coraza ends in the policy's outcome for internal errors, for this exchange
// only. An Exchange is for one goroutine.
type Exchange struct {
	engine  *Engine
	variant *variant
	conn    Conn
	request Request
	started time.Time

	tx      types.Transaction
	verdict Verdict
	seen    int // matched rules already turned into Matches
	phase   int // the last phase that has run
	failed  bool

	requestBody, responseBody bodyState
	responseStatus            int
}

// bodyState is how far a body has come.
type bodyState struct {
	held    bool  // the runner must hold it and feed it
	bytes   int64 // received so far
	skipped Skip
}

// Skip says that a body, or the rest of one, was not inspected, and why.
type Skip struct {
	Reason SkipReason
	Bytes  int64
}

// SkipReason is why a body was not inspected.
type SkipReason string

const (
	// SkipGRPC: a gRPC stream is binary and may have no end.
	SkipGRPC SkipReason = "grpc"
	// SkipUpgrade: after an upgrade (WebSocket) the bytes are no HTTP body.
	SkipUpgrade SkipReason = "upgrade"
	// SkipPolicy: the policy or a rule says not to inspect bodies.
	SkipPolicy SkipReason = "policy"
	// SkipLimit: the bytes over the limit, with over_limit: partial.
	SkipLimit SkipReason = "limit"
	// SkipContentType: the response's media type is not among those to hold.
	SkipContentType SkipReason = "content_type"
	// SkipEncoding: the response is compressed.
	SkipEncoding SkipReason = "encoding"
	// SkipStream: server-sent events have no end.
	SkipStream SkipReason = "stream"
)

// guard runs one step. A panic becomes the outcome for internal errors.
func (x *Exchange) guard(step func()) (v Verdict) {
	if x.verdict.Action == Block || x.failed {
		return x.verdict
	}
	defer func() {
		if p := recover(); p != nil {
			v = x.Fail(panicError(p))
		}
	}()
	step()
	return x.verdict
}

// Fail tells the engine that its runner could not do its part, such as a host
// call that failed or a panic. It returns the policy's outcome for internal
// errors: a Block with status 500, or the verdict so far with Reason
// ReasonInternalError. The exchange is not inspected any further.
func (x *Exchange) Fail(err error) Verdict {
	x.failed = true
	x.verdict.Err = err
	x.verdict.Reason = ReasonInternalError
	x.requestBody.held, x.responseBody.held = false, false
	if x.engine.policy.InternalErrors != OutcomeOpen {
		x.verdict.Action, x.verdict.Status = Block, 500
	}
	return x.verdict
}

// RequestHeaders chooses the route and runs phase 1. When no body follows
// (end), or when it is one that is not inspected, phase 2 runs as well: a
// runner that lets the request go on after this call has a final answer for
// it unless HoldRequest is true.
func (x *Exchange) RequestHeaders(r Request, end bool) Verdict {
	return x.guard(func() {
		x.request = r
		v, ambiguous := x.engine.route(r)
		x.variant, x.verdict.Route = v, v.route
		x.begin()
		if ambiguous && x.refuse(ReasonAmbiguousPath, 400) {
			return
		}
		x.feedRequest(r)
		x.phase = 1
		x.after(x.tx.ProcessRequestHeaders())
		if x.verdict.Action == Block {
			return
		}
		if !end {
			x.requestBody.skipped.Reason = x.skipRequest(r)
		}
		if x.requestBody.held = !end && x.requestBody.skipped.Reason == ""; !x.requestBody.held {
			x.endRequest()
		}
	})
}

// begin opens Coraza's transaction.
func (x *Exchange) begin() {
	x.tx = x.variant.rules.waf.NewTransactionWithID(x.verdict.TransactionID)
	variables := x.txVariables()
	for _, kv := range x.variant.tx {
		variables.Set(kv[0], []string{kv[1]})
	}
	variables.Set("tabard_proxy_route", []string{x.conn.ProxyRoute})
	variables.Set("tabard_tls", []string{choose(x.conn.TLS, "1", "0")})
	variables.Set("tabard_scheme", []string{x.request.Scheme})
	variables.Set("tabard_grpc", []string{choose(isGRPC(x.request), "1", "0")})
}

func (x *Exchange) txVariables() collection.Map {
	// Every Coraza transaction is one; its plugins depend on it.
	return x.tx.(plugintypes.TransactionState).Variables().TX()
}

func (x *Exchange) feedRequest(r Request) {
	x.tx.ProcessConnection(addressText(x.client()), int(x.conn.Peer.Port()), addressText(x.conn.Server.Addr()), int(x.conn.Server.Port()))
	x.tx.ProcessURI(r.Target, r.Method, r.Protocol)
	host := r.Headers.Get("host")
	if host == "" && r.Authority != "" {
		host = r.Authority
		x.tx.AddRequestHeader("Host", host)
	}
	for _, line := range r.Headers {
		x.tx.AddRequestHeader(line[0], line[1])
	}
	x.tx.SetServerName(hostName(host))
}

// client is the address that rules see as REMOTE_ADDR.
func (x *Exchange) client() netip.Addr {
	return clientAddress(x.conn.Peer.Addr(), x.engine.policy.ClientAddress.TrustedHops, x.request.Headers)
}

// HoldRequest says, after RequestHeaders, whether the runner must keep the
// request from the upstream and feed its body; it turns false when phase 2
// has spoken.
func (x *Exchange) HoldRequest() bool { return x.requestBody.held }

// RequestBody takes a piece of the body; end says that it is the last one and
// that no trailers follow. Bytes of a body that is not held are counted only.
func (x *Exchange) RequestBody(chunk []byte, end bool) Verdict {
	return x.guard(func() {
		b := &x.requestBody
		b.bytes += int64(len(chunk))
		if !b.held {
			b.skipped.Bytes += int64(len(chunk))
			return
		}
		limit := int64(x.variant.requestBody.LimitBytes)
		stop, _, err := x.tx.WriteRequestBody(chunk)
		switch {
		case err != nil:
			x.Fail(err)
		case b.bytes > limit:
			x.requestOverLimit(stop, b.bytes-limit)
		case end:
			x.endRequest()
		}
	})
}

// requestOverLimit acts on a body that is too long. Coraza has refused it, or
// has run phase 2 on the part within the limit; in detection mode it always
// does the latter.
func (x *Exchange) requestOverLimit(stop *types.Interruption, over int64) {
	x.requestBody.skipped = Skip{SkipLimit, over}
	if x.variant.requestBody.OverLimit == OverLimitReject {
		if x.refuse(ReasonBodyLimit, 413) {
			return
		}
	}
	x.phase, x.requestBody.held = 2, false
	x.after(stop)
}

// RequestTrailers takes the trailers, which end the body. They are inspected
// as request headers in phase 2, except those that RFC 9110, section 6.5.1,
// keeps out of trailers because they change how a message is read.
func (x *Exchange) RequestTrailers(h Headers) Verdict {
	return x.guard(func() {
		if !x.requestBody.held {
			return
		}
		for _, line := range h {
			if !changesFraming(line[0]) {
				x.tx.AddRequestHeader(line[0], line[1])
			}
		}
		x.endRequest()
	})
}

func changesFraming(name string) bool {
	switch strings.ToLower(name) {
	case "content-type", "content-length", "content-encoding", "transfer-encoding", "host", "trailer", "te", "connection", "upgrade":
		return true
	}
	return false
}

// endRequest runs phase 2.
func (x *Exchange) endRequest() {
	x.phase, x.requestBody.held = 2, false
	// Coraza sets REQUEST_BODY_LENGTH only when one of its parsers runs.
	x.txVariables().Set("tabard_body_bytes", []string{strconv.FormatInt(x.requestBody.bytes, 10)})
	stop, err := x.tx.ProcessRequestBody()
	if err != nil {
		x.Fail(err)
		return
	}
	x.after(stop)
}

// skipRequest says why a body is not to be held, or "".
func (x *Exchange) skipRequest(r Request) SkipReason {
	switch {
	case isGRPC(r):
		return SkipGRPC
	case isUpgrade(r):
		return SkipUpgrade
	case !x.tx.IsRequestBodyAccessible() || x.tx.IsRuleEngineOff():
		return SkipPolicy
	}
	return ""
}

// isGRPC is strict, since what it accepts is not inspected: gRPC is a POST
// over HTTP/2 or later with this media type and "te: trailers"
// (PROTOCOL-HTTP2.md of gRPC).
func isGRPC(r Request) bool {
	mediaType, _, _ := strings.Cut(strings.ToLower(r.Headers.Get("content-type")), ";")
	mediaType = strings.TrimSpace(mediaType)
	return r.Method == "POST" && (strings.HasPrefix(r.Protocol, "HTTP/2") || strings.HasPrefix(r.Protocol, "HTTP/3")) &&
		(mediaType == "application/grpc" || strings.HasPrefix(mediaType, "application/grpc+")) &&
		strings.EqualFold(strings.TrimSpace(r.Headers.Get("te")), "trailers")
}

// isUpgrade accepts a GET without a body of its own; anything else that asks
// for an upgrade is held like every other request.
func isUpgrade(r Request) bool {
	length := r.Headers.Get("content-length")
	return r.Method == "GET" && r.Headers.Get("upgrade") != "" &&
		(length == "" || length == "0") && r.Headers.Get("transfer-encoding") == "" &&
		slices.ContainsFunc(strings.Split(strings.ToLower(r.Headers.Get("connection")), ","), func(option string) bool {
			return strings.TrimSpace(option) == "upgrade"
		})
}

// ResponseHeaders runs phase 3 and, unless the body is to be held, phase 4.
// Informational responses other than 101 are not given to it.
func (x *Exchange) ResponseHeaders(status int, protocol string, h Headers, end bool) Verdict {
	return x.guard(func() {
		x.responseStatus = status
		if x.requestBody.held {
			// The upstream answered before it had the body: nothing was sent to
			// it, so this is a runner's own response.
			x.endRequest()
		}
		for _, line := range h {
			x.tx.AddResponseHeader(line[0], line[1])
		}
		x.phase = 3
		x.after(x.tx.ProcessResponseHeaders(status, protocol))
		if x.verdict.Action == Block {
			return
		}
		if !end {
			x.responseBody.skipped.Reason = x.skipResponse(status, h)
		}
		if x.responseBody.held = !end && x.responseBody.skipped.Reason == ""; !x.responseBody.held {
			x.endResponse()
		}
	})
}

// skipResponse says why a response body is not to be held, or "".
func (x *Exchange) skipResponse(status int, h Headers) SkipReason {
	encoding := strings.ToLower(h.Get("content-encoding"))
	switch {
	case status == 101:
		return SkipUpgrade
	case !x.tx.IsResponseBodyAccessible() || x.tx.IsRuleEngineOff():
		return SkipPolicy
	case strings.HasPrefix(strings.ToLower(h.Get("content-type")), "text/event-stream"):
		return SkipStream
	case !x.tx.IsResponseBodyProcessable():
		return SkipContentType
	case encoding != "" && encoding != "identity":
		return SkipEncoding
	}
	return ""
}

// HoldResponse says, after ResponseHeaders, whether the runner must keep the
// response's head and body from the client and feed the body; it turns false
// when phase 4 has spoken.
func (x *Exchange) HoldResponse() bool { return x.responseBody.held }

// ResponseBody takes a piece of the body; end says that it is the last one.
// Bytes of a body that is not held are counted only.
func (x *Exchange) ResponseBody(chunk []byte, end bool) Verdict {
	return x.guard(func() {
		b := &x.responseBody
		b.bytes += int64(len(chunk))
		if !b.held {
			b.skipped.Bytes += int64(len(chunk))
			return
		}
		limit := int64(x.variant.responseBody.LimitBytes)
		stop, _, err := x.tx.WriteResponseBody(chunk)
		switch {
		case err != nil:
			x.Fail(err)
		case b.bytes > limit:
			b.skipped = Skip{SkipLimit, b.bytes - limit}
			if x.variant.responseBody.OverLimit == OverLimitReject && x.refuse(ReasonBodyLimit, 500) {
				return
			}
			x.phase, b.held = 4, false
			x.after(stop)
		case end:
			x.endResponse()
		}
	})
}

// endResponse runs phase 4.
func (x *Exchange) endResponse() {
	x.phase, x.responseBody.held = 4, false
	stop, err := x.tx.ProcessResponseBody()
	if err != nil {
		x.Fail(err)
		return
	}
	x.after(stop)
}

// End runs the logging phase, gives Coraza's memory back and returns the final
// verdict. It also is right for an exchange that ended early.
func (x *Exchange) End() (v Verdict) {
	defer func() {
		if p := recover(); p != nil {
			x.verdict.Err = panicError(p)
		}
		x.tx, v = nil, x.verdict
	}()
	if x.tx == nil {
		return
	}
	x.phase = 5
	x.tx.ProcessLogging()
	x.collect()
	if err := x.tx.Close(); err != nil {
		x.verdict.Err = err
	}
	return
}

// Uninspected says what of the request's and the response's body was not
// inspected, so that runners can count it.
func (x *Exchange) Uninspected() (request, response Skip) {
	return x.requestBody.skipped, x.responseBody.skipped
}

// refuse blocks for a reason of our own, and in detection mode only notes it.
func (x *Exchange) refuse(reason Reason, status int) bool {
	x.verdict.Reason = reason
	if x.variant.mode == ModeDetect {
		x.verdict.Action = Detect
		return false
	}
	x.collect()
	x.verdict.Action, x.verdict.Status, x.verdict.Phase = Block, status, max(x.phase, 1)
	x.requestBody.held, x.responseBody.held = false, false
	return true
}

// after takes in what a phase has done.
func (x *Exchange) after(stop *types.Interruption) {
	x.collect()
	if stop == nil {
		x.noteDetection()
		return
	}
	x.verdict.Action, x.verdict.Reason, x.verdict.Phase = Block, ReasonRule, x.phase
	x.verdict.Rule = stop.RuleID
	x.verdict.Status = or(x.engine.policy.BlockResponse.Status, or(stop.Status, 403))
	x.verdict.Redirect = ""
	if stop.Action == "redirect" {
		x.verdict.Redirect = stop.Data
	}
	x.requestBody.held, x.responseBody.held = false, false
}

// noteDetection records, in detection mode, what would have blocked.
func (x *Exchange) noteDetection() {
	tx, ok := x.tx.(interface {
		DetectionOnlyInterruption() *types.Interruption
	})
	if !ok || x.verdict.Rule != 0 {
		return
	}
	if would := tx.DetectionOnlyInterruption(); would != nil {
		x.verdict.Action, x.verdict.Reason = Detect, or(x.verdict.Reason, ReasonRule)
		x.verdict.Rule, x.verdict.Phase = would.RuleID, x.phase
	}
}

// collect turns the rules that matched since the last call into Matches and
// reads the scores.
func (x *Exchange) collect() {
	matched := x.tx.MatchedRules()
	for _, m := range matched[x.seen:] {
		if logs, ok := m.(interface{ Log() bool }); ok && !logs.Log() {
			continue
		}
		x.verdict.Matches = append(x.verdict.Matches, x.match(m))
		if x.verdict.Action == Pass {
			x.verdict.Action, x.verdict.Phase = Detect, x.phase
		}
	}
	if len(matched) > x.seen {
		x.verdict.Score = x.score("inbound")
		x.verdict.OutboundScore = x.score("outbound")
	}
	x.seen = len(matched)
}

// score adds CRS's scores of the paranoia levels that may block. The scores
// are read level by level because CRS sums them only at the end of a phase.
func (x *Exchange) score(direction string) int {
	variables, sum := x.txVariables(), 0
	for level := 1; level <= x.variant.crs.ParanoiaLevel; level++ {
		if values := variables.Get(direction + "_anomaly_score_pl" + strconv.Itoa(level)); len(values) > 0 {
			n, _ := strconv.Atoi(values[0])
			sum += n
		}
	}
	return sum
}

// match turns Coraza's record into ours: the first variable of a chain is the
// one the rule is about.
func (x *Exchange) match(m types.MatchedRule) Match {
	rule := m.Rule()
	out := Match{
		ID: rule.ID(), Phase: int(rule.Phase()), Rule: x.variant.rules.positions[rule.ID()],
		Message: m.Message(),
	}
	if rule.Severity() >= 0 {
		out.Severity = rule.Severity().String()
	}
	for _, data := range m.MatchedDatas() {
		if data.Variable().Name() == "UNKNOWN" {
			continue
		}
		out.Target = target(data)
		out.Value = data.Value()
		break
	}
	x.engine.redactor.match(&out, x)
	return out
}

func target(data types.MatchData) string {
	if data.Key() == "" {
		return data.Variable().Name()
	}
	return data.Variable().Name() + ":" + data.Key()
}

// randomID is 128 random bits in hexadecimal.
func randomID() string {
	const digits = "0123456789abcdef"
	var id [32]byte
	for half := range 2 {
		for i, bits := 0, rand.Uint64(); i < 16; i, bits = i+1, bits>>4 {
			id[half*16+i] = digits[bits&15]
		}
	}
	return string(id[:])
}
