package bodies

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	crstests "github.com/corazawaf/coraza-coreruleset/v4/tests"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"tabard/engine/screen/difftest"
)

// mutants is how many mutants of each request the traffic tests compare; BODIES_MUTANTS sets another number.
const mutants = 2

func mutantCount(t testing.TB) int {
	text := os.Getenv("BODIES_MUTANTS")
	if text == "" {
		return mutants
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

func newRandom(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// ftwFile is the part of a CRS regression test that says what is sent.
type ftwFile struct {
	Tests []struct {
		Stages []struct {
			Input struct {
				Method  *string           `yaml:"method"`
				URI     *string           `yaml:"uri"`
				Version *string           `yaml:"version"`
				Headers map[string]string `yaml:"headers"`
				Data    string            `yaml:"data"`
			} `yaml:"input"`
		} `yaml:"stages"`
	} `yaml:"tests"`
}

func orElse(s *string, otherwise string) string {
	if s == nil {
		return otherwise
	}
	return *s
}

// crsRequests returns the requests of CRS's own tests.
func crsRequests(t testing.TB) (list []exchange) {
	err := fs.WalkDir(crstests.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		text, err := fs.ReadFile(crstests.FS, path)
		if err != nil {
			return err
		}
		var file ftwFile
		if err := yaml.Unmarshal(text, &file); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, test := range file.Tests {
			for _, stage := range test.Stages {
				in := stage.Input
				x := exchange{
					method: orElse(in.Method, "GET"), uri: orElse(in.URI, "/"),
					protocol: orElse(in.Version, "HTTP/1.1"), body: in.Data,
				}
				for name, value := range in.Headers {
					x.headers = append(x.headers, header{name, value})
					if NameIs(name, "content-type") && strings.HasPrefix(value, "multipart/form-data") {
						// CRS's runner sends the lines of an upload with the line ends that MIME has.
						x.body = strings.ReplaceAll(x.body, "\n", "\r\n")
					}
				}
				slices.SortFunc(x.headers, func(a, b header) int { return strings.Compare(a.name, b.name) })
				list = append(list, x)
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, len(list), 4000)
	return list
}

// mutate changes the exchange in one or two places, often at a byte that means something.
func mutate(r *rand.Rand, x exchange) exchange {
	x.headers = slices.Clone(x.headers)
	x.responseHeaders = slices.Clone(x.responseHeaders)
	for range 1 + r.IntN(2) {
		place := r.IntN(10)
		switch {
		case place < 5 && x.body != "":
			x.body = mutateText(r, x.body)
		case place < 7 || len(x.headers) == 0:
			x.uri = mutateText(r, x.uri)
		case place == 7:
			x.headers = append(x.headers, x.headers[r.IntN(len(x.headers))])
		default:
			h := &x.headers[r.IntN(len(x.headers))]
			if r.IntN(4) == 0 {
				h.name = mutateText(r, h.name)
			} else {
				h.value = mutateText(r, h.value)
			}
		}
	}
	return x
}

// telling are pieces that parsers stumble over.
var telling = []string{
	"%", "&", "=", "+", ";", "\"", "\\", "{", "}", "[", "]", ",", ":", "\r\n", "\n", "\r", "--", "\x00", "\x7f", " ", "\t",
	"#", "?", "/", "//", "%41", "%00", "%zz", "\xff", "\u00a0", "\u017f", "\\u0041", "\\ud83d", "1e5", "-", "null", "''",
	"filename*=", "Content-Type: text/plain\r\n", "\r\n\r\n", "boundary=",
}

func mutateText(r *rand.Rand, s string) string {
	at := r.IntN(len(s) + 1)
	end := at + r.IntN(min(len(s)-at, 4)+1)
	switch r.IntN(6) {
	case 0:
		return s[:at] + s[end:]
	case 1:
		return s[:at] + string([]byte{byte(r.Uint32())}) + s[at:]
	case 2:
		return s[:at] + string([]byte{byte(r.Uint32())}) + s[end:]
	case 3:
		from := r.IntN(len(s) + 1)
		return s[:at] + s[from:min(len(s), from+r.IntN(40))] + s[at:]
	case 4:
		if r.IntN(4) == 0 {
			return s[:at]
		}
	}
	return s[:at] + telling[r.IntN(len(telling))] + s[end:]
}

// compareAll compares the exchanges and their mutants, and demands that the former raise few doubts.
func compareAll(t *testing.T, list []exchange) {
	o, r := newOracle(t, wideLimits), newRandom(t)
	for i := range list {
		o.compare(t, &list[i])
	}
	t.Log("as they are:")
	o.log(t)
	o = newOracle(t, wideLimits)
	for i := range list {
		for range mutantCount(t) {
			x := mutate(r, list[i])
			o.compare(t, &x)
		}
	}
	t.Log("mutants:")
	o.log(t)
}

func TestTheParserSeesWhatCorazaSeesInTheTestsOfCRS(t *testing.T) {
	compareAll(t, crsRequests(t))
}

func TestTheParserSeesWhatCorazaSeesInTheCorpus(t *testing.T) {
	list, err := corpus()
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("The corpus of real traffic is not beside this tree, so only made requests are compared.")
	}
	require.NoError(t, err)
	compareAll(t, list)
}

// corpus reads the shared corpus, which lies beside the tree or a work tree of it.
func corpus() (list []exchange, err error) {
	file, err := os.Open(filepath.Join("..", "..", "..", "..", "shared", "corpus", "requests.jsonl"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		c, err := difftest.Recorded(lines.Bytes())
		if err != nil {
			return nil, err
		}
		x := exchange{method: string(c.Method), uri: string(c.Target), protocol: string(c.Protocol), body: string(c.Body)}
		for _, h := range c.Headers {
			x.headers = append(x.headers, header{string(h[0]), string(h[1])})
		}
		list = append(list, x)
	}
	return list, lines.Err()
}

// made is an exchange of one of the ordinary shapes, with random content.
func made(r *rand.Rand) exchange {
	var x exchange
	switch r.IntN(6) {
	case 0:
		x = get("/" + words(r, "/") + "?" + pairs(r))
	case 1:
		x = form(pairs(r))
	case 2, 3:
		x = jsonBody(value(r, 0))
	case 4:
		x = upload(parts(r))
	case 5:
		x = response("application/json", "json", value(r, 0))
	}
	x.headers = append(x.headers, header{"Cookie", strings.ReplaceAll(pairs(r), "&", "; ")}, header{"Host", "a.test"})
	return x
}

var vocabulary = strings.Fields(`a b c id name Name user[email] x.y x.0 0 1 SELECT %3Cscript%3E 100% ä 你 \u00e9 %u0041 C:\x "q" 'q' ; :
	../etc/passwd <!-- --> /* */ é\ufffd \ { } [ ] , null true -1 1.5`)

func words(r *rand.Rand, separator string) string {
	var list []string
	for range r.IntN(5) {
		list = append(list, vocabulary[r.IntN(len(vocabulary))])
	}
	return strings.Join(list, separator)
}

func pairs(r *rand.Rand) string {
	var list []string
	for range r.IntN(8) {
		list = append(list, words(r, "+")+"="+words(r, "%20"))
	}
	return strings.Join(list, "&")
}

// value is a random JSON value.
func value(r *rand.Rand, depth int) string {
	n := r.IntN(4)
	space := []string{"", "", " ", "\n\t"}[r.IntN(4)]
	var list []string
	switch kind := r.IntN(10); {
	case kind < 3 && depth < 6:
		for range n {
			list = append(list, quote(r)+space+":"+value(r, depth+1))
		}
		return "{" + space + strings.Join(list, space+",") + "}" + space
	case kind < 5 && depth < 6:
		for range n {
			list = append(list, value(r, depth+1))
		}
		return "[" + strings.Join(list, ","+space) + space + "]"
	case kind == 5:
		return []string{"true", "false", "null"}[r.IntN(3)]
	case kind == 6:
		return strconv.FormatFloat(r.NormFloat64()*100, "fge"[r.IntN(3)], r.IntN(5), 64)
	}
	return space + quote(r)
}

func quote(r *rand.Rand) string {
	text := words(r, " ")
	if r.IntN(3) == 0 {
		text += []string{"\xff", "\u2028", "😀", "\x7f", "/"}[r.IntN(5)]
	}
	quoted := strconv.QuoteToASCII(text)
	if r.IntN(2) == 0 {
		encoded, _ := json.Marshal(text)
		quoted = string(encoded)
	}
	return quoted
}

func parts(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(4) {
		b.WriteString("B|Content-Disposition: form-data; name=\"" + strings.ReplaceAll(words(r, " "), `"`, "'") + "\"")
		if r.IntN(2) == 0 {
			b.WriteString("; filename=\"" + strings.ReplaceAll(words(r, "."), `"`, "") + "\"|Content-Type: text/plain")
		}
		b.WriteString("||" + words(r, "|") + "|")
	}
	return b.String() + "B--|"
}

func TestTheParserSeesWhatCorazaSeesInMadeExchanges(t *testing.T) {
	o, r := newOracle(t, testLimits), newRandom(t)
	for range 1000 * mutantCount(t) {
		x := made(r)
		o.compare(t, &x)
		x = mutate(r, x)
		o.compare(t, &x)
	}
	o.log(t)
}
