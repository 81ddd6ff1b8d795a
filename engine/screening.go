package engine

import (
	"io/fs"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"tabard/engine/operators"
	"tabard/engine/screen"
	"tabard/engine/seclang"
)

// Screened says what part the fast path had in a verdict.
type Screened string

const (
	// ScreenedHit: the screener knew all phases; Coraza did not run.
	ScreenedHit Screened = "hit"
	// ScreenedExecuted: rules that log, score or block matched, and the fast path
	// ran them itself; Coraza did not run.
	ScreenedExecuted Screened = "executed"
	// ScreenedMiss: Coraza ran because the screener had not seen the like.
	ScreenedMiss Screened = "miss"
	// ScreenedFallback: Coraza ran because the screener may not answer; see
	// Verdict.ScreenReason.
	ScreenedFallback Screened = "fallback"
	// ScreenedOff: the policy or the rules leave no screener.
	ScreenedOff Screened = "off"
)

// defaultShadowSample is how many exchanges that the fast path answers go by
// between two that Coraza judges as well: rare enough to cost little, often enough to notice within seconds of
// traffic that something is wrong.
const defaultShadowSample = 1000

// TX variables that the engine sets: those of the settings, those of the
// connection, those of the client's address (addressInputs), and before phase 2
// one and what was found in the body.
var (
	settingInputs     = [...]string{"tabard_route", "tabard_mime", "tabard_accept", "tabard_charsets"}
	connectionInputs  = [...]string{"tabard_proxy_route", "tabard_tls", "tabard_scheme", "tabard_grpc"}
	bodyBytesVariable = "tabard_body_bytes"
)

const maxInputs = len(settingInputs) + len(connectionInputs) + len(addressInputs)

// screener is a rule set's screener while it is trusted.
type screener struct {
	*screen.Screener
	// off is set for good when it disagreed with Coraza.
	off atomic.Bool
}

// begin returns the screener's part of an exchange, or nil when it is off.
func (r *ruleset) begin() *screen.Exchange {
	s := r.screener.Load()
	if s == nil || s.off.Load() {
		return nil
	}
	return s.Begin()
}

// classify keeps the first reason why Coraza ran.
func (x *Exchange) classify(out screen.Outcome) {
	switch {
	case out.Hit, x.verdict.Screen != ScreenedHit && x.verdict.Screen != ScreenedExecuted:
		return
	case out.Executed:
		x.verdict.Screen = ScreenedExecuted
		return
	}
	x.verdict.Screen, x.verdict.ScreenReason = ScreenedFallback, out.Reason.String()
	if out.Reason == screen.Miss {
		x.verdict.Screen = ScreenedMiss
	}
}

// sampled says whether this exchange, of which the fast path has answered the
// first phase, is one that Coraza is to judge as well.
func (e *Engine) sampled() bool {
	every := uint64(or(e.policy.ShadowSample, defaultShadowSample))
	return e.hits.Add(1)%every == 0
}

// disagree switches a screener off that Coraza has contradicted, empties its
// memo, counts and reports.
func (e *Engine) disagree(x *Exchange) {
	s := x.variant.rules.screener.Load()
	s.off.Store(true)
	s.Clear()
	e.disagreements.Add(1)
	e.reports.add("the screener and Coraza disagree about phase " + strconv.Itoa(x.phase) + " of transaction " +
		x.verdict.TransactionID + " (key " + x.screen.Describe(x.phase) + "); the screener is off until the policy is loaded again")
}

// Warm compiles the screeners that WithLateScreener has put off. Until then
// Coraza judges everything. Safe for concurrent use; later calls do nothing.
func (e *Engine) Warm() {
	for _, v := range e.variants {
		v.rules.warm()
	}
}

// Disagreements is how often Coraza has contradicted the screener. Each one
// has switched a screener off. Safe for concurrent use.
func (e *Engine) Disagreements() int { return int(e.disagreements.Load()) }

// Reports returns, once each, the lines that the engine has to say about
// itself since the last call, for a log: directives that leave no screener,
// each with its place, and disagreements. Safe for concurrent use.
func (e *Engine) Reports() []string { return e.reports.take() }

// reports keeps lines until somebody takes them.
type reports struct {
	mu    sync.Mutex
	lines []string
}

// maxReports bounds the lines when nobody takes them. There is at most one
// warning and one disagreement a rule set.
const maxReports = 2 * maxRuleSets

func (r *reports) add(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lines) < maxReports {
		r.lines = append(r.lines, line)
	}
}

func (r *reports) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := r.lines
	r.lines = nil
	return lines
}

// screenOptions are what the text of the rules does not say.
func screenOptions(files fs.FS, tokens []tokenName) screen.Options {
	inputs := slices.Concat(settingInputs[:], connectionInputs[:], addressInputs[:], []string{bodyBytesVariable}, foundNames())
	for _, t := range tokens {
		inputs = append(inputs, t.name)
	}
	return screen.Options{Files: files, Operators: operators.Plain(files), Distinct: operators.DistinctNames, Inputs: inputs}
}

// compileScreener builds the screener of a rule set; a set that it cannot
// model runs in Coraza alone, with a warning that says why.
func (c *compiler) compileScreener(model func() (*seclang.Table, []*seclang.Error), options screen.Options) *screener {
	if c.policy.Screen == ScreenOff {
		return nil
	}
	table, errs := model()
	if len(errs) > 0 {
		c.warn("the screener is off: " + c.translate(errs[0]).Error())
		return nil
	}
	out, err := screen.Compile(table, options)
	if err != nil {
		c.warn("the screener is off: " + c.translate(err).Error())
		return nil
	}
	if why := out.NoMemo(); why != nil {
		c.warn("the fast path answers nothing and only tells Coraza what cannot match: " + c.translate(why).Error())
	}
	return &screener{Screener: out}
}
