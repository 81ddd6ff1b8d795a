// Package difftest proves the fast path of "one HTTP exchange goes in, one
// verdict comes out" against the slow one: it gives the same exchanges to a
// screener and to plain Coraza and compares everything that can be seen of
// them.
//
// It holds the exchanges (a generator of harmless traffic, mutators, readers
// of what others have written), the oracle, which is Coraza with the same
// rules, and the comparison. It knows a screener only as an interface, so that
// a screener that lies can be put in to see that it is caught.
package difftest
