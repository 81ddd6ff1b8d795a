package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"tabard/engine"
	"tabard/internal/cover"
	"tabard/internal/explain"
	"tabard/internal/ftw"
	"tabard/internal/ftw/crs"
	"tabard/internal/ftw/native"
	"tabard/internal/wasmhost"
)

// testBench finds tests and what plays them.
type testBench struct {
	options testOptions
	module  *wasmhost.Module
	envoy   *envoyBench
	// runners by the file of their policy, kept from one run to the next while
	// nothing but tests has changed.
	runners map[string]ftw.Runner
	closers []func() error
	// policies and explainers by the same key.
	policies   map[string]loadedPolicy
	explainers map[string]*explain.Explainer
	explained  int
	// collector, for coverage, is told what Coraza does.
	collector *cover.Collector
}

// suiteFile is the policy for the tests of its folder.
const suiteFile = "suite.yaml"

// cases loads the tests and starts what plays them.
func (b *testBench) cases(ctx context.Context) ([]ftw.Case, error) {
	if b.options.crs {
		return b.crsCases(ctx)
	}
	files, err := ftw.Find(b.options.paths)
	if err != nil {
		return nil, err
	}
	return b.fileCases(ctx, files)
}

// fileCases are the cases of some files.
func (b *testBench) fileCases(ctx context.Context, files []string) ([]ftw.Case, error) {
	suites, err := ftw.LoadFiles(files)
	if err != nil {
		return nil, err
	}
	overrides, err := b.overrides(ftw.Overrides{})
	if err != nil {
		return nil, err
	}
	return b.choose(suites, overrides, func(s *ftw.Suite) (ftw.Runner, error) {
		return b.runner(ctx, b.policyOf(s.File))
	})
}

// crsCases are those of the module.
func (b *testBench) crsCases(ctx context.Context) ([]ftw.Case, error) {
	suites, err := crs.Load()
	if err != nil {
		return nil, err
	}
	builtIn, err := b.crsOverrides()
	if err != nil {
		return nil, err
	}
	overrides, err := b.overrides(builtIn)
	if err != nil {
		return nil, err
	}
	return b.choose(suites, overrides, func(*ftw.Suite) (ftw.Runner, error) {
		if b.options.policy != "" {
			return b.runner(ctx, b.options.policy)
		}
		return b.crsRunner(ctx)
	})
}

// crsOverrides are those of the runner.
func (b *testBench) crsOverrides() (ftw.Overrides, error) {
	switch b.options.runner {
	case "wasm":
		return crs.OverridesWasm()
	case "envoy":
		return crs.OverridesEnvoy()
	}
	return crs.Overrides()
}

// overrides are those of the flag, or the built-in ones.
func (b *testBench) overrides(builtIn ftw.Overrides) (ftw.Overrides, error) {
	if b.options.overrides == "" {
		return builtIn, nil
	}
	text, err := os.ReadFile(b.options.overrides)
	if err != nil {
		return builtIn, err
	}
	return ftw.LoadOverrides(b.options.overrides, text)
}

// choose makes cases of the tests that the filter takes. An override that is
// for no test is an error.
func (b *testBench) choose(suites []ftw.Suite, overrides ftw.Overrides, runner func(*ftw.Suite) (ftw.Runner, error)) ([]ftw.Case, error) {
	if err := errors.Join(overrides.Check(suites)...); err != nil {
		return nil, err
	}
	var cases []ftw.Case
	for i := range suites {
		s := &suites[i]
		for _, test := range s.Tests {
			if !b.options.filter.Takes(s, test) {
				continue
			}
			play, err := runner(s)
			if err != nil {
				return nil, err
			}
			cases = append(cases, ftw.Case{Test: test, Suite: s, Runner: play, Override: overrides.For(s.RuleID, test.ID)})
		}
	}
	return cases, nil
}

// policyOf is the policy file for a test file.
func (b *testBench) policyOf(file string) string {
	suite := filepath.Join(filepath.Dir(file), suiteFile)
	if _, err := os.Stat(suite); err == nil {
		return suite
	}
	return b.options.policy
}

// runner returns what plays tests with a policy.
func (b *testBench) runner(ctx context.Context, file string) (ftw.Runner, error) {
	return b.keep(file, func() (ftw.Runner, error) {
		policy, err := loadPolicy(file, checkout(file)...)
		if err != nil {
			return nil, err
		}
		return b.start(ctx, file, policy)
	})
}

// crsKey is where the built-in policy for CRS's tests is kept.
const crsKey = "internal/ftw/crs/policy.yaml"

func (b *testBench) crsRunner(ctx context.Context) (ftw.Runner, error) {
	return b.keep(crsKey, func() (ftw.Runner, error) {
		policy, err := loadPolicy("")
		if err != nil {
			return nil, err
		}
		policy.text = []byte(crs.Policy)
		if policy.policy, err = engine.ParsePolicy(crsKey, policy.text); err != nil {
			return nil, err
		}
		return b.start(ctx, crsKey, policy)
	})
}

func (b *testBench) keep(key string, build func() (ftw.Runner, error)) (ftw.Runner, error) {
	if r, ok := b.runners[key]; ok {
		return r, nil
	}
	r, err := build()
	if err == nil {
		if b.runners == nil {
			b.runners = map[string]ftw.Runner{}
		}
		b.runners[key] = r
	}
	return r, err
}

// start builds the runner that the flags ask for.
func (b *testBench) start(ctx context.Context, key string, p loadedPolicy) (ftw.Runner, error) {
	if err := p.setScreen(engine.ScreenMode(b.options.screen)); err != nil {
		return nil, err
	}
	if b.policies == nil {
		b.policies = map[string]loadedPolicy{}
	}
	b.policies[key] = p
	if b.collector != nil {
		options, err := p.options()
		if err != nil {
			return nil, err
		}
		return cover.NewRunner(b.collector, p.policy, p.rules, options...)
	}
	switch b.options.runner {
	case "engine":
		e, err := p.engine()
		return native.Runner{Engine: e}, err
	case "envoy":
		return b.envoySite(p), nil
	}
	if err := p.feedsInModule(); err != nil {
		return nil, err
	}
	if b.module == nil {
		var err error
		if b.module, err = compileModule(ctx, b.options.module); err != nil {
			return nil, err
		}
	}
	player, err := wasmhost.NewPlayer(ctx, b.module, string(p.text), runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, func() error { return player.Close(context.WithoutCancel(ctx)) })
	return player, nil
}

// envoySite adds a policy to the run's Envoy.
func (b *testBench) envoySite(p loadedPolicy) ftw.Runner {
	if b.envoy == nil {
		b.envoy = &envoyBench{module: b.options.module}
		if b.envoy.module == "" {
			b.envoy.module = besideProgram("tabard.wasm")
		}
		b.closers = append(b.closers, b.envoy.close)
	}
	return b.envoy.add(string(p.text))
}

// forget drops the runners, so that the next run reads policies and rules anew.
func (b *testBench) forget() error {
	var err error
	for _, c := range b.closers {
		err = errors.Join(err, c())
	}
	b.runners, b.closers, b.policies, b.explainers, b.envoy = nil, nil, nil, nil, nil
	return err
}

// close ends everything; what fails then has no reader any more.
func (b *testBench) close() {
	_ = b.forget()
	if b.module != nil {
		_ = b.module.Close(context.Background())
	}
}

// checkout gives the rules of a checkout of Tabard's own rules/ that a suite's
// policy is in, so that an edited rule is tested and not the built-in one.
func checkout(suite string) []fs.FS {
	if suite == "" {
		return nil
	}
	root := filepath.Dir(suite)
	for range checkoutDepth {
		root = filepath.Join(root, "..")
		if _, err := os.Stat(filepath.Join(root, "base", "base.conf")); err == nil {
			return []fs.FS{checkoutFS{os.DirFS(root)}}
		}
	}
	return nil
}

// checkoutDepth is how far below rules/ a suite may be: profiles/api/after is
// the deepest.
const checkoutDepth = 3

// checkoutFS has a folder's files below "@tabard/".
type checkoutFS struct{ root fs.FS }

// Open implements fs.FS.
func (c checkoutFS) Open(name string) (fs.File, error) {
	inner, ok := strings.CutPrefix(name, "@tabard/")
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return c.root.Open(inner)
}

// printV2 writes the cases' files as v2.
func printV2(w io.Writer, cases []ftw.Case) error {
	var last *ftw.Suite
	for _, c := range cases {
		if c.Suite == last {
			continue
		}
		last = c.Suite
		text, err := ftw.FormatV2(*last)
		if err != nil {
			return err
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	return nil
}
