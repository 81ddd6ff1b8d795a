package filter

// StateOf names a stream's state, for the test of the table.
func StateOf(s *Stream) string { return s.state.String() }

// MaxRuleMetrics, ChunkBytes and HoldLimit are the limits that tests reach.
const (
	MaxRuleMetrics = maxRuleMetrics
	ChunkBytes     = chunkBytes
	HoldLimit      = holdLimit
)
