// Package screen decides, before Coraza does anything, how much of it one HTTP
// exchange needs on the way to its verdict: none at all, when rules that
// neither block nor log are all that would match, or a part, when most rules
// cannot match.
//
// [Compile] turns a table of rules into a [Screener], once for each rule set. For each exchange,
// [Screener.Begin] gives an [Exchange] that is fed what Coraza would be fed.
// Before each phase it gives an [Outcome]: the rules that cannot match, which
// Coraza may be told to leave out, and, for what has been seen before or can be
// executed here, the phase's whole result.
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
// # Rules that match
//
// When rules match that log, score or block, the memo has nothing to say, and the
// phase is executed here: its matching rules in the order of the table, each link
// look by look, with what a match does in Coraza's order (captures, MATCHED_VAR,
// setvar and ctl, msg and logdata), and skip, skipAfter and the interruption at the
// end of the chain. [Outcome.Fired] is what Coraza would have reported. Phases that
// the memo has answered before are executed then, too, for what they have left in
// TX. Of the values that rules look at, a phase sees those that were there when it
// was screened (mark).
//
// Rules that are the same in every exchange are not executed: what they set is put
// into texts when the rules are compiled, and what they do to variables that others
// write as well is kept with its place (fixed).
//
// What is not known exactly is Coraza's, from phase 1 on: an operator, a macro or an
// action that is not rebuilt here, a body in doubt, a rule whose outcome hangs on
// which of several values Coraza comes to last, more than maxHits matches of a link.
// The rule set as a whole is Coraza's when a rule logs every exchange or phase 5
// does anything that is seen.
//
// # Invariants
//
// The code names them where it keeps them.
//
//	I1 The key is complete: whatever a rule can read is decided exactly, is the
//	   same in every exchange, is written by rules whose part in the key fixes
//	   it, or makes the exchange Coraza's.
//	I2 Candidates are a superset of what matches, and are then checked exactly.
//	I3 Only results without a block and without anything logged are stored, and
//	   only Coraza's.
//	I4 The values are those that Coraza sees; at any doubt the body is Coraza's.
//	I5 The flow of rules (skip, skipAfter, allow, removal) is never changed by
//	   leaving rules out.
//	I6 What changes within a phase is not read from the request's state before.
//	I7 Time, chance and the world outside are not in the key: Coraza's.
//	I8 The state of the engine is fixed by the rule set, or by the key.
//	E1 Every rule that matches is executed, in order, or the phase is Coraza's: what
//	   is left out has been asked, or leaves no trace (local).
//	E2 A variable of TX has a slot, is the same in every exchange, or its name was
//	   put together; a text that reads anything else is Coraza's.
//	E3 Values of one name stay together and in order, as in Coraza's collections; the
//	   order of names is chance, and what hangs on it beyond texts is Coraza's.
//	E4 Captures are made where somebody reads them, also of links that do not match
//	   as a whole; what another rule has left is what Coraza would have left.
package screen
