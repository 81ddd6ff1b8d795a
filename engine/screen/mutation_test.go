package screen

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"tabard/engine/screen/bodies"
	"tabard/engine/screen/difftest"
	"tabard/engine/seclang"
)

// maxMutantCases is how many cases may pass before a mistake of the compiler
// has to show itself.
const maxMutantCases = 20_000

// mistake is one decision of the compiler turned round on purpose.
type mistake struct {
	name string
	// pl, when not 0, is the paranoia level of CRS that shows the mistake, set the
	// name of another rule set; else our own rules do.
	pl  int
	set string
	// table and options change what is compiled, compiled what came out.
	table    func(*seclang.Table)
	options  func(*Options)
	compiled func(*Screener)
	// careless: all that Coraza says is learnt as if nothing had been logged.
	careless bool
}

// careless is a screener that learns what it must not.
type careless struct{ subject }

func (c careless) Begin() difftest.Exchange { return carelessExchange{c.subject.Begin()} }

type carelessExchange struct{ difftest.Exchange }

func (x carelessExchange) Learn(phase int, matched []int, _ bool, after difftest.State) {
	x.Exchange.Learn(phase, matched, true, after)
}

// eachRule is a mistake made in every rule.
func eachRule(change func(*rule)) func(*Screener) {
	return func(s *Screener) {
		for _, r := range s.rules {
			change(r)
		}
	}
}

// eachLink is a mistake made in every link.
func eachLink(change func(*link)) func(*Screener) {
	return eachRule(func(r *rule) {
		for _, l := range r.links {
			change(l)
		}
	})
}

// identity forgets a transformation wherever it comes last.
func identity(name string) func(*Screener) {
	return func(s *Screener) {
		eachLink(func(l *link) {
			if n := len(l.transforms); n > 0 && strings.EqualFold(l.transforms[n-1].Name(), name) {
				l.transforms = l.transforms[:n-1]
				l.node = s.nodes[l.node].parent
			}
		})(s)
	}
}

// blind makes rules not look at a kind.
func blind(kind bodies.Kind) func(*Screener) {
	return eachLink(func(l *link) {
		l.targets = slices.Clone(l.targets)
		for i := range l.targets {
			l.targets[i].mask &^= bodies.SetOf(kind)
			l.targets[i].kinds = slices.DeleteFunc(slices.Clone(l.targets[i].kinds), func(k bodies.Kind) bool { return k == kind })
		}
	})
}

// chains makes a mistake in what follows the first links.
func chains(change func(*link)) func(*Screener) {
	return eachRule(func(r *rule) {
		for _, l := range r.links[1:] {
			change(l)
		}
	})
}

func noTest(string) bool { return false }

// eachDeed is a mistake made in every action that sets or steers.
func eachDeed(change func(*deed)) func(*Screener) {
	return eachLink(func(l *link) {
		for i := range l.step.deeds {
			change(&l.step.deeds[i])
		}
	})
}

// idle forgets the actions of some options.
func idle(options ...string) func(*Screener) {
	return eachLink(func(l *link) {
		l.step.deeds = slices.DeleteFunc(l.step.deeds, func(d deed) bool { return slices.Contains(options, d.option) })
	})
}

// eachText is a mistake made in each stretch of each msg and logdata.
func eachText(change func(*part)) func(*Screener) {
	return eachRule(func(r *rule) {
		lists := [][]part{r.ending.msg, r.ending.data}
		for _, l := range r.links {
			lists = append(lists, l.step.msg, l.step.data)
		}
		for _, list := range lists {
			for i := range list {
				change(&list[i])
			}
		}
	})
}

// unexpanded leaves macros of a source as they stand.
func unexpanded(from source) func(*Screener) {
	return eachText(func(p *part) {
		if p.from == from {
			p.from = fromText
		}
	})
}

// eachLook is a mistake made in each look.
func eachLook(change func(*look)) func(*Screener) {
	return eachLink(func(l *link) {
		for i := range l.step.looks {
			change(&l.step.looks[i])
		}
	})
}

const acts = "acts"

// dropRule forgets a rule of our own as if it were not there.
func dropRule(id int) func(*seclang.Table) {
	return func(t *seclang.Table) {
		t.Rules = slices.DeleteFunc(t.Rules, func(r *seclang.Rule) bool { return r.ID == id })
	}
}

// operand changes what a rule compares with, and so which way a rule whose
// outcome is known in advance goes.
func operand(id int, arg string) func(*seclang.Table) {
	return func(t *seclang.Table) {
		for _, r := range t.Rules {
			if r.ID == id {
				changed := *r.Operator
				changed.Arg = arg
				r.Operator = &changed
			}
		}
	}
}

var mistakes = []mistake{
	{name: "the literals of rules are not among those looked for", compiled: eachRule(func(r *rule) {
		if r.found && r.links[0].check.gate == nil {
			r.links[0].check.test = noTest
		}
	})},
	{name: "the literals of every fifth rule of CRS are lost", pl: 1, compiled: func(s *Screener) {
		for i, r := range s.rules {
			if i%5 == 0 && r.found {
				r.links[0].check.test = noTest
			}
		}
	}},
	{name: "arguments are not scanned", pl: 1, compiled: func(s *Screener) { s.kinds[bodies.ArgsGet].scan = false }},
	{name: "the gate of libinjection is too narrow", compiled: eachRule(func(r *rule) {
		if r.links[0].check.gate != nil {
			r.links[0].check.gate = noTest
		}
	})},
	{name: "lowercase is called identity", compiled: identity("lowercase")},
	{name: "compressWhitespace is called identity", compiled: identity("compresswhitespace")},
	{name: "length is called identity", compiled: identity("length")},
	{name: "cmdLine is called identity", compiled: identity("cmdline")},
	{name: "urlDecodeUni is called identity", pl: 1, compiled: identity("urldecodeuni")},
	{name: "cookies are not looked at", compiled: blind(bodies.RequestCookies)},
	{name: "arguments of bodies are not looked at", compiled: blind(bodies.ArgsPost)},
	{name: "header values are not looked at", compiled: blind(bodies.RequestHeaders)},
	{name: "response bodies are not looked at", compiled: blind(bodies.ResponseBody)},
	{name: "a selector is taken for an exclusion", compiled: eachLink(func(l *link) {
		l.targets = slices.Clone(l.targets)
		for i := range l.targets {
			if len(l.targets[i].except) == 0 && !l.targets[i].count && l.targets[i].key.name != "" {
				l.targets[i].except, l.targets[i].key = []selector{l.targets[i].key}, selector{}
			}
		}
	})},
	{name: "negation is ignored", compiled: eachLink(func(l *link) { l.negated = false })},
	{name: "a count is taken for the values", compiled: eachLink(func(l *link) {
		l.targets = slices.Clone(l.targets)
		for i := range l.targets {
			l.targets[i].count = false
		}
	})},
	{name: "multiMatch is ignored", compiled: eachLink(func(l *link) { l.multi = false })},
	{name: "the second link of a chain is said never to match", compiled: chains(func(l *link) { l.kind = never })},
	{name: "a link that reads state is said never to match", compiled: eachLink(func(l *link) {
		if l.kind == state {
			l.kind = never
		}
	})},
	{name: "a link that reads state and request is said never to match", compiled: eachLink(func(l *link) {
		if l.kind == mixed {
			l.kind = never
		}
	})},
	{name: "a link that depends on more than the request is said never to match", compiled: eachLink(func(l *link) {
		if l.kind == foreign {
			l.kind = never
		}
	})},
	{name: "rules counted by skip are left out", compiled: eachRule(func(r *rule) {
		r.removable = r.links[0].kind == pure && r.links[0].literalArg
	})},
	{name: "rules that only keep books are not in the key", compiled: eachRule(func(r *rule) { r.keyed = r.keyed && r.reports })},
	{name: "what matched is not in the key", compiled: eachRule(func(r *rule) { r.values = false })},
	{name: "values put in by macros are not in the key", compiled: eachLink(func(l *link) { l.inputs = nil })},
	{name: "values that a link compares with are not in the key", compiled: eachLink(func(l *link) { l.operands = nil })},
	{name: "the number of matches is not in the key", compiled: eachLink(func(l *link) { l.counted = false })},
	{name: "what logs or blocks is learnt", careless: true, compiled: func(s *Screener) {
		s.telling = nil
		eachRule(func(r *rule) { r.reports = false })(s)
	}},
	{name: "a rule that steers past others is called harmless", compiled: eachRule(func(r *rule) { r.hazard = false })},
	{name: "variables of the engine are not in the key", compiled: func(s *Screener) { s.keyed = nil }},
	{name: "a variable that differs is called constant", options: func(o *Options) {
		o.Inputs = slices.DeleteFunc(o.Inputs, func(name string) bool { return name == "tabard_tls" })
		o.Constants = map[string]string{"tabard_tls": "1"}
	}},
	{name: "a variable that a rule sets from the request is called constant", table: dropRule(1010)},
	{name: "a region is called dead that is not", table: operand(1002, "3")},
	{name: "an exclusion is ignored in the opposite direction", table: func(t *seclang.Table) {
		for _, r := range t.Rules {
			for i := range r.Targets {
				if len(r.Targets[i].Except) == 0 && r.Targets[i].Variable == "ARGS" && r.Targets[i].Key == "" {
					r.Targets[i].Except = []seclang.Selector{{IsPattern: true, Pattern: "^(?:a|b|c|p)"}}
				}
			}
		}
	}},
	{name: "a target added later is not seen", table: func(t *seclang.Table) {
		for _, r := range t.Rules {
			if r.ID == 1090 {
				r.Targets = r.Targets[:1]
			}
		}
	}},
}

// mistakesOfTheExecutor are decisions about what is executed.
var mistakesOfTheExecutor = []mistake{
	{name: "what is to be added is set", set: acts, compiled: eachDeed(func(d *deed) {
		if len(d.value) > 0 && strings.HasPrefix(d.value[0].text, "+") {
			d.value = slices.Clone(d.value)
			d.value[0].text = d.value[0].text[1:]
		}
	})},
	{name: "a score is added twice", pl: 1, compiled: eachLink(func(l *link) { l.step.deeds = append(l.step.deeds, l.step.deeds...) })},
	{name: "a variable to be removed is set", set: acts, compiled: eachDeed(func(d *deed) { d.remove = false })},
	{name: "names that are put together are forgotten", set: acts, compiled: eachDeed(func(d *deed) {
		if d.slot < 0 {
			d.name = d.name[:1]
		}
	})},
	{name: "a rule fires when its first link matches", pl: 1, compiled: eachRule(func(r *rule) { r.links = r.links[:1] })},
	{name: "nothing is captured", pl: 1, compiled: eachLink(func(l *link) { l.step.capture = false })},
	{name: "what others read is not captured", set: acts, compiled: eachRule(func(r *rule) {
		for _, l := range r.links {
			l.step.capture = l.step.capture && r.captured.own != 0
		}
	})},
	{name: "a negated operator captures nothing", set: acts, compiled: eachLink(func(l *link) { l.step.capture = l.step.capture && !l.negated })},
	{name: "variables are not put into texts", set: acts, compiled: unexpanded(fromTX)},
	{name: "MATCHED_VAR is not put into texts", pl: 1, compiled: unexpanded(fromMatchedVar)},
	{name: "MATCHED_VAR_NAME is not put into texts", pl: 1, compiled: unexpanded(fromMatchedName)},
	{name: "values of the request are not put into texts", set: acts, compiled: unexpanded(fromRequest)},
	{name: "texts are put together when the first link has matched", set: acts, compiled: eachRule(func(r *rule) {
		if r.ending.late {
			r.ending.late, r.links[0].step.texts = false, r.ending.texts
		}
	})},
	{name: "texts are put together when all has matched", set: acts, compiled: eachRule(func(r *rule) {
		if !r.ending.late {
			r.ending.late, r.ending.texts = true, r.links[0].step.texts
		}
	})},
	{name: "a SecAction of a chain speaks after it has acted", set: acts, compiled: eachLink(func(l *link) { l.step.early = false })},
	{name: "later links say nothing", set: acts, compiled: chains(func(l *link) { l.step.texts = texts{} })},
	{name: "skip and skipAfter are ignored", set: acts, compiled: eachRule(func(r *rule) { r.ending.next = 0 })},
	{name: "nothing interrupts", pl: 1, compiled: eachRule(func(r *rule) { r.ending.stop = nil })},
	{name: "an interruption has another status", set: acts, compiled: eachRule(func(r *rule) {
		if r.ending.stop != nil {
			stop := *r.ending.stop
			stop.Status = 418
			r.ending.stop = &stop
		}
	})},
	{name: "detection mode blocks", set: detecting, compiled: func(s *Screener) { s.detects = false }},
	{name: "a severity is another", pl: 1, compiled: eachRule(func(r *rule) { r.ending.severity++ })},
	{name: "a rule that logs says nothing", pl: 1, compiled: eachRule(func(r *rule) { r.ending.tells = false })},
	{name: "body processors are not chosen", set: acts, compiled: idle("requestBodyProcessor")},
	{name: "bodies stay accessible", set: acts, compiled: idle("responseBodyAccess")},
	{name: "removed rules stay", set: acts, compiled: idle(removal)},
	{name: "removed targets stay", set: acts, compiled: idle(targetRemoval)},
	{name: "what settled rules set is not set", pl: 1, compiled: func(s *Screener) { s.fixed = [6][]fixedDeed{} }},
	{name: "variables of the engine are not set", set: acts, compiled: func(s *Screener) { s.inputSlots = nil }},
	{name: "an exchange begins without bodies", set: acts, compiled: func(s *Screener) { s.initial.RequestBodyAccess = false }},
	{name: "the number of variables is taken for their values", set: acts, compiled: eachLook(func(k *look) {
		if k.from == fromTX || k.from == fromTXPattern {
			k.count = false
		}
	})},
	{name: "a pattern finds no variables", set: acts, compiled: eachLook(func(k *look) {
		if k.from == fromTXPattern {
			k.slots, k.re = nil, regexp.MustCompile("^$")
		}
	})},
	{name: "operators compare with what was there first", set: acts, compiled: eachLink(func(l *link) { l.step.arg = nil })},
	{name: "the second of two targets is not looked at", set: acts, compiled: eachLink(func(l *link) {
		l.step.looks = l.step.looks[:min(len(l.step.looks), 1)]
	})},
	{name: "MATCHED_VARS are those of the last match", set: acts, compiled: eachLook(func(k *look) {
		if k.from == fromMatchedVars {
			k.from = fromMatchedVar
		}
	})},
	{name: "Coraza's part is executed as well", set: "own", compiled: func(s *Screener) {
		eachLink(func(l *link) { l.step.why = Hit })(s)
		eachRule(func(r *rule) { r.ending.why = Hit })(s)
	}},
}

// TestMistakesOfTheCompilerAreCaught shows that the comparison would notice if
// the compiler decided wrongly.
func TestMistakesOfTheCompilerAreCaught(t *testing.T) {
	seed := differentialSeed(t)
	given := crsCases(t)
	oracles := map[string]*difftest.Oracle{}
	for i, m := range slices.Concat(mistakes, mistakesOfTheExecutor) {
		set := ownRules(t, "own")
		switch {
		case m.pl > 0:
			set = crsRules(m.pl)
		case m.set == detecting:
			set = detectingRules()
		case m.set != "":
			set = ownRules(t, m.set)
		}
		if oracles[set.Name] == nil {
			oracle, err := difftest.NewOracle(set)
			require.NoError(t, err)
			oracles[set.Name] = oracle
		}
		t.Run(m.name, func(t *testing.T) {
			var screener difftest.Screener = subject{m.compile(t, set), nil}
			if m.careless {
				screener = careless{subject{m.compile(t, set), nil}}
			}
			h := difftest.NewHarness(set, oracles[set.Name], oracles[set.Name], screener)
			mix := difftest.NewMix(seed+uint64(i), given)
			for n := range maxMutantCases {
				if d := h.Compare(mix.Next()); d != nil {
					t.Logf("caught by comparison %d: %.200s", n+1, d.What)
					return
				}
			}
			t.Errorf("the mistake was not noticed, seed %d: %s", seed, h.Counts)
		})
	}
}

func (m mistake) compile(t *testing.T, set difftest.Rules) *Screener {
	table, options := parseSet(t, set)
	if m.table != nil {
		m.table(table)
	}
	if m.options != nil {
		m.options(&options)
	}
	s, err := Compile(table, options)
	require.NoError(t, err)
	s.detail, s.eager = true, m.set != ""
	if m.compiled != nil {
		m.compiled(s)
	}
	return s
}

// TestAMistakeAboutFixedRulesIsCaught leaves rules out that must stay.
func TestAMistakeAboutFixedRulesIsCaught(t *testing.T) {
	set := crsRules(2)
	table, _ := parseSet(t, set)
	for name, left := range map[string]int{
		"a rule of a level that is on":              942130,
		"a jump over rules of a level that is off":  942015,
		"the sum of the scores":                     949160,
		"a setting that another rule compares with": 901162,
		"a rule that chooses the parser of a body":  200001,
	} {
		t.Run(name, func(t *testing.T) {
			texts, err := seclang.Without(set.Files, table, []int{left})
			require.NoError(t, err)
			require.Len(t, texts, 1)
			for file, text := range texts {
				short := set
				short.Files = over{fstest.MapFS{file: {Data: []byte(text)}}, set.Files}
				oracle, err := difftest.NewOracle(set)
				require.NoError(t, err)
				runs, err := difftest.NewOracle(short)
				require.NoError(t, err)
				screener := compileSet(t, set)
				screener.noExecutor = true // or Coraza would hardly be asked
				h := difftest.NewHarness(set, oracle, runs, subject{screener, nil})
				require.NotNil(t, firstDifference(t, h), "nothing differs without rule %d", left)
			}
		})
	}
}

// firstDifference compares until the two sides differ.
func firstDifference(t *testing.T, h *difftest.Harness) *difftest.Difference {
	mix := difftest.NewMix(differentialSeed(t), crsCases(t))
	for range maxMutantCases {
		if d := h.Compare(mix.Next()); d != nil {
			return d
		}
	}
	return nil
}
