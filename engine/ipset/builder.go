package ipset

import (
	"strconv"
	"strings"
)

// MaxEntries is how many prefixes one Set may hold: more than the largest public
// feeds, and some 100 MB, which still fits beside the rules into the 1 GiB that
// Envoy gives a WebAssembly VM.
const MaxEntries = 1 << 20

// maxSources is how many names of sources one Set may hold. A policy names
// tens; a text that names more has its "#line" lines wrong.
const maxSources = 1 << 10

// Action is what an entry says about an address.
type Action uint8

const (
	// Block refuses the address.
	Block Action = iota
	// Allow lets the address through, whatever a shorter prefix says.
	Allow
)

// String gives "block" or "allow".
func (a Action) String() string {
	if a == Allow {
		return "allow"
	}
	return "block"
}

// entry is an Action in the lowest bit and the number of a source above it.
type entry uint32

func newEntry(a Action, source int) entry { return entry(source)<<1 | entry(a) }

func (e entry) action() Action { return Action(e & 1) }

func (e entry) source() int { return int(e >> 1) }

// Builder collects entries. The zero Builder is empty; it is not safe for
// concurrent use.
type Builder struct {
	set Set
	// maxEntries is MaxEntries when 0; tests set less.
	maxEntries int
}

// Add reads text and adds its entries with the action. source is the name that
// errors and Match give the text, such as the path of its file.
//
// A line "#line other.txt:7:9" says that the next line stands in other.txt, at
// line 7 from column 9 on, so that a text put together from several places
// keeps their names. The error is an *[Error], the first bad line; the entries
// before it have been added.
func (b *Builder) Add(source, text string, action Action) error {
	p := place{file: source, line: 1, col: 1}
	number, err := b.source(p)
	if err != nil {
		return err
	}
	text = strings.TrimPrefix(text, "\ufeff")
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if next, ok := parsePlace(line); ok {
			p = next
			if number, err = b.source(p); err != nil {
				return err
			}
			continue
		}
		if err := b.line(p, line, newEntry(action, number)); err != nil {
			return err
		}
		p = place{file: p.file, line: p.line + 1, col: 1}
	}
	return nil
}

// Check says whether text is a set: nil, or the *[Error] that Add would give.
func Check(source, text string) error {
	return new(Builder).Add(source, text, Block)
}

// source gives the number of the name of a source.
func (b *Builder) source(p place) (int, error) {
	for i, name := range b.set.sources {
		if name == p.file {
			return i, nil
		}
	}
	if len(b.set.sources) == maxSources {
		return 0, p.errorAt(0, "more than "+strconv.Itoa(maxSources)+" sources in one set")
	}
	b.set.sources = append(b.set.sources, p.file)
	return len(b.set.sources) - 1, nil
}

func (b *Builder) line(p place, line string, e entry) error {
	text := strings.TrimRight(line, " \t\r")
	if i := strings.IndexAny(text, "#;"); i >= 0 {
		text = strings.TrimRight(text[:i], " \t")
	}
	entryText := strings.TrimLeft(text, " \t")
	if entryText == "" {
		return nil
	}
	prefix, err := ParsePrefix(entryText)
	if err != nil {
		return p.errorAt(len(text)-len(entryText), err.Error())
	}
	if limit := b.limit(); b.set.table.Size() == limit {
		return p.errorAt(0, "more than "+strconv.Itoa(limit)+" entries in one set")
	}
	b.set.table.Modify(prefix, func(old entry, found bool) (entry, bool) {
		if found && old.action() == Allow {
			return old, false
		}
		return e, false
	})
	return nil
}

func (b *Builder) limit() int {
	if b.maxEntries > 0 {
		return b.maxEntries
	}
	return MaxEntries
}

// Set gives the set of all entries added so far. The Builder must not be used
// afterwards.
func (b *Builder) Set() *Set { return &b.set }
