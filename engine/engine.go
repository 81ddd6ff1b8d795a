package engine

import (
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/corazawaf/coraza/v3/debuglog"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"

	"tabard/engine/coding"
	"tabard/engine/operators"
	"tabard/engine/screen"
)

// Engine holds the compiled policy. It is safe for concurrent use.
type Engine struct {
	variants []variant
	policy   Policy
	redactor redactor
	now      func() time.Time
	newID    func() string
	reports  *reports
	late     bool
	watcher  Watcher
	clients  clientFinder
	geo      func(netip.Addr) Geo // nil: the headers that the policy names
	// listDatabase reads sets in the format mmdb; nil refuses them.
	listDatabase func(data string) (string, error)
	firstText    func(Feed) (text string, at time.Time, err error) // nil: none
	sources      []source

	places places

	hits, disagreements atomic.Uint64
}

// variant is one route's settings with the rule set they compile to; the
// first variant is for requests that no route takes.
type variant struct {
	settings
	rules *ruleset
	// inputs hold what rules may read of the settings, as TX variables.
	inputs []screen.TXVar
	// tokens is nil where tokens are not looked at.
	tokens *tokenRules
	// uses are the address sets that the route asks.
	uses []ipUse
	// check is nil where the route has no schema.
	check *requestCheck
}

// Option changes what an Engine takes from its surroundings.
type Option func(*Engine)

// WithClock gives the engine another clock, for exchanges that bring no time.
func WithClock(now func() time.Time) Option { return func(e *Engine) { e.now = now } }

// WithIDs gives the engine another source of transaction ids.
func WithIDs(newID func() string) Option { return func(e *Engine) { e.newID = newID } }

// WithLateScreener leaves the fast path to a later call of Warm, so that New
// returns sooner: compiling it takes longer than Coraza takes for its rules.
func WithLateScreener() Option { return func(e *Engine) { e.late = true } }

// Watcher sees how Coraza judges: With gives the logger of each transaction,
// whose first field is tx_id, and Watch hands over its variables before phase
// 1. It is called by every goroutine that has an exchange. Package trace has
// one.
type Watcher interface {
	debuglog.Logger
	Watch(tx plugintypes.TransactionState)
}

// WithWatcher has w see what Coraza does, for explaining a verdict. What the
// fast path answers it does not see: use ScreenOff or ScreenShadow.
func WithWatcher(w Watcher) Option { return func(e *Engine) { e.watcher = w } }

// New compiles the policy's rule sets. rules holds the files that directives
// name: CRS under "@owasp_crs/", our own under "@tabard/" and the user's.
//
// Every mistake in the policy and in the rules is an error that names its
// place: file, line and column in the policy when it came from ParsePolicy,
// or in the rule file.
func New(policy Policy, rules fs.FS, opts ...Option) (*Engine, error) {
	if err := policy.validate(); err != nil {
		return nil, err
	}
	e := &Engine{policy: policy, redactor: newRedactor(slices.Concat(policy.secretNames(), policy.tokenSecrets())), now: time.Now, newID: randomID, reports: &reports{}, clients: newClientFinder(policy.ClientAddress)}
	for _, opt := range opts {
		opt(e)
	}
	checks, err := policy.requestChecks()
	if err != nil {
		return nil, err
	}
	all := policy.variants()
	if err := e.checkPlaces(all); err != nil {
		return nil, err
	}
	sets, err := e.loadSets(rules)
	if err != nil {
		return nil, err
	}
	c := compiler{policy: &policy, rules: sharedFS{FS: rules, made: new(operators.Shared)}, uses: familiesOf(all), sets: map[string]*ruleset{}, warn: e.reports.add, watcher: e.watcher}
	keys := &keyLoader{policy: &policy, files: c.rules, now: e.now()}
	for i, s := range all {
		set, err := c.compile(s)
		if err != nil {
			return nil, err
		}
		tokens, err := compileTokens(s, keys)
		if err != nil {
			return nil, err
		}
		uses, err := sets.uses(s.ip, s.ipPath)
		if err != nil {
			return nil, err
		}
		e.variants = append(e.variants, variant{settings: s, rules: set, inputs: ruleVariables(s), tokens: tokens, uses: uses, check: checks[i]})
	}
	e.sources = sourcesOf(sets.all, keys.all)
	if err := e.beginFeeds(); err != nil {
		return nil, err
	}
	e.reportCodings(all)
	if !e.late {
		e.Warm()
	}
	return e, nil
}

// loadSets makes the sets of ip_sets and reports the lines that they leave out.
func (e *Engine) loadSets(rules fs.FS) (*setLoader, error) {
	l := newSetLoader(&e.policy, rules, e.now())
	l.listDatabase = e.listDatabase
	if err := l.named(); err != nil {
		return nil, err
	}
	for _, s := range l.all {
		if now := s.current.Load(); now != nil && now.report.Bad > 0 {
			e.reports.add("the address set " + s.Name + " leaves out " + strconv.Itoa(now.report.Bad) + " bad lines; the first: " + now.report.FirstBad.Error())
		}
	}
	return l, nil
}

// reportCodings says of each coding that the policy lists and this build refuses
// that it does, so that nobody looks for the reason in a client.
func (e *Engine) reportCodings(all []settings) {
	for _, name := range coding.Refused() {
		for _, s := range all {
			if slices.Contains(s.requestBody.Encodings, name) {
				e.reports.add("request_body.encodings lists " + name + ", which the filter does not take off: such bodies are refused with 415")
				break
			}
		}
	}
}

// ruleVariables are the TX variables through which rules/ sees the settings.
func ruleVariables(s settings) []screen.TXVar {
	values := [len(settingInputs)]string{
		s.route, strings.Join(s.contentTypes, " "),
		strings.Join(s.accept, " "), strings.ToLower(strings.Join(s.charsets, " ")),
	}
	out := make([]screen.TXVar, len(values))
	for i, v := range values {
		out[i] = screen.TXVar{Name: settingInputs[i], Value: v}
	}
	return out
}

// Conn is what is known of an exchange before its first header.
type Conn struct {
	// ID names the exchange in logs. The engine makes one up when it is empty,
	// longer than 128 bytes or holds anything but letters, digits and "-_.:",
	// because it often comes from the client.
	ID string
	// Peer is the address that the connection comes from.
	Peer netip.AddrPort
	// Server is the local address.
	Server netip.AddrPort
	// TLS says that the client's connection is encrypted.
	TLS bool
	// ProxyRoute is the name of the proxy's own route; rules read it as
	// TX:tabard_proxy_route.
	ProxyRoute string
	// Started is when the exchange began, where the runner knows; zero is now,
	// by the engine's clock. The dates of tokens and the expiry of addresses are
	// compared with it, and audit lines tell it. An address that has expired when
	// its set is loaded is not in the set.
	Started time.Time
}

// Headers are field lines in the order and spelling they were received in.
type Headers [][2]string

// Get returns the first value of a field, in any case of letters, or "".
func (h Headers) Get(name string) string {
	for _, line := range h {
		if strings.EqualFold(line[0], name) {
			return line[1]
		}
	}
	return ""
}

func (h Headers) count(name string) (n int) {
	for _, line := range h {
		if strings.EqualFold(line[0], name) {
			n++
		}
	}
	return n
}

// Request is the head of a request.
type Request struct {
	// Method is the request method as sent.
	Method string
	// Target is the request target as sent: path and query, not decoded.
	Target string
	// Protocol is such as HTTP/1.1 or HTTP/2.0, as Envoy calls them.
	Protocol string
	// Scheme is http or https.
	Scheme string
	// Authority is the Host or :authority. It becomes a Host header when
	// Headers has none.
	Authority string
	// Headers are the field lines, without HTTP/2's pseudo-headers.
	Headers Headers
}

// Begin starts an exchange. The Exchange is for one goroutine; End must be
// called once.
func (e *Engine) Begin(c Conn) *Exchange {
	if c.Started.IsZero() {
		c.Started = e.now()
	}
	x := &Exchange{engine: e, conn: c, variant: &e.variants[0]}
	x.verdict.Action = Pass
	x.verdict.TransactionID = c.ID
	if !isTransactionID(c.ID) {
		x.verdict.TransactionID = e.newID()
	}
	return x
}

// maxTransactionIDBytes: ids are UUIDs or trace ids; a longer one is somebody
// writing into our logs.
const maxTransactionIDBytes = 128

func isTransactionID(id string) bool {
	if len(id) > maxTransactionIDBytes {
		return false
	}
	letters := false
	for i := range len(id) {
		if id[i] != ':' && !isTokenByte(id[i]) {
			return false
		}
		letters = letters || id[i] != ':'
	}
	return letters
}

// route finds the variant for a request. ambiguous says that the path as sent
// and a path that a lenient upstream may make of it belong to different routes,
// so that a request could choose the laxer one. It is then the first of them
// that blocks: a route in detection mode is not to be had by a detour.
func (e *Engine) route(r Request) (v *variant, ambiguous bool) {
	if len(e.policy.Routes) == 0 {
		return &e.variants[0], false
	}
	host, path := hostName(r.Authority), requestPath(r.Target)
	sent := e.match(host, path, r.Method)
	v = &e.variants[sent]
	for _, other := range otherReadings(path) {
		if i := e.match(host, other, r.Method); i != sent {
			ambiguous = true
			if v.mode == ModeDetect {
				v = &e.variants[i]
			}
		}
	}
	return v, ambiguous
}

// match returns the index of the variant of the first route that matches.
func (e *Engine) match(host, path, method string) int {
	for i, r := range e.policy.Routes {
		if r.matches(host, path, method) {
			return i + 1
		}
	}
	return 0
}

// panicError makes an error of a recovered panic.
func panicError(p any) error { return fmt.Errorf("panic: %v", p) }
