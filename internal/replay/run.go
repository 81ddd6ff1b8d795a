package replay

import (
	"context"
	"errors"
	"io"
	"sync"
)

const (
	// windowPerJudge is how many entries may wait for one that takes longer:
	// enough to keep all judges busy beside a slow entry of some hundred
	// ordinary ones' time.
	windowPerJudge = 128
	// maxBatch is how many entries a judge takes at once, which makes the cost
	// of handing them over small; a window has room for several.
	maxBatch = 16
	// maxInFlightBytes bounds what the window holds, since an entry may have
	// maxEntryBytes: four of the largest, or every window of ordinary ones.
	maxInFlightBytes = 4 * maxEntryBytes
)

// Result is an entry with its outcome, or the error of one that could not be
// read: an *EntryError or a *SourceError.
type Result struct {
	Entry   Entry
	Outcome Outcome
	Err     error
	// Source is the place of the entry's source among those of a Traffic, from 0.
	Source int
}

// Run judges what next yields until io.EOF, one goroutine a judge, and calls
// emit for each result in the order of next. Records are parsed by the judges'
// goroutines. idle, when not nil, is called before waiting for a result, so
// that the caller can flush what it has written. Memory is bounded by a window
// of entries.
//
// When ctx ends, what has been read is still judged and emitted, and Run
// returns the context's error without waiting for a read that blocks. An error
// of emit ends the run and is returned, as is any error of next but io.EOF,
// *EntryError and *SourceError.
func Run(ctx context.Context, next func() (Record, error), judges []Judge, emit func(Result) error, idle func()) error {
	w := newWindow(len(judges))
	go w.read(next)
	var workers sync.WaitGroup
	for _, judge := range judges {
		workers.Go(func() { w.judge(ctx, judge) })
	}
	stop := context.AfterFunc(ctx, w.end)
	err := w.emit(emit, idle)
	stop()
	w.close()
	workers.Wait()
	if err == nil {
		err = w.readError()
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// item is what next has returned.
type item struct {
	record Record
	err    error
}

// batch is some items on their way; results are there when done is.
type batch struct {
	items   []item
	results []Result
	done    bool
}

// window holds what has been read and not been emitted. The reader appends to
// queue; a judge moves a part of it to order, as a batch, so that the batches
// are in the order of the entries whoever is the first to finish.
type window struct {
	mu                    sync.Mutex
	room, work, emittable *sync.Cond
	queue                 []item
	order                 []*batch
	judges                int
	count, bytes          int  // in flight
	ended                 bool // nothing more is read
	closed                bool // nothing more is emitted
	failed                error
}

func newWindow(judges int) *window {
	w := &window{judges: judges}
	w.room, w.work, w.emittable = sync.NewCond(&w.mu), sync.NewCond(&w.mu), sync.NewCond(&w.mu)
	return w
}

// read fills the window. It may outlive Run by the one call that blocks.
func (w *window) read(next func() (Record, error)) {
	for {
		r, err := next()
		var entry *EntryError
		var file *SourceError
		if err != nil && !errors.As(err, &entry) && !errors.As(err, &file) {
			if !errors.Is(err, io.EOF) {
				w.fail(err)
			}
			w.end()
			return
		}
		if !w.add(item{r, err}) {
			return
		}
	}
}

// add waits for room; false means that the window takes nothing more. One item
// is let in whatever its length.
func (w *window) add(i item) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.count > 0 && (w.count >= windowPerJudge*w.judges || w.bytes+i.record.bytes > maxInFlightBytes) && !w.ended {
		w.room.Wait()
	}
	if w.ended {
		return false
	}
	w.count, w.bytes = w.count+1, w.bytes+i.record.bytes
	w.queue = append(w.queue, i)
	w.work.Signal()
	return true
}

// end says that nothing more is read.
func (w *window) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.room.Broadcast()
	w.work.Broadcast()
	w.emittable.Broadcast()
}

// close ends the judges, too.
func (w *window) close() {
	w.end()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed, w.queue = true, nil
	w.work.Broadcast()
}

func (w *window) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = err
}

func (w *window) readError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// judge works until there is nothing more to do.
func (w *window) judge(ctx context.Context, judge Judge) {
	// A verdict that has begun is given, also when the run is interrupted.
	ctx = context.WithoutCancel(ctx)
	for {
		b := w.take()
		if b == nil {
			return
		}
		for _, i := range b.items {
			b.results = append(b.results, i.result(ctx, judge))
		}
		w.finish(b)
	}
}

func (i item) result(ctx context.Context, judge Judge) Result {
	r := Result{Err: i.err, Source: i.record.source}
	if r.Err == nil {
		r.Entry, r.Err = i.record.Entry()
	}
	if r.Err == nil {
		r.Outcome = judge.Judge(ctx, r.Entry)
	}
	return r
}

// take waits for work; nil means that there will be none. It leaves enough for
// the other judges.
func (w *window) take() *batch {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) == 0 && !w.ended {
		w.work.Wait()
	}
	if len(w.queue) == 0 {
		return nil
	}
	n := min(maxBatch, (len(w.queue)+w.judges-1)/w.judges)
	b := &batch{items: append([]item(nil), w.queue[:n]...), results: make([]Result, 0, n)}
	rest := copy(w.queue, w.queue[n:])
	clear(w.queue[rest:])
	w.queue = w.queue[:rest]
	w.order = append(w.order, b)
	return b
}

func (w *window) finish(b *batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b.done = true
	if w.order[0] == b {
		w.emittable.Signal()
	}
}

// emit hands on the results in order.
func (w *window) emit(emit func(Result) error, idle func()) error {
	for {
		b := w.next(idle)
		if b == nil {
			return nil
		}
		for _, r := range b.results {
			if err := emit(r); err != nil {
				return err
			}
		}
		w.release(b)
	}
}

// next waits for the first batch to be done; nil means that all is emitted.
func (w *window) next(idle func()) *batch {
	w.mu.Lock()
	defer w.mu.Unlock()
	for told := false; ; {
		switch {
		case len(w.order) > 0 && w.order[0].done:
			return w.order[0]
		case w.ended && w.count == 0:
			return nil
		case idle != nil && !told:
			told = true
			w.mu.Unlock()
			idle()
			w.mu.Lock()
		default:
			w.emittable.Wait()
		}
	}
}

// release makes room for what was emitted.
func (w *window) release(b *batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, i := range b.items {
		w.count, w.bytes = w.count-1, w.bytes-i.record.bytes
	}
	w.order[0] = nil
	w.order = w.order[1:]
	w.room.Signal()
}
