package tune

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"tabard/engine"
	"tabard/internal/replay"
)

const (
	// maxKept and maxKeptBytes bound the blocked requests that are judged again:
	// as many show what is wrong, and they fit into memory on any machine.
	maxKept      = 20_000
	maxKeptBytes = 256 << 20
	// maxExclusions: somebody has to read them, and each costs the engine a
	// comparison of the path.
	maxExclusions = 200
	// DefaultFirstID is where ready rules are numbered from; ids below 100,000
	// are the user's.
	DefaultFirstID = 90001
)

// Options say what is tuned.
type Options struct {
	// Policy is the one to tune, and Compile makes an engine of it and of
	// variants of it.
	Policy  engine.Policy
	Compile func(engine.Policy, ...engine.Option) (*engine.Engine, error)
	// Attacks are those whose loss is counted.
	Attacks []Attack
	// FirstID numbers the ready rules; DefaultFirstID when 0.
	FirstID int
	// TargetShare is the part of the harmless requests that may be blocked, such
	// as 0.01.
	TargetShare float64
}

// Tuner takes harmless traffic in and then proposes. It is for one goroutine.
type Tuner struct {
	options Options
	base    *engine.Engine
	levels  [maxLevel]*engine.Engine
	result  Result
	harmful []kept
	blocked []kept
	bytes   int
	scores  [maxLevel]scores
}

// kept is a request with what the policy as it is says of it.
type kept struct {
	entry  replay.Entry
	record engine.Record
	needs  []Exclusion // what frees it
}

// New compiles the policy, and CRS at each paranoia level beside it. Levels
// that only detect are left out, because they block nothing.
func New(o Options) (*Tuner, error) {
	if o.FirstID == 0 {
		o.FirstID = DefaultFirstID
	}
	o.Policy.CRS.DetectionParanoiaLevel = 0
	t := &Tuner{options: o}
	var err error
	if t.base, err = o.Compile(o.Policy); err != nil {
		return nil, err
	}
	current := max(1, o.Policy.CRS.ParanoiaLevel)
	for i := range t.levels {
		if i+1 == current {
			t.levels[i] = t.base
			continue
		}
		policy := o.Policy
		policy.CRS.ParanoiaLevel = i + 1
		if t.levels[i], err = o.Compile(policy); err != nil {
			return nil, fmt.Errorf("at paranoia level %d: %w", i+1, err)
		}
	}
	t.result.Level, t.result.Threshold = current, engine.DefaultInboundThreshold
	if n := o.Policy.CRS.InboundThreshold; n != 0 {
		t.result.Threshold = n
	}
	return t, nil
}

// variant compiles the policy with exclusions. It judges a few thousand requests
// once, so that compiling the fast path would not pay.
func (t *Tuner) variant(list []Exclusion) (*engine.Engine, error) {
	return t.options.Compile(with(t.options.Policy, t.options.FirstID, list), engine.WithLateScreener())
}

// Judge judges for Add. It may be used by any number of goroutines.
func (t *Tuner) Judge() replay.Judge {
	several := replay.Several{replay.Native{Engine: t.base, Records: true}}
	for _, e := range t.levels {
		several = append(several, replay.Native{Engine: e})
	}
	return several
}

// harmlessLabels are what sources call traffic that must pass.
var harmlessLabels = map[string]bool{"benign": true, "harmless": true, "good": true, "clean": true, "ham": true}

// Add takes in a result of Judge. A request with another label than a harmless
// one is an attack; one without a label is taken for harmless.
func (t *Tuner) Add(r replay.Result) {
	label := strings.ToLower(r.Entry.Label)
	if label != "" && !harmlessLabels[label] {
		t.result.Traffic.Attacks++
		if r.Outcome.Action == engine.Block {
			t.result.Traffic.AttacksBlocked++
			t.keep(&t.harmful, r)
		}
		return
	}
	t.result.Traffic.Harmless++
	if label == "" {
		t.result.Traffic.Unlabelled++
	}
	for i := range t.scores {
		t.scores[i].add(r.Outcome.Others[i].Score)
	}
	if r.Outcome.Action == engine.Block {
		t.result.Traffic.Blocked++
		t.keep(&t.blocked, r)
	}
}

func (t *Tuner) keep(list *[]kept, r replay.Result) {
	size := len(r.Entry.Body) + len(r.Entry.Request.Target)
	if len(*list) >= maxKept || t.bytes+size > maxKeptBytes {
		t.result.Traffic.NotKept++
		return
	}
	t.bytes += size
	entry := r.Entry
	entry.Response = nil // an exclusion for a request is judged by the request
	*list = append(*list, kept{entry: entry, record: *r.Outcome.Record})
}

// judgeAll gives the records of entries, on all cores. It stops early when the
// context ends.
func judgeAll(ctx context.Context, e *engine.Engine, entries []replay.Entry) ([]engine.Record, error) {
	out := make([]engine.Record, len(entries))
	judge := replay.Native{Engine: e, Records: true}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(entries) {
					return
				}
				out[i] = *judge.Judge(ctx, entries[i]).Record
			}
		})
	}
	workers.Wait()
	return out, ctx.Err()
}

func entriesOf(list []kept) []replay.Entry {
	out := make([]replay.Entry, len(list))
	for i, k := range list {
		out[i] = k.entry
	}
	return out
}
