package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/log"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"tabard/engine"
	"tabard/internal/replay"
)

func init() {
	register.DoFn3x1[context.Context, []byte, func([]byte), error](&judgeFn{})
	register.DoFn2x1[context.Context, []byte, error](&writeFn{})
	register.Function2x2(merge)
	register.Emitter1[[]byte]()
}

// build makes the pipeline: each shard is judged where there is room, and the
// summaries are merged as they come.
func build(s beam.Scope, job replay.Job, shards []replay.Shard, out string) error {
	work := [][]byte{}
	for _, shard := range shards {
		text, err := json.Marshal(shard)
		if err != nil {
			return err
		}
		work = append(work, text)
	}
	empty, err := json.Marshal(replay.Summary{})
	if err != nil {
		return err
	}
	// Without the reshuffle a runner may fuse all shards into one task.
	spread := beam.Reshuffle(s, beam.CreateList(s, work))
	summaries := beam.ParDo(s, &judgeFn{Job: job}, spread)
	// One that is empty gives a run over nothing a summary, too.
	all := beam.Flatten(s, summaries, beam.Create(s, empty))
	beam.ParDo0(s, &writeFn{Path: out}, beam.Combine(s, merge, all))
	return nil
}

// judgeFn judges a shard and emits its summary, both as JSON.
type judgeFn struct {
	Job    replay.Job
	engine *engine.Engine
}

// engines keeps the compiled policies of this process: a worker runs a judgeFn
// for each of its cores, and compiling takes a second.
var engines sync.Map

// Setup compiles the policy.
func (f *judgeFn) Setup() error {
	key, err := json.Marshal(f.Job)
	if err != nil {
		return err
	}
	compile, _ := engines.LoadOrStore(string(key), sync.OnceValues(f.Job.Engine))
	f.engine, err = compile.(func() (*engine.Engine, error))()
	return err
}

// maxReports bounds the broken entries of a shard that are logged.
const maxReports = 20

// ProcessElement implements Beam's DoFn.
func (f *judgeFn) ProcessElement(ctx context.Context, text []byte, emit func([]byte)) error {
	var shard replay.Shard
	if err := json.Unmarshal(text, &shard); err != nil {
		return err
	}
	reports := 0
	sum := shard.Do(replay.Native{Engine: f.engine}, func(path string) (io.ReadCloser, error) { return open(ctx, path) }, func(err error) {
		if reports++; reports <= maxReports {
			log.Warnf(ctx, "%s: %s", shard, err)
		}
	})
	out, err := json.Marshal(sum)
	if err == nil {
		emit(out)
	}
	return err
}

// merge adds two summaries.
func merge(a, b []byte) ([]byte, error) {
	var x, y replay.Summary
	if err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		return nil, err
	}
	x.Merge(y)
	return json.Marshal(x)
}

// writeFn writes the summary where the program that started the run finds it.
type writeFn struct{ Path string }

// ProcessElement implements Beam's DoFn.
func (f *writeFn) ProcessElement(ctx context.Context, text []byte) error {
	fs, err := filesystem.New(ctx, f.Path)
	if err != nil {
		return err
	}
	w, err := fs.OpenWrite(ctx, f.Path)
	if err != nil {
		return errors.Join(err, fs.Close())
	}
	_, err = w.Write(text)
	return errors.Join(err, w.Close(), fs.Close())
}
