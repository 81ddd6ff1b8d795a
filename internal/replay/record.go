package replay

import "errors"

// Record is one entry as it stands in its source. A Reader cuts records; what
// they say is parsed by Entry, which Run does on the cores that judge. It is a
// plain value and may go to another goroutine.
type Record struct {
	// Position is where the record starts.
	Position Position

	source int // the place of its source among those of a Traffic
	text   []byte
	parse  func(text []byte, at Position) (Entry, error)
	ready  *Entry // when there is no parse
	bytes  int    // the length in the source, for the bound on what is in flight
}

// Entry parses the record. The error is an *EntryError with its position.
func (r Record) Entry() (Entry, error) {
	if r.parse == nil {
		return *r.ready, nil
	}
	e, err := r.parse(r.text, r.Position)
	var placed *EntryError
	if err != nil && !errors.As(err, &placed) {
		err = &EntryError{r.Position, err.Error()}
	}
	if err != nil {
		return Entry{}, err
	}
	if e.Position = r.Position; e.ID == "" {
		e.ID = r.Position.id()
	}
	return e, nil
}

// whole is a record that its Reader has parsed already.
func whole(e Entry, bytes int) Record {
	if e.ID == "" {
		e.ID = e.Position.id()
	}
	return Record{Position: e.Position, ready: &e, bytes: bytes}
}
