package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"tabard/engine"
	"tabard/internal/replay"
	"tabard/internal/wasmhost"
)

// wasmJudge plays entries through the module that Envoy loads.
type wasmJudge struct {
	module *wasmhost.Module
	policy string
	host   *wasmhost.Host
}

// wasmJudges starts one virtual machine a core. file is the module; empty for
// the one beside this program.
func wasmJudges(ctx context.Context, file string, p loadedPolicy) ([]replay.Judge, func() error, error) {
	if os.Getenv(rulesVariable) != "" {
		return nil, nil, errors.New(rulesVariable + " does not reach the module, which knows its built-in rules only: unset it or use --engine native")
	}
	if err := cmp.Or(p.policy.Offline(), p.feedsInModule()); err != nil {
		return nil, nil, err
	}
	module, err := compileModule(ctx, file)
	if err != nil {
		return nil, nil, err
	}
	closeAll := func() error { return module.Close(context.WithoutCancel(ctx)) }
	judges := make([]replay.Judge, runtime.GOMAXPROCS(0))
	for i := range judges {
		host, err := module.Open(ctx, string(p.text))
		if err != nil && p.usesFiles() {
			err = fmt.Errorf("%w (the module knows its built-in rules only: a policy that names files needs --engine native)", err)
		}
		if err != nil {
			return nil, nil, errors.Join(err, closeAll())
		}
		judges[i] = &wasmJudge{module: module, policy: string(p.text), host: host}
	}
	return judges, closeAll, nil
}

// feedsInModule refuses a policy whose sets would be empty.
func (p loadedPolicy) feedsInModule() error {
	if p.hasFeeds() {
		return errors.New("the policy has address sets at URLs, which the module fetches in Envoy only: use the native engine")
	}
	return nil
}

// compileModule compiles the module of that file; empty for the one beside this
// program.
func compileModule(ctx context.Context, file string) (*wasmhost.Module, error) {
	if file == "" {
		file = besideProgram("tabard.wasm")
	}
	code, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%w; make build makes the module, --module names another", err)
	}
	module, err := wasmhost.Compile(ctx, code, cache()...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return module, nil
}

// besideProgram names a file in the folder of this program, not of a link to
// it.
func besideProgram(name string) string {
	program, err := os.Executable()
	if err == nil {
		program, err = filepath.EvalSymlinks(program)
	}
	if err != nil {
		return name
	}
	return filepath.Join(filepath.Dir(program), name)
}

// cache keeps the module's machine code for the next run where the system has
// a place for that.
func cache() []wasmhost.Option {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	return []wasmhost.Option{wasmhost.WithCacheDir(filepath.Join(dir, "tabard"))}
}

// Judge implements replay.Judge. A module that has died is started anew for
// the next entry, as Envoy does with failure_policy FAIL_RELOAD.
func (j *wasmJudge) Judge(ctx context.Context, e replay.Entry) replay.Outcome {
	x := wasmhost.Exchange{Conn: e.Begin(), Request: e.Request, Body: e.Body, Trailers: e.Trailers}
	if e.HasResponse() {
		x.Response = &wasmhost.Response{Status: e.Response.Status, Headers: e.Response.Headers, Body: e.Response.Body}
	}
	r, err := j.host.Run(ctx, x)
	if err != nil {
		return replay.Outcome{Action: engine.Block, Status: 500, Screen: engine.ScreenedOff, Err: errors.Join(err, j.restart(ctx))}
	}
	return replay.Outcome{
		Action: r.Action, Status: r.Status, Phase: r.Phase, Score: r.Score, Route: r.Route,
		Rules: r.Rules, Screen: r.Screen,
	}
}

func (j *wasmJudge) restart(ctx context.Context) error {
	closed := j.host.Close(ctx)
	host, err := j.module.Open(ctx, j.policy)
	if err == nil {
		j.host = host
	}
	return errors.Join(closed, err)
}
