package operators

import (
	"bufio"
	"errors"
	"io/fs"
	"path"
	"runtime"
	"strings"
	"sync"

	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	ahocorasick "github.com/petar-dambovaliev/aho-corasick"
)

// pmFromFileName is Coraza's operator @pmFromFile, which ours takes the place of:
// the same words, the same library, the same answers, but nobody waits for the
// automaton before a value is looked at. Those of CRS take a third of the time in
// which Coraza loads it; here they are built beside the loading or, in the filter,
// with the fast path. Coraza's own stays under its other name, @pmf.
const pmFromFileName = "pmFromFile"

// maxCaptures is how many captured values Coraza keeps.
const maxCaptures = 10

// pmFromFile looks for the words of a file. It is safe for concurrent use.
type pmFromFile struct{ words *laterWords }

// laterWords are the words of a file and, once they are needed, their automaton.
type laterWords struct {
	text    string
	once    sync.Once
	matcher ahocorasick.AhoCorasick
	// shortest is the length of the shortest word: in shorter values there is none.
	shortest int
}

var _ plugintypes.Operator = (*pmFromFile)(nil)

func newPMFromFile(options plugintypes.OperatorOptions) (plugintypes.Operator, error) {
	text, err := dataFile(options)
	if err != nil {
		return nil, err
	}
	begin := func() (any, error) {
		w := &laterWords{text: text}
		if runtime.GOOS == "wasip1" { // has one thread
			sharedOf(options.Root).later(w)
		} else {
			go w.ready()
		}
		return w, nil
	}
	if options.Memoizer == nil {
		words, err := begin()
		return &pmFromFile{words.(*laterWords)}, err
	}
	// Rules that name the same file share its words; the key is not Coraza's own.
	words, err := options.Memoizer.Do("later:"+strings.Join(options.Path, ",")+options.Arguments, begin)
	return &pmFromFile{words.(*laterWords)}, err
}

// dataFile reads the argument's file from where Coraza looks for it.
func dataFile(options plugintypes.OperatorOptions) (string, error) {
	if path.IsAbs(options.Arguments) {
		text, err := fs.ReadFile(options.Root, options.Arguments)
		return string(text), err
	}
	err := errors.New("@pmFromFile has no folder to look for " + options.Arguments + " in")
	for _, dir := range options.Path {
		var text []byte
		if text, err = fs.ReadFile(options.Root, path.Join(dir, options.Arguments)); !errors.Is(err, fs.ErrNotExist) {
			return string(text), err
		}
	}
	return "", err
}

// ready waits for the automaton.
func (w *laterWords) ready() { w.once.Do(w.build) }

// build makes the automaton, as Coraza does.
func (w *laterWords) build() {
	var words []string
	for lines := bufio.NewScanner(strings.NewReader(w.text)); lines.Scan(); {
		line := strings.ToLower(strings.TrimSpace(lines.Text()))
		if line == "" || line[0] == '#' {
			continue
		}
		if len(words) == 0 || len(line) < w.shortest {
			w.shortest = len(line)
		}
		words = append(words, line)
	}
	builder := ahocorasick.NewAhoCorasickBuilder(ahocorasick.Opts{AsciiCaseInsensitive: true, MatchKind: ahocorasick.LeftMostLongestMatch})
	w.matcher, w.text = builder.Build(words), ""
}

// Evaluate says whether a word stands in the value. If the rule captures, TX:0 to
// TX:9 are the first ten.
func (o *pmFromFile) Evaluate(tx plugintypes.TransactionState, value string) bool {
	o.words.ready()
	if len(value) < o.words.shortest {
		return false
	}
	found := o.words.matcher.Iter(value)
	if !tx.Capturing() {
		return found.Next() != nil
	}
	n := 0
	for ; n < maxCaptures; n++ {
		m := found.Next()
		if m == nil {
			break
		}
		tx.CaptureField(n, value[m.Start():m.End()])
	}
	return n > 0
}
