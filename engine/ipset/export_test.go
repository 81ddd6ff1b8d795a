package ipset

// BuilderWithLimit gives a Builder that takes n entries, because a test with
// MaxEntries would need a hundred megabytes.
func BuilderWithLimit(n int) *Builder { return &Builder{maxEntries: n} }
