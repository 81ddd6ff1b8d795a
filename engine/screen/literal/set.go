package literal

import "slices"

// Set is a condition on a value: one of the words occurs in it. The words are
// sorted, each once, not empty, and folded: see the package comment.
type Set []string

// newSet makes a set of words. It returns nil, no condition, if a word is empty.
func newSet(words []string) Set {
	set := make(Set, len(words))
	for i, w := range words {
		if set[i] = folded(w); w == "" {
			return nil
		}
	}
	slices.Sort(set)
	return slices.Compact(set)
}

// cut returns a weaker set with no word longer than n bytes: of a longer word
// only its rarest window, and of words that hold another one only the latter.
func (s Set) cut(n int) Set {
	words := map[string]bool{}
	for _, w := range s {
		words[rarestWindow(w, n)] = true
	}
	var kept []string
	for w := range words {
		if !holdsOther(w, words) {
			kept = append(kept, w)
		}
	}
	return newSet(kept)
}

// rarestWindow returns the n bytes of a word that are met least often.
func rarestWindow(w string, n int) string {
	if len(w) <= n {
		return w
	}
	best := w[:n]
	for i := 1; i+n <= len(w); i++ {
		if window := w[i : i+n]; chance(window) < chance(best) {
			best = window
		}
	}
	return best
}

// holdsOther reports whether a word contains another one of the words.
func holdsOther(w string, words map[string]bool) bool {
	for length := 1; length < len(w); length++ {
		for i := 0; i+length <= len(w); i++ {
			if words[w[i:i+length]] {
				return true
			}
		}
	}
	return false
}

// folded returns s with every byte folded.
func folded(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = fold(c)
	}
	return string(b)
}

// fold maps bytes that sets do not tell apart to one of them.
func fold(c byte) byte {
	switch c {
	case '\t', '\v', '\f':
		return ' '
	}
	return lower(c)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// typicalLength is the length, in bytes, of the values for which rarity is
// estimated: the mean of the headers, arguments and paths of harmless requests.
const typicalLength = 30

// frequency is how often a byte is met in the values of harmless requests, as
// a share, rounded. It only orders conditions; a wrong guess costs time, never
// a match.
var frequency = frequencies()

func frequencies() (f [256]float64) {
	for c := range f {
		f[c] = 0.001
	}
	set := func(chars string, share float64) {
		for i := range len(chars) {
			f[chars[i]] = share
		}
	}
	set("eatoi", 0.05)
	set("nsrlcmp", 0.033)
	set("hdguwvfbxkzyqj", 0.014)
	set("0123456789", 0.017)
	set(" /.", 0.037)
	set(",;=-", 0.012)
	set("%()*_:", 0.005)
	set("&+?'\"", 0.003)
	return f
}

// chance estimates the share of positions at which a word begins.
func chance(word string) float64 {
	p := 1.0
	for i := range len(word) {
		p *= frequency[word[i]]
	}
	return p
}

// Share estimates which share of harmless values satisfies the set, 0 to 1.
func (s Set) Share() float64 {
	p := 0.0
	for _, w := range s {
		p += chance(w)
	}
	return min(1, p*typicalLength)
}

// byRarity orders sets, the most selective first, of equals the smaller.
func byRarity(a, b Set) int {
	switch x, y := a.Share(), b.Share(); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return len(a) - len(b)
}
