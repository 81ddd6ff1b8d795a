package verdicts

import (
	"cmp"
	"maps"
	"slices"

	"tabard/engine"
)

// Counts are numbers of exchanges by verdict.
type Counts struct {
	Block  int `json:"block"`
	Detect int `json:"detect"`
	Pass   int `json:"pass"`
}

// All is the sum.
func (c Counts) All() int { return c.Block + c.Detect + c.Pass }

func (c *Counts) add(a engine.Action) {
	switch a {
	case engine.Block:
		c.Block++
	case engine.Detect:
		c.Detect++
	default:
		c.Pass++
	}
}

func (c *Counts) merge(o Counts) {
	c.Block += o.Block
	c.Detect += o.Detect
	c.Pass += o.Pass
}

// maxKeys bounds each list: more addresses or paths than that are counted
// together, which takes some megabytes at most.
const maxKeys = 50_000

// Row is one line of a list.
type Row struct {
	Name string `json:"name"`
	// Label says more about the name, such as a rule's message.
	Label string `json:"label,omitempty"`
	Counts
}

// tally counts by name. What does not fit is in others.
type tally struct {
	rows   map[string]*Row
	others Counts
}

func (t *tally) add(name, label string, a engine.Action) {
	if name == "" {
		return
	}
	row := t.rows[name]
	if row == nil {
		if len(t.rows) >= maxKeys {
			t.others.add(a)
			return
		}
		if t.rows == nil {
			t.rows = map[string]*Row{}
		}
		row = &Row{Name: name, Label: label}
		t.rows[name] = row
	}
	row.add(a)
}

// List is the top of a tally.
type List struct {
	Rows []Row `json:"rows"`
	// Names is how many there are, of which Rows are the first.
	Names int `json:"names"`
	// Others are the exchanges of names that are not among the Names, because
	// there were too many to keep apart.
	Others Counts `json:"others"`
}

// top returns the n rows with the most blocks, then detections, then requests.
func (t *tally) top(n int) List {
	rows := make([]Row, 0, len(t.rows))
	for r := range maps.Values(t.rows) {
		rows = append(rows, *r)
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(b.Block-a.Block, b.Detect-a.Detect, b.All()-a.All(), cmp.Compare(a.Name, b.Name))
	})
	return List{Rows: rows[:min(n, len(rows))], Names: len(rows), Others: t.others}
}
