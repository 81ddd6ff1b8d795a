package verdicts

import (
	"maps"
	"slices"
	"time"

	"tabard/engine"
)

// maxBuckets is how many bars a page shows side by side.
const maxBuckets = 120

// widths are the lengths of a bar that people can read off.
var widths = []time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour,
	6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 28 * 24 * time.Hour, 364 * 24 * time.Hour, 3640 * 24 * time.Hour, 36400 * 24 * time.Hour,
}

// timeline counts by time. It begins with the shortest bars and makes them
// longer when the times lie too far apart.
type timeline struct {
	width   int // index into widths
	buckets map[int64]*Counts
	first   int64
	last    int64
}

// index is the number of the bar that holds a time.
func (t *timeline) index(unix int64) int64 {
	seconds := int64(widths[t.width] / time.Second)
	i := unix / seconds
	if unix%seconds < 0 {
		i--
	}
	return i
}

func (t *timeline) add(at time.Time, a engine.Action) {
	if at.IsZero() {
		return
	}
	unix := at.Unix()
	if t.buckets == nil {
		t.buckets, t.first, t.last = map[int64]*Counts{}, unix, unix
	}
	t.first, t.last = min(t.first, unix), max(t.last, unix)
	for t.index(t.last)-t.index(t.first) >= maxBuckets && t.width+1 < len(widths) {
		t.widen()
	}
	t.bucket(t.index(unix)).add(a)
}

func (t *timeline) bucket(i int64) *Counts {
	c := t.buckets[i]
	if c == nil {
		c = &Counts{}
		t.buckets[i] = c
	}
	return c
}

// widen puts the counts into longer bars.
func (t *timeline) widen() {
	old, seconds := t.buckets, int64(widths[t.width]/time.Second)
	t.width++
	t.buckets = map[int64]*Counts{}
	for i, c := range old {
		t.bucket(t.index(i * seconds)).merge(*c)
	}
}

// Bar is a part of the time.
type Bar struct {
	Start time.Time `json:"start"`
	Counts
}

// Timeline is the whole time in bars of equal length; those without an exchange
// are left out.
type Timeline struct {
	WidthSeconds int   `json:"width_seconds"`
	Bars         []Bar `json:"bars"`
}

func (t *timeline) timeline() Timeline {
	out := Timeline{WidthSeconds: int(widths[t.width] / time.Second), Bars: []Bar{}}
	for _, i := range slices.Sorted(maps.Keys(t.buckets)) {
		out.Bars = append(out.Bars, Bar{Start: time.Unix(i*int64(out.WidthSeconds), 0).UTC(), Counts: *t.buckets[i]})
	}
	return out
}
