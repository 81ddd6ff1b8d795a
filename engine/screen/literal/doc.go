// Package literal finds, in one pass over a value of an HTTP exchange, the few
// patterns that the value could match at all, so that the fast path checks
// those exactly and no others.
//
// A pattern's necessary condition is a list of [Set]s: of each set, at least
// one word occurs in every value that the pattern matches. [Required] derives
// it from a regular expression, [PmWords] and [PmFileWords] read it from a word
// list. All conditions together become one [Automaton], whose Scan reports the
// patterns whose every set has been seen.
//
// # Folding
//
// Sets do not tell A-Z from a-z, nor tab, vertical tab and form feed from a
// space: patterns hardly ever do, and each pair told apart doubles words. Under
// (?i), Unicode also lets ſ (U+017F) stand for s and K (U+212A, the Kelvin sign)
// for k. A set whose words rely on such an s or k therefore has the word "ſ" or
// "\u212a" as well: a value that spells the word in another way holds that.
//
// # Soundness
//
// A condition may be weaker than the pattern, never stronger: whatever is not
// understood, or too large, is left out. The tests generate matches of every
// CRS pattern and demand that the condition holds for each.
package literal
