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
}

// Run judges what next yields until io.EOF, one goroutine a judge, and calls
// emit for each result in the order of next. idle, when not nil, is called
// before waiting for a result, so that the caller can flush what it has
// written. Memory is bounded by a window of entries.
//
// When ctx ends, what has been read is still judged and emitted, and Run
// returns the context's error without waiting for a read that blocks. An error
// of emit ends the run and is returned, as is any error of next but io.EOF,
// *EntryError and *SourceError.
func Run(ctx context.Context, next func() (Entry, error), judges []Judge, emit func(Result) error, idle func()) error {
	p := pipeline{
		order:  make(chan *job, windowPerJudge*len(judges)),
		work:   make(chan *job, windowPerJudge*len(judges)),
		quit:   make(chan struct{}),
		failed: make(chan error, 1),
		budget: newBudget(maxInFlightBytes),
	}
	go p.read(ctx, next)
	var workers sync.WaitGroup
	for _, judge := range judges {
		workers.Go(func() { p.judge(ctx, judge) })
	}
	err := p.emit(ctx, emit, idle)
	close(p.quit)
	p.budget.close()
	workers.Wait()
	return err
}

// job is one entry on its way; done is closed when it has its outcome.
type job struct {
	result Result
	done   chan struct{}
}

// pipeline hands each entry to the judges and, in the same order, to emit. The
// judges work until emit has returned, so that emit can wait for any job.
type pipeline struct {
	order, work chan *job
	quit        chan struct{}
	failed      chan error // how next ended, when not by io.EOF
	budget      *budget
}

// read fills the window. It may outlive Run by the one call that blocks.
func (p *pipeline) read(ctx context.Context, next func() (Entry, error)) {
	defer close(p.work)
	defer close(p.order)
	for ctx.Err() == nil {
		e, err := next()
		var entry *EntryError
		var file *SourceError
		if err != nil && !errors.As(err, &entry) && !errors.As(err, &file) {
			if !errors.Is(err, io.EOF) {
				p.failed <- err
			}
			return
		}
		j := &job{result: Result{Entry: e, Err: err}, done: make(chan struct{})}
		if err != nil {
			close(j.done)
		}
		if !p.budget.take(e.bytes) || !p.send(p.order, j) || err == nil && !p.send(p.work, j) {
			return
		}
	}
}

func (p *pipeline) send(to chan<- *job, j *job) bool {
	select {
	case to <- j:
		return true
	case <-p.quit:
		return false
	}
}

func (p *pipeline) judge(ctx context.Context, judge Judge) {
	// A verdict that has begun is given, also when the run is interrupted.
	ctx = context.WithoutCancel(ctx)
	for {
		select {
		case j, ok := <-p.work:
			if !ok {
				return
			}
			j.result.Outcome = judge.Judge(ctx, j.result.Entry)
			close(j.done)
		case <-p.quit:
			return
		}
	}
}

// emit hands on the results in order.
func (p *pipeline) emit(ctx context.Context, emit func(Result) error, idle func()) error {
	for {
		j, ok := p.next(ctx, idle)
		if !ok {
			select {
			case err := <-p.failed:
				return err
			default:
				return ctx.Err()
			}
		}
		<-j.done
		if err := emit(j.result); err != nil {
			return err
		}
		p.budget.give(j.result.Entry.bytes)
	}
}

// next returns the next job; none when the reader is done, or when the context
// has ended and nothing more is in the window.
func (p *pipeline) next(ctx context.Context, idle func()) (*job, bool) {
	select {
	case j, ok := <-p.order:
		return j, ok
	default:
	}
	if ctx.Err() != nil {
		return nil, false
	}
	if idle != nil {
		idle()
	}
	select {
	case j, ok := <-p.order:
		return j, ok
	case <-ctx.Done():
		return p.next(ctx, nil)
	}
}

// budget bounds the bytes in flight. One entry is let in whatever its length.
type budget struct {
	mu     sync.Mutex
	change *sync.Cond
	free   int
	limit  int
	closed bool
}

func newBudget(bytes int) *budget {
	b := &budget{free: bytes, limit: bytes}
	b.change = sync.NewCond(&b.mu)
	return b
}

// take waits until n bytes are free; false means that the budget was closed.
func (b *budget) take(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.free < n && b.free < b.limit && !b.closed {
		b.change.Wait()
	}
	b.free -= n
	return !b.closed
}

func (b *budget) give(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free += n
	b.change.Signal()
}

func (b *budget) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.change.Signal()
}
