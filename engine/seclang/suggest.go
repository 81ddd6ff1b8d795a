package seclang

import (
	"strconv"
	"strings"
)

// maxSuggestBytes bounds the words that are compared: names are short, and the
// comparison costs the product of both lengths.
const maxSuggestBytes = 64

// nearest gives the name that is closest to word, ignoring case, or "" when none
// is close: at most a third of the letters may differ.
func nearest(word string, names []string) string {
	word = strings.ToLower(word)
	if word == "" || len(word) > maxSuggestBytes {
		return ""
	}
	best, bestDistance := "", max(1, len(word)/3)+1
	for _, name := range names {
		if len(name) > maxSuggestBytes {
			continue
		}
		if d := distance(word, strings.ToLower(name)); d < bestDistance || d == bestDistance && best != "" && name < best {
			best, bestDistance = name, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour to turn a into b.
func distance(a, b string) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}

// DidYouMean gives a hint such as `did you mean "pass"?` when one of names is
// close to word, and "" when none is. It serves callers that check words of
// their own, such as the keys of a policy.
func DidYouMean(word string, names []string) string {
	return didYouMean(nearest(word, names))
}

func didYouMean(name string) string {
	if name == "" {
		return ""
	}
	return "did you mean " + quote(name) + "?"
}

// maxQuotedBytes keeps a message on one screen line when the word it quotes is a
// whole rule.
const maxQuotedBytes = 120

func quote(s string) string {
	if len(s) > maxQuotedBytes {
		s = s[:maxQuotedBytes] + "..."
	}
	return strconv.Quote(s)
}
