package alert

import "time"

// window counts what has come in a sliding time, in slots of equal length, and
// what usually comes in one.
type window struct {
	counts [slots]int32
	slot   int64   // the number of the latest one
	usual  float64 // of whole windows before, the late ones counting more
	muted  int64   // until that slot
}

// maxSlotCount keeps a sum of slots within its type.
const maxSlotCount = 1 << 24

// usualShare is how much the latest window counts in what is usual.
const usualShare = 0.3

// add counts n at a time and returns what is in the window with it, and what is
// usual. A time before the latest counts as the latest.
func (w *window) add(at time.Time, n, seconds int) (total int, usual float64) {
	w.advance(slotOf(at, seconds))
	i := w.slot % slots
	w.counts[i] = int32(min(int(w.counts[i])+n, maxSlotCount))
	for _, c := range w.counts {
		total += int(c)
	}
	return total, w.usual
}

// slotOf numbers time from the epoch on; times before it are all in the first.
func slotOf(at time.Time, seconds int) int64 {
	return max(0, at.UnixMilli()*slots/int64(seconds*1000))
}

// advance empties the slots that the window has left behind. At the end of each
// whole window it learns what is usual.
func (w *window) advance(slot int64) {
	if slot <= w.slot {
		return
	}
	// Of a long pause each window that nothing came in counts, but after some
	// nothing is usual.
	steps := min(slot-w.slot, 20*slots)
	for s := slot - steps + 1; s <= slot; s++ {
		if s%slots == 0 {
			sum := 0
			for _, c := range w.counts {
				sum += int(c)
			}
			w.usual += usualShare * (float64(sum) - w.usual)
		}
		w.counts[s%slots] = 0
	}
	w.slot = slot
}

// fire says that an alert may be raised now, and mutes the next ones for the
// length of a window: who hears of it once need not hear of it at each request.
func (w *window) fire() bool {
	if w.slot < w.muted {
		return false
	}
	w.muted = w.slot + slots
	return true
}
