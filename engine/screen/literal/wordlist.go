package literal

import (
	"bufio"
	"bytes"
	"errors"
	"slices"
	"strings"
)

// PmWords returns the words of an @pm operator's argument as Coraza reads them:
// in lower case, split at each space. Two spaces in a row make an empty word.
func PmWords(argument string) []string {
	return strings.Split(strings.ToLower(argument), " ")
}

// PmFileWords returns the words of an @pmFromFile file as Coraza reads them:
// one a line, in lower case, trimmed, without empty lines and comments. As in
// Coraza, a line of 64 KiB or more ends the list.
func PmFileWords(file []byte) []string {
	var words []string
	lines := bufio.NewScanner(bytes.NewReader(file))
	for lines.Scan() {
		if w := strings.TrimSpace(lines.Text()); w != "" && w[0] != '#' {
			words = append(words, strings.ToLower(w))
		}
	}
	return words
}

// ErrEmptyWord says that a word list has an empty word.
var ErrEmptyWord = errors.New("the word list has an empty word, for which Coraza's answer depends on its search's shortcuts: ask Coraza, or write one space between words")

// buckets is how many ways the first bytes of words are told apart, a power of two.
const buckets = 1024

// WordList is the exact check of @pm, @pmFromFile and @pmFromDataset: whether
// one of the words occurs in a value, A-Z and a-z being equal. It is read-only
// and safe for concurrent use.
type WordList struct {
	words  []string        // sorted by bucket
	single [256]bool       // words of one byte
	starts [buckets]uint16 // by bucket of the first two bytes: its first word
	ends   [buckets]uint16
}

// maxListWords keeps an index of words in 16 bits. The largest list of CRS has
// under 2,000.
const maxListWords = 1<<16 - 1

// NewWordList returns the check for a list of words. It refuses a list with an
// empty word, and one of more than 65,535 words.
func NewWordList(words []string) (*WordList, error) {
	if len(words) > maxListWords {
		return nil, errors.New("the word list has more than 65535 words: split it over several rules")
	}
	l := &WordList{}
	for _, w := range words {
		switch w = lowered(w); len(w) {
		case 0:
			return nil, ErrEmptyWord
		case 1:
			l.single[w[0]] = true
		default:
			l.words = append(l.words, w)
		}
	}
	slices.SortFunc(l.words, func(a, b string) int {
		if x, y := bucket(a[0], a[1]), bucket(b[0], b[1]); x != y {
			return x - y
		}
		return strings.Compare(a, b)
	})
	l.words = slices.Compact(l.words)
	for i, w := range l.words {
		b := bucket(w[0], w[1])
		if l.ends[b] == 0 {
			l.starts[b] = uint16(i)
		}
		l.ends[b] = uint16(i + 1)
	}
	return l, nil
}

// lowered returns s with A-Z in lower case; other than strings.ToLower it leaves
// bytes that are not ASCII alone.
func lowered(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = lower(c)
	}
	return string(b)
}

func bucket(first, second byte) int { return (int(first)<<5 ^ int(second)) & (buckets - 1) }

// Match reports whether one of the words occurs in the value.
func (l *WordList) Match(value string) bool {
	if value == "" {
		return false
	}
	first := lower(value[0])
	for i := 1; i < len(value); i++ {
		second := lower(value[i])
		b := bucket(first, second)
		if l.ends[b] != 0 && l.begins(value[i-1:], l.words[l.starts[b]:l.ends[b]]) || l.single[first] {
			return true
		}
		first = second
	}
	return l.single[first]
}

// Find returns where the first of the words stands at or after from, and of those
// that begin there the longest, as Coraza's search does; start is -1 for none.
func (l *WordList) Find(value string, from int) (start, end int) {
	for i := from; i < len(value); i++ {
		longest := 0
		if first := lower(value[i]); i+1 < len(value) {
			b := bucket(first, lower(value[i+1]))
			for _, w := range l.words[l.starts[b]:l.ends[b]] {
				if len(w) > longest && i+len(w) <= len(value) && equalFold(value[i:i+len(w)], w) {
					longest = len(w)
				}
			}
		}
		if longest == 0 && l.single[lower(value[i])] {
			longest = 1
		}
		if longest > 0 {
			return i, i + longest
		}
	}
	return -1, -1
}

// begins reports whether the value begins with one of the words.
func (l *WordList) begins(value string, words []string) bool {
	for _, w := range words {
		if len(w) <= len(value) && equalFold(value[:len(w)], w) {
			return true
		}
	}
	return false
}

// equalFold compares a value with a folded word of the same length.
func equalFold(value, word string) bool {
	for i := range len(word) {
		if lower(value[i]) != word[i] {
			return false
		}
	}
	return true
}

// Sets returns the condition of the list, for Builder.Add.
func (l *WordList) Sets() []Set {
	words := slices.Clone(l.words)
	for c, is := range l.single {
		if is {
			words = append(words, string([]byte{byte(c)}))
		}
	}
	if s := newSet(words); len(s) > 0 {
		return []Set{s}
	}
	return nil
}
