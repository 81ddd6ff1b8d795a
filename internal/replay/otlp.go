package replay

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"
)

// otlpReader reads OpenTelemetry log records in the JSON encoding of OTLP, as
// collectors write them to files: one LogsData object a line, with many records
// in it, or one record a line.
// https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/
type otlpReader struct {
	lines *lineReader
	host  string
	held  []Record
}

// Next implements Reader.
func (r *otlpReader) Next() (Record, error) {
	for len(r.held) == 0 {
		line, at, err := r.lines.entry()
		if err != nil {
			return Record{}, err
		}
		if r.held, err = r.records(line, at); err != nil {
			return Record{}, &EntryError{at, err.Error()}
		}
	}
	next := r.held[0]
	r.held = r.held[1:]
	return next, nil
}

// records cuts the records out of a line.
func (r *otlpReader) records(line []byte, at Position) ([]Record, error) {
	var data struct {
		ResourceLogs []struct {
			ScopeLogs []struct {
				LogRecords []json.RawMessage `json:"logRecords"`
			} `json:"scopeLogs"`
		} `json:"resourceLogs"`
	}
	if err := json.Unmarshal(line, &data); err != nil {
		return nil, jsonReason(err)
	}
	raws := []json.RawMessage{}
	for _, resource := range data.ResourceLogs {
		for _, scope := range resource.ScopeLogs {
			raws = append(raws, scope.LogRecords...)
		}
	}
	if data.ResourceLogs == nil {
		raws = append(raws, append(json.RawMessage{}, line...))
	}
	records := make([]Record, len(raws))
	for i, raw := range raws {
		if at.Entry = i + 1; len(raws) == 1 {
			at.Entry = 0
		}
		records[i] = Record{Position: at, text: raw, bytes: len(raw), parse: func(text []byte, _ Position) (Entry, error) {
			return parseLogRecord(text, r.host)
		}}
	}
	return records, nil
}

// parseLogRecord reads one record. Envoy writes its access log's fields as the
// body, others as attributes; an attribute wins.
func parseLogRecord(text []byte, host string) (Entry, error) {
	var record struct {
		Time       json.RawMessage `json:"timeUnixNano"`
		Observed   json.RawMessage `json:"observedTimeUnixNano"`
		Attributes []otlpPair      `json:"attributes"`
		Body       otlpValue       `json:"body"`
	}
	if err := json.Unmarshal(text, &record); err != nil {
		return Entry{}, jsonReason(err)
	}
	f := fields{values: map[string]string{}}
	for _, pairs := range [][]otlpPair{record.Body.pairs(), record.Attributes} {
		for _, p := range pairs {
			f.addOTLP(p.Key, p.Value)
		}
	}
	if len(f.values) == 0 {
		return Entry{}, errors.New("the log record is about no request: it has no attributes such as http.request.method")
	}
	e, err := f.entry(host)
	if t := nanoTime(record.Time); !t.IsZero() {
		e.Time = t
	} else if e.Time.IsZero() {
		e.Time = nanoTime(record.Observed)
	}
	return e, err
}

type (
	otlpPair struct {
		Key   string    `json:"key"`
		Value otlpValue `json:"value"`
	}
	// otlpValue is a value with the name of its type around it. 64-bit numbers
	// are strings (or numbers, from writers that are lenient).
	otlpValue struct {
		String *string         `json:"stringValue"`
		Int    json.RawMessage `json:"intValue"`
		Double *float64        `json:"doubleValue"`
		Array  *struct {
			Values []otlpValue `json:"values"`
		} `json:"arrayValue"`
		Pairs *struct {
			Values []otlpPair `json:"values"`
		} `json:"kvlistValue"`
	}
)

func (v otlpValue) pairs() []otlpPair {
	if v.Pairs == nil {
		return nil
	}
	return v.Pairs.Values
}

// text is a plain value as text.
func (v otlpValue) text() string {
	switch {
	case v.String != nil:
		return *v.String
	case v.Int != nil:
		return idText(v.Int)
	case v.Double != nil:
		return strconv.FormatFloat(*v.Double, 'f', -1, 64)
	}
	return ""
}

// addOTLP takes in an attribute. Headers are lists, one value a line.
func (f *fields) addOTLP(key string, v otlpValue) {
	switch {
	case v.Array != nil:
		for _, element := range v.Array.Values {
			f.set(key, element.text())
		}
	case v.Pairs != nil:
		for _, p := range v.Pairs.Values {
			f.addOTLP(key+"."+p.Key, p.Value)
		}
	default:
		f.set(key, v.text())
	}
}

// nanoTime reads nanoseconds since 1970, written as a string or a number.
func nanoTime(raw json.RawMessage) time.Time {
	n, err := strconv.ParseInt(idText(raw), 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

func openOTLP(s source) (Reader, error) { return &otlpReader{lines: s.lines(), host: s.host}, nil }

func isOTLPLine(line []byte) bool {
	return hasKeys(line, "resourceLogs") || hasKeys(line, "attributes", "timeUnixNano") || hasKeys(line, "attributes", "observedTimeUnixNano")
}
