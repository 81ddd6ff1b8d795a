package verdicts

import (
	"encoding/json"
	"io"
)

// WriteJSON writes what the page shows as one object.
func (r Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	r.Sources, r.Notes = append([]string{}, r.Sources...), append([]string{}, r.Notes...)
	return e.Encode(r)
}
