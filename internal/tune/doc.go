// Package tune looks for the narrowest exclusions that let harmless traffic
// through: of each harmless HTTP exchange whose verdict is a block, the fewest
// rules, on that endpoint and for that parameter only. Each proposal comes with
// what it would cost: the attacks of the Core Rule Set's own tests that would
// get through when they are sent to that very parameter.
//
// Every number is what the engine says with the proposal in the policy. Nothing
// is applied.
package tune
