// Package screen decides, before Coraza does anything, how much of it one HTTP
// exchange needs on the way to its verdict: none at all, when rules that
// neither block nor log are all that would match, or a part, when most rules
// cannot match.
//
// [Compile] turns a table of rules into a [Screener], once for each rule set. For each exchange,
// [Screener.Begin] gives an [Exchange] that is fed what Coraza would be fed.
// Before each phase it gives an [Outcome]: the rules that cannot match, which
// Coraza may be told to leave out, and, for what has been seen before, the
// phase's whole result.
//
// # Rules that cannot match
//
// A rule is left out when the first link of its chain matches none of the
// values it looks at: such a rule has no effect in Coraza. That is decided by
// the value alone, by operators rebuilt here and compared with Coraza's in the
// tests. What depends on more than the request (TX, macros, time, Coraza's own
// state) is never left out.
//
// # Results seen before
//
// A phase of Coraza is a program that reads the request through the links of
// its rules and otherwise only what earlier rules have written. So its result
// is a function of what those links have found. The key holds exactly that:
// each rule whose first link matched, how its other links fared, and the values
// themselves where a rule hands them on. [Exchange.Learn] stores the result
// that Coraza reached under the key, if it is harmless.
//
// # Invariants
//
// The code names them where it keeps them.
//
//	I1 The key is complete: whatever a rule can read is decided exactly, is the
//	   same in every exchange, is written by rules whose part in the key fixes
//	   it, or makes the exchange Coraza's.
//	I2 Candidates are a superset of what matches, and are then checked exactly.
//	I3 Only results without a block and without anything logged are stored.
//	I4 The values are those that Coraza sees; at any doubt the body is Coraza's.
//	I5 The flow of rules (skip, skipAfter, allow, removal) is never changed by
//	   leaving rules out.
//	I6 What changes within a phase is not read from the request's state before.
//	I7 Time, chance and the world outside are not in the key: Coraza's.
//	I8 The state of the engine is fixed by the rule set, or by the key.
package screen
