// Command tabard-beam replays traffic on the machines of an Apache Beam runner:
// HTTP exchanges go in as parts of files, and the sum of their verdicts comes
// out, the same as from a local run. "tabard replay --beam" starts it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/gcs" // gs://
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/local"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/x/beamx"

	"tabard/internal/replay"
)

var (
	jobFile = flag.String("job", "", "the job, as tabard replay --beam writes it")
	result  = flag.String("result", "", "the local file for the summary")
	out     = flag.String("out", "", "where the workers put the summary; all of them and this program must reach it (default: beside --result)")
)

func main() {
	flag.Parse()
	beam.Init() // a worker ends here
	if err := run(context.Background()); err != nil {
		fmt.Fprintf(os.Stderr, "tabard-beam: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
}

// run plans the shards, has them judged and writes the summary.
func run(ctx context.Context) error {
	if *jobFile == "" || *result == "" {
		return errors.New("--job and --result are needed; tabard replay --beam gives them")
	}
	text, err := os.ReadFile(*jobFile)
	if err != nil {
		return err
	}
	var job replay.Job
	if err := json.Unmarshal(text, &job); err != nil {
		return fmt.Errorf("%s: %w", *jobFile, err)
	}
	shards, err := plan(ctx, job)
	if err != nil {
		return err
	}
	if *out == "" {
		*out = filepath.Join(filepath.Dir(*result), "workers.json")
	}
	fmt.Fprintf(os.Stderr, "tabard-beam: shards: %d\n", len(shards))
	p, s := beam.NewPipelineWithRoot()
	if err := build(s, job, shards, *out); err != nil {
		return err
	}
	if err := beamx.Run(ctx, p); err != nil {
		return err
	}
	summary, err := read(ctx, *out)
	if err != nil {
		return err
	}
	return os.WriteFile(*result, summary, 0o600)
}

// plan finds the files and cuts them. It reads the start of each to tell its
// format.
func plan(ctx context.Context, job replay.Job) ([]replay.Shard, error) {
	files, err := find(ctx, job.Paths)
	if err != nil {
		return nil, err
	}
	var shards []replay.Shard
	for _, f := range files {
		fs, err := filesystem.New(ctx, f.Path)
		if err != nil {
			return nil, err
		}
		size, err := fs.Size(ctx, f.Path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		r, err := fs.OpenRead(ctx, f.Path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		shards = append(shards, replay.Split(r, f.Path, f.InFolder, size, job.ShardBytes, replay.Options{Format: job.Format, Host: job.Host})...)
		if err := errors.Join(r.Close(), fs.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return shards, nil
}

// find lists local files as a local run does, with paths that do not depend on
// the folder a worker runs in; those of a remote file system by their pattern.
func find(ctx context.Context, paths []string) (files []replay.File, err error) {
	for _, path := range paths {
		if strings.Contains(path, "://") {
			found, err := list(ctx, path)
			if err != nil {
				return nil, err
			}
			files = append(files, found...)
			continue
		}
		if path == "-" {
			return nil, errors.New("standard input cannot be read by other machines: save it to a file first")
		}
		t, err := replay.Open([]string{path}, replay.Options{})
		if err != nil {
			return nil, err
		}
		for _, f := range t.Files() {
			if f.Path, err = filepath.Abs(f.Path); err != nil {
				return nil, err
			}
			files = append(files, f)
		}
	}
	return files, nil
}

// list expands a pattern such as gs://bucket/logs/*.gz.
func list(ctx context.Context, pattern string) ([]replay.File, error) {
	fs, err := filesystem.New(ctx, pattern)
	if err != nil {
		return nil, err
	}
	paths, err := fs.List(ctx, pattern)
	if err = errors.Join(err, fs.Close()); err == nil && len(paths) == 0 {
		err = errors.New("the pattern matches no file")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", pattern, err)
	}
	var files []replay.File
	for _, path := range paths {
		files = append(files, replay.File{Path: path})
	}
	return files, nil
}

// read reads a short file of any file system.
func read(ctx context.Context, path string) ([]byte, error) {
	r, err := open(ctx, path)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(r)
	return text, errors.Join(err, r.Close())
}

// open opens a file of any file system; closing it closes that, too.
func open(ctx context.Context, path string) (io.ReadCloser, error) {
	fs, err := filesystem.New(ctx, path)
	if err != nil {
		return nil, err
	}
	r, err := fs.OpenRead(ctx, path)
	if err != nil {
		return nil, errors.Join(err, fs.Close())
	}
	if seeker, ok := r.(io.ReadSeeker); ok {
		return seekable{seeker, closers{r, fs}}, nil
	}
	return struct {
		io.Reader
		io.Closer
	}{r, closers{r, fs}}, nil
}

// seekable keeps a local file's Seek, which spares reading what stands before a
// shard.
type seekable struct {
	io.ReadSeeker
	io.Closer
}

// closers are closed in their order.
type closers []io.Closer

// Close implements io.Closer.
func (c closers) Close() error {
	var errs []error
	for _, one := range c {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}
