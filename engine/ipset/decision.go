package ipset

import "strings"

// Action is what is done about the addresses of a set.
type Action string

// The actions. The order is that in which they count: see Decision.
const (
	// Allow lets the address through, whatever a shorter prefix says.
	Allow Action = "allow"
	// Block refuses the address.
	Block Action = "block"
	// Score adds the entry's score to the request's.
	Score Action = "score"
	// Tag only names the set.
	Tag Action = "tag"
)

// Choices returns the accepted spellings.
func (Action) Choices() []string {
	return []string{string(Block), string(Score), string(Tag), string(Allow)}
}

// Decision is what several sets say about one address. The zero Decision is for
// an address in no set.
type Decision struct {
	// Action is Allow, Block or "".
	Action Action
	// By is the entry that decided: the longest prefix of all that allow or
	// block, and of equal ones one that allows.
	By Match
	// sum is what the sets with the action Score say together.
	sum int
	// Sets are the names of all sets that hold the address, in the order they
	// were asked, with blanks between.
	Sets string
	// Categories are the different categories that they name, likewise.
	Categories string
}

// Score is the sum of what the sets with the action Score say; 0 for an address
// that is allowed.
func (d Decision) Score() int {
	if d.Action == Allow {
		return 0
	}
	return d.sum
}

// Add notes that a set holds the address.
func (d *Decision) Add(set string, action Action, m Match) {
	d.Sets = appendWord(d.Sets, set)
	d.Categories = appendWord(d.Categories, m.Category)
	switch action {
	case Score:
		d.sum += m.Score
	case Allow, Block:
		longer := m.Prefix.Bits() > d.By.Prefix.Bits()
		equal := m.Prefix.Bits() == d.By.Prefix.Bits()
		if d.Action == "" || longer || equal && action == Allow && d.Action != Allow {
			d.Action, d.By = action, m
		}
	}
}

// appendWord adds a word to a list unless it is there.
func appendWord(list, word string) string {
	switch {
	case word == "" || strings.Contains(" "+list+" ", " "+word+" "):
		return list
	case list == "":
		return word
	}
	return list + " " + word
}
