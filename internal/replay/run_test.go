package replay

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

// judgeFunc is a Judge of one function.
type judgeFunc func(Entry) Outcome

func (f judgeFunc) Judge(_ context.Context, e Entry) Outcome { return f(e) }

// numbers yields n entries whose ids are numbers, and then end.
func numbers(n int, end error) func() (Record, error) {
	i := 0
	return func() (Record, error) {
		if i++; i > n {
			return Record{}, end
		}
		return whole(Entry{ID: strconv.Itoa(i)}, 1), nil
	}
}

func TestResultsComeInTheOrderOfTheEntries(t *testing.T) {
	slowFirst := judgeFunc(func(e Entry) Outcome {
		if n, _ := strconv.Atoi(e.ID); n%7 == 1 {
			time.Sleep(time.Millisecond)
		}
		return Outcome{Route: e.ID}
	})
	next := numbers(1000, io.EOF)
	mixed := func() (Record, error) {
		r, err := next()
		if err == nil && r.ready.ID == "500" {
			err = &EntryError{Reason: "broken"}
		}
		return r, err
	}
	seen, idle := 0, 0
	err := Run(context.Background(), mixed, []Judge{slowFirst, slowFirst, slowFirst}, func(r Result) error {
		seen++
		if seen == 500 {
			require.EqualError(t, r.Err, ": entry 0 at byte 0: broken")
			return nil
		}
		require.Equal(t, strconv.Itoa(seen), r.Entry.ID)
		require.Equal(t, r.Entry.ID, r.Outcome.Route)
		return nil
	}, func() { idle++ })
	require.NoError(t, err)
	require.Equal(t, 1000, seen)
	require.Positive(t, idle)
}

func TestARunEndsWithTheFirstError(t *testing.T) {
	judge := judgeFunc(func(Entry) Outcome { return Outcome{} })
	boom := errors.New("boom")
	require.ErrorIs(t, Run(context.Background(), numbers(10, boom), []Judge{judge}, func(Result) error { return nil }, nil), boom)

	seen := 0
	err := Run(context.Background(), numbers(100000, io.EOF), []Judge{judge, judge}, func(Result) error {
		if seen++; seen == 3 {
			return boom
		}
		return nil
	}, nil)
	require.ErrorIs(t, err, boom)
	require.Equal(t, 3, seen)
}

func TestAnInterruptedRunGivesWhatIsDone(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	block := make(chan struct{})
	defer close(block)
	next := numbers(5, nil)
	blocking := func() (Record, error) {
		r, err := next()
		if r.ready == nil {
			cancel()
			<-block // as a read from a terminal does
		}
		return r, err
	}
	var seen []string
	err := Run(ctx, blocking, []Judge{judgeFunc(func(Entry) Outcome { return Outcome{} })}, func(r Result) error {
		seen = append(seen, r.Entry.ID)
		return nil
	}, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []string{"1", "2", "3", "4", "5"}, seen)
}

func TestTheBytesInFlightAreBounded(t *testing.T) {
	const length = maxEntryBytes
	var inFlight, most atomic.Int64
	n := 0
	next := func() (Record, error) {
		if n++; n > 40 {
			return Record{}, io.EOF
		}
		return whole(Entry{ID: "x"}, length), nil
	}
	judge := judgeFunc(func(Entry) Outcome {
		most.Store(max(most.Load(), inFlight.Add(length)))
		time.Sleep(100 * time.Microsecond)
		return Outcome{}
	})
	emit := func(Result) error { inFlight.Add(-length); return nil }
	require.NoError(t, Run(context.Background(), next, []Judge{judge}, emit, nil))
	require.LessOrEqual(t, most.Load(), int64(maxInFlightBytes))
}

func TestAnEntryOverTheWholeBoundIsLetInAlone(t *testing.T) {
	n := 0
	next := func() (Record, error) {
		if n++; n > 3 {
			return Record{}, io.EOF
		}
		return whole(Entry{ID: "x"}, maxInFlightBytes+1), nil
	}
	seen := 0
	judge := judgeFunc(func(Entry) Outcome { return Outcome{} })
	require.NoError(t, Run(context.Background(), next, []Judge{judge, judge}, func(Result) error { seen++; return nil }, nil))
	require.Equal(t, 3, seen)
}

// repeated yields a text n times.
type repeated struct {
	text string
	n    int
	rest string
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.rest == "" {
		if r.n == 0 {
			return 0, io.EOF
		}
		r.n--
		r.rest = r.text
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// maxHeapBytes is far above what the window of small entries needs and far
// below the input.
const maxHeapBytes = 24 << 20

func TestMemoryDoesNotGrowWithTheInput(t *testing.T) {
	const size, entries = 64 << 20, 16 << 10 // bytes each
	body := strings.Repeat("x", entries)
	for format, c := range map[Format]struct{ before, entry, after string }{
		NDJSON:    {"", `{"method":"GET","path":"/` + body + "\"}\n", ""},
		AccessLog: {"", strings.Replace(sampleLog, "/a", "/"+body, 1), ""},
		HTTP:      {"", "GET /" + body + " HTTP/1.1\r\n\r\n", ""},
		HAR: {`{"log":{"entries":[{"request":{"method":"GET","url":"http://h/"}}`,
			`,{"request":{"method":"GET","url":"http://h/` + body + `"}}`, `]}}`},
	} {
		t.Run(string(format), func(t *testing.T) {
			in := io.MultiReader(strings.NewReader(c.before), &repeated{text: c.entry, n: size / entries}, strings.NewReader(c.after))
			r, err := NewReader(in, "in", Options{Format: format})
			require.NoError(t, err)
			seen, most := 0, uint64(0)
			judge := judgeFunc(func(Entry) Outcome { return Outcome{Action: engine.Pass} })
			var sum Summary
			err = Run(context.Background(), r.Next, []Judge{judge, judge}, func(result Result) error {
				sum.Add(result)
				if seen++; seen%512 == 0 {
					runtime.GC()
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					most = max(most, m.HeapAlloc)
				}
				return nil
			}, nil)
			require.NoError(t, err)
			require.GreaterOrEqual(t, sum.Requests, size/entries)
			require.Less(t, most, uint64(maxHeapBytes))
		})
	}
}
