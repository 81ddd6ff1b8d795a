// Package trace keeps what Coraza does between one HTTP exchange and its
// verdict: which rules ran, on which values, what each transformation made of
// them, what matched and what a match changed.
//
// Coraza tells it in debug events, whose fields are typed, so that nothing is
// parsed. A [Recorder] is the logger that collects them, one [Trace] a
// transaction; it is given to an engine as its Watcher. The events carry
// neither the key nor the value before its transformations, so the recorder
// also copies the values of a variable when a rule is about to look at them.
// [Trace.Steps] puts both together with the rule table.
//
// It is for people who ask why, and costs about as much as the rules
// themselves: it is not linked into the filter.
package trace
