package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"tabard/internal/replay"
	"tabard/rules"
)

// beamProgram runs the pipeline. It is a program of its own because Beam is
// several times as big as this one.
const beamProgram = "tabard-beam"

// runOnBeam has the traffic judged by an Apache Beam runner and returns the
// summary.
func (o replayOptions) runOnBeam(ctx context.Context, p loadedPolicy, stderr io.Writer) (replay.Summary, error) {
	var s replay.Summary
	job, err := o.beamJob(p)
	if err != nil {
		return s, err
	}
	dir, err := os.MkdirTemp("", "tabard-beam-")
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(dir)
	jobFile, result := filepath.Join(dir, "job.json"), filepath.Join(dir, "result.json")
	text, err := json.Marshal(job)
	if err == nil {
		err = os.WriteFile(jobFile, text, 0o600)
	}
	if err != nil {
		return s, err
	}
	program := besideProgram(beamProgram)
	if _, err := os.Stat(program); err != nil {
		return s, fmt.Errorf("%w; make build makes it", err)
	}
	args := append([]string{"--job", jobFile, "--result", result}, strings.Fields(o.beamArgs)...)
	c := exec.CommandContext(ctx, program, args...)
	c.Stderr, c.Stdout = stderr, stderr
	if err := c.Run(); err != nil {
		return s, errors.Join(ctx.Err(), fmt.Errorf("%s: %w", beamProgram, err))
	}
	if text, err = os.ReadFile(result); err == nil {
		err = json.Unmarshal(text, &s)
	}
	return s, err
}

// beamJob is what the workers need to know. The policy is compiled here, too:
// a mistake is found before any machine is started, and so are its files.
func (o replayOptions) beamJob(p loadedPolicy) (replay.Job, error) {
	if p.hasFeeds() || p.hasDatabases() {
		return replay.Job{}, errors.New("--beam goes without address sets at URLs and without databases: its workers have neither")
	}
	seen := recorder{FS: p.own, files: map[string][]byte{}}
	p.rules = rules.Overlay(&seen)
	if _, err := p.engine(); err != nil {
		return replay.Job{}, err
	}
	return replay.Job{
		Policy: p.text, Name: p.name, Files: seen.files, Paths: o.paths,
		Format: o.sources.Format, Host: o.sources.Host, ShardBytes: o.shardMB << 20,
	}, nil
}

// recorder keeps each file that is read through it.
type recorder struct {
	fs.FS
	mu    sync.Mutex
	files map[string][]byte
}

// Open implements fs.FS.
func (r *recorder) Open(name string) (fs.File, error) {
	f, err := r.FS.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		return f, err
	}
	text, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.files[name] = text
	r.mu.Unlock()
	return r.FS.Open(name)
}

// checkBeam refuses what other machines cannot do.
func (o replayOptions) checkBeam() error {
	for _, c := range []struct {
		set  bool
		flag string
	}{{o.json, "--json"}, {o.by != "", "--by"}, {o.state != "", "--state"}, {o.engine != "native", "--engine " + o.engine}} {
		if o.beam && c.set {
			return errors.New("--beam goes without " + c.flag + ": its workers send summaries only")
		}
	}
	if !o.beam && o.beamArgs != "" {
		return errors.New("--beam-args needs --beam")
	}
	if o.shardMB < 1 {
		return errors.New("--shard-mb must be 1 or more")
	}
	return nil
}
