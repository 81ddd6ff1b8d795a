package replay

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

// unseekable hides Seek, as remote files do.
type unseekable struct{ io.Reader }

func TestTheShardsOfAFileHaveEachLineOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, text := range []string{"", "\n", "a", "a\n", "a\nb", "\n\na\n\n", strings.Repeat("line of a log\n", 50), strings.Repeat("x", 300) + "\n" + "b\n"} {
		for range 20 {
			size := int64(len(text))
			shard := 1 + random.Int64N(size+3)
			var got strings.Builder
			for from := int64(0); from < size; from += shard {
				for _, in := range []io.Reader{strings.NewReader(text), unseekable{strings.NewReader(text)}} {
					l, err := newLineRange(in, from, min(from+shard, size))
					require.NoError(t, err)
					part, err := io.ReadAll(l)
					require.NoError(t, err)
					if _, ok := in.(io.Seeker); ok {
						got.Write(part)
					}
				}
			}
			require.Equal(t, text, got.String(), "shards of %d bytes", shard)
		}
	}
}

func TestOnlyLinesThatAreNotCompressedAreSplit(t *testing.T) {
	log := strings.Repeat(sampleLog, 20)
	for name, c := range map[string]struct {
		text   string
		shards int
	}{
		"a log":                        {log, 5},
		"a log behind a mark":          {utf8BOM + log, 5},
		"a compressed log":             {zip(log), 1},
		"an archive":                   {strings.Replace(sampleHAR, `{"request"`, `{"x":"`+strings.Repeat("x", 1000)+`","request"`, 1), 1},
		"raw requests":                 {strings.Repeat(sampleHTTP, 30), 1},
		"a log that is short":          {sampleLog, 1},
		"what nobody knows the format": {strings.Repeat("prose\n", 100), 1},
	} {
		t.Run(name, func(t *testing.T) {
			shards := Split(strings.NewReader(c.text), "in", false, int64(len(c.text)), int64(len(log)/5+1), Options{})
			require.Len(t, shards, c.shards)
		})
	}
}

// pass judges by the length of the target, so that a summary differs when an
// entry is missing.
var byLength = judgeFunc(func(e Entry) Outcome {
	return Outcome{Action: engine.Pass, Rules: []int{len(e.Request.Target)}, Messages: map[int]string{}}
})

func TestAJobInShardsCountsAsALocalRun(t *testing.T) {
	var log, ndjson strings.Builder
	for i := range 300 {
		log.WriteString(strings.Replace(sampleLog, "/a", "/"+strings.Repeat("a", i%17), 1))
		ndjson.WriteString(strings.Replace(sampleNDJSON, `"/"`, `"/`+strings.Repeat("b", i%13)+`"`, 1))
		if i%50 == 7 {
			log.WriteString("\x1f\x8b no line of a log\n\n")
			ndjson.WriteString("{}\r\n")
		}
	}
	cut := zip(log.String())
	dir := folder(t, map[string]string{
		"1.log": log.String(), "2.ndjson": utf8BOM + ndjson.String(), "3.gz": cut[:len(cut)-4], "4.har": sampleHAR,
		"5.txt": "prose\n", "6.log": strings.TrimSpace(log.String()), "7": "", "8.curl": "curl h\ncurl -d @x h\n",
	})
	paths := []string{dir, dir + "/5.txt"}
	traffic, err := Open(paths, Options{})
	require.NoError(t, err)
	files := traffic.Files()
	var local Summary
	require.NoError(t, Run(t.Context(), traffic.Next, []Judge{byLength}, func(r Result) error { local.Add(r); return nil }, nil))
	for _, shardBytes := range []int64{1, 100, 1 << 12, 1 << 30} {
		var sum Summary
		reports := 0
		open := func(path string) (io.ReadCloser, error) { return os.Open(path) }
		for _, f := range files {
			text, err := os.ReadFile(f.Path)
			require.NoError(t, err)
			for _, s := range Split(bytes.NewReader(text), f.Path, f.InFolder, int64(len(text)), shardBytes, Options{}) {
				sum.Merge(s.Do(byLength, open, func(error) { reports++ }))
			}
		}
		require.Equal(t, local, sum, "shards of %d bytes", shardBytes)
		require.Equal(t, local.Broken+local.Failed, reports)
	}
}

func TestAShardWhoseFileIsGoneIsCounted(t *testing.T) {
	gone := func(string) (io.ReadCloser, error) { return nil, errors.New("gone") }
	var told []string
	sum := Shard{Path: "x"}.Do(byLength, gone, func(err error) { told = append(told, err.Error()) })
	require.Equal(t, 1, sum.Failed)
	require.Equal(t, []string{"x: gone"}, told)
}

func TestAJobBringsItsPolicysFiles(t *testing.T) {
	j := Job{Name: "p", Policy: []byte("crs: {enabled: false}\ndirectives: [{file: my.conf}]\n"),
		Files: map[string][]byte{"my.conf": []byte(`SecRule REQUEST_URI "@contains attack" "id:7,phase:1,deny,status:403,log,msg:'x'"` + "\n")}}
	e, err := j.Engine()
	require.NoError(t, err)
	o := Native{Engine: e}.Judge(t.Context(), Entry{ID: "x", Request: engine.Request{Method: "GET", Target: "/attack", Protocol: "HTTP/1.1"}})
	require.Equal(t, engine.Block, o.Action)
	j.Files = nil
	_, err = j.Engine()
	require.Error(t, err)
}

func FuzzShards(f *testing.F) {
	f.Add("a\n\nbc\nd", uint8(2))
	f.Fuzz(func(t *testing.T, text string, shard uint8) {
		var got strings.Builder
		for from := int64(0); from < int64(len(text)); from += int64(shard) + 1 {
			l, err := newLineRange(strings.NewReader(text), from, min(from+int64(shard)+1, int64(len(text))))
			require.NoError(t, err)
			part, err := io.ReadAll(l)
			require.NoError(t, err)
			got.Write(part)
		}
		require.Equal(t, text, got.String())
	})
}
