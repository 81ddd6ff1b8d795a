package screen

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	crstests "github.com/corazawaf/coraza-coreruleset/v4/tests"
	"github.com/stretchr/testify/require"

	"tabard/engine/operators"
	"tabard/engine/screen/difftest"
	"tabard/engine/seclang"
	"tabard/internal/ftw"
	"tabard/rules"
)

const (
	// secondsVariable sets how long the differential test runs, over all rule
	// sets together.
	secondsVariable = "TABARD_DIFFERENTIAL_SECONDS"
	// seedVariable repeats a run; each prints its seed.
	seedVariable = "TABARD_DIFFERENTIAL_SEED"
	// defaultSeconds is for a plain go test: enough for each path to be taken
	// thousands of times.
	defaultSeconds = 20
	// maxShown is how many differences of a rule set are printed: one mistake
	// makes many.
	maxShown = 5
	// maxDifferences ends the run of a rule set: there is nothing more to learn.
	maxDifferences = 100
	// corpusFile holds recorded traffic where this tree is developed; a user's
	// clone has none.
	corpusFile = "../../../shared/corpus/requests.jsonl"
	// keptDir holds every difference that was ever found.
	keptDir = "testdata/differential"
)

// TestDifferential compares the screener with plain Coraza on CRS's own tests,
// recorded and made-up traffic and mutants of both.
func TestDifferential(t *testing.T) {
	seed := differentialSeed(t)
	given := givenCases(t)
	sets := differentialSets(t)
	// As many sets run side by side as there are processors.
	each := differentialSeconds(t) * time.Duration(min(runtime.GOMAXPROCS(0), len(sets))) / time.Duration(len(sets))
	for i, set := range sets {
		t.Run(set.Name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, set)
			end := time.Now().Add(each)
			mix := difftest.NewMix(seed+uint64(i), given)
			shown := 0
			for time.Now().Before(end) {
				d := h.Compare(mix.Next())
				if d == nil {
					continue
				}
				t.Fail()
				if shown++; shown <= maxShown {
					t.Errorf("%s\nkept as %s:\n%s", d.What, keep(t, seed, d), d)
				}
				if shown == maxDifferences {
					break
				}
			}
			t.Logf("rule set %s, seed %d: %d of %d given cases done; %s", set.Name, seed, mix.Done(), len(given), h.Counts)
		})
	}
}

// TestKeptDifferences plays what once differed.
func TestKeptDifferences(t *testing.T) {
	files, err := filepath.Glob(keptDir + "/*.json")
	require.NoError(t, err)
	sets := differentialSets(t)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			kept, err := difftest.ParseKept(text)
			require.NoError(t, err)
			i := slices.IndexFunc(sets, func(r difftest.Rules) bool { return r.Name == kept.Rules })
			require.GreaterOrEqual(t, i, 0, "there is no rule set %q", kept.Rules)
			h := newHarness(t, sets[i])
			for range 2 { // the second time, the last case may be a hit as well
				for _, c := range kept.Cases {
					d := h.Compare(c)
					require.Nil(t, d, "it was: %s\nit is: %v", kept.What, d)
				}
			}
		})
	}
}

// keep writes a difference where TestKeptDifferences finds it.
func keep(t *testing.T, seed uint64, d *difftest.Difference) string {
	require.NoError(t, os.MkdirAll(keptDir, 0o777))
	for n := 1; ; n++ {
		name := filepath.Join(keptDir, d.Rules+"-"+strconv.FormatUint(seed, 10)+"-"+strconv.Itoa(n)+".json")
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		require.NoError(t, err)
		_, err = f.WriteString(d.String() + "\n")
		require.NoError(t, errors.Join(err, f.Close()))
		return name
	}
}

func differentialSeed(t *testing.T) uint64 {
	if text := os.Getenv(seedVariable); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, seedVariable)
		return seed
	}
	seed := rand.Uint64() >> 32
	t.Logf("seed %d; %s repeats it", seed, seedVariable)
	return seed
}

func differentialSeconds(t *testing.T) time.Duration {
	text := os.Getenv(secondsVariable)
	if text == "" {
		return defaultSeconds * time.Second
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, secondsVariable)
	return time.Duration(n) * time.Second
}

// givenCases are CRS's own tests, those of our rules and, where there is any,
// recorded traffic.
func givenCases(t *testing.T) []*difftest.Case {
	given := append(crsCases(t), ownCases(t)...)
	f, err := os.Open(corpusFile)
	if errors.Is(err, fs.ErrNotExist) {
		t.Logf("without recorded traffic, because there is no %s here", corpusFile)
		return given
	}
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		c, err := difftest.Recorded(lines.Bytes())
		require.NoError(t, err)
		given = append(given, c)
	}
	require.NoError(t, lines.Err())
	return given
}

// loadCRSCases reads all stages of CRS's tests. Those given as a whole encoded
// message are for an HTTP parser and not for a rule engine.
var loadCRSCases = sync.OnceValues(func() (cases []*difftest.Case, err error) {
	err = fs.WalkDir(crstests.FS, ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		text, err := fs.ReadFile(crstests.FS, path)
		if err != nil {
			return err
		}
		// One file of CRS has a key that the format does not know; its tests are
		// read all the same.
		suite, _ := ftw.Load(path, text)
		for _, test := range suite.Tests {
			for _, stage := range test.Stages {
				if stage.Input.EncodedRequest != nil {
					continue
				}
				c, err := crsCase(test.Name, stage.Input)
				if err != nil {
					return err
				}
				cases = append(cases, c)
			}
		}
		return nil
	})
	return cases, err
})

func crsCases(t *testing.T) []*difftest.Case {
	cases, err := loadCRSCases()
	require.NoError(t, err)
	require.Greater(t, len(cases), 4600)
	return slices.Clone(cases)
}

func ownCases(t *testing.T) (cases []*difftest.Case) {
	suites, err := ftw.LoadAll(os.DirFS("../../rules"))
	require.NoError(t, err)
	for _, suite := range suites {
		for _, test := range suite.Tests {
			for _, stage := range test.Stages {
				c, err := crsCase(test.Name, stage.Input)
				require.NoError(t, err)
				cases = append(cases, c)
			}
		}
	}
	return cases
}

func crsCase(name string, in ftw.Input) (*difftest.Case, error) {
	m, err := in.Message()
	if err != nil {
		return nil, err
	}
	c := &difftest.Case{
		Name: name, Peer: difftest.DefaultPeer, Method: difftest.Text(m.Method), Target: difftest.Text(m.Target),
		Protocol: difftest.Text(m.Protocol), Body: difftest.Text(m.Body),
	}
	for _, h := range m.Headers {
		c.Headers = append(c.Headers, difftest.Field{difftest.Text(h.Name), difftest.Text(h.Value)})
	}
	c.Response = difftest.Reflect(c)
	return c, nil
}

// engineSettings is what the engine writes for the default policy, with
// response bodies inspected.
const engineSettings = `Include @coraza.conf-recommended
Include @tabard/base/base.conf
SecRuleEngine On
SecRequestBodyAccess On
SecRequestBodyLimit 131073
SecRequestBodyInMemoryLimit 131073
SecRequestBodyLimitAction Reject
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain text/html text/xml application/json
SecResponseBodyLimit 524289
SecResponseBodyLimitAction ProcessPartial`

var inspectedTypes = []string{"text/plain", "text/html", "text/xml", "application/json"}

// differentialSets are the rule sets to compare with: CRS at each paranoia
// level, and rules that do what CRS does not.
func differentialSets(t *testing.T) []difftest.Rules {
	var out []difftest.Rules
	for level := 1; level <= 4; level++ {
		out = append(out, crsRules(level))
	}
	return append(out, ownRules(t, "own"), ownRules(t, "acts"), familyRules(), profileRules(), detectingRules())
}

// profileRules are CRS with the profile for JSON APIs.
func profileRules() difftest.Rules {
	r := crsRules(1)
	r.Name = "profile"
	additions := seclang.Source{Name: "profile", Text: "Include @tabard/profiles/api/*.conf"}
	exclusions := seclang.Source{Name: "profile exclusions", Text: "Include @tabard/profiles/api/after/*.conf"}
	r.Sources = append(slices.Insert(r.Sources, len(r.Sources)-1, additions), exclusions)
	return r
}

// familyRules are our own families over CRS, each with something to say about
// some of the traffic.
func familyRules() difftest.Rules {
	r := crsRules(1)
	r.Name = "families"
	r.Files = rules.Overlay(fstest.MapFS{
		"office.txt": {Data: []byte("10.3.128.0/17\n")}, "bad.txt": {Data: []byte("10.3.0.0/16\n")},
	})
	r.Routes = []map[string]string{
		withSettings(map[string]string{"tabard_route": "api", "tabard_ip": "none", tokenProblem: "alg is none", "tabard_accept": "text/html application/json"}),
		withSettings(map[string]string{
			"tabard_route": "typed", "tabard_mime": "application/json text/* application/x-www-form-urlencoded application/*+xml",
			"tabard_charsets": "utf-8 iso-8859-1",
		}),
	}
	for _, action := range []string{"allow", "block", "geo", "unlisted", "score", "tag"} {
		score := "0"
		if action == "score" {
			score = "3"
		}
		r.Routes = append(r.Routes, withSettings(map[string]string{"tabard_ip": action, "tabard_ip_score": score, "tabard_ip_sets": "a b"}))
	}
	families := seclang.Source{Name: "families", Text: "Include @tabard/ip/*.conf\nInclude @tabard/api/*.conf\nInclude @tabard/upload/*.conf\n" + tokenRule + "\n" +
		`SecRule REMOTE_ADDR "@ipReputation allow=office.txt block=bad.txt" "id:5,phase:1,pass,log,capture,msg:'%{TX.0}'"`}
	r.Sources = slices.Insert(r.Sources, len(r.Sources)-1, families)
	return r
}

// tokenProblem is where the engine puts what is wrong with a token, and tokenRule
// reads it as the rules of rules/auth do: TestTheScreenerAndCorazaAgreeAboutTokens
// of the engine compares those.
const (
	tokenProblem = "tabard_jwt.problem.malformed"
	tokenRule    = `SecRule TX:` + tokenProblem + ` "@contains alg" "id:100200,phase:1,pass,log,t:none,msg:'%{MATCHED_VAR}',severity:'CRITICAL',setvar:'tx.inbound_anomaly_score_pl1=+%{tx.critical_anomaly_score}'"`
)

// detectingRules are CRS in detection mode, at a level where much matches.
func detectingRules() difftest.Rules {
	r := crsRules(2)
	r.Name = detecting
	r.Sources = append(r.Sources, seclang.Source{Name: "mode", Text: "SecRuleEngine DetectionOnly"})
	return r
}

const detecting = "detect"

// ownRules are SecLang text of our own, as a user may write it.
func ownRules(t *testing.T, name string) difftest.Rules {
	text, err := os.ReadFile("testdata/" + name + ".conf")
	require.NoError(t, err)
	return difftest.Rules{
		Name: name, ResponseTypes: inspectedTypes, Routes: []map[string]string{settingVariables},
		Files: over{fstest.MapFS{"@" + name + ".conf": {Data: text}}, rules.FS()},
		// base.conf's default actions would be set twice.
		Sources: []seclang.Source{{Name: "settings", Text: engineSettings}, {Name: name, Text: "Include @" + name + ".conf"}},
	}
}

// settingVariables are the TX variables of the engine's settings.
var settingVariables = map[string]string{
	"tabard_route": "", "tabard_mime": "", tokenProblem: "", "tabard_charsets": "", "tabard_accept": "",
	"tabard_ip": "off", "tabard_ip_reason": "", "tabard_ip_score": "0", "tabard_ip_sets": "", "tabard_ip_categories": "",
	"tabard_country": "", "tabard_asn": "", "tabard_anonymous": "0",
}

// withSettings are the same with some of them changed.
func withSettings(changed map[string]string) map[string]string {
	out := maps.Clone(settingVariables)
	maps.Copy(out, changed)
	return out
}

// crsRules is the text that the engine writes for a default policy of a
// paranoia level.
func crsRules(level int) difftest.Rules {
	pl := strconv.Itoa(level)
	setup := "Include @crs-setup.conf.example\n" +
		crsSetting(900000, "tx.blocking_paranoia_level="+pl) + crsSetting(900001, "tx.detection_paranoia_level="+pl) +
		crsSetting(900110, "tx.inbound_anomaly_score_threshold=5',setvar:'tx.outbound_anomaly_score_threshold=4") +
		crsSetting(900120, "tx.early_blocking=0") + "Include @owasp_crs/REQUEST-90*.conf"
	return difftest.Rules{
		Name: "pl" + pl, Files: rules.FS(), ResponseTypes: inspectedTypes, Routes: []map[string]string{settingVariables},
		Sources: []seclang.Source{
			{Name: "settings", Text: engineSettings},
			{Name: "setup", Text: setup},
			{Name: "crs", Text: "Include @owasp_crs/REQUEST-9[1-9]*.conf\nInclude @owasp_crs/RESPONSE-*.conf"},
		},
	}
}

func crsSetting(id int, variable string) string {
	return `SecAction "id:` + strconv.Itoa(id) + `,phase:1,pass,t:none,nolog,setvar:'` + variable + `'"` + "\n"
}

func newHarness(t *testing.T, set difftest.Rules) *difftest.Harness {
	oracle, err := difftest.NewOracle(set)
	require.NoError(t, err)
	fixed, short := shorten(t, set)
	runs, err := difftest.NewOracle(short)
	require.NoError(t, err)
	oracle.Hidden, runs.Hidden = fixed.Settled, fixed.Settled
	for _, v := range fixed.Variables {
		runs.Constants = append(runs.Constants, [2]string{v.Name, v.Value})
	}
	s := compileSet(t, set)
	s.eager = set.Name == "acts" || set.Name == detecting
	return difftest.NewHarness(set, oracle, runs, subject{s, fixed.Settled})
}

// shorten gives the rule set that the engine gives to Coraza.
func shorten(t *testing.T, set difftest.Rules) (Fixed, difftest.Rules) {
	directives, err := seclang.Load(set.Files, set.Sources)
	require.NoError(t, err)
	table, options := parseSet(t, set)
	fixed := Fix(table, options, seclang.Spared(directives, "@"))
	texts, err := seclang.Without(set.Files, table, slices.Concat(fixed.Idle, fixed.Settled))
	require.NoError(t, err)
	require.NotEmpty(t, texts)
	files := fstest.MapFS{}
	for name, text := range texts {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	set.Files = over{files, set.Files}
	return fixed, set
}

// over lays files over others, as the engine does.
type over struct {
	files fstest.MapFS
	fs.FS
}

func (o over) ReadFile(name string) ([]byte, error) {
	at := max(strings.IndexByte(name, '@'), 0)
	if f, ok := o.files[name[at:]]; ok {
		return f.Data, nil
	}
	return fs.ReadFile(o.FS, name)
}

func (o over) Glob(pattern string) ([]string, error) { return fs.Glob(o.FS, pattern) }

// parseSet reads a rule set as the engine does.
func parseSet(t *testing.T, set difftest.Rules) (*seclang.Table, Options) {
	directives, err := seclang.Load(set.Files, set.Sources)
	require.NoError(t, err)
	table, errs := seclang.Parse(directives, seclang.Known{Operators: operators.Names(), Files: set.Files})
	require.Empty(t, errs)
	options := Options{Files: set.Files, Operators: operators.Plain(set.Files), Distinct: operators.DistinctNames}
	for name := range set.Routes[0] {
		options.Inputs = append(options.Inputs, name)
	}
	slices.Sort(options.Inputs)
	for _, kv := range difftest.Inputs(&difftest.Case{}) {
		options.Inputs = append(options.Inputs, kv[0])
	}
	options.Inputs = append(options.Inputs, difftest.BodyInputNames()...)
	return table, options
}

func compileSet(t *testing.T, set difftest.Rules) *Screener {
	s, err := Compile(parseSet(t, set))
	require.NoError(t, err)
	s.detail = true
	return s
}

// subject is the screener as the comparison wants to see it.
type subject struct {
	s *Screener
	// hidden are rules that the comparison does not tell.
	hidden []int
}

func (s subject) Begin() difftest.Exchange { return subjectExchange{s.s.Begin(), s.hidden} }

type subjectExchange struct {
	*Exchange
	hidden []int
}

func (x subjectExchange) Phase1(inputs [][2]string) difftest.Outcome {
	var list []TXVar
	for _, kv := range inputs {
		list = append(list, TXVar{kv[0], kv[1]})
	}
	return x.seen(1, x.Exchange.Phase1(list...))
}

func (x subjectExchange) Phase2(before difftest.State, body string) difftest.Outcome {
	return x.seen(2, x.Exchange.Phase2(stateFrom(before), body))
}

func (x subjectExchange) Phase3(status int, protocol string) difftest.Outcome {
	return x.seen(3, x.Exchange.Phase3(status, protocol))
}

func (x subjectExchange) Phase4(before difftest.State, body string, inspected bool) difftest.Outcome {
	return x.seen(4, x.Exchange.Phase4(stateFrom(before), body, inspected))
}

func (x subjectExchange) Learn(phase int, matched []int, clean bool, after difftest.State) {
	x.Exchange.Learn(phase, matched, clean, stateFrom(after))
}

func (x subjectExchange) seen(phase int, o Outcome) difftest.Outcome {
	out := difftest.Outcome{
		Hit: o.Hit, Reason: o.Reason.String(), Matched: o.Matched,
		Key: string(x.key[:x.ends[phase]]),
		After: difftest.State{
			RequestBodyAccess: o.After.RequestBodyAccess, ResponseBodyAccess: o.After.ResponseBodyAccess,
			ForceRequestBody: o.After.ForceRequestBody, EngineOff: o.After.EngineOff,
			RequestProcessor: o.After.RequestProcessor, ResponseProcessor: o.After.ResponseProcessor,
		},
	}
	if o.Executed {
		out.Executed, out.Follows = x.executed(phase, o), x.follows
		out.Executed.After = out.After
	}
	return out
}

// executed is what an executed phase did, as the comparison wants to see it.
func (x subjectExchange) executed(phase int, o Outcome) *difftest.Phase {
	out := &difftest.Phase{Ran: true, Stop: difftest.DescribeStop(o.Stop), Would: difftest.DescribeStop(o.Would), Scores: map[string]int{}}
	for _, id := range x.Matched(phase) {
		if !slices.Contains(x.hidden, id) {
			out.IDs = append(out.IDs, id)
		}
	}
	for _, f := range o.Fired {
		if f.Tells {
			out.Logged = append(out.Logged, loggedFrom(f))
		}
	}
	for _, name := range difftest.ScoreNames() {
		if value, ok := x.TX(name); ok {
			n, err := strconv.Atoi(value)
			if err != nil {
				n = -1
			}
			out.Scores[name] = n
		}
	}
	for i, s := range x.run.slots {
		if name := x.s.slotNames[i]; s.set && x.follows(name) {
			for _, value := range x.valuesOf(name, s.value) {
				out.Variables = append(out.Variables, name+"="+value)
			}
		}
	}
	slices.Sort(out.Variables)
	return out
}

// valuesOf are the values of a variable, of which the executor keeps one unless
// the engine has set more.
func (x subjectExchange) valuesOf(name, kept string) []string {
	if i := slices.Index(x.s.inputs, name); i >= 0 && len(x.inputs[i]) > 1 {
		var out []string
		for _, e := range x.inputs[i] {
			out = append(out, e.Value)
		}
		return out
	}
	return []string{kept}
}

// follows says whether the executor keeps the variable: it leaves out captures
// that nobody reads and what a rule keeps for itself.
func (x subjectExchange) follows(name string) bool {
	if i, ok := x.s.slots[name]; !ok || i < captureSlots {
		return false
	}
	return !slices.ContainsFunc(x.s.rules, func(r *rule) bool {
		return r.local != nil && len(r.local.key) == 1 && strings.ToLower(r.local.key[0].text) == name
	})
}

func loggedFrom(f Fired) difftest.Logged {
	l := difftest.Logged{ID: f.ID, Severity: f.Severity}
	for _, t := range f.all {
		l.Add(or(t.variable, "UNKNOWN"), t.key, t.value, t.message, t.data)
	}
	l.Sort()
	l.Shown = strconv.Quote(f.Message) + " " + strconv.Quote(f.shownData())
	if f.Variable != "" {
		l.Shown += fmt.Sprintf(" %s:%q=%q %q", f.Variable, f.Key, f.Value, f.Data)
	}
	return l
}

// shownData is the data that Coraza has for the whole rule: none without a message.
func (f *Fired) shownData() string {
	for _, t := range f.all {
		if t.message != "" {
			return t.data
		}
	}
	return ""
}

func stateFrom(s difftest.State) State {
	return State{
		Known: true, EngineOff: s.EngineOff, RequestBodyAccess: s.RequestBodyAccess, ResponseBodyAccess: s.ResponseBodyAccess,
		ForceRequestBody: s.ForceRequestBody, RequestProcessor: s.RequestProcessor, ResponseProcessor: s.ResponseProcessor,
	}
}
