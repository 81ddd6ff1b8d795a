package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/debuglog"

	"tabard/engine/ipset"
	"tabard/engine/operators"
	"tabard/engine/screen"
	"tabard/engine/seclang"
)

// ruleset is one compiled set of directives. Routes whose text is the same
// share one.
type ruleset struct {
	waf      coraza.WAF
	screener atomic.Pointer[screener] // nil: Coraza judges every exchange
	// warm compiles the screener, or does nothing when there is to be none.
	warm      func()
	positions map[int]seclang.Position
	// tokenNames are the variables of the collection JWT that the rules use.
	tokenNames []tokenName
	// constants are variables that are set for rules which Coraza did not get.
	constants []screen.TXVar
}

// families says which of our rule families a policy uses on any route. A
// family that no route uses is not loaded, so that it costs nothing; one that
// some route uses is loaded for all, so that they still share a rule set.
type families struct{ jwt, api, upload, ip bool }

func familiesOf(all []settings) families {
	var f families
	for _, s := range all {
		f.jwt = f.jwt || s.jwt.Mode != JWTOff
		f.api = f.api || s.usesAPI()
		f.upload = f.upload || s.usesUploads()
		f.ip = f.ip || !s.ip.empty()
	}
	return f
}

// compiler builds the rule sets of one policy.
type compiler struct {
	policy *Policy
	rules  sharedFS
	uses   families
	sets   map[string]*ruleset
	// warn takes lines for Engine.Reports.
	warn func(string)
	// watcher, when not nil, is told what Coraza does.
	watcher Watcher
}

// compile returns the rule set for some settings.
func (c *compiler) compile(s settings) (*ruleset, error) {
	sources := c.sources(s)
	key := keyOf(sources)
	if set, ok := c.sets[key]; ok {
		return set, nil
	}
	if len(c.sets) == maxRuleSets {
		return nil, fmt.Errorf("the routes need more than %d different rule sets: give routes the same directives, exclusions, mode and body limits where they can share them", maxRuleSets)
	}
	set, err := c.load(s, sources, c.rules)
	if err != nil {
		return nil, err
	}
	c.sets[key] = set
	return set, nil
}

func keyOf(sources []seclang.Source) string {
	var b strings.Builder
	for _, s := range sources {
		b.WriteString(s.Name + "\x00" + s.Text + "\x00")
	}
	return b.String()
}

// load compiles sources with Coraza. Each error gets the place of the
// directive at fault, which Coraza does not tell.
func (c *compiler) load(s settings, sources []seclang.Source, files sharedFS) (*ruleset, error) {
	directives, edits, used, err := c.directives(files, sources)
	if err != nil {
		return nil, err
	}
	if err := checkReserved(directives); err != nil {
		return nil, c.translate(err)
	}
	positions := seclang.RulePositions(directives)
	if err := c.checkExclusions(s.exclusions, directives, positions); err != nil {
		return nil, err
	}
	known := seclang.Known{Operators: operators.Names(), Files: files}
	model := sync.OnceValues(func() (*seclang.Table, []*seclang.Error) { return seclang.Parse(directives, known) })
	names := tokenNames(used)
	options := screenOptions(known.Files, names)
	files.edits = edits
	sources = edits.Sources(sources)
	needed, set := files, &ruleset{positions: positions, tokenNames: names}
	if c.shortens() {
		if table, errs := model(); len(errs) == 0 {
			if needed, set.constants, err = shorten(files, table, directives, options); err != nil {
				return nil, err
			}
		}
	}
	var parsed int
	if set.waf, parsed, err = c.newWAF(needed, sources); err != nil {
		// Its place is found by counting all directives.
		set.waf, parsed, err = c.newWAF(files, sources)
	}
	if err != nil {
		return nil, c.translate(c.locate(err, files, directives, parsed))
	}
	for id, at := range positions {
		positions[id] = c.policyPosition(at)
	}
	set.warm = sync.OnceFunc(func() {
		files.made.Ready()
		set.screener.Store(c.compileScreener(model, options))
	})
	return set, nil
}

// directives reads sources and puts TX in the place of our own collections, which
// Coraza does not know: in the directives, and by the edits in what Coraza reads.
func (c *compiler) directives(files fs.FS, sources []seclang.Source) (ds []seclang.Directive, edits seclang.Edits, used []string, err error) {
	ds, err = seclang.Load(files, sources)
	if err != nil {
		return nil, nil, nil, c.translate(err)
	}
	ds, edits, used, errs := seclang.Rewrite(ds, operators.JWT)
	if len(errs) > 0 {
		return nil, nil, nil, c.translate(errs[0])
	}
	return ds, edits, used, nil
}

// newWAF compiles sources and makes an error of the panics with which Coraza
// answers some mistakes. parsed is the number of directives that it came to.
func (c *compiler) newWAF(files fs.FS, sources []seclang.Source) (waf coraza.WAF, parsed int, err error) {
	log := &directiveCounter{Logger: debuglog.Noop(), watcher: c.watcher}
	defer func() {
		log.done, parsed = true, log.count
		if p := recover(); p != nil {
			err = panicError(p)
		}
	}()
	config := coraza.NewWAFConfig().WithRootFS(files).WithDebugLogger(log)
	for _, source := range sources {
		config = config.WithDirectives(source.Text)
	}
	waf, err = coraza.NewWAF(config)
	return waf, 0, err
}

// locate turns Coraza's error, which names no place, into one that does: what
// our own front end finds wrong or, when it finds nothing, Coraza's words at
// the directive that it was parsing.
func (c *compiler) locate(err error, files fs.FS, directives []seclang.Directive, parsed int) error {
	var entry *ipset.Error
	if errors.As(err, &entry) {
		return entry
	}
	if err := c.takenID(directives); err != nil {
		return err
	}
	known := seclang.Known{Operators: operators.Names(), Files: files}
	if errs := seclang.Check(directives, known); len(errs) > 0 {
		return errs[0]
	}
	d, ok := seclang.Locate(directives, parsed-1)
	if !ok {
		return err
	}
	msg := err.Error()
	for _, prefix := range []string{"invalid WAF config from string: ", "failed to parse string: "} {
		msg = strings.TrimPrefix(msg, prefix)
	}
	return &seclang.Error{Pos: d.Pos, Msg: msg}
}

// takenID finds two rules with one id. Whichever comes first, the one to change
// is not that of CRS or ours, whose files start with "@".
func (c *compiler) takenID(directives []seclang.Directive) error {
	seen := map[int]seclang.Position{}
	for _, d := range directives {
		id, ok := d.RuleID()
		if !ok {
			continue
		}
		first, taken := seen[id]
		if !taken {
			seen[id] = d.Pos
			continue
		}
		change, keep := d.Pos, first
		if strings.HasPrefix(change.File, "@") {
			change, keep = keep, change
		}
		return &seclang.Error{Pos: change, Msg: "the id " + strconv.Itoa(id) + " is taken by the rule at " + c.policyPosition(keep).String(), Hint: "use one below 100000"}
	}
	return nil
}

// directiveCounter is the logger that Coraza gets. While the rules load it
// counts the directives; later it is silent.
type directiveCounter struct {
	debuglog.Logger
	count   int
	done    bool
	watcher Watcher
}

// Debug counts "Parsing directive", the only debug event of a parser.
func (l *directiveCounter) Debug() debuglog.Event {
	if l.done {
		return l.Logger.Debug()
	}
	return parsingEvent{Event: l.Logger.Debug(), log: l}
}

// With keeps transactions on the silent logger, unless somebody watches them.
func (l *directiveCounter) With(fields ...debuglog.ContextField) debuglog.Logger {
	if l.watcher != nil {
		return l.watcher.With(fields...)
	}
	return l.Logger
}

// WithLevel and WithOutput keep SecDebugLogLevel and SecDebugLog of a rule file
// from putting another logger here: nothing could be located any more.

// WithLevel implements debuglog.Logger.
func (l *directiveCounter) WithLevel(debuglog.Level) debuglog.Logger { return l }

// WithOutput implements debuglog.Logger.
func (l *directiveCounter) WithOutput(io.Writer) debuglog.Logger { return l }

type parsingEvent struct {
	debuglog.Event
	log *directiveCounter
}

func (e parsingEvent) Str(string, string) debuglog.Event { return e }

func (e parsingEvent) Msg(msg string) {
	if msg == "Parsing directive" {
		e.log.count++
	}
}

// checkExclusions refuses ids and tags that no rule has: an exclusion that
// excludes nothing is a typing error or a leftover.
func (c *compiler) checkExclusions(list []placed[Exclusion], directives []seclang.Directive, ids map[int]seclang.Position) error {
	for _, x := range list {
		if x.value.Tag != "" {
			if !hasTag(directives, x.value.Tag) {
				return c.policy.errorAt(x.path+".tag", "no rule has the tag "+strconv.Quote(x.value.Tag), seclang.DidYouMean(x.value.Tag, tagsOf(directives)))
			}
			continue
		}
		if _, ok := ids[x.value.Rule]; !ok {
			return c.policy.errorAt(x.path+".rule", "no rule has the id "+strconv.Itoa(x.value.Rule), nearestID(x.value.Rule, ids))
		}
	}
	return nil
}

func hasTag(directives []seclang.Directive, tag string) bool {
	return slices.ContainsFunc(directives, func(d seclang.Directive) bool {
		return strings.Contains(d.Raw, "tag:'"+tag+"'") || strings.Contains(d.Raw, "tag:"+tag+",")
	})
}

// tagsOf lists the tags that are written as CRS writes them.
func tagsOf(directives []seclang.Directive) []string {
	var tags []string
	for _, d := range directives {
		for _, piece := range strings.Split(d.Raw, "tag:'")[1:] {
			tag, _, _ := strings.Cut(piece, "'")
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

// nearestID suggests an id that begins like the wrong one, since a digit is
// most often lost at the end, or else the one that is most like it.
func nearestID(id int, ids map[int]seclang.Position) string {
	word, names := strconv.Itoa(id), make([]string, 0, len(ids))
	for n := range ids {
		names = append(names, strconv.Itoa(n))
	}
	slices.Sort(names)
	if i := slices.IndexFunc(names, func(n string) bool { return strings.HasPrefix(n, word) }); i >= 0 {
		return "did you mean " + names[i] + "?"
	}
	return seclang.DidYouMean(word, names)
}

// translate gives an error inside an inline text its place in the policy.
func (c *compiler) translate(err error) error {
	var at *seclang.Error
	if !errors.As(err, &at) {
		return err
	}
	moved := *at
	moved.Pos = c.policyPosition(at.Pos)
	return &moved
}

// inlineMark stands between the policy's name and the path in the name of an
// inline source. No file is called so.
const inlineMark = "\x00"

// policyPosition turns a place in an inline text into one in the policy.
func (c *compiler) policyPosition(pos seclang.Position) seclang.Position {
	_, path, ok := strings.Cut(pos.File, inlineMark)
	if !ok {
		return pos
	}
	return c.policy.placeIn(path, pos)
}

// placeIn gives a place in the text of a field its place in the policy: a
// literal block ("|") starts on the line below its indicator and is indented.
func (p *Policy) placeIn(path string, pos seclang.Position) seclang.Position {
	start := p.origin.at(path)
	if o := p.origin; o != nil && o.places[path].literal {
		line := start.Line + pos.Line
		return seclang.Position{File: start.File, Line: line, Col: pos.Col + o.indent(start.Line+1)}
	}
	return start
}

// indent is the indentation of a literal block whose text starts on a line,
// counted from 1: that of its first line that is not blank.
func (o *origin) indent(line int) int {
	for _, text := range strings.Split(o.text, "\n")[line-1:] {
		if trimmed := strings.TrimLeft(text, " "); trimmed != "" {
			return len(text) - len(trimmed)
		}
	}
	return 0
}
