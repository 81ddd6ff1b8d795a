package compare

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"tabard/engine"
)

// Baseline reads the verdicts that an earlier run has written, one JSON object
// a line: those of tabard replay --json, which know rules and no parameters, or
// whole records. They must be of the same traffic in the same order.
type Baseline struct {
	lines *json.Decoder
	file  string
	n     int
}

// NewBaseline reads from r; file is its name in errors.
func NewBaseline(r io.Reader, file string) *Baseline {
	return &Baseline{lines: json.NewDecoder(bufio.NewReader(r)), file: file}
}

// line is what both forms have. A rule is an id or an object.
type line struct {
	ID string `json:"id"`
	engine.Record
	Rules []ruleOrID `json:"rules"`
}

type ruleOrID struct{ engine.RecordMatch }

// UnmarshalJSON takes 942100 and {"id": 942100, ...}.
func (r *ruleOrID) UnmarshalJSON(text []byte) error {
	if strings.HasPrefix(string(text), "{") {
		return json.Unmarshal(text, &r.RecordMatch)
	}
	return json.Unmarshal(text, &r.ID)
}

// Next returns the verdict on the exchange with that id. The error says when
// the baseline ends before the traffic, or is of other traffic.
func (b *Baseline) Next(id string) (engine.Record, error) {
	l, err := b.read()
	if errors.Is(err, io.EOF) {
		return l.Record, fmt.Errorf("%s ends after %d verdicts, and the traffic goes on with %q: replay the same traffic for both", b.file, b.n-1, id)
	}
	if err != nil {
		return l.Record, err
	}
	if l.TransactionID != id {
		return l.Record, fmt.Errorf("%s: verdict %d is about %q, and the traffic has %q there: replay the same traffic in the same order for both", b.file, b.n, l.TransactionID, id)
	}
	return l.Record, nil
}

func (b *Baseline) read() (line, error) {
	var l line
	b.n++
	if err := b.lines.Decode(&l); err != nil {
		if errors.Is(err, io.EOF) {
			return l, io.EOF
		}
		return l, fmt.Errorf("%s: verdict %d: %w; tabard replay --json writes what is needed", b.file, b.n, err)
	}
	if l.ID != "" {
		l.TransactionID = l.ID
	}
	l.Record.Rules = make([]engine.RecordMatch, len(l.Rules))
	for i, r := range l.Rules {
		l.Record.Rules[i] = r.RecordMatch
	}
	return l, nil
}

// End returns an error when the baseline has verdicts that no traffic came for.
func (b *Baseline) End() error {
	l, err := b.read()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%s goes on with %q where the traffic ends after %d requests: replay the same traffic for both", b.file, l.TransactionID, b.n-1)
}
