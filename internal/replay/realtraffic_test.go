package replay_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/internal/replay"
	"tabard/rules"
)

// realTraffic is recorded traffic, where this tree is developed.
const realTraffic = "../../../shared/corpus/requests.jsonl"

// BenchmarkRealTraffic plays recorded traffic, shuffled, once through a new
// engine with the fast path and once through one without, one request after the
// other, and prints how long each took by what the fast path said: from a cold
// start, as after each load of a policy. The ratio is of processor time, which
// what else the machine does changes less. Run it with -benchtime 1x.
func BenchmarkRealTraffic(b *testing.B) {
	entries := realEntries(b)
	seed := uint64(time.Now().UnixNano())
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(entries), func(i, k int) { entries[i], entries[k] = entries[k], entries[i] })
	for b.Loop() {
		on, off := newEngine(b, "on"), newEngine(b, "off")
		rows, of := map[string]*row{}, make([]*row, len(entries))
		begin := processorTime(b)
		for i, e := range entries {
			start := time.Now()
			v := judge(on, e)
			took := time.Since(start)
			name := string(v.Screen)
			if v.ScreenReason != "" {
				name = v.ScreenReason
			}
			if rows[name] == nil {
				rows[name] = &row{name: name}
			}
			of[i] = rows[name]
			of[i].n++
			of[i].fast += took
		}
		between := processorTime(b)
		for i, e := range entries {
			start := time.Now()
			judge(off, e)
			of[i].plain += time.Since(start)
		}
		fast, plain := between-begin, processorTime(b)-between
		b.ReportMetric(100*fast.Seconds()/plain.Seconds(), "%of-plain")
		b.Logf("seed %d: %d requests, %v of processor time with the fast path, %v without\n%s", seed, len(entries), fast, plain, table(rows))
	}
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// row sums up the requests of which the fast path said the same.
type row struct {
	name        string
	n           int
	fast, plain time.Duration
}

func table(rows map[string]*row) (text string) {
	var list []*row
	for _, r := range rows {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *row) int { return cmp.Compare(b.fast, a.fast) })
	for _, r := range list {
		text += fmt.Sprintf("%-18s %5d requests %10v with, %10v without the fast path\n", r.name, r.n, r.fast.Round(time.Microsecond), r.plain.Round(time.Microsecond))
	}
	return text
}

func realEntries(b *testing.B) (entries []replay.Entry) {
	traffic, err := replay.Open([]string{realTraffic}, replay.Options{})
	if err != nil {
		b.Skip("no real traffic beside this tree")
	}
	defer traffic.Close()
	for {
		record, err := traffic.Next()
		if err != nil {
			return entries
		}
		e, err := record.Entry()
		require.NoError(b, err)
		entries = append(entries, e)
	}
}

func newEngine(b *testing.B, screen string) *engine.Engine {
	policy, err := engine.ParsePolicy("bench.yaml", []byte("mode: block\nscreen: "+screen+"\n"))
	require.NoError(b, err)
	e, err := engine.New(policy, rules.FS())
	require.NoError(b, err)
	return e
}

func judge(e *engine.Engine, entry replay.Entry) engine.Verdict {
	x := e.Begin(entry.Conn)
	if v := x.RequestHeaders(entry.Request, len(entry.Body) == 0); len(entry.Body) > 0 && v.Action != engine.Block {
		x.RequestBody(entry.Body, true)
	}
	return x.End()
}
