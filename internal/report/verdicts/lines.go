package verdicts

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"tabard/engine"
)

// Lines writes one line an exchange, so that memory does not grow with the
// traffic. It is for one goroutine.
type Lines interface {
	// Add writes one exchange; errors of the writer are told by Flush.
	Add(engine.Record)
	// Flush writes what is held and returns the first error.
	Flush() error
}

// NewNDJSON writes whole records, as audit lines are.
func NewNDJSON(w io.Writer) Lines {
	return newObjects(w, func(r engine.Record) any { return r })
}

// objects writes one JSON object a line.
type objects struct {
	out    *bufio.Writer
	json   *json.Encoder
	object func(engine.Record) any
	err    error
}

func newObjects(w io.Writer, object func(engine.Record) any) *objects {
	o := &objects{out: bufio.NewWriter(w), object: object}
	o.json = json.NewEncoder(o.out)
	o.json.SetEscapeHTML(false)
	return o
}

// Add implements Lines.
func (o *objects) Add(r engine.Record) {
	if err := o.json.Encode(o.object(r)); err != nil && o.err == nil {
		o.err = err
	}
}

// Flush implements Lines.
func (o *objects) Flush() error {
	if err := o.out.Flush(); o.err == nil {
		o.err = err
	}
	return o.err
}

// csvHead are the columns.
var csvHead = []string{
	"time", "id", "verdict", "reason", "status", "phase", "score", "outbound_score", "route", "client", "country",
	"method", "host", "target", "rules", "parameters", "error",
}

// table writes CSV (RFC 4180).
type table struct{ out *csv.Writer }

// NewCSV writes a head and one row an exchange; rules and parameters are lists
// with blanks. A text that a spreadsheet would take for a formula gets an
// apostrophe in front.
func NewCSV(w io.Writer) Lines {
	t := table{csv.NewWriter(w)}
	_ = t.out.Write(csvHead) // Flush tells
	return t
}

// Add implements Lines.
func (t table) Add(r engine.Record) {
	var rules, parameters []string
	for _, m := range r.Rules {
		rules = append(rules, strconv.Itoa(m.ID))
		if m.Target != "" {
			parameters = append(parameters, m.Target)
		}
	}
	row := []string{
		timeText(r.Time), r.TransactionID, string(r.Verdict), string(r.Reason), strconv.Itoa(r.Status), strconv.Itoa(r.Phase),
		strconv.Itoa(r.Score), strconv.Itoa(r.OutboundScore), r.Route, r.Client, r.Country, r.Method, r.Host, r.Target,
		strings.Join(rules, " "), strings.Join(parameters, " "), r.Error,
	}
	for i, cell := range row {
		row[i] = inert(cell)
	}
	_ = t.out.Write(row) // Flush tells
}

// Flush implements Lines.
func (t table) Flush() error {
	t.out.Flush()
	return t.out.Error()
}

// inert keeps a cell from being run as a formula (CWE-1236).
func inert(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// orNow is for schemas that ask for a time where the source has none.
func orNow(t, now time.Time) time.Time {
	if t.IsZero() {
		return now
	}
	return t
}

// hostPort takes an authority apart; the port is 0 when there is none.
func hostPort(authority string) (host string, port int) {
	name, digits, err := net.SplitHostPort(authority)
	if err != nil {
		return strings.Trim(authority, "[]"), 0
	}
	port, err = strconv.Atoi(digits)
	if err != nil || port < 0 || port > 65535 {
		return name, 0
	}
	return name, port
}

// object leaves members without a value out.
type object map[string]any

func (o object) optional(name, value string) object {
	if value != "" {
		o[name] = value
	}
	return o
}

// pathAndQuery cuts a target.
func pathAndQuery(target string) (path, query string) {
	path, query, _ = strings.Cut(target, "?")
	return path, query
}
