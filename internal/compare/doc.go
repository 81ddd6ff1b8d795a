// Package compare holds two verdicts on the same HTTP exchange side by side,
// those of two policies or of yesterday and today, and keeps what differs: by
// rule, endpoint and parameter, with examples.
//
// Its size depends on the rules and endpoints and not on the traffic.
package compare
