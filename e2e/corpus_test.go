package e2e

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"tabard/e2e/envoyrun"
	"tabard/engine"
	"tabard/internal/ftw"
	"tabard/internal/ftw/native"
)

// refusalPatience is how long to wait for the access log's line about what
// Envoy answered with 400: there is none that names the case when Envoy could
// not read the head.
const refusalPatience = 2 * time.Second

// corpus are the tests that all runners must agree on, with their policies.
type corpus struct {
	suites   []ftw.Suite
	policies map[string]string // by folder
}

// loadCorpus reads the tests beside our rules and those in testdata/corpus.
func loadCorpus(t *testing.T) corpus {
	t.Helper()
	root, err := envoyrun.Root()
	require.NoError(t, err)
	c := corpus{policies: map[string]string{"raw": rawPolicy}}
	own, err := ftw.LoadAll(os.DirFS(filepath.Join(root, "e2e", "testdata", "corpus")))
	require.NoError(t, err)
	c.suites = own
	beside, err := ftw.LoadAll(os.DirFS(filepath.Join(root, "rules")))
	require.NoError(t, err)
	for _, suite := range beside {
		suite.File = "rules/" + suite.File
		c.suites = append(c.suites, suite)
		policy, err := os.ReadFile(filepath.Join(root, path.Dir(suite.File), "suite.yaml"))
		require.NoError(t, err)
		c.policies[c.policyOf(suite)] = string(policy)
	}
	return c
}

// policyOf is the key of a suite's policy: its folder, or the default.
func (c corpus) policyOf(s ftw.Suite) string {
	if folder := path.Dir(s.File); folder != "." {
		return folder
	}
	return "raw"
}

func TestOneCorpusOnThreeRunners(t *testing.T) {
	c := loadCorpus(t)
	var more []envoyrun.Site
	for name, policy := range c.policies {
		more = append(more, envoyrun.Site{Name: name, Policy: policy, Adjust: func(manager envoyrun.Tree) {
			withoutNormalisation(manager)
			withoutOwnHop(manager)
		}})
	}
	p := own(t, envoyrun.Options{Sites: more})
	wasm, err := newWasmRunner(t.Context(), c.policies)
	require.NoError(t, err)
	reference := newEngineRunner(c.policies)
	others := map[string]runner{"wasm": wasm, "Envoy": envoyRunner{p}}
	differences := loadDifferences(t)
	played := 0
	for _, suite := range c.suites {
		for _, test := range suite.Tests {
			for i, stage := range test.Stages {
				played++
				t.Run(fmt.Sprintf("%s %s", test.Name, test.Description), func(t *testing.T) {
					x := fromFTW(t, stage.Input, c.policyOf(suite), fmt.Sprintf("ftw-%s-%s-%d", strings.ReplaceAll(c.policyOf(suite), "/", "-"), test.Name, i))
					want, err := reference.Run(t.Context(), x)
					require.NoError(t, err)
					for _, failure := range ftw.Judge(stage, want.seen()) {
						t.Errorf("engine: %s", failure)
					}
					for name, other := range others {
						got, err := other.Run(t.Context(), x)
						require.NoError(t, err, name)
						require.Equal(t, expected(t, want, got, differences[name+" "+test.Name]), got, "engine and %s differ", name)
					}
				})
			}
		}
	}
	require.Greater(t, played, 80)
}

// seen is the verdict as a test is judged by it.
func (v verdict) seen() ftw.Seen {
	s := ftw.Seen{Status: v.Status}
	for _, id := range v.Rules {
		s.Matches = append(s.Matches, ftw.Match{ID: id})
	}
	return s
}

// difference is an entry of testdata/differences.yaml.
type difference struct {
	Runner string `yaml:"runner"`
	Test   string `yaml:"test"`
	Reason string `yaml:"reason"`
	Status int    `yaml:"status"`
	Rules  []int  `yaml:"rules"`
	// Action is the other action, where it differs as well.
	Action engine.Action `yaml:"action"`
}

// expected is the engine's verdict, or the one that is known to differ from it.
func expected(t *testing.T, want, got verdict, known difference) verdict {
	t.Helper()
	if known.Test == "" {
		return want
	}
	require.NotEqual(t, want, got, "testdata/differences.yaml need not have %s any more", known.Test)
	want.Status, want.Rules, want.Score, want.Action = known.Status, known.Rules, got.Score, cmp.Or(known.Action, want.Action)
	return want
}

// loadDifferences reads the known differences by runner and test.
func loadDifferences(t *testing.T) map[string]difference {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "differences.yaml"))
	require.NoError(t, err)
	var list []difference
	require.NoError(t, yaml.Unmarshal(text, &list))
	byTest := map[string]difference{}
	for _, d := range list {
		require.NotEmpty(t, d.Reason, "%s: say why", d.Test)
		byTest[d.Runner+" "+d.Test] = d
	}
	return byTest
}

func fromFTW(t *testing.T, in ftw.Input, policy, name string) exchange {
	t.Helper()
	m, err := in.Message()
	require.NoError(t, err, name)
	return exchange{name: name, policy: policy, body: m.Body, request: native.Request(m)}
}

// TestRealTrafficGetsTheSameVerdictInEnvoy plays traffic that nobody in this
// project wrote. It is not part of the tree.
func TestRealTrafficGetsTheSameVerdictInEnvoy(t *testing.T) {
	lines := sharedTraffic(t)
	native := newEngineRunner(map[string]string{"raw": rawPolicy})
	envoy := envoyRunner{shared(t)}
	var (
		mu     sync.Mutex
		counts = map[string]int{}
		passed int
	)
	before := envoy.function.Total()
	inParallel(lines, func(l trafficLine) {
		outcome, err := compare(t.Context(), native, envoy, l)
		if err != nil {
			t.Errorf("%s: %v", l.ID, err)
		}
		mu.Lock()
		defer mu.Unlock()
		counts[l.Label+" "+outcome]++
		if strings.HasPrefix(outcome, string(engine.Pass)) || strings.HasPrefix(outcome, string(engine.Detect)) {
			passed++
		}
	})
	// The function's own server refuses a few of them, which are no URLs.
	require.LessOrEqual(t, envoy.function.Total()-before, passed, "more reached the function than were let through")
	t.Logf("%d lines, nothing that was blocked reached the function: %v", len(lines), counts)
}

// compare plays a line on both runners and names what became of it. Envoy
// removes a Referer that is no URL before any filter, and so before the
// function, too: then the engine's word on the rest is the one that counts.
func compare(ctx context.Context, native *engineRunner, envoy envoyRunner, l trafficLine) (outcome string, err error) {
	x, err := l.exchange()
	if err != nil {
		return "unreadable", err
	}
	want, err := native.Run(ctx, x)
	if err != nil {
		return "failed", fmt.Errorf("engine: %w", err)
	}
	got, err := envoy.Run(ctx, x)
	switch {
	case errors.Is(err, errNotTaken):
		return "refused by Envoy itself", nil
	case err != nil:
		return "failed", err
	}
	outcome = string(got.Action)
	if !reflect.DeepEqual(want, got) {
		if x, ok := envoy.withoutReferer(x); ok {
			outcome += ", Envoy removed its Referer"
			if want, err = native.Run(ctx, x); err != nil {
				return "failed", fmt.Errorf("engine: %w", err)
			}
		}
	}
	if !reflect.DeepEqual(want, got) {
		return "different", fmt.Errorf("engine %v, Envoy %v", want, got)
	}
	return outcome, nil
}

// withoutReferer is the exchange as it arrived, when it did so without the
// Referer that it was sent with.
func (r envoyRunner) withoutReferer(x exchange) (exchange, bool) {
	arrived := r.function.Arrived(x.name)
	if x.request.Headers.Get("Referer") == "" || len(arrived) == 0 || arrived[0].Request.Header.Get("Referer") != "" {
		return x, false
	}
	x.request.Headers = slices.DeleteFunc(slices.Clone(x.request.Headers), func(line [2]string) bool {
		return strings.EqualFold(line[0], "Referer")
	})
	return x, true
}

// trafficLine is one line of the shared corpus.
type trafficLine struct {
	ID      string      `json:"id"`
	Label   string      `json:"label"`
	Method  string      `json:"method"`
	Path    string      `json:"path"`
	Headers [][2]string `json:"headers"`
	Body    string      `json:"body_b64"`
}

func sharedTraffic(t *testing.T) []trafficLine {
	t.Helper()
	root, err := envoyrun.Root()
	require.NoError(t, err)
	file, err := os.Open(filepath.Join(root, "..", "shared", "corpus", "requests.jsonl"))
	if err != nil {
		t.Skip("no real traffic beside this tree: ../shared/corpus/requests.jsonl is not there")
	}
	defer file.Close()
	var lines []trafficLine
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		var l trafficLine
		require.NoError(t, json.Unmarshal(scanner.Bytes(), &l))
		lines = append(lines, l)
	}
	require.NoError(t, scanner.Err())
	return lines
}

func (l trafficLine) exchange() (exchange, error) {
	body, err := base64.StdEncoding.DecodeString(l.Body)
	x := exchange{name: l.ID, policy: "raw", body: body, request: engine.Request{
		Method: l.Method, Target: l.Path, Protocol: "HTTP/1.1", Scheme: "http",
	}}
	// The corpus writes each byte of a header as one character (Latin-1).
	for _, line := range l.Headers {
		x.request.Headers = append(x.request.Headers, [2]string{line[0], latin1(line[1])})
	}
	if len(body) > 0 && x.request.Headers.Get("Content-Length") == "" && x.request.Headers.Get("Transfer-Encoding") == "" {
		x.request.Headers = append(x.request.Headers, [2]string{"Content-Length", fmt.Sprint(len(body))})
	}
	x.request.Authority = x.request.Headers.Get("Host")
	return x, err
}

func latin1(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < 0x100 {
			b.WriteByte(byte(r))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// atOnce is how many exchanges are under way at the same time.
const atOnce = 16

func inParallel[T any](items []T, do func(T)) {
	var wait sync.WaitGroup
	queue := make(chan T)
	for range atOnce {
		wait.Go(func() {
			for item := range queue {
				do(item)
			}
		})
	}
	for _, item := range items {
		queue <- item
	}
	close(queue)
	wait.Wait()
}
