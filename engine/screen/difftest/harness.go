package difftest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxRuns is how often Coraza may judge a case again when its verdict is not
// the screener's: it walks maps in random order.
const maxRuns = 20

// maxRunsForTexts is the same when all but the texts agreed: which of many
// values a message names is a matter of more luck.
const maxRunsForTexts = 200

// maxKeys bounds the memory for the test of keys, which keeps a case for each.
const maxKeys = 30_000

// Harness compares a screener with Coraza, case by case, and keeps count. It
// belongs to one goroutine.
type Harness struct {
	rules  Rules
	oracle *Oracle
	// runs is what runs where the screener does not answer.
	runs     *Oracle
	screener Screener
	// learnt holds the cases that the screener has learnt from, by phase.
	learnt [lastPhase]map[uint64]struct{}
	// keys holds what is known of each key, by phase.
	keys   [lastPhase]map[string]keyed
	Counts Counts
}

// keyed is the case that a key was first seen with and what Coraza did in the
// phase.
type keyed struct {
	c     *Case
	phase Phase
	// learnt is the case that the screener learnt the key from.
	learnt *Case
}

// NewHarness returns a harness with a screener that has learnt nothing yet. runs
// is the Coraza of the fast path: it may lack rules that cannot match, or be the
// oracle itself.
func NewHarness(rules Rules, oracle, runs *Oracle, s Screener) *Harness {
	h := &Harness{rules: rules, oracle: oracle, runs: runs, screener: s}
	h.Counts.Fallbacks = map[string]int{}
	for i := range h.learnt {
		h.learnt[i], h.keys[i] = map[uint64]struct{}{}, map[string]keyed{}
	}
	return h
}

// Counts is what has been compared, in exchanges unless it says otherwise.
type Counts struct {
	Compared int
	// Hits are exchanges whose request phases Coraza did not have to run for,
	// HitsElsewhere those among them that were learnt from other requests only.
	Hits, HitsElsewhere int
	// ResponseHits are exchanges whose response phases were hits as well.
	ResponseHits, ResponseHitsElsewhere int
	// Executed are exchanges whose request phases the screener answered by executing
	// at least one of them, ResponseExecuted those whose response phases as well.
	Executed, ResponseExecuted int
	// Blocked are those that the screener ended.
	Blocked int
	// Skips are exchanges that Coraza judged without some rules.
	Skips int
	// Clean are exchanges in which Coraza alone logs and blocks nothing.
	Clean int
	// Trivial are those that Coraza judged with all rules.
	Trivial int
	// Rerun are exchanges on which Coraza agreed only when asked again.
	Rerun int
	// Unrepeatable are differences that the screener had foreseen.
	Unrepeatable int
	// SkippedRules is the number of rules left out, over all exchanges.
	SkippedRules int
	// Keys is the number of pairs of equal keys that were compared.
	Keys int
	// Fallbacks counts phases that were no hit, by reason.
	Fallbacks   map[string]int
	Differences int
}

// String is the report of a run.
func (c Counts) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "compared %d, hits %d (on other requests than the learnt one %d), with response %d (%d), executed %d, with response %d, blocked %d, "+
		"Coraza without some rules %d (%d rules each), with all %d, clean %d, equal keys %d, agreed when asked again %d, unrepeatable %d, differences %d",
		c.Compared, c.Hits, c.HitsElsewhere, c.ResponseHits, c.ResponseHitsElsewhere, c.Executed, c.ResponseExecuted, c.Blocked,
		c.Skips, c.SkippedRules/max(c.Skips, 1), c.Trivial, c.Clean, c.Keys, c.Rerun, c.Unrepeatable, c.Differences)
	for _, reason := range slices.Sorted(maps.Keys(c.Fallbacks)) {
		fmt.Fprintf(&b, "\n  %8d phases: %s", c.Fallbacks[reason], reason)
	}
	return b.String()
}

// Difference is a case on which screener and Coraza do not agree.
type Difference struct {
	Rules string
	// What is where they differ.
	What string
	// Cases are to be played in order by a fresh screener; the last one shows
	// the difference.
	Cases []*Case
}

// String returns the difference as JSON, fit for a file in testdata.
func (d *Difference) String() string {
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// ParseKept reads what Difference.String has written.
func ParseKept(text []byte) (*Difference, error) {
	d := new(Difference)
	if err := json.Unmarshal(text, d); err != nil {
		return nil, err
	}
	if len(d.Cases) == 0 {
		return nil, fmt.Errorf("a kept difference needs at least one case")
	}
	return d, nil
}

// Compare plays a case on both sides. It returns nil when they agree.
func (h *Harness) Compare(c *Case) *Difference {
	s := h.screen(c)
	var want *Result
	trivial := s.skips == 0 && s.play != nil && h.runs == h.oracle
	if trivial {
		want = &s.play.result
	} else {
		want = h.oracle.Run(c)
	}
	h.count(s, want, trivial)
	what := s.differsFrom(want)
	if what != "" && h.agreesLater(s) {
		h.Counts.Rerun++
		what = ""
	}
	if what != "" && s.unrepeatable {
		h.Counts.Unrepeatable++
		what = ""
	}
	if what == "" {
		if what = h.checkKeys(s, want); what == "" {
			return nil
		}
	}
	h.Counts.Differences++
	return &Difference{Rules: h.rules.Name, What: what, Cases: h.history(s)}
}

// differsFrom compares what was seen of the exchange with Coraza's result.
func (s *screened) differsFrom(want *Result) string {
	if d := s.hitsDifferFrom(want, true); d != "" {
		return d
	}
	return s.playDiffersFrom(want, true)
}

// hitsDifferFrom compares what the memo says and what the screener did itself.
func (s *screened) hitsDifferFrom(want *Result, messages bool) string {
	for phase := 1; phase < lastPhase; phase++ {
		if x := s.outcomes[phase].Executed; s.ran[phase] && x != nil {
			w := want.Phases[phase].followed(s.outcomes[phase].Follows)
			if d := x.differsFrom(&w, messages); d != "" {
				return fmt.Sprintf("phase %d, executed: %s", phase, d)
			}
			if got, want := x.variableNames(), w.variableNames(); !slices.Equal(got, want) {
				return fmt.Sprintf("phase %d, executed: variables set: too many %v, missing %v", phase, without(got, want), without(want, got))
			}
		}
		if s.ran[phase] && s.outcomes[phase].Hit {
			if d := s.outcomes[phase].differsFrom(want, phase); d != "" {
				return fmt.Sprintf("phase %d, a hit: %s", phase, d)
			}
		}
	}
	if s.play != nil {
		return ""
	}
	last := want.Phases[lastPhase]
	if s.blocked {
		last.Stop = "" // it stays
	}
	if d := last.speaks(); d != "" {
		return fmt.Sprintf("phase %d, not run after hits: %s", lastPhase, d)
	}
	for phase := 1; phase < lastPhase; phase++ {
		if s.ran[phase] != want.Phases[phase].Ran {
			return fmt.Sprintf("phase %d ran: %v, and in Coraza alone %v", phase, s.ran[phase], want.Phases[phase].Ran)
		}
	}
	return ""
}

// playDiffersFrom compares what Coraza did without some rules.
func (s *screened) playDiffersFrom(want *Result, messages bool) string {
	if s.play == nil {
		return ""
	}
	for phase := 1; phase <= lastPhase; phase++ {
		if d := s.play.result.Phases[phase].differsFrom(&want.Phases[phase], messages); d != "" {
			return fmt.Sprintf("phase %d, Coraza without some rules: %s", phase, d)
		}
	}
	return ""
}

// differsFrom checks a hit: Coraza has to have done what the memo says, and
// nothing that is seen outside.
func (o *Outcome) differsFrom(want *Result, phase int) string {
	w := &want.Phases[phase]
	if !w.Ran {
		return "Coraza alone does not come to this phase: " + want.Phases[phase-1].Stop
	}
	if d := w.speaks(); d != "" {
		return d
	}
	var before map[string]int
	if phase > 1 {
		before = want.Phases[phase-1].Scores
	}
	for name, n := range w.Scores {
		if n != before[name] {
			return fmt.Sprintf("Coraza alone scores: %s is %d, and before %d", name, n, before[name])
		}
	}
	got, ids := slices.Sorted(slices.Values(o.Matched)), slices.Sorted(slices.Values(w.IDs))
	if !slices.Equal(got, ids) {
		return fmt.Sprintf("matched rules: too many %v, missing %v", without(got, ids), without(ids, got))
	}
	if o.After != w.After {
		return fmt.Sprintf("state: %+v, and Coraza alone %+v", o.After, w.After)
	}
	return ""
}

// speaks says what of a phase is seen outside.
func (p *Phase) speaks() string {
	switch {
	case p.Stop != "":
		return "Coraza alone blocks: " + p.Stop
	case len(p.Logged) > 0:
		return fmt.Sprintf("Coraza alone logs: %v", p.Logged)
	case p.Err != "":
		return "Coraza alone fails: " + p.Err
	}
	return ""
}

// agreesLater asks Coraza again, since its verdict may be a matter of chance.
// What the memo says, what Coraza without some rules did and what each rule said
// of it may each be another run's. A rule that names one of very many values may
// never name this one again: when Coraza alone never says the same either, what
// it says is chance.
func (h *Harness) agreesLater(s *screened) bool {
	said, hits, play := sayings{}, false, false
	for n := 0; n < maxRuns || hits && play && n < maxRunsForTexts; n++ {
		want := h.oracle.Run(s.c)
		hits = hits || s.hitsDifferFrom(want, false) == ""
		play = play || s.playDiffersFrom(want, false) == ""
		for source, text := range want.said() {
			said.add(source, text)
		}
		if hits && play && s.saysOnly(said) {
			return true
		}
	}
	return hits && play && s.saysChance(said)
}

// sayings are the different texts of each source, which is a rule or a TX
// variable.
type sayings map[string]map[string]bool

func (s sayings) add(source, text string) {
	if s[source] == nil {
		s[source] = map[string]bool{}
	}
	s[source][text] = true
}

func (s *screened) saysOnly(said sayings) bool {
	return s.eachSaying(func(source, text string) bool { return said[source][text] })
}

// chanceTexts is from how many different texts in maxRunsForTexts runs on a
// source is taken to speak by chance.
const chanceTexts = 5

func (s *screened) saysChance(said sayings) bool {
	return s.eachSaying(func(source, text string) bool { return said[source][text] || len(said[source]) >= chanceTexts })
}

func (s *screened) eachSaying(holds func(source, text string) bool) bool {
	if s.play != nil {
		for source, text := range s.play.result.said() {
			if !holds(source, text) {
				return false
			}
		}
	}
	executed := new(Result)
	for phase := range s.outcomes {
		if x := s.outcomes[phase].Executed; x != nil {
			executed.Phases[phase] = *x
		}
	}
	for source, text := range executed.said() {
		if !holds(source, text) {
			return false
		}
	}
	return true
}

// said lists what depends on the order in which Coraza meets values, by its
// source: what rules log, and TX variables.
func (r *Result) said() map[string]string {
	out := map[string]string{}
	for phase := range r.Phases {
		for _, l := range r.Phases[phase].Logged {
			out[fmt.Sprint("rule ", l.ID)] += fmt.Sprint(l.Severity, l.Values, l.Messages, l.Shown)
		}
	}
	for phase := range r.Phases {
		for _, v := range r.Phases[phase].Variables {
			name, _, _ := strings.Cut(v, "=")
			out[fmt.Sprint(phase, name)] += v
		}
	}
	return out
}

// remember notes what the screener learns from.
func (h *Harness) remember(phase int, key string, c *Case) {
	h.learnt[phase][c.hash()] = struct{}{}
	if k, ok := h.keys[phase][key]; ok && key != "" && k.learnt == nil {
		k.learnt = c
		h.keys[phase][key] = k
	}
}

// checkKeys tests that a complete key decides what Coraza does.
func (h *Harness) checkKeys(s *screened, want *Result) string {
	for phase := 1; phase < lastPhase; phase++ {
		key := s.outcomes[phase].Key
		if !s.ran[phase] || key == "" || !want.Phases[phase].Ran {
			continue
		}
		before, known := h.keys[phase][key]
		if !known {
			if len(h.keys[phase]) < maxKeys {
				h.keys[phase][key] = keyed{c: s.c, phase: want.Phases[phase], learnt: s.learntHere(phase)}
			}
			continue
		}
		h.Counts.Keys++
		if d := before.differsFrom(want, phase); d != "" && !h.keyAgreesLater(before, s, phase) && !s.unrepeatable {
			return fmt.Sprintf("phase %d, the same key as %s: %s", phase, before.c.Name, d)
		}
	}
	return ""
}

func (s *screened) learntHere(phase int) *Case {
	if s.outcomes[phase].Hit {
		return nil
	}
	return s.c
}

// differsFrom compares what is the same for all cases of a key. Scores are
// carried from phase to phase and what is logged holds values, so neither is.
func (k keyed) differsFrom(want *Result, phase int) string {
	got := want.Phases[phase]
	switch {
	case !slices.Equal(got.IDs, k.phase.IDs):
		return fmt.Sprintf("matched rules: too many %v, missing %v", without(got.IDs, k.phase.IDs), without(k.phase.IDs, got.IDs))
	case got.After != k.phase.After:
		return fmt.Sprintf("state: %+v and %+v", got.After, k.phase.After)
	case got.Stop != k.phase.Stop:
		return fmt.Sprintf("interruption: %q and %q", got.Stop, k.phase.Stop)
	}
	return ""
}

func (h *Harness) keyAgreesLater(k keyed, s *screened, phase int) bool {
	var firsts []keyed
	for range maxRuns {
		firsts = append(firsts, keyed{phase: h.oracle.Run(k.c).Phases[phase]})
	}
	for range maxRuns {
		want := h.oracle.Run(s.c)
		if slices.ContainsFunc(firsts, func(k keyed) bool { return k.differsFrom(want, phase) == "" }) {
			return true
		}
	}
	return false
}

// history is what led to a difference: the cases from which the screener had
// learnt the keys of this one, then this one.
func (h *Harness) history(s *screened) []*Case {
	var out []*Case
	for phase := 1; phase < lastPhase; phase++ {
		k, ok := h.keys[phase][s.outcomes[phase].Key]
		if !ok {
			continue
		}
		for _, c := range []*Case{k.learnt, k.c} {
			if c != nil && c != s.c && !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return append(out, s.c)
}

// count adds an exchange to the counts.
func (h *Harness) count(s *screened, want *Result, trivial bool) {
	c := &h.Counts
	c.Compared++
	if trivial {
		c.Trivial++
	}
	if s.skips > 0 {
		c.Skips++
	}
	c.SkippedRules += s.skips
	hits, elsewhere := true, true
	hash := s.c.hash()
	for phase := 1; phase < lastPhase && s.ran[phase]; phase++ {
		out := &s.outcomes[phase]
		if !out.Hit && out.Executed == nil {
			c.Fallbacks[fmt.Sprintf("phase %d %s", phase, out.Reason)]++
		}
		c.countExecuted(s, phase)
		_, own := h.learnt[phase][hash]
		hits, elsewhere = hits && out.Hit, elsewhere && !own
		c.countHits(phase, hits, hits && elsewhere)
	}
	if want.clean() {
		c.Clean++
	}
}

// countExecuted counts an exchange at the last phase of its request and of its
// response.
func (c *Counts) countExecuted(s *screened, phase int) {
	executed := false
	for p := 1; p <= phase; p++ {
		out := &s.outcomes[p]
		if !out.Hit && out.Executed == nil {
			return
		}
		executed = executed || out.Executed != nil
	}
	ends := s.outcomes[phase].Executed != nil && s.outcomes[phase].Executed.Stop != ""
	switch {
	case !executed:
	case phase == 2, ends && phase == 1:
		c.Executed++
	case phase == 4, ends:
		c.ResponseExecuted++
	}
	if ends {
		c.Blocked++
	}
}

func (c *Counts) countHits(phase int, hit, elsewhere bool) {
	all, others := &c.Hits, &c.HitsElsewhere
	if phase == 4 {
		all, others = &c.ResponseHits, &c.ResponseHitsElsewhere
	}
	if phase%2 != 0 || !hit {
		return
	}
	*all++
	if elsewhere {
		*others++
	}
}

func (r *Result) clean() bool {
	for i := range r.Phases {
		if r.Phases[i].speaks() != "" {
			return false
		}
	}
	return true
}
