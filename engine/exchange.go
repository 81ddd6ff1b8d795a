package engine

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"

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
	// clientAddr is what rules see as REMOTE_ADDR.
	clientAddr netip.Addr

	inspection
	verdict Verdict
	seen    int // matched rules already turned into Matches
	phase   int // the last phase that has run
	failed  bool
	secrets secretCache

	requestBody, responseBody bodyState
	grpc                      GRPCFrames
}

// bodyState is how far a body has come.
type bodyState struct {
	held    bool   // the runner must hold it and feed it
	bytes   int64  // received so far
	kept    []byte // what of it is inspected: up to the limit and one byte more
	skipped Skip
}

// take counts a piece, keeps what is to be inspected and says how far the body
// is over its limit. Coraza calls a body too long when it reaches its limit,
// which is ours plus one.
func (b *bodyState) take(chunk []byte, limitBytes int) (over int64) {
	b.bytes += int64(len(chunk))
	b.kept = append(b.kept, chunk[:min(len(chunk), limitBytes+1-len(b.kept))]...)
	return b.bytes - int64(limitBytes)
}

// Skip says that a body, or the rest of one, was not inspected, and why.
type Skip struct {
	Reason SkipReason
	Bytes  int64
}

// SkipReason is why a body was not inspected.
type SkipReason string

const (
	// SkipGRPC: a gRPC stream is binary and may have no end. Runners give each
	// piece to RequestBody, or to GRPCFrames, before it goes on.
	SkipGRPC SkipReason = "grpc"
	// SkipUpgrade: after an upgrade (WebSocket) the bytes are no HTTP body.
	SkipUpgrade SkipReason = "upgrade"
	// SkipPolicy: the policy or a rule says not to inspect bodies.
	SkipPolicy SkipReason = "policy"
	// SkipLimit: the bytes over the limit, with over_limit: partial.
	SkipLimit SkipReason = "limit"
	// SkipContentType: the response's media type is not among those to hold.
	SkipContentType SkipReason = "content_type"
	// SkipEncoding: the response is compressed, or the request is in a coding that
	// the route does not take off.
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
		x.request, x.phase = r, 1
		x.clientAddr = x.engine.clients.find(x.conn.Peer.Addr(), r.Headers)
		v, ambiguous := x.engine.route(r)
		x.variant, x.verdict.Route = v, v.route
		if ambiguous && x.refuse(ReasonAmbiguousPath, 400) || v.refuse != 0 && x.refuse(ReasonRoute, v.refuse) {
			return
		}
		x.findInHead(end)
		x.runRequestHeaders()
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

// HoldRequest says, after RequestHeaders, whether the runner must keep the
// request from the upstream and feed its body; it turns false when phase 2
// has spoken.
func (x *Exchange) HoldRequest() bool { return x.requestBody.held }

// RequestBody takes a piece of the body; end says that it is the last one and
// that no trailers follow. Bytes of a body that is not held are counted only; of
// one that is skipped as gRPC the messages are followed.
func (x *Exchange) RequestBody(chunk []byte, end bool) Verdict {
	return x.guard(func() {
		if x.requestBody.skipped.Reason == SkipGRPC && x.grpc.Take(chunk, end) != nil && x.refuse(ReasonFraming, 400) {
			return
		}
		settings := x.variant.requestBody
		x.takeBody(&x.requestBody, chunk, end, bodyLimit{settings.LimitBytes, settings.OverLimit, 413}, x.endRequest)
	})
}

// bodyLimit is a body's limit and what happens to one that is over it: status
// is the answer to a refused one.
type bodyLimit struct {
	bytes  int
	over   OverLimit
	status int
}

// takeBody takes a piece of a body and runs its phase, finish, when it ends or
// when no more of it is inspected.
func (x *Exchange) takeBody(b *bodyState, chunk []byte, end bool, limit bodyLimit, finish func()) {
	if !b.held {
		b.bytes += int64(len(chunk))
		b.skipped.Bytes += int64(len(chunk))
		return
	}
	over := b.take(chunk, limit.bytes)
	if over > 0 {
		b.skipped = Skip{SkipLimit, over}
		if limit.over == OverLimitReject && x.refuse(ReasonBodyLimit, limit.status) {
			return
		}
	}
	if end || over > 0 {
		finish()
	}
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
				x.trailers = append(x.trailers, line)
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
	if x.examine(); x.verdict.Action != Block {
		x.runRequestBody()
	}
}

// skipRequest says why a body is not to be held, or "".
func (x *Exchange) skipRequest(r Request) SkipReason {
	switch {
	case isGRPC(r):
		return SkipGRPC
	case isUpgrade(r):
		return SkipUpgrade
	case !x.requestAccessible():
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
// for an upgrade is held like every other request. A CONNECT of HTTP/1.1 that
// announces no body asks for a tunnel: what would follow has no end, and
// waiting for it would keep the client from its answer.
func isUpgrade(r Request) bool {
	length := r.Headers.Get("content-length")
	if length != "" && length != "0" || r.Headers.Get("transfer-encoding") != "" {
		return false
	}
	return r.Method == "CONNECT" && r.Protocol == "HTTP/1.1" ||
		r.Method == "GET" && r.Headers.Get("upgrade") != "" && hasOption(r.Headers.Get("connection"), "upgrade")
}

// hasOption says whether a Connection header has an option, in any case of
// letters (RFC 9110, section 7.6.1).
func hasOption(connection, option string) bool {
	return slices.ContainsFunc(strings.Split(connection, ","), func(part string) bool {
		return strings.EqualFold(strings.TrimSpace(part), option)
	})
}

// ResponseHeaders runs phase 3 and, unless the body is to be held, phase 4.
// Informational responses other than 101 are not given to it.
func (x *Exchange) ResponseHeaders(status int, protocol string, h Headers, end bool) Verdict {
	return x.guard(func() {
		if x.requestBody.held {
			// The upstream answered before it had the body: nothing was sent to
			// it, so this is a runner's own response.
			x.endRequest()
			if x.verdict.Action == Block {
				return
			}
		}
		x.phase = 3
		x.response = response{status, protocol, h}
		x.runResponseHeaders()
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
	case !x.responseAccessible():
		return SkipPolicy
	case strings.HasPrefix(strings.ToLower(h.Get("content-type")), "text/event-stream"):
		return SkipStream
	case !x.responseProcessable():
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
		settings := x.variant.responseBody
		x.takeBody(&x.responseBody, chunk, end, bodyLimit{settings.LimitBytes, settings.OverLimit, 500}, x.endResponse)
	})
}

// endResponse runs phase 4.
func (x *Exchange) endResponse() {
	x.phase, x.responseBody.held = 4, false
	x.runResponseBody()
}

// End runs the logging phase, gives the memory back and returns the final
// verdict. It also is right for an exchange that ended early.
func (x *Exchange) End() (v Verdict) {
	defer func() {
		if p := recover(); p != nil {
			x.verdict.Err = panicError(p)
		}
		v = x.verdict
	}()
	x.finish()
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

// after takes in what a phase has done in Coraza.
func (x *Exchange) after(stop *types.Interruption) {
	x.collect()
	x.conclude(stop, x.wouldStop())
}

// conclude notes an interruption and, in detection mode, what would have been the
// first.
func (x *Exchange) conclude(stop, would *types.Interruption) {
	if stop == nil {
		x.noteDetection(would)
		return
	}
	x.verdict.Action, x.verdict.Reason, x.verdict.Phase = Block, ReasonRule, x.phase
	x.verdict.Rule = stop.RuleID
	x.verdict.Status = or(x.engine.policy.BlockResponse.Status, finalStatus(stop.Status))
	x.verdict.Redirect = ""
	if stop.Action == "redirect" {
		x.verdict.Redirect = stop.Data
	}
	x.requestBody.held, x.responseBody.held = false, false
}

// noteDetection records, in detection mode, what would have blocked.
func (x *Exchange) noteDetection(would *types.Interruption) {
	if would == nil || x.verdict.Rule != 0 {
		return
	}
	x.verdict.Action, x.verdict.Reason = Detect, or(x.verdict.Reason, ReasonRule)
	x.verdict.Rule, x.verdict.Phase = would.RuleID, x.phase
}

// wouldStop is what, in detection mode, would have been Coraza's first
// interruption.
func (x *Exchange) wouldStop() *types.Interruption {
	tx, ok := x.tx.(interface {
		DetectionOnlyInterruption() *types.Interruption
	})
	if !ok {
		return nil
	}
	return tx.DetectionOnlyInterruption()
}

// collect turns the rules that matched since the last call into Matches and
// reads the scores.
func (x *Exchange) collect() {
	if x.tx == nil {
		return
	}
	matched := x.tx.MatchedRules()
	for _, m := range matched[x.seen:] {
		if !logs(m) {
			continue
		}
		x.addMatch(x.match(m))
	}
	if len(matched) > x.seen {
		x.setScores(x.scoresIn(x.corazaVariable))
	}
	x.seen = len(matched)
}

// addMatch adds a match to the verdict, with what must not be seen taken out.
func (x *Exchange) addMatch(m Match) {
	x.describeToken(&m)
	x.engine.redactor.match(&m, x)
	x.verdict.Matches = append(x.verdict.Matches, m)
	if x.verdict.Action == Pass {
		x.verdict.Action = Detect
	}
	if x.verdict.Phase == 0 {
		x.verdict.Phase = x.phase
	}
}

// scores are CRS's anomaly scores of the paranoia levels that may block.
type scores struct{ inbound, outbound int }

func (x *Exchange) setScores(s scores) {
	x.verdict.Score, x.verdict.OutboundScore = s.inbound, s.outbound
}

// scoresIn adds the scores of each direction, level by level because CRS sums them
// only at the end of a phase. variable reads TX.
func (x *Exchange) scoresIn(variable func(name string) (value string, ok bool)) scores {
	sum := func(direction string) (sum int) {
		for level := 1; level <= x.variant.crs.ParanoiaLevel; level++ {
			value, _ := variable(direction + "_anomaly_score_pl" + strconv.Itoa(level))
			n, _ := strconv.Atoi(value)
			sum += n
		}
		return sum
	}
	return scores{sum("inbound"), sum("outbound")}
}

// corazaVariable is the first value of a variable of TX in Coraza.
func (x *Exchange) corazaVariable(name string) (value string, ok bool) {
	if values := x.txVariables().Get(name); len(values) > 0 {
		return values[0], true
	}
	return "", false
}

// match turns Coraza's record into ours: the first variable of a chain is the
// one the rule is about.
func (x *Exchange) match(m types.MatchedRule) Match {
	rule := m.Rule()
	out := Match{
		ID: rule.ID(), Phase: int(rule.Phase()), Rule: x.variant.rules.positions[rule.ID()],
		Message: m.Message(), Data: m.Data(),
	}
	if rule.Severity() >= 0 {
		out.Severity = rule.Severity().String()
	}
	for _, data := range m.MatchedDatas() {
		if data.Variable().Name() == "UNKNOWN" {
			continue
		}
		out.Target = target(data.Variable().Name(), data.Key())
		out.Value = data.Value()
		// Of a rule without msg Coraza keeps logdata here only.
		out.Data = or(out.Data, data.Data())
		break
	}
	return out
}

func target(variable, key string) string {
	if key == "" {
		return variable
	}
	return variable + ":" + key
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
