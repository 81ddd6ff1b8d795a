// Package seclang knows where each rule of the engine comes from and what it
// says, before one HTTP exchange goes in and one verdict comes out: it reads
// the same SecLang text that Coraza reads and gives back directives with file,
// line and column, and a table of rules.
//
// Coraza stays the authority on what a rule does. Its errors, though, carry no
// file or line, its rule observer shows neither the links of a chain nor what a
// later SecRuleUpdate... directive changed, and several mistakes pass in
// silence. So this package reads the text a second time, beside Coraza, by the
// same rules:
//
//   - [Load] splits sources into directives and follows Include, in the order in
//     which Coraza sees them. The N-th directive is the N-th that Coraza parses.
//   - [Check] reports what Coraza would refuse, at the place of the word that is
//     wrong and with the word that would work.
//   - [Parse] builds the [Table] of rules, with every update applied, that the
//     fast path is compiled from. What the table cannot describe is listed in
//     it, so that the caller does without the fast path, and so is what Coraza
//     accepts but does not do.
//
// Everything here is pure: text and an [io/fs.FS] go in, values come out. The
// package is linked into the WebAssembly filter, so it imports few packages.
package seclang
