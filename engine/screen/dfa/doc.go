// Package dfa answers, for one value of an HTTP exchange, whether one @rx
// pattern matches it: the exact check behind the fast path's candidates.
//
// A [DFA] gives the same answer as Go's regexp.MatchString, or, in byte mode,
// as rsc.io/binaryregexp, which Coraza's @rx switches to for some patterns
// ([RxPattern] makes that decision). It is a deterministic automaton whose
// states are built the first time a value needs them, so a value costs a table
// look-up per byte after warm-up, whatever the pattern.
//
// # How it works
//
// The pattern is parsed and compiled by the same syntax package as the real
// matcher, so both agree on what the pattern means. The program becomes an
// automaton of positions: a position waits for a rune or for a zero-width
// assertion. Runes that no position tells apart share a class. A state is the
// set of positions reached, plus what the assertions must know of the rune
// before. Because only "matches or not" is asked, a state that holds a match
// is final, and a state that can never match is dead: both end the scan early.
//
// # Concurrency
//
// Readers take no lock: they load transitions atomically. A mutex is held only
// while a missing transition is built. A table that had to grow or was thrown
// away stays valid for the readers that still hold it.
//
// # Bounds
//
// A value can be made to visit many states. Each DFA has a limit of bytes, and
// DFAs may share a [Budget]. At the limit Match gives up (ok is false) and the
// caller runs the real regexp on that value. Only after as many such misses as
// the table has states is the table emptied, so that an adversary never makes
// the automaton cost more than about one state construction per value.
package dfa
