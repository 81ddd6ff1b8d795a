package transform

import "strings"

const (
	// chunkBytes is how much an arena allocates at a time: some hundred short values, and little enough
	// that a single value somebody holds on to does not keep much memory alive.
	chunkBytes = 8 << 10
	// directBytes is the size from which a value gets an allocation of its own, so that large values leave
	// no holes at the end of a chunk.
	directBytes = chunkBytes / 4
	// scratchBytes is the largest working buffer that an arena keeps, so that one large value does not
	// cost its memory for good.
	scratchBytes = 64 << 10
)

// Arena stores changed values many to an allocation. Its zero value is ready for use. What it returned
// stays valid and unchanged for good: full chunks are left to the garbage collector and never written again.
// An arena must not be copied after its first use, nor used by two goroutines at a time.
type Arena struct {
	chunk   strings.Builder
	scratch []byte
}

// String returns a copy of b as a string. A nil arena allocates it by itself.
func (a *Arena) String(b []byte) string {
	if a == nil || len(b) >= directBytes {
		return string(b)
	}
	if a.chunk.Cap()-a.chunk.Len() < len(b) {
		a.chunk.Reset()
		a.chunk.Grow(chunkBytes)
	}
	start := a.chunk.Len()
	a.chunk.Write(b)
	return a.chunk.String()[start:]
}

// work returns an empty buffer with room for n bytes, valid until the next call.
func (a *Arena) work(n int) []byte {
	if a == nil || n > scratchBytes {
		return make([]byte, 0, n)
	}
	if cap(a.scratch) < n {
		a.scratch = make([]byte, 0, min(max(n, 2*cap(a.scratch)), scratchBytes))
	}
	return a.scratch[:0]
}

// settle returns b as a string: s itself if the two are equal.
func (a *Arena) settle(b []byte, s string) string {
	if string(b) == s {
		return s
	}
	return a.String(b)
}
