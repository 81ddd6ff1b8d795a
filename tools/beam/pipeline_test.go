package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"tabard/internal/replay"
)

// traffic writes files of several formats, with attacks, broken entries and
// what is no traffic.
func traffic(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var log, ndjson strings.Builder
	for i := range 400 {
		target := fmt.Sprintf("/items?page=%d", i)
		if i%9 == 0 {
			target = fmt.Sprintf("/?q=%d%%27%%20or%%20%%271%%27=%%271", i)
		}
		fmt.Fprintf(&log, "192.0.2.7 - - [17/May/2015:10:05:03 +0000] \"GET %s HTTP/1.1\" 200 203 \"-\" \"curl/8\"\n", target)
		fmt.Fprintf(&ndjson, "{\"id\":\"%d\",\"method\":\"GET\",\"path\":\"%s\",\"headers\":[[\"Host\",\"shop.example\"],[\"User-Agent\",\"M\"],[\"Accept\",\"*/*\"]]}\n", i, target)
		if i%100 == 50 {
			log.WriteString("no line of a log\n")
		}
	}
	write := func(name string, text []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	write("access.log", []byte(log.String()))
	write("requests.ndjson", []byte(ndjson.String()))
	write("README.md", []byte("# prose\n"))
	packed, err := os.Create(filepath.Join(dir, "old.gz"))
	require.NoError(t, err)
	z := gzip.NewWriter(packed)
	_, err = z.Write([]byte(log.String()))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	require.NoError(t, packed.Close())
	return dir
}

func TestTheTotalsOnPrismAreThoseOfALocalRun(t *testing.T) {
	dir := traffic(t)
	job := replay.Job{Name: "p", Policy: []byte("mode: block\nroutes:\n- {name: items, path_prefix: /items}\n"), Paths: []string{dir}, ShardBytes: 8 << 10}
	local, err := replay.Open(job.Paths, replay.Options{})
	require.NoError(t, err)
	e, err := job.Engine()
	require.NoError(t, err)
	var want replay.Summary
	require.NoError(t, replay.Run(t.Context(), local.Next, []replay.Judge{replay.Native{Engine: e}}, func(r replay.Result) error {
		want.Add(r)
		return nil
	}, nil))

	shards, err := plan(t.Context(), job)
	require.NoError(t, err)
	require.Greater(t, len(shards), 10)
	out := filepath.Join(t.TempDir(), "summary.json")
	p, s := beam.NewPipelineWithRoot()
	require.NoError(t, build(s, job, shards, out))
	_, err = prism.Execute(t.Context(), p)
	require.NoError(t, err)
	text, err := read(t.Context(), out)
	require.NoError(t, err)
	var got replay.Summary
	require.NoError(t, json.Unmarshal(text, &got))
	require.Equal(t, want, got)
	require.Equal(t, 1200, got.Requests)
	require.Equal(t, 9, got.Broken)
}

func TestAPlanNamesWhatCannotBeRead(t *testing.T) {
	for path, want := range map[string]string{
		"-":             "standard input cannot be read by other machines: save it to a file first",
		"/nothere":      "/nothere: no such file or directory",
		"ftp://h/*.log": `file system scheme "ftp" not registered for "ftp://h/*.log"`,
	} {
		_, err := plan(t.Context(), replay.Job{Paths: []string{path}})
		require.ErrorContains(t, err, want)
	}
}
